"""What pages use to answer: templates, static files, redirects, the audit log."""

import gzip
import hashlib
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from order_import.console import urls
from order_import.console.auth import KEYS, THEMES, principal_of
from order_import.console.context import ConsoleContext
from order_import.console.formatting import Formatter
from order_import.console.language import LANGUAGES, translator
from order_import.console.words import CONFIRMATIONS, NAVIGATION
from storage.port import AuditEntry

_STATIC = Path(__file__).parent / "static"
_TEMPLATES = Path(__file__).parent / "templates"
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FILES = {file.name: file.read_bytes() for file in _STATIC.iterdir() if file.is_file()}
_HASHES = {name: hashlib.sha256(data).hexdigest()[:12] for name, data in _FILES.items()}
_GZIPPED = {name: gzip.compress(data, 9, mtime=0) for name, data in _FILES.items()}


async def static_file(request: Request) -> Response:
    """Send a static file, which browsers may cache forever."""
    name = request.path_params["name"]
    if _HASHES.get(name) != request.path_params["version"]:
        return PlainTextResponse("Not found.\n", 404)
    headers = {"cache-control": "public, max-age=31536000, immutable", "vary": "accept-encoding"}
    body = _FILES[name]
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["content-encoding"] = "gzip"
        body = _GZIPPED[name]
    return Response(body, media_type=_TYPES[Path(name).suffix], headers=headers)


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
        asset=lambda name: f"/static/{_HASHES[name]}/{name}",  # changes with its content
        navigation=NAVIGATION,
        languages=LANGUAGES,
        themes=THEMES,
        key_choices=KEYS,
        t=texts.gettext,
        ngettext=texts.ngettext,
    )
    return environment


def context_of(request: Request) -> ConsoleContext:
    """Return the console's context."""
    context: ConsoleContext = request.app.state.context
    return context


async def render(
    request: Request, template: str, /, *, status: int = 200, frame: bool = True, **values: Any
) -> Response:
    """Return a page. Without `frame`, the database is not queried for the system message."""
    context, principal = context_of(request), principal_of(request)
    shows_message = frame and principal.is_authenticated
    html = (
        _environment(principal.language)
        .get_template(template)
        .render(
            principal=principal,
            format=Formatter(translator(principal.language), context.now()),
            system_message=await context.blocked_stores() if shows_message else None,
            path=request.url.path,
            here=address_of_page(request),
            signs_in=context.access.users is not None,
            flash=CONFIRMATIONS.get(request.query_params.get("done", "")),
            **values,
        )
    )
    return HTMLResponse(html, status)


def address_of_page(request: Request) -> str:
    """Return the address of the requested page within the console."""
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def redirect(path: str, done: str | None = None) -> Response:
    """Redirect to a page, which then confirms the action `done`."""
    if done is not None:
        path += ("&" if "?" in path else "?") + "done=" + quote(done)
    return RedirectResponse(path, HTTPStatus.SEE_OTHER)


async def audit(request: Request, action: str, target: str, detail: str = "") -> None:
    """Record an action in the audit log."""
    context, user = context_of(request), principal_of(request).user
    entry = AuditEntry(urls.new_id(), context.now(), user or "nobody", action, target, detail[:500])
    await context.state.record(entry)
