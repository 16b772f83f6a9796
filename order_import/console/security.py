"""The middleware in front of every page: limits, the defense against forged requests, headers."""

import asyncio
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from order_import.console.auth import is_from_here, may_load_page
from order_import.console.error_pages import RequestTooLarge, show_error

MOST_BYTES = 256 * 1024
"""The maximum size of a form."""
MOST_HEAD_BYTES = 16 * 1024
"""The maximum size of all header lines of a request together."""
MOST_QUERY_BYTES = 4_096
"""The maximum size of a path, and of a query string: pages repeat both in their links."""
_AT_ONCE = {
    "/live": 200,
    "/orders.csv": 4,
    "/orders.jsonl": 4,
    "/replays/new": 2,
    "/blocked/what-if": 2,
}
"""How many requests of a kind are served at once: of those that last or load the database."""
_OTHERS_AT_ONCE = 200
_STREAMED = frozenset({"/live", "/orders.csv", "/orders.jsonl"})
_ANSWERED_WITHIN = 300.0
_OPEN = ("/static/", "/healthz", "/readyz")
_FORM = "application/x-www-form-urlencoded"

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "cache-control": "no-store",
}
"""Sent with each response that does not have them already."""


class SecurityMiddleware:
    """Rejects requests that may not pass, and answers every error with a page.

    `secure` is whether the console is reached over TLS.
    """

    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        self._app = app
        self._headers = dict(HEADERS)
        if secure:
            self._headers["strict-transport-security"] = "max-age=31536000"
        self._places = {path: asyncio.Semaphore(most) for path, most in _AT_ONCE.items()}
        self._other_places = asyncio.Semaphore(_OTHERS_AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it here."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_begun = False

        async def send_guarded(message: Message) -> None:
            nonlocal is_begun
            if message["type"] == "http.response.start":
                is_begun = True
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._answer(scope, receive, send_guarded)
        except ClientDisconnect:
            pass
        except Exception as error:  # noqa: BLE001 - each is shown as a page, none is lost
            page = await show_error(Request(scope), error)
            if not is_begun:
                await page(scope, receive, send_guarded)
            # Otherwise leave it unfinished: the server aborts it, so it cannot look complete.

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (refusal := _refuse(scope)) is not None:
            await refusal(scope, receive, send)
        elif (path := scope["path"]).startswith(_OPEN):
            await self._app(scope, receive, send)
        else:
            if scope["method"] == "POST":  # a form that arrives slowly must not take a place
                receive = _received(await read_body(receive), receive)
            places = self._places.get(path, self._other_places)
            if places.locked():
                await _busy()(scope, receive, send)
                return
            async with places, asyncio.timeout(None if path in _STREAMED else _ANSWERED_WITHIN):
                await self._app(scope, receive, send)


def _busy() -> Response:
    line = "Too many requests at once. Try again in a moment.\n"
    return PlainTextResponse(line, HTTPStatus.SERVICE_UNAVAILABLE, {"retry-after": "2"})


def _refuse(scope: Scope) -> Response | None:
    """Return the answer to a request that may not pass; None for all others."""
    headers, is_form = Headers(scope=scope), scope["method"] == "POST"
    head = sum(len(name) + len(value) + 4 for name, value in headers.raw)
    address = max(len(scope["query_string"]), len(scope["path"]))
    length = int(headers.get("content-length", "0"))  # the server lets only digits pass
    kind = headers.get("content-type", _FORM).partition(";")[0].strip().lower()
    is_trusted = is_from_here(headers) if is_form else may_load_page(headers)
    refusals = (
        (head > MOST_HEAD_BYTES, 431, "The headers are too large."),
        (address > MOST_QUERY_BYTES, 414, "The address is too long."),
        # Its length would be known only at the end, whatever Content-Length says.
        ("transfer-encoding" in headers, 411, "A Content-Length is required."),
        (length > MOST_BYTES, 413, "The form is too large."),
        (length > 0 and not is_form, 400, "This request takes no body."),
        (not is_trusted, 403, "This request does not come from one of our pages."),
        (is_form and kind != _FORM, 415, "Expected a form."),
    )
    return next(
        (PlainTextResponse(f"{line}\n", status) for applies, status, line in refusals if applies),
        None,
    )


async def read_body(receive: Receive) -> bytes:
    """Return a request's body, limited by the bytes received and not by its `Content-Length`.

    Raises:
        RequestTooLarge: The body is larger than a form may be; the rest is not read.
        ClientDisconnect: The client disconnected before the end of the body.
    """
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if len(body) > MOST_BYTES:
            raise RequestTooLarge
        if not message.get("more_body", False):
            return bytes(body)


def _received(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that replays a body already read, then continues with the original."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def received() -> Message:
        return messages.pop() if messages else await receive()

    return received
