"""Static files: read once, sent with a name that changes with what is in them."""

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
    """Give where a file is found."""
    return f"/static/{_HASHES[name]}/{name}"


async def static_file(request: Request) -> Response:
    """Give a file; kept by browsers for as long as they like."""
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
    """Give the desk."""
    context: ConsoleContext = request.app.state.context
    return context


class RequestRefused(Exception):  # noqa: N818 - an answer to the visitor, nothing is broken
    """What is asked for cannot be done. The message is one line for people."""

    def __init__(self, line: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(line)
        self.status = status


async def render(
    request: Request, template: str, /, *, status: int = 200, frame: bool = True, **values: Any
) -> Response:
    """Give a page. `frame` is false where the database cannot be asked for what frames it."""
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
    """Return a template filled in."""
    return _environment(language).get_template(template).render(context)


def get(path: str, page: Page, *, from_here: bool = False) -> Route:
    """Give the route of a page that everybody may see who may come in.

    With `from_here` no link of another site opens it: it is kept in the audit list, or costs much.
    """

    async def guarded(request: Request) -> Response:
        return await (page(request) if is_asked_here(request) else ask_first(request))

    return Route(path, guarded if from_here else page, methods=["GET"])


def is_asked_here(request: Request) -> bool:
    """Say whether one of our pages or a person asks, and no link of another site."""
    return is_from_here(context_of(request).access, request.headers)


async def ask_first(request: Request) -> Response:
    """Return a page that asks whether what a link of another site opens is really wanted."""
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
    """Give the route of something that is done: by an operator, from a form of one of our pages."""

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
    """Return a page that says no, why, and what to do; `link` is where to do it."""
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
    """Return a page for an address that names no place in its list."""
    return await error_page(
        request,
        HTTPStatus.BAD_REQUEST,
        "This address names no place in the list.",
        gettext_noop("Begin at its first page."),
        request.url.path,
    )


def redirect(path: str, done: str | None = None) -> Response:
    """Go on to a page, by GET; it says what was done."""
    if done is not None:
        path += ("&" if "?" in path else "?") + "done=" + quote(done)
    return RedirectResponse(path, HTTPStatus.SEE_OTHER)


async def audit(request: Request, action: str, target: str, detail: str = "") -> None:
    """Keep in the audit list what is done now."""
    context, principal = context_of(request), principal_of(request)
    entry = AuditEntry(
        urls.new_id(), context.now(), principal.user or "nobody", action, target, detail[:500]
    )
    await context.state.record(entry)


def text_of(form: FormData, name: str) -> str:
    """Give a field's text, without space around it."""
    return raw_of(form, name).strip()


def raw_of(form: FormData, name: str) -> str:
    """Return a field's text as it came: a SKU may end with a blank."""
    value = form.get(name)
    return value if isinstance(value, str) else ""
