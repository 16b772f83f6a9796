"""The health page, the probes for programs, and the audit log."""

import asyncio
from datetime import datetime

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute

from models.errors import TransientStorageError
from order_import.console.order_filter import read_cursor
from order_import.console.rendering import context_of, get, refuse_cursor, render
from order_import.console.words import ACTIONS

_FRESH, _OLDEST = 3.0, 15.0
_READY_WITHIN = 3.0
_LISTED = 100


async def health(request: Request) -> Response:
    """Show the health of the installation."""
    context = context_of(request)
    report = await context.cache.get("health", _FRESH, context.check_health, oldest=_OLDEST)
    dead_letters = await context.dead_letters.counts(only_open=True) if report.mongo.answers else {}
    return await render(
        request,
        "health.html",
        frame=report.mongo.answers,
        report=report,
        oldest=report.oldest_undecided,
        lag=sum(topic.total for topic in report.lag),
        dead_letters=dead_letters,
    )


async def healthz(request: Request) -> Response:
    """Answer the liveness probe."""
    del request
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
        if place is None or not isinstance(place.at, datetime):
            return await refuse_cursor(request)
        before = (place.at, place.key)
    entries = await context_of(request).state.audit(before, _LISTED + 1)
    return await render(
        request,
        "audit.html",
        entries=entries[:_LISTED],
        more=len(entries) > _LISTED,
        actions=ACTIONS,
    )


ROUTES: list[BaseRoute] = [
    get("/health", health),
    get("/healthz", healthz),
    get("/readyz", readyz),
    get("/audit", audit),
]
