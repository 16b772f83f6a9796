"""Run an embedded server: its port, its process, and whether it answers."""

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
    """An embedded server cannot run; the message says why."""


HOST = "127.0.0.1"
_MONGO_TIMEOUT_MS = 2_000
# The timeouts are for hanging servers: a busy machine may need a minute instead of seconds.
_READY_TIMEOUT = 600.0
_STOP_TIMEOUT = 60.0
_PAUSE = 0.03
_TAIL_LINES = 15
_TAIL_BYTES = 16_384


def remembered_port(file: Path) -> int:
    """Return the port stored in a file if it is free; otherwise store and return another one."""
    return remembered_ports(file)[0]


def remembered_ports(*memories: Path) -> list[int]:
    """Return a port for each file as `remembered_port` does, no two of them the same."""
    ports = []
    with ExitStack() as probes:
        for memory in memories:
            try:
                probe = socket.create_server((HOST, int(memory.read_text())))
            except (OSError, ValueError, OverflowError):
                probe = socket.create_server((HOST, 0))
            ports.append(probes.enter_context(probe).getsockname()[1])
    for memory, port in zip(memories, ports, strict=True):
        memory.write_text(f"{port}\n")
    return ports


async def kafka_answers(port: int) -> bool:
    """Return whether Kafka listens, and lists itself as a live broker."""
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
    """Return whether the MongoDB server at this port answers commands."""
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
    """Return whether the port is open, without a client that would log an error."""
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    return True


class ServerProcess:
    """The process of a server, from `spawn` to `stop`.

    Attributes:
        name: The server's name in messages.
        log: The file with the server's output since its start; that of the previous run has the
            suffix `.1`.
        quotes_start: Whether the error of a failed start quotes the last lines of that file. A
            database might print its data there.
    """

    def __init__(self, name: str, log: Path, *, quotes_start: bool = False) -> None:
        self.name = name
        self.log = log
        self.quotes_start = quotes_start
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False

    async def spawn(self, command: Sequence[str | Path], *, lock: int) -> None:
        """Start the server in its own session, so that Ctrl-C does not reach it.

        The server inherits the data directory's lock.

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
                *("-I", "-S", supervisor.__file__, str(lock), str(_STOP_TIMEOUT)),
                *map(str, command),
                stdin=asyncio.subprocess.PIPE,
                stdout=output,
                stderr=output,
                cwd=self.log.parent,
                pass_fds=(lock,),
                start_new_session=True,
            )

    async def wait_ready(self, answers: Callable[[], Awaitable[bool]]) -> None:
        """Wait until the server answers a request in its own protocol.

        Raises:
            EmbeddedServerError: It ended, or did not answer in time.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _READY_TIMEOUT
        while not await answers():
            if self._process is None or self._process.returncode is not None:
                raise self._failed_start("ended during its start")
            if loop.time() > deadline:
                raise self._failed_start(f"did not answer within {_READY_TIMEOUT:.0f} s")
            await asyncio.sleep(_PAUSE)

    async def watch(self) -> None:
        """Wait until the server ends.

        Raises:
            EmbeddedServerError: It ended without `stop`.
        """
        if self._process is None:
            return
        status = await self._process.wait()
        if not self._stopping:
            raise EmbeddedServerError(self._message(f"ended by itself with status {status}"))

    async def stop(self) -> None:
        """Stop the server, by force if it takes too long. Harmless to repeat."""
        self._stopping = True
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            await self._process.wait()

    def _message(self, problem: str) -> str:
        return f"{self.name} {problem}; see {self.log}"

    def _failed_start(self, problem: str) -> EmbeddedServerError:
        if not self.quotes_start:
            return EmbeddedServerError(self._message(problem))
        data = self.log.read_bytes()[-_TAIL_BYTES:] if self.log.exists() else b""
        tail = data.decode(errors="replace").splitlines()[-_TAIL_LINES:]
        return EmbeddedServerError("\n".join([self._message(problem), *tail]))
