"""The dashboards of all stores and of one: counts by state, a chart of the last day, new orders."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from models.order_query import OrderQuery, OrderSort
from models.outcome import DETAILS_OVERDUE, ImportState
from models.reference_data import Store
from order_import.console import urls
from order_import.console.context import ConsoleContext
from order_import.console.rendering import context_of, error_page, get, render
from order_import.console.words import OVERDUE
from storage.queries import Activity, Hour, OrderRow, QueryTookTooLong

WIDTH, HEIGHT = 480, 88
_GAP = 3


@dataclass(frozen=True, slots=True)
class Bar:
    """One hour's two bars, in the units of the chart."""

    at: datetime
    received: int
    created: int
    x: float
    width: float
    received_height: float
    created_height: float


@dataclass(frozen=True, slots=True)
class Chart:
    """The bars of all hours, the tallest bar's number, and the totals."""

    bars: Sequence[Bar]
    most: int
    received: int
    created: int


def chart_of(hours: Sequence[Hour]) -> Chart:
    """Return the chart of some hours; a count above zero always has a visible bar."""
    most = max([max(hour.received, hour.created) for hour in hours], default=0)
    step = WIDTH / max(len(hours), 1)
    half = (step - _GAP) / 2
    bars = [
        Bar(
            hour.at,
            hour.received,
            hour.created,
            round(at * step, 2),
            round(half, 2),
            _height(hour.received, most),
            _height(hour.created, most),
        )
        for at, hour in enumerate(hours)
    ]
    received = sum(hour.received for hour in hours)
    return Chart(bars, most, received, sum(hour.created for hour in hours))


def _height(count: int, most: int) -> float:
    return 0.0 if count == 0 else max(round(count / most * HEIGHT, 2), 2.0)


_RECENT = 12
_FRESH = 15.0
TILES = tuple(
    ImportState(state) for state in ("created", "waiting", "blocked", "skipped", "withdrawn")
)


@dataclass(frozen=True, slots=True)
class Tile:
    """One number on a dashboard, and its link."""

    name: str
    count: int
    href: str


@dataclass(frozen=True, slots=True)
class StoreRow:
    """A store on the dashboard of all stores."""

    store_id: str
    store: Store | None
    tiles: tuple[Tile, ...]
    received: int


async def overview(request: Request) -> Response:
    """Show all stores."""
    context = context_of(request)
    counts, stores, overdue = await asyncio.gather(
        context.counts(), context.stores(), context.overdue_counts()
    )
    rows = [
        StoreRow(
            store_id,
            stores.get(store_id),
            _tiles(store_id, counts.get(store_id, {})),
            sum(counts.get(store_id, {}).values()),
        )
        for store_id in (*sorted(stores), *sorted(counts.keys() - stores.keys()))
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
        context.counts(), context.stores(), context.overdue_counts()
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
    # Orders of one store are sorted by purchase date: that index begins with the store.
    recent = OrderQuery(store_id=store_id)
    if store_id is None:
        recent = replace(recent, sort=OrderSort.RECEIVED)
    rows: Sequence[OrderRow] | None
    try:
        rows = await context.orders.page(recent, None, at=until, forward=True, limit=_RECENT)
    except QueryTookTooLong:
        rows = None  # the page shows its numbers without them
    return {
        "chart": chart_of(activity.hours),
        "chart_size": (WIDTH, HEIGHT),
        "activity": activity,
        "recent": rows,
        "stores": await context.stores(),
        "counts_age": context.counts_age(),
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
