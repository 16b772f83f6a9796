"""A small process that runs one server, and stops it however the starting process ends.

It runs as a script with the standard library only: `supervisor.py LOCK_FD GRACE COMMAND…`.

Its standard input is a pipe whose other end only the starting process has open. When that end
closes, on purpose or because the process ended (even by `kill -9`), the server gets SIGTERM and,
`GRACE` seconds later, SIGKILL. Thus a stop and a crash take the same path. A kernel signal at the
parent's death (PR_SET_PDEATHSIG) would not suffice: it fires when the starting *thread* ends, and
only on Linux. It is used for the server itself, whose parent is this single-threaded process, so
that not even killing the supervisor leaves an orphan.
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
    """Run one server until it ends, or standard input is closed; return its exit status."""
    lock, grace, *command = arguments
    parent = os.getpid()
    server = subprocess.Popen(  # noqa: S603 - our own command line, handed over by the starter
        command,
        stdin=subprocess.DEVNULL,
        pass_fds=(int(lock),),
        preexec_fn=lambda: _end_with(parent),  # noqa: PLW1509 - no thread has started yet
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


def _end_with(parent: int) -> None:
    """Let the kernel kill this process when `parent` ends; called in the child process."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
