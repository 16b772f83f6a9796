"""Live updates: server-sent events with a few numbers, which pages show in place."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime
from functools import partial

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from models.base import to_utc
from models.errors import OrderImportError
from models.replay import ReplayResult
from order_import.console.auth import principal_of
from order_import.console.context import ConsoleContext
from order_import.console.formatting import Formatter
from order_import.console.language import translator
from order_import.console.rendering import context_of
from order_import.operations.replay import find_replay

_PAUSE = 2.5
_LONGEST = 900.0
"""Seconds until the stream ends; the browser reconnects by itself."""
_COUNTED = 1_000


async def live(request: Request) -> Response:
    """Stream the counts of a store or of all, and how many orders arrived since the page loaded."""
    store_id = request.query_params.get("store") or None
    try:
        since = to_utc(datetime.fromisoformat(request.query_params.get("since", "")))
    except ValueError:
        since = context_of(request).now()
    headers = {"x-accel-buffering": "no"}
    return StreamingResponse(
        _events(request, store_id, since), media_type="text/event-stream", headers=headers
    )


async def _events(request: Request, store_id: str | None, since: datetime) -> AsyncIterator[str]:
    context = context_of(request)
    shown = Formatter(translator(principal_of(request).language), context.now())
    replay_id = request.query_params.get("replay")
    last = ""
    loop = asyncio.get_running_loop()
    until = loop.time() + _LONGEST
    yield "retry: 5000\n\n"
    while loop.time() < until and not await request.is_disconnected():
        try:
            if replay_id:
                numbers = await _replay_numbers(context, replay_id, shown)
            else:
                counts = await context.numbers(store_id)
                numbers = {name: shown.number(count) for name, count in counts.items()}
                numbers["fresh"] = await context.orders.received_since(store_id, since, _COUNTED)
            text = json.dumps(numbers)
            if text != last:
                last = text
                yield f"data: {text}\n\n"
            else:
                yield ": still here\n\n"
        except OrderImportError:
            yield ": the database does not answer\n\n"
        await asyncio.sleep(_PAUSE)


async def _replay_numbers(
    context: ConsoleContext, replay_id: str, shown: Formatter
) -> dict[str, object]:
    ask = partial(find_replay, context.storage, replay_id)
    replay = await context.cache.get(("replay", replay_id), _PAUSE, ask)
    if replay is None:
        return {}
    return {
        "decided": shown.number(replay.done),
        "made": shown.number(replay.results.get(ReplayResult.CREATED, 0)),
        "again": shown.number(replay.results.get(ReplayResult.BLOCKED, 0)),
        "pace": shown.number(round(replay.rate(context.now()), 1)),
        "progress": 100 * replay.done // max(replay.selected, 1),
        "over": not replay.is_running,
    }
