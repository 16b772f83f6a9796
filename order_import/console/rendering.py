"""What all pages share: templates, static files, routes, error pages, redirects, the audit log."""

import gzip
import hashlib
from collections.abc import Awaitable, Callable
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from order_import.console import formatting, urls
from order_import.console.auth import KEYS, THEMES, is_from_here, is_ours, principal_of
from order_import.console.context import ConsoleContext
from order_import.console.language import LANGUAGES, gettext_noop, translator
from order_import.console.limits import parse_form
from order_import.console.words import CONFIRMATIONS, NAVIGATION
from storage.port import AuditEntry

_DIRECTORY = Path(__file__).parent / "static"
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FILES = {file.name: file.read_bytes() for file in sorted(_DIRECTORY.iterdir()) if file.is_file()}
_HASHES = {name: hashlib.sha256(data).hexdigest()[:12] for name, data in _FILES.items()}
_SMALL = {name: gzip.compress(data, 9, mtime=0) for name, data in _FILES.items()}


def asset_url(name: str) -> str:
    """Return the address of a static file, which changes with its content."""
    return f"/static/{_HASHES[name]}/{name}"


async def static_file(request: Request) -> Response:
    """Send a static file, which browsers may cache forever."""
    name = request.path_params["name"]
    if _HASHES.get(name) != request.path_params["version"]:
        return PlainTextResponse("Not found.\n", 404)
    headers = {"cache-control": "public, max-age=31536000, immutable", "vary": "accept-encoding"}
    body = _FILES[name]
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["content-encoding"] = "gzip"
        body = _SMALL[name]
    return Response(body, media_type=_TYPES[Path(name).suffix], headers=headers)


_TEMPLATES = Path(__file__).parent / "templates"
Page = Callable[[Request], Awaitable[Response]]
Action = Callable[[Request, FormData], Awaitable[Response]]


@cache
def _environment(language: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    texts = translator(language)
    environment.globals.update(
        urls=urls,
        asset=asset_url,
        navigation=NAVIGATION,
        t=texts.gettext,
        ngettext=texts.ngettext,
    )
    return environment


def context_of(request: Request) -> ConsoleContext:
    """Return the console's context."""
    context: ConsoleContext = request.app.state.context
    return context


class RequestRefused(Exception):  # noqa: N818 - an answer to the user, nothing is broken
    """The request cannot be fulfilled. The message is one line for people."""

    def __init__(self, line: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(line)
        self.status = status


async def render(
    request: Request, template: str, /, *, status: int = 200, frame: bool = True, **values: Any
) -> Response:
    """Return a page. Without `frame`, the database is not queried for the system message."""
    context, principal = context_of(request), principal_of(request)
    message = await context.blocked_stores() if frame and principal.user is not None else None
    html = _rendered(
        principal.language,
        template,
        {
            "principal": principal,
            "format": formatting.Formatter(translator(principal.language), context.now()),
            "languages": LANGUAGES,
            "themes": THEMES,
            "key_choices": KEYS,
            "system_message": message,
            "path": request.url.path,
            "here": _here(request),
            "signs_in": context.access.users is not None,
            "flash": CONFIRMATIONS.get(request.query_params.get("done", "")),
            **values,
        },
    )
    return HTMLResponse(html, status)


def _here(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def _rendered(language: str, template: str, context: dict[str, Any]) -> str:
    """Return a rendered template."""
    return _environment(language).get_template(template).render(context)


def get(path: str, page: Page, *, from_here: bool = False) -> Route:
    """Return the route of a page for all users.

    With `from_here`, links from other sites do not open it directly: the page is recorded in the
    audit log, or is expensive.
    """

    async def guarded(request: Request) -> Response:
        return await (page(request) if is_asked_here(request) else ask_first(request))

    return Route(path, guarded if from_here else page, methods=["GET"])


def is_asked_here(request: Request) -> bool:
    """Return whether the request comes from our own page or a person, not from another site."""
    return is_from_here(context_of(request).access, request.headers)


async def ask_first(request: Request) -> Response:
    """Return a page that asks for confirmation before following a link from another site."""
    return await error_page(
        request,
        HTTPStatus.FORBIDDEN,
        "This link comes from another site.",
        gettext_noop(
            "What it asks for is recorded, or costs much. Open it if it is what you want."
        ),
        _here(request),
    )


def post(path: str, action: Action, *, viewers: bool = False) -> Route:
    """Return the route of an action, sent by a form of one of our pages.

    Only operators may perform it, unless `viewers` is set.
    """

    async def guarded(request: Request) -> Response:
        principal = principal_of(request)
        form = parse_form(await request.body())
        if not is_ours(principal, form.get("csrf")):
            return await error_page(request, HTTPStatus.FORBIDDEN, "This form has expired.")
        if not viewers and not principal.can_edit:
            return await error_page(request, HTTPStatus.FORBIDDEN, "You have read-only access.")
        return await action(request, form)

    return Route(path, guarded, methods=["POST"])


async def error_page(
    request: Request,
    status: HTTPStatus,
    line: str,
    advice: str | None = None,
    link: str | None = None,
) -> Response:
    """Return a page that says what is wrong and what to do about it; `link` leads there."""
    return await render(
        request,
        "refused.html",
        status=status,
        frame=False,
        code=int(status),
        line=line,
        advice=advice,
        link=link,
    )


async def refuse_cursor(request: Request) -> Response:
    """Return an error page for an address with an invalid cursor."""
    return await error_page(
        request,
        HTTPStatus.BAD_REQUEST,
        "This address names no place in the list.",
        gettext_noop("Begin at its first page."),
        request.url.path,
    )


def redirect(path: str, done: str | None = None) -> Response:
    """Redirect to a page, which then confirms the action `done`."""
    if done is not None:
        path += ("&" if "?" in path else "?") + "done=" + quote(done)
    return RedirectResponse(path, HTTPStatus.SEE_OTHER)


async def audit(request: Request, action: str, target: str, detail: str = "") -> None:
    """Record an action in the audit log."""
    context, principal = context_of(request), principal_of(request)
    entry = AuditEntry(
        urls.new_id(), context.now(), principal.user or "nobody", action, target, detail[:500]
    )
    await context.state.record(entry)


def text_of(form: FormData, name: str) -> str:
    """Return a field's text without surrounding whitespace."""
    return raw_of(form, name).strip()


def raw_of(form: FormData, name: str) -> str:
    """Return a field's text unchanged: a SKU may end with a blank."""
    value = form.get(name)
    return value if isinstance(value, str) else ""
