"""A TCP proxy between a worker and a server: cuts, delays, swallows, and cuts at one request."""

import asyncio
import contextlib
from collections.abc import Callable

HOST = "127.0.0.1"
_PRODUCE = 0
Matcher = Callable[[bytes], bool]


def is_commit(data: bytes) -> bool:
    """Whether a client of MongoDB asks for a commit."""
    return b"commitTransaction" in data


def is_produce(data: bytes) -> bool:
    """Whether a client of Kafka sends messages: frames are a size, then the request's number."""
    while len(data) >= 6:
        if int.from_bytes(data[4:6]) == _PRODUCE:
            return True
        data = data[4 + int.from_bytes(data[:4]) :]
    return False


class Connection:
    """One connection through the proxy."""

    def __init__(self, *writers: asyncio.StreamWriter) -> None:
        self.writers = writers
        self.muted = False

    def cut(self) -> None:
        for writer in self.writers:
            writer.transport.abort()


class Proxy:
    """Passes on what it gets to the port it stands before, unless told otherwise."""

    def __init__(self, port: int, target: int) -> None:
        self._port, self._target = port, target
        self._server: asyncio.Server | None = None
        self._connections: set[Connection] = set()
        self._passing = asyncio.Event()
        self._passing.set()
        self._delay = 0.0
        self._trap: tuple[Matcher, bool, asyncio.Future[None]] | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, HOST, self._port)

    async def stop(self) -> None:
        self.heal()
        if self._server is not None:
            self._server.close()
        self.cut()

    def cut(self) -> None:
        """Reset every connection."""
        for connection in list(self._connections):
            connection.cut()

    def delay(self, seconds: float) -> None:
        """Hold everything up by so much, both ways."""
        self._delay = seconds

    def swallow(self) -> None:
        """Pass nothing on, and close nothing: a black hole."""
        self._passing.clear()

    def heal(self) -> None:
        self._delay = 0.0
        self._passing.set()
        self._trap = None

    def cut_at(self, matches: Matcher, *, answered: bool) -> asyncio.Future[None]:
        """Cut the connection of the next such request: once the server has answered, or before it
        has got the request. Done when it has happened."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._trap = matches, answered, done
        return done

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(HOST, self._target)
        except OSError:
            writer.transport.abort()
            return
        connection = Connection(writer, far_writer)
        self._connections.add(connection)
        try:
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._pump(reader, far_writer, connection, asking=True))
                pumps.create_task(self._pump(far_reader, writer, connection, asking=False))
        finally:
            connection.cut()
            self._connections.discard(connection)

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        connection: Connection,
        *,
        asking: bool,
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(262_144):
                await self._passing.wait()
                if self._delay:
                    await asyncio.sleep(self._delay)
                if asking and self._trap is not None and self._trap[0](data):
                    _, answered, done = self._trap
                    self._trap = None
                    if not done.done():
                        done.set_result(None)
                    if not answered:
                        break
                    connection.muted = True
                elif connection.muted and not asking:
                    break  # this is the answer
                writer.write(data)
                await writer.drain()
        connection.cut()
