"""One server as a process: started behind a supervisor, awaited until it answers, stopped."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from order_import.embedded import supervisor
from order_import.embedded.errors import EmbeddedServerError

# For what hangs: a busy machine needs a minute for what takes seconds on a quiet one.
_READY_WITHIN = 600.0
_STOP_WITHIN = 60.0
_PAUSE = 0.03
_TAIL_LINES = 15
_TAIL_BYTES = 16_384


class ServerProcess:
    """A server's life from `spawn` to `stop`.

    Attributes:
        name: What people call the server.
        log: The file that has everything the server printed since its start; the run before
            is beside it with `.1`.
        quotes_start: Whether the last lines of that file are told of a start that failed. A
            database may print what is stored in it.
    """

    def __init__(self, name: str, log: Path, *, quotes_start: bool = False) -> None:
        self.name = name
        self.log = log
        self.quotes_start = quotes_start
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False

    async def spawn(self, command: Sequence[str | Path], *, lock: int) -> None:
        """Starts the server in a session of its own, so that Ctrl-C does not reach it.

        Args:
            command: Program and arguments.
            lock: The data directory's lock, held by the server too.

        Raises:
            EmbeddedServerError: The log file cannot be written.
        """
        try:
            if self.log.exists():
                self.log.rename(self.log.with_suffix(".log.1"))
            self.log.touch(mode=0o600)
            output = self.log.open("wb")
        except OSError as error:
            raise EmbeddedServerError(f"cannot write {self.log}: {error.strerror}") from error
        self._stopping = False
        with output:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-I", "-S", supervisor.__file__, str(lock), str(_STOP_WITHIN)),
                *map(str, command),
                stdin=asyncio.subprocess.PIPE,
                stdout=output,
                stderr=output,
                cwd=self.log.parent,
                pass_fds=(lock,),
                start_new_session=True,
            )

    async def wait_ready(self, answers: Callable[[], Awaitable[bool]]) -> None:
        """Waits until the server answers.

        Args:
            answers: Asks once, in the server's own protocol.

        Raises:
            EmbeddedServerError: It ended, or did not answer in time.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _READY_WITHIN
        while not await answers():
            if self._process is None or self._process.returncode is not None:
                raise self._failed_start("ended at its start")
            if loop.time() > deadline:
                raise self._failed_start(f"did not answer within {_READY_WITHIN:.0f} s")
            await asyncio.sleep(_PAUSE)

    async def watch(self) -> None:
        """Waits until the server ends.

        Raises:
            EmbeddedServerError: Nobody asked it to.
        """
        if self._process is None:
            return
        status = await self._process.wait()
        if not self._stopping:
            raise EmbeddedServerError(self._words(f"ended by itself with status {status}"))

    async def stop(self) -> None:
        """Stops the server, by force when it takes too long; harmless to repeat."""
        self._stopping = True
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            await self._process.wait()

    def _words(self, what: str) -> str:
        return f"{self.name} {what}; see {self.log}"

    def _failed_start(self, what: str) -> EmbeddedServerError:
        if not self.quotes_start:
            return EmbeddedServerError(self._words(what))
        data = self.log.read_bytes()[-_TAIL_BYTES:] if self.log.exists() else b""
        tail = data.decode(errors="replace").splitlines()[-_TAIL_LINES:]
        return EmbeddedServerError("\n".join([self._words(what), *tail]))
