"""The guard in front of every page: which host, who, from where, and with which headers back."""

from http import HTTPStatus
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.access import Access
from console.desk import Desk
from console.error_pages import error_page
from console.visit import Visit, cookie_name, is_same_origin, recognize

_OPEN = ("/static/", "/healthz", "/readyz")
_SIGN_IN = ("/sign-in", "/preferences")
_SAFE = frozenset({"GET", "HEAD"})
MOST_BYTES = 256 * 1024
"""How long a form may be."""
MOST_QUERY_BYTES = 4_096
"""How long a query string may be; pages repeat it in their links."""

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


class Guard:
    """Lets requests pass that may, and leaves a `Visit` in their state."""

    def __init__(self, app: ASGIApp, desk: Desk) -> None:
        self._app = app
        self._desk = desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or answer it here."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        visit: Visit | None = None
        is_begun = False

        async def send_guarded(message: Message) -> None:
            nonlocal is_begun
            if message["type"] == "http.response.start":
                is_begun = True
                self._finish(scope["path"], visit, MutableHeaders(scope=message))
            await send(message)

        try:
            answer = self._refuse(scope, headers)
            if answer is None and not scope["path"].startswith(_OPEN):
                answer, visit = await self._meet(scope, headers)
            await (answer or self._app)(scope, receive, send_guarded)
        except Exception as error:  # noqa: BLE001 - each has its page, and none a line in a log
            page = await error_page(Request(scope), error)
            if not is_begun:
                await page(scope, receive, send_guarded)
            # Else it is left unfinished: the server cuts it off, so that it does not look whole.

    async def _meet(self, scope: Scope, headers: Headers) -> tuple[Response | None, Visit | None]:
        """Say who it is; give an answer for somebody who may not pass."""
        visit = await recognize(self._desk, headers)
        scope.setdefault("state", {})["visit"] = visit
        if visit.user is None and not scope["path"].startswith(_SIGN_IN):
            return _to_sign_in(scope), visit
        return None, visit

    def _finish(self, path: str, visit: Visit | None, headers: MutableHeaders) -> None:
        for name, value in HEADERS.items():
            headers.setdefault(name, value)
        if not path.startswith("/static/"):
            headers.setdefault("cache-control", "no-store")
        if self._desk.access.secure:
            headers.setdefault("strict-transport-security", "max-age=31536000")
        if visit is not None and visit.new_token is not None:
            headers.append("set-cookie", _cookie(self._desk.access, visit.new_token))

    def _refuse(self, scope: Scope, headers: Headers) -> Response | None:
        hosts = self._desk.access.hosts
        if hosts and _name_of(headers.get("host", "")) not in hosts:
            return PlainTextResponse("This console does not go by that name.\n", 400)
        if len(scope["query_string"]) > MOST_QUERY_BYTES:
            return PlainTextResponse("Too long.\n", HTTPStatus.REQUEST_URI_TOO_LONG)
        if scope["method"] in _SAFE:
            return None
        if scope["method"] != "POST":
            return PlainTextResponse("Method not allowed.\n", HTTPStatus.METHOD_NOT_ALLOWED)
        length = headers.get("content-length", "")
        if not length.isdigit() or int(length) > MOST_BYTES:
            return PlainTextResponse("Too much.\n", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        if not is_same_origin(headers):
            return PlainTextResponse("Not from one of our pages.\n", HTTPStatus.FORBIDDEN)
        return None


def _to_sign_in(scope: Scope) -> Response:
    if scope["method"] != "GET":
        return PlainTextResponse("Please sign in.\n", HTTPStatus.UNAUTHORIZED)
    wanted = scope["path"]
    if scope["query_string"]:
        wanted += "?" + scope["query_string"].decode("latin-1")
    return RedirectResponse(f"/sign-in?next={quote(wanted, safe='')}", HTTPStatus.SEE_OTHER)


def _cookie(access: Access, token: str) -> str:
    secure = "; Secure" if access.secure else ""
    return f"{cookie_name(access, 'form')}={token}; Path=/; HttpOnly; SameSite=Lax{secure}"


def _name_of(host: str) -> str:
    name = host.lower()
    if name.startswith("["):
        return name.partition("]")[0] + "]"
    return name.rpartition(":")[0] if ":" in name else name
