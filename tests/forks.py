"""Programs of the product as processes of their own that need not import it again.

A process that has imported the product forks one for each that is asked for: it starts in
milliseconds, and everything else about it is as after `python …`. `python -m tests.forks` is the
process that forks; it ends with whoever started it, and its children end with it.
"""

import asyncio
import atexit
import contextlib
import ctypes
import functools
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parent.parent
_IMPORTED = ("order_import.cli", "order_import.worker", "order_import.web")
_PR_SET_PDEATHSIG = 1
_MOST_BYTES = 1 << 20


class Fork:
    """A running program, with what is used of `asyncio.subprocess.Process`."""

    def __init__(
        self,
        arguments: Sequence[str],
        env: Mapping[str, str],
        output: IO[bytes],
        errors: IO[bytes],
        told: IO[bytes] | None = None,
    ) -> None:
        """Start `python` with these arguments; without `told`, its standard input is empty."""
        self._status: int | None = None
        self._ended = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._ended.connect(_server())
        asked = json.dumps({"arguments": [*arguments], "env": {**env}}).encode()
        standard = [one.fileno() for one in (told, output, errors) if one is not None]
        socket.send_fds(self._ended, [asked], standard)
        self.pid = int(self._ended.recv(64))

    @property
    def returncode(self) -> int | None:
        """Its exit status, a signal as its negative; None while it runs."""
        if self._status is None:
            self._ended.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                self._take(self._ended.recv(64))
        return self._status

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    async def wait(self) -> int:
        """Wait until it ends; give its exit status."""
        return await asyncio.shield(self._waited)

    @functools.cached_property
    def _waited(self) -> asyncio.Task[int]:
        return asyncio.create_task(self._wait())

    async def _wait(self) -> int:
        if self.returncode is None:
            self._take(await asyncio.get_running_loop().sock_recv(self._ended, 64))
        assert self._status is not None
        return self._status

    def _take(self, said: bytes) -> None:
        # Nothing is said twice: whoever looked first has taken it.
        if said:
            self._status = int(said)


class Command(Fork):
    """A running program whose outputs are read when it has ended."""

    def __init__(self, arguments: Sequence[str], env: Mapping[str, str], told: bytes = b"") -> None:
        # `ended` closes them.
        self._outputs = [tempfile.TemporaryFile() for _ in range(2)]  # noqa: SIM115
        with tempfile.TemporaryFile() as given:
            given.write(told)
            given.seek(0)
            super().__init__(arguments, env, self._outputs[0], self._outputs[1], given)

    async def ended(self, status: int) -> tuple[str, str]:
        """Wait until it has ended with this status; give its output and its errors."""
        ended = await self.wait()
        output, errors = (self._read(one) for one in self._outputs)
        assert ended == status, errors + output
        return output, errors

    def _read(self, output: IO[bytes]) -> str:
        with output:
            output.seek(0)
            return output.read().decode()


@functools.cache
def _server() -> str:
    directory = tempfile.TemporaryDirectory(prefix="order-import-forks-")
    where = str(Path(directory.name) / "ask")
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.forks", where],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert server.stdout is not None
    assert server.stdout.readline() == b"ready\n"

    def end() -> None:
        server.kill()
        server.wait()
        directory.cleanup()

    atexit.register(end)
    return where


class _Server:
    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self._children: dict[int, socket.socket] = {}
        self._woken, self._waking = os.pipe()
        os.set_blocking(self._waking, False)
        signal.set_wakeup_fd(self._waking)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def serve(self) -> dict[str, Any] | None:
        """Fork whatever is asked for; give it, in the child, and nothing at the end."""
        asked = None
        heard: list[Any] = [0, self._woken, self._listening]
        while asked is None:
            ready, _, _ = select.select(heard, [], [])
            if 0 in ready:
                return None
            if self._woken in ready:
                os.read(self._woken, 4096)
                self._reap()
            if self._listening in ready:
                asked = self._fork()
        return asked

    def _fork(self) -> dict[str, Any] | None:
        asking, _ = self._listening.accept()
        asked, standard, _, _ = socket.recv_fds(asking, _MOST_BYTES, 3)
        parent = os.getpid()
        pid = os.fork()
        if pid:
            for one in standard:
                os.close(one)
            self._children[pid] = asking
            asking.send(str(pid).encode())
            return None
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if len(standard) < 3:
            standard.insert(0, os.open(os.devnull, os.O_RDONLY))
        for number, one in enumerate(standard):
            os.dup2(one, number)
            os.close(one)
        for pipe in (self._woken, self._waking):
            os.close(pipe)
        for open_one in (asking, *self._children.values()):
            open_one.close()
        told: dict[str, Any] = json.loads(asked)
        return told

    def _reap(self) -> None:
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            with self._children.pop(pid) as asking, contextlib.suppress(OSError):
                # Whoever started it may be gone.
                asking.setblocking(False)
                asking.send(str(os.waitstatus_to_exitcode(status)).encode())


def main() -> dict[str, Any] | None:
    """Serve until standard input ends, or return what this process, a child, is to run."""
    for name in _IMPORTED:
        importlib.import_module(name)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(sys.argv[1])
        listening.listen(64)
        gc.collect()
        gc.freeze()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        return _Server(listening).serve()


if __name__ == "__main__" and (asked := main()) is not None:
    os.environ.clear()
    os.environ.update(asked["env"])
    how, what, *rest = asked["arguments"]
    sys.argv = ["-c" if how == "-c" else what, *rest]
    if how == "-m":
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        exec(compile(what, "<string>", "exec"), {"__name__": "__main__"})  # noqa: S102 - as `python -c` does
