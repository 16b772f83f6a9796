"""A proxy that speaks MongoDB's wire format, and answers commands itself when it is told to."""

import asyncio
import contextlib
import struct
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import bson

from tests.faults.proxy import HOST, Connection
from tests.faults.replica_set import Answer, Command, Fault, When

_HEADER = struct.Struct("<iiii")
"""The length of it all, the request's number, what it answers, and the kind of message."""
_OP_MSG = 2013
_CHECKSUM, _MORE_TO_COME = 1, 2
_OWN = frozenset({"hello", "ismaster", "isMaster"})
"""What the driver asks for itself, to know the server."""
Choose = Callable[[Command], Fault | None]


class CommandProxy:
    """Passes commands on to the port it stands before, but those that a fault is chosen for."""

    def __init__(self, port: int, target: int) -> None:
        self._port, self._target = port, target
        self._server: asyncio.Server | None = None
        self._connections: set[Connection] = set()
        self._choose: Choose = lambda _: None
        self._begun: asyncio.Future[tuple[Command, Fault]] | None = None
        self._rest: deque[Answer] = deque()
        self._again: tuple[str, object] | None = None

    @property
    def url(self) -> str:
        """What workers are told.

        A replica set that changes its primary also answers the driver's waiting `hello`. The server
        behind does not change: the driver asks again instead of waiting.
        """
        return f"mongodb://{HOST}:{self._port}/?directConnection=true&serverMonitoringMode=poll"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, HOST, self._port)

    async def stop(self) -> None:
        self.heal()
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.cut()

    def answer(self, choose: Choose) -> asyncio.Future[tuple[Command, Fault]]:
        """Answer the next command for which a fault is chosen, and those that ask for the same.

        Done when the first is answered.
        """
        self.heal()
        self._choose = choose
        self._begun = asyncio.get_running_loop().create_future()
        return self._begun

    def heal(self) -> None:
        """Pass everything on."""
        self._choose, self._begun, self._again = lambda _: None, None, None
        self._rest.clear()

    def _answer_to(self, command: Command | None) -> Answer | None:
        if command is None or command.name in _OWN:
            return None
        if self._begun is not None and not self._begun.done():
            fault = self._choose(command)
            if fault is None:
                return None
            self._rest.extend(fault)
            self._again = command.kind, command.session
            self._begun.set_result((command, fault))
        elif (command.kind, command.session) != self._again:
            return None
        return self._rest.popleft() if self._rest else None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(HOST, self._target)
        except OSError:
            writer.transport.abort()
            return
        connection = Connection(writer, far_writer)
        self._connections.add(connection)
        changed: dict[int, tuple[Command, Answer]] = {}
        try:
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._ask(reader, writer, far_writer, connection, changed))
                pumps.create_task(_tell(far_reader, writer, connection, changed))
        finally:
            connection.cut()
            self._connections.discard(connection)

    async def _ask(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        far_writer: asyncio.StreamWriter,
        connection: Connection,
        changed: dict[int, tuple[Command, Answer]],
    ) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                message = await _read(reader)
                command = command_in(message)
                answer = self._answer_to(command)
                if command is None or answer is None:
                    far_writer.write(message)
                elif answer.when is When.BEFORE:
                    if answer.code is None:
                        break
                    writer.write(message_of(answer.to(command, {}), answers=command.request))
                else:
                    changed[command.request] = command, answer
                    if answer.when is When.ABORTED:
                        # In the commit's stead: what it answers is not told.
                        body = {"abortTransaction": 1, **_identity(command)}
                        message = message_of(body, request=command.request)
                    far_writer.write(message)
                await far_writer.drain()
        connection.cut()


async def _tell(
    far_reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    connection: Connection,
    changed: dict[int, tuple[Command, Answer]],
) -> None:
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        while True:
            message = await _read(far_reader)
            _, _, answers, _ = _HEADER.unpack_from(message)
            if answers in changed:
                command, answer = changed.pop(answers)
                if answer.code is None:
                    break
                done = _body(message) if answer.in_write_concern else {}
                message = message_of(answer.to(command, done), answers=answers)
            writer.write(message)
            await writer.drain()
    connection.cut()


def command_in(message: bytes) -> Command | None:
    """Return the command of a message that is to be answered."""
    _, request, _, kind = _HEADER.unpack_from(message)
    if kind != _OP_MSG or message[_HEADER.size] & _MORE_TO_COME:
        return None
    return Command(request, _body(message))


def message_of(body: dict[str, Any], *, request: int = 0, answers: int = 0) -> bytes:
    """Return a message with one document."""
    data = bytes(5) + bson.encode(body)
    return _HEADER.pack(_HEADER.size + len(data), request, answers, _OP_MSG) + data


async def _read(reader: asyncio.StreamReader) -> bytes:
    header = await reader.readexactly(_HEADER.size)
    return header + await reader.readexactly(_HEADER.unpack(header)[0] - _HEADER.size)


def _body(message: bytes) -> dict[str, Any]:
    """Return the one document of kind 0; sequences of documents may stand before it."""
    at = _HEADER.size + 4
    while message[at]:
        at += 1 + int.from_bytes(message[at + 1 : at + 5], "little")
    size = int.from_bytes(message[at + 1 : at + 5], "little")
    found: dict[str, Any] = bson.decode(message[at + 1 : at + 1 + size])
    return found


def _identity(command: Command) -> dict[str, Any]:
    told: Sequence[str] = ("lsid", "txnNumber", "autocommit", "$db")
    return {name: command.body[name] for name in told}
