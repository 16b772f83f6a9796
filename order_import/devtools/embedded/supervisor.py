"""A small process between us and one server: whatever becomes of us, the server is stopped.

Run as a file of its own, standard library only: `supervisor.py LOCK_FD GRACE COMMAND…`.

Its standard input is a pipe whose other end only the starting process holds. When that end
closes, by intention or because the process is gone (`kill -9` included), the server gets SIGTERM
and, `GRACE` seconds later, SIGKILL. So a stop and an accident take the same path. Asking the
kernel for a signal at the parent's death (PR_SET_PDEATHSIG) would not do alone: it fires when the
starting *thread* ends, and only on Linux. It is used one step down, where the parent is this
single-threaded process, so that not even killing the supervisor leaves an orphan.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> int:
    """Runs one server until it ends or standard input does.

    Returns:
        The server's exit status.
    """
    lock, grace, *command = arguments
    parent = os.getpid()
    server = subprocess.Popen(  # noqa: S603 - our own command line, handed over by the starter
        command,
        stdin=subprocess.DEVNULL,
        pass_fds=(int(lock),),
        preexec_fn=lambda: _die_with(parent),  # noqa: PLW1509 - no thread has started yet
    )
    signal.signal(signal.SIGTERM, lambda *_: server.terminate())
    threading.Thread(target=_stop_at_end_of_input, args=(server, float(grace)), daemon=True).start()
    return server.wait()


def _stop_at_end_of_input(server: subprocess.Popen[bytes], grace: float) -> None:
    while os.read(0, 1):
        pass
    server.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.wait(grace)
    server.kill()


def _die_with(parent: int) -> None:
    """Runs in the child before the server does: have the kernel kill it if `parent` dies."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
