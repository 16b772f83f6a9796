"""The health page, the probes for programs, and the audit log."""

import asyncio
from datetime import datetime

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from models.errors import TransientStorageError
from models.order_query import Cursor
from order_import.console import urls
from order_import.console.error_pages import unknown_cursor
from order_import.console.order_filter import read_cursor, write_cursor
from order_import.console.rendering import context_of, render
from order_import.console.samples import read_minutes
from order_import.console.words import ACTIONS

_FRESH, _OLDEST = 3.0, 15.0
_READY_WITHIN = 3.0
_LISTED = 100


async def health(request: Request) -> Response:
    """Show the health of the installation."""
    context = context_of(request)
    report = await context.cache.get("health", _FRESH, context.check_health, oldest=_OLDEST)
    minutes = await read_minutes(context) if report.mongo.answers else ()
    dead_letters = await context.dead_letters.counts(only_open=True) if report.mongo.answers else {}
    return await render(
        request,
        "health.html",
        frame=report.mongo.answers,
        report=report,
        oldest=report.oldest_undecided,
        lag=sum(topic.total for topic in report.lag),
        dead_letters=dead_letters,
        minutes=minutes,
    )


async def healthz(_: Request) -> Response:
    """Answer the liveness probe."""
    return PlainTextResponse("ok\n")


async def readyz(request: Request) -> Response:
    """Answer the readiness probe: ready if the database answers."""
    try:
        async with asyncio.timeout(_READY_WITHIN):
            await context_of(request).reader.ping()
    except (TransientStorageError, TimeoutError):
        return PlainTextResponse("MongoDB does not answer\n", 503)
    return PlainTextResponse("ready\n")


async def audit(request: Request) -> Response:
    """Show the audit log, newest entries first."""
    before: tuple[datetime, str] | None = None
    if after := request.query_params.get("after"):
        place = read_cursor(after)
        if place is None or place.at is None:
            raise unknown_cursor(request)
        before = (place.at, place.key)
    entries = await context_of(request).state.audit(before, _LISTED + 1)
    last = None
    if len(entries) > _LISTED:
        last = Cursor(entries[_LISTED - 1].at, entries[_LISTED - 1].entry_id)
    return await render(
        request,
        "audit.html",
        entries=entries[:_LISTED],
        older=urls.query("/audit", after=write_cursor(last)) if last else None,
        actions=ACTIONS,
    )
