"""Claiming buyers: what is asked of the console, and what each of its answers means."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import pytest

from order_import_client import BuyerErased, Buyers, BuyerUnknown, ClaimRefused

BUYER = {
    "store_id": "us",
    "amazon_order_id": "1-2-3",
    "buyer": {"name": "Dana", "email": None, "title": "Dr."},
    "ship_to": None,
    "gifts": [{"order_item_id": "1", "message": "Enjoy!", "wrapping": None}],
    "kept_until": "2026-12-30T10:00:00Z",
}


class Console:
    """A server with one answer; it keeps the requests."""

    def __init__(self) -> None:
        self.answer = b""
        self.requests: list[str] = []
        self.url = ""

    def answers(self, status: int, body: object = None, *headers: str) -> None:
        content = json.dumps(body).encode()
        lines = (f"HTTP/1.1 {status} -", f"content-length: {len(content)}", *headers, "", "")
        self.answer = "\r\n".join(lines).encode() + content

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.requests.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(self.answer)
        await writer.drain()
        writer.close()


@pytest.fixture
async def console() -> AsyncIterator[Console]:
    console = Console()
    async with await asyncio.start_server(console.serve, "127.0.0.1") as server:
        host, port = server.sockets[0].getsockname()
        console.url = f"http://{host}:{port}"
        yield console


async def test_a_claim_has_the_token_and_gets_the_buyer(console: Console) -> None:
    console.answers(200, BUYER)
    buyer = await Buyers(console.url, "secret").claim("us/1-2-3")
    assert buyer.buyer is not None
    assert (buyer.buyer.name, buyer.ship_to) == ("Dana", None)
    assert [(gift.order_item_id, gift.message) for gift in buyer.gifts] == [("1", "Enjoy!")]
    assert buyer.kept_until == datetime(2026, 12, 30, 10, tzinfo=UTC)
    assert buyer.buyer.model_extra == {"title": "Dr."}
    [request] = console.requests
    assert request.startswith("GET /api/buyers/us/1-2-3 HTTP/1.1\r\n")
    assert "authorization: bearer secret\r\n" in request.lower()


@pytest.mark.parametrize(
    ("status", "error"),
    [(410, BuyerErased), (404, BuyerUnknown), (401, ClaimRefused), (503, ClaimRefused)],
)
async def test_each_answer_is_an_error_of_its_own(
    status: int, error: type[Exception], console: Console
) -> None:
    console.answers(status, {"error": "so"})
    with pytest.raises(error) as refused:
        await Buyers(console.url, "secret").claim("1-2-3")
    if isinstance(refused.value, ClaimRefused):
        assert refused.value.status == status


async def test_a_redirect_is_not_followed(console: Console) -> None:
    console.answers(302, None, "location: http://127.0.0.1:1/elsewhere")
    with pytest.raises(ClaimRefused, match="302"):
        await Buyers(console.url, "secret").claim("1-2-3")


async def test_an_order_s_name_is_part_of_the_path_whatever_it_is(console: Console) -> None:
    console.answers(404)
    with pytest.raises(BuyerUnknown):
        await Buyers(console.url, "secret").claim("a?b#c d")
    assert "/api/buyers/a%3Fb%23c%20d HTTP" in console.requests[0]


async def test_a_console_that_does_not_answer_is_an_error_of_the_system(console: Console) -> None:
    console.answer = b"this is not HTTP\r\n\r\n"
    with pytest.raises(OSError, match="no valid answer"):
        await Buyers(console.url, "secret").claim("1-2-3")


@pytest.mark.parametrize(
    "connect",
    [
        lambda: Buyers("http://import.example.com", "secret"),
        lambda: Buyers("import.example.com", "secret"),
        lambda: Buyers("ftp://import.example.com", "secret"),
    ],
)
def test_a_token_is_never_sent_unencrypted(connect: Callable[[], Buyers]) -> None:
    with pytest.raises(ValueError, match="expected"):
        connect()


def test_a_console_over_tls_or_on_this_machine_is_accepted() -> None:
    for url in ("https://import.example.com", "http://localhost:8080", "http://[::1]:8080/"):
        Buyers(url, "secret")
