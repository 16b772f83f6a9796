"""What may go wrong with a server of our own."""

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

from order_import.devtools.embedded import supervisor


class EmbeddedServerError(Exception):
    """An embedded server cannot run; the message says why in words for the operator."""


HOST = "127.0.0.1"


def remembered_port(memory: Path) -> int:
    """Return the port written in a file if it is free, else a free one, and write it down."""
    return remembered_ports(memory)[0]


def remembered_ports(*memories: Path) -> list[int]:
    """Return a port for each file as `remembered_port` does, no two of them the same."""
    ports = []
    with ExitStack() as held:
        for memory in memories:
            try:
                probe = socket.create_server((HOST, int(memory.read_text())))
            except (OSError, ValueError, OverflowError):
                probe = socket.create_server((HOST, 0))
            ports.append(held.enter_context(probe).getsockname()[1])
    for memory, port in zip(memories, ports, strict=True):
        memory.write_text(f"{port}\n")
    return ports


_MONGO_TIMEOUT_MS = 2_000


async def kafka_answers(port: int) -> bool:
    """Says whether Kafka listens and counts itself as a live broker."""
    if not await _listens(port):
        return False
    admin = AIOKafkaAdminClient(bootstrap_servers=f"{HOST}:{port}")
    try:
        await admin.start()
        cluster = await admin.describe_cluster()
    except (KafkaError, OSError):
        return False
    finally:
        await admin.close()
    return bool(cluster["brokers"])


async def mongo_answers(port: int, url: str) -> bool:
    """Says whether the server at this port takes commands."""
    if not await _listens(port):
        return False
    client: AsyncMongoClient[dict[str, object]] = AsyncMongoClient(
        url, serverSelectionTimeoutMS=_MONGO_TIMEOUT_MS
    )
    try:
        await client.admin.command("ping")
    except PyMongoError:
        return False
    finally:
        await client.close()
    return True


async def _listens(port: int) -> bool:
    """Tries the bare port first: a refused connection then costs no client and no log line."""
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    return True


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
