"""The console's server on a real socket: what is sent too slowly, too long, or not at all."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from models.errors import OtherLayout, StorageUnavailable
from order_import import web as console_server
from order_import.console import app as console_app
from order_import.console.app import build_app, serve_console
from order_import.console.context import ConsoleContext
from order_import.console.error_pages import RequestTooLarge
from order_import.console.routes import MOST_FIELDS
from order_import.console.security import MOST_BYTES, read_body
from order_import.settings import Settings
from order_import.web import ConsoleServer, find_excess
from tests.unit.console_kit import Quiet, a_context

FORM = (
    b"POST /preferences HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
)


class Reader:
    """A database that answers, and has no store."""

    async def ping(self) -> None:
        pass

    async def stores(self) -> dict[str, object]:
        return {}

    state_counts = stores

    async def overdue_counts(self, _: object) -> dict[str, int]:
        return {}


class Letters:
    async def counts(self, **_: object) -> dict[str, int]:
        return {}

    async def find(self, *_: object, **__: object) -> list[object]:
        return []


class Orders(Quiet):
    async def blocked_stores(self, _: object) -> list[str]:
        return []


@asynccontextmanager
async def a_server(app: ASGIApp | None = None) -> AsyncIterator[int]:
    """Serve an application, or a console that has nothing to show; give its port."""
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    context = a_context(reader=Reader(), orders=Orders(), dead_letters=Letters(), state=Quiet())
    server = ConsoleServer(app or build_app(context))
    serving = asyncio.create_task(server.serve([listening]))
    try:
        yield port
    finally:
        server.stop()
        await serving


async def all_of(reader: asyncio.StreamReader) -> bytes:
    """Return all that comes until the server closes the connection, however it does so."""
    answers = b""
    with contextlib.suppress(ConnectionResetError):
        while part := await reader.read(1_000):
            answers += part
    return answers


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console_server, "_REQUEST_TIMEOUT", 0.2)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET /healthz HTTP/1.1\r\n",
        FORM + b"Content-Length: 100\r\n\r\nlang=de",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n",
    ],
    ids=[
        "nothing",
        "half a head",
        "half a form",
        "a body that is not due",
    ],
)
async def test_what_does_not_arrive_in_time_is_cut_off(sent: bytes) -> None:
    async with a_server() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        assert b"HTTP/1.1 200" not in await all_of(reader)
        writer.close()


@pytest.mark.usefixtures("impatient")
async def test_a_second_request_has_to_arrive_in_time_too() -> None:
    async with a_server() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"ok\n")
        writer.write(b"GET /healthz HTTP/1.1\r\n")
        assert await all_of(reader) == b""
        writer.close()


@pytest.mark.usefixtures("impatient")
async def test_bytes_that_drop_in_one_by_one_do_not_win_time() -> None:
    """Each byte used to put off the only deadline there was."""
    async with a_server() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /healthz HTTP/1.1\r\nX: ")
        answered = asyncio.create_task(all_of(reader))
        while not answered.done():
            writer.write(b"x")
            await asyncio.sleep(0.01)
        writer.close()
    assert answered.result() == b""


async def test_connections_that_send_nothing_shut_nobody_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(console_server, "_REQUEST_TIMEOUT", 3_600.0)  # not by their deadline
    async with a_server() as port:
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(500)]
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            for path in ("/healthz", "/readyz", "/dead-letters", "/healthz"):
                assert (await client.get(path)).status_code == 200
        for reader, _ in idle[:200]:
            assert await all_of(reader) == b""  # the oldest were cut off
        for _, writer in idle:
            writer.close()


async def test_who_does_not_take_an_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console_server, "_WRITE_TIMEOUT", 0.2)
    ended = asyncio.Event()

    async def endless(_: Scope, receive: Receive, send: Send) -> None:
        await receive()
        gone = asyncio.ensure_future(receive())
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while not gone.done():
            await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
            await asyncio.sleep(0)
        ended.set()

    async with a_server(endless) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await ended.wait()
        writer.close()


@dataclass(frozen=True)
class Held:
    """A connection as it is looked at."""

    address: str
    waits_since: float = 0.0
    is_waiting: bool = True


def test_who_holds_most_connections_gives_way_and_what_is_answered_does_not() -> None:
    busy: list[Any] = [Held("a", is_waiting=False)] * 1_000
    assert find_excess(busy, "a", 100.0) is None
    own: list[Any] = [Held("a", 65.0 - at) for at in range(65)]
    assert find_excess([*busy, *own], "a", 100.0) is own[-1]
    assert find_excess([*busy, *own], "b", 100.0) is None
    assert find_excess(own, "a", 65.5) is None  # some came just now
    many: list[Any] = [Held(f"c{at % 20}") for at in range(256)]
    assert find_excess([*own, *many], "b", 65.5) is own[-1]


@pytest.mark.parametrize(
    ("head", "body", "status"),
    [
        (b"Content-Length: 10\r\nTransfer-Encoding: chunked\r\n", b"5\r\nlang=\r\n0\r\n\r\n", 411),
        (b"Transfer-Encoding: chunked\r\n", b"5\r\nlang=\r\n0\r\n\r\n", 411),
        (b"Content-Length: 262145\r\n", b"", 413),
        (b"Content-Length: 99999999999999999999\r\n", b"", 413),
        (b"Content-Length: -1\r\n", b"", 400),
        (b"Content-Length: 1\r\nContent-Length: 2\r\n", b"", 400),
        (b"X: " + b"x" * 20_000 + b"\r\n", b"", 431),
        (b"X: x\r\n" * 4_000, b"", 431),
    ],
)
async def test_a_length_that_is_not_told_or_not_taken_is_refused(
    head: bytes, body: bytes, status: int
) -> None:
    async with a_server() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(FORM + b"Connection: close\r\n" + head + b"\r\n" + body)
        answer = await all_of(reader)
        writer.close()
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())


async def test_a_body_where_none_is_taken_is_refused() -> None:
    async with a_server() as port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        assert (await client.request("GET", "/", content=b"abc")).status_code == 400
        assert (await client.get("/orders/" + "x" * 5_000)).status_code == 414


async def test_a_body_is_counted_as_it_comes_whatever_its_head_says() -> None:
    came = 0

    async def receive() -> Message:
        nonlocal came
        came += 65_536
        return {"type": "http.request", "body": b"x" * 65_536, "more_body": True}

    with pytest.raises(RequestTooLarge):
        await read_body(receive)
    assert came <= MOST_BYTES + 65_536


async def test_a_form_is_bounded_by_its_bytes_and_its_fields() -> None:
    too_many = b"&".join([b"a=1"] * (MOST_FIELDS + 1))
    multipart = {"content-type": "multipart/form-data; boundary=x; charset=utf-7"}
    async with a_server() as port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        form = {"content-type": "application/x-www-form-urlencoded"}
        for headers, body, status in (
            (form, b"a" * (MOST_BYTES + 1), 413),
            (form, too_many, 413),
            (form, b"a=" + b"%" * 10_000 + b"\xff\x00=;&&=&lang", 303),
            (multipart, b"--x--\r\n", 415),
            ({"content-type": "application/json"}, b"{}", 415),
        ):
            answer = await client.post("/preferences", content=body, headers=headers)
            assert answer.status_code == status, headers


async def test_a_database_of_another_version_ends_the_console_however_late_it_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = [StorageUnavailable("no answer"), StorageUnavailable("no answer"), OtherLayout("x")]

    class Storage:
        async def check_layout(self) -> None:
            raise answers.pop(0)

    @asynccontextmanager
    async def open_context(*_: object) -> AsyncIterator[ConsoleContext]:
        yield a_context(
            reader=Reader(),
            orders=Orders(),
            dead_letters=Letters(),
            state=Quiet(),
            storage=Storage(),
        )

    monkeypatch.setattr(console_app, "open_context", open_context)
    monkeypatch.setattr(console_app, "tune_gc", lambda: None)
    listening = socket.create_server(("127.0.0.1", 0))
    monkeypatch.setattr(console_app, "listen", lambda _: listening)
    with pytest.raises(OtherLayout):
        await serve_console(Settings())
    assert not answers
