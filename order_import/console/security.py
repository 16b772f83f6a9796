"""The middleware in front of every page: limits, origin checks, sign-in and security headers."""

import asyncio
from http import HTTPStatus
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from order_import.console.access import Access
from order_import.console.auth import (
    HERE,
    Principal,
    authenticate,
    cookie_name,
    is_same_origin,
    may_load_page,
    read_cookies,
)
from order_import.console.context import ConsoleContext
from order_import.console.error_pages import show_error
from order_import.console.limits import (
    MOST_BYTES,
    MOST_HEAD_BYTES,
    MOST_QUERY_BYTES,
    Places,
    read_body,
    seconds_for,
)

_OPEN = ("/static/", "/healthz", "/readyz")
_SIGN_IN = ("/sign-in", "/preferences")
_FORM = "application/x-www-form-urlencoded"
_ELSEWHERE = "Not from one of our pages.\n"
_MOST_DIGITS = 9

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
}


class SecurityMiddleware:
    """Rejects requests that may not pass, and adds a `Principal` to the state of the others."""

    def __init__(self, app: ASGIApp, context: ConsoleContext) -> None:
        self._app = app
        self._context = context
        self._places = Places()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it here."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        is_begun = False

        async def send_guarded(message: Message) -> None:
            nonlocal is_begun
            if message["type"] == "http.response.start":
                is_begun = True
                self._finish(scope, headers, MutableHeaders(scope=message))
            await send(message)

        try:
            if (refusal := self._refuse(scope, headers)) is not None:
                await refusal(scope, receive, send_guarded)
            elif scope["path"].startswith(_OPEN):
                await self._app(scope, receive, send_guarded)
            else:
                if scope["method"] == "POST":
                    receive = _received(await read_body(receive), receive)
                await self._answer(scope, headers, receive, send_guarded)
        except ClientDisconnect:
            pass
        except Exception as error:  # noqa: BLE001 - each is shown as a page, none is lost
            page = await show_error(Request(scope), error)
            if not is_begun:
                await page(scope, receive, send_guarded)
            # Otherwise leave it unfinished: the server aborts it, so it cannot look complete.

    async def _answer(self, scope: Scope, headers: Headers, receive: Receive, send: Send) -> None:
        with self._places.take(scope["path"]) as has_place:
            if not has_place:
                busy = PlainTextResponse(
                    "Too much is asked for at once. Try again in a moment.\n",
                    HTTPStatus.SERVICE_UNAVAILABLE,
                    {"retry-after": "2"},
                )
                await busy(scope, receive, send)
                return
            async with asyncio.timeout(seconds_for(scope["path"])):
                principal = await authenticate(self._context, headers)
                scope.setdefault("state", {})["principal"] = principal
                may_pass = principal.user is not None or scope["path"].startswith(_SIGN_IN)
                await (self._app if may_pass else _to_sign_in(scope))(scope, receive, send)

    def _finish(self, scope: Scope, request_headers: Headers, headers: MutableHeaders) -> None:
        for name, value in HEADERS.items():
            headers.setdefault(name, value)
        if not scope["path"].startswith("/static/"):
            headers.setdefault("cache-control", "no-store")
        access = self._context.access
        if access.secure:
            headers.setdefault("strict-transport-security", "max-age=31536000")
        principal: Principal | None = scope.get("state", {}).get("principal")
        if principal is None:
            return
        if principal.new_token is not None:
            headers.append("set-cookie", _cookie(access, "form", principal.new_token, "Lax"))
        if cookie_name(access, HERE) not in read_cookies(request_headers):
            headers.append("set-cookie", _cookie(access, HERE, "1", "Strict"))

    def _refuse(self, scope: Scope, headers: Headers) -> Response | None:
        hosts = self._context.access.hosts
        if hosts and _name_of(headers.get("host", "")) not in hosts:
            return PlainTextResponse("This console does not go by that name.\n", 400)
        if sum(len(name) + len(value) + 4 for name, value in headers.raw) > MOST_HEAD_BYTES:
            return PlainTextResponse(
                "Too much of a head.\n", HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            )
        if max(len(scope["query_string"]), len(scope["path"])) > MOST_QUERY_BYTES:
            return PlainTextResponse("Too long.\n", HTTPStatus.REQUEST_URI_TOO_LONG)
        if "transfer-encoding" in headers:
            # The length would be known only at the end, whatever Content-Length says.
            return PlainTextResponse("Say how long it is.\n", HTTPStatus.LENGTH_REQUIRED)
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdecimal()) or len(length) > _MOST_DIGITS:
            return PlainTextResponse("Too much.\n", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        match scope["method"]:
            case "GET" | "HEAD":
                return self._refuse_reading(scope, headers, int(length))
            case "POST":
                return self._refuse_form(headers, int(length))
            case _:
                return PlainTextResponse("Method not allowed.\n", HTTPStatus.METHOD_NOT_ALLOWED)

    def _refuse_reading(self, scope: Scope, headers: Headers, length: int) -> Response | None:
        if length:
            return PlainTextResponse("This takes no body.\n", HTTPStatus.BAD_REQUEST)
        if not scope["path"].startswith(_OPEN) and not may_load_page(headers):
            return PlainTextResponse(_ELSEWHERE, HTTPStatus.FORBIDDEN)
        return None

    def _refuse_form(self, headers: Headers, length: int) -> Response | None:
        if length > MOST_BYTES:
            return PlainTextResponse("Too much.\n", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        if not is_same_origin(headers):
            return PlainTextResponse(_ELSEWHERE, HTTPStatus.FORBIDDEN)
        kind = headers.get("content-type", _FORM).partition(";")[0].strip().lower()
        if kind != _FORM:
            return PlainTextResponse("Not a form.\n", HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        return None


def _received(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that replays a body already read, then continues with the original."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def received() -> Message:
        return messages.pop() if messages else await receive()

    return received


def _to_sign_in(scope: Scope) -> Response:
    if scope["method"] != "GET":
        return PlainTextResponse("Please sign in.\n", HTTPStatus.UNAUTHORIZED)
    target = scope["path"]
    if scope["query_string"]:
        target += "?" + scope["query_string"].decode("latin-1")
    return RedirectResponse(f"/sign-in?next={quote(target, safe='')}", HTTPStatus.SEE_OTHER)


def _cookie(access: Access, name: str, value: str, same_site: str) -> str:
    secure = "; Secure" if access.secure else ""
    named = f"{cookie_name(access, name)}={value}"
    return f"{named}; Path=/; HttpOnly; SameSite={same_site}{secure}"


def _name_of(host: str) -> str:
    name = host.lower()
    if name.startswith("["):
        return name.partition("]")[0] + "]"
    return name.rpartition(":")[0] if ":" in name else name
