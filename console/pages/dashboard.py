"""The dashboards: of all stores, and of one."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from console import urls
from console.chart import HEIGHT, WIDTH, chart_of
from console.context import ConsoleContext
from console.news import age_of_counts, counts_of, overdue_of, stores_of
from console.web import context_of, error_page, get, render
from console.words import OVERDUE
from models.order_query import OrderQuery, OrderSort
from models.outcome import DETAILS_OVERDUE, ImportState
from models.reference_data import Store
from storage.queries import Activity, OrderRow, QueryTookTooLong

_RECENT = 12
_FRESH = 15.0
TILES = tuple(
    ImportState(state) for state in ("created", "waiting", "blocked", "skipped", "withdrawn")
)


@dataclass(frozen=True, slots=True)
class Tile:
    """One number on a dashboard, and where it leads."""

    name: str
    count: int
    href: str


@dataclass(frozen=True, slots=True)
class StoreRow:
    """A store on the dashboard of all."""

    store_id: str
    store: Store | None
    tiles: tuple[Tile, ...]
    received: int


async def overview(request: Request) -> Response:
    """Show all stores."""
    context = context_of(request)
    counts, stores, overdue = await asyncio.gather(
        counts_of(context), stores_of(context), overdue_of(context)
    )
    rows = [
        StoreRow(
            one,
            stores.get(one),
            _tiles(one, counts.get(one, {})),
            sum(counts.get(one, {}).values()),
        )
        for one in sorted({*counts, *stores}, key=lambda one: (one not in stores, one))
    ]
    summed = {state: sum(of.get(state, 0) for of in counts.values()) for state in TILES}
    return await render(
        request,
        "overview.html",
        rows=rows,
        tiles=_tiles(None, summed),
        overdue=_overdue_tile(context, None, sum(overdue.values())),
        received=sum(summed.values()),
        **await _lately(request, None),
    )


async def store_dashboard(request: Request) -> Response:
    """Show one store."""
    context = context_of(request)
    store_id = request.path_params["store_id"]
    counts, stores, overdue = await asyncio.gather(
        counts_of(context), stores_of(context), overdue_of(context)
    )
    if store_id not in counts and store_id not in stores:
        return await error_page(request, HTTPStatus.NOT_FOUND, "There is no such store.")
    of = counts.get(store_id, {})
    return await render(
        request,
        "store.html",
        store_id=store_id,
        store=stores.get(store_id),
        tiles=_tiles(store_id, of),
        overdue=_overdue_tile(context, store_id, overdue.get(store_id, 0)),
        received=sum(of.values()),
        **await _lately(request, store_id),
    )


async def _lately(request: Request, store_id: str | None) -> dict[str, Any]:
    context = context_of(request)
    until = context.now()

    async def ask() -> Activity:
        return await context.orders.activity(store_id, until - timedelta(hours=23), until)

    activity = await context.cache.get(("activity", store_id), _FRESH, ask)
    # One store's orders are read by purchase: its index begins with the store.
    recent = OrderQuery(store_id=store_id)
    if store_id is None:
        recent = replace(recent, sort=OrderSort.RECEIVED)
    rows: Sequence[OrderRow] | None
    try:
        rows = await context.orders.page(recent, None, at=until, forward=True, limit=_RECENT)
    except QueryTookTooLong:
        rows = None  # the numbers are there all the same
    return {
        "chart": chart_of(activity.hours),
        "chart_size": (WIDTH, HEIGHT),
        "activity": activity,
        "recent": rows,
        "stores": await stores_of(context),
        "counts_age": age_of_counts(context),
        "loaded_at": until,
    }


def _tiles(store_id: str | None, counts: dict[ImportState, int] | object) -> tuple[Tile, ...]:
    of = counts if isinstance(counts, dict) else {}
    return tuple(
        Tile(
            state.value, of.get(state, 0), urls.query("/orders", store=store_id, state=state.value)
        )
        for state in TILES
    )


def _overdue_tile(context: ConsoleContext, store_id: str | None, count: int) -> Tile:
    since = (context.now() - DETAILS_OVERDUE).isoformat(timespec="minutes")
    return Tile(OVERDUE, count, urls.query("/orders", store=store_id, overdue=since))


ROUTES: list[BaseRoute] = [
    get("/", overview),
    get("/stores/{store_id}", store_dashboard),
]
