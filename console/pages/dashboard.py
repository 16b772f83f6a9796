"""The dashboards: of all stores, and of one."""

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from console import links
from console.chart import HEIGHT, WIDTH, chart_of
from console.news import age_of_counts, counts_of, stores_of
from console.web import desk_of, get, post, record, refuse, render, see, text_of
from models.facts import Store
from models.outcomes import ImportState
from storage.console_query import OrderQuery, OrderSort
from storage.console_reader import Activity

_RECENT = 12
_FRESH = 15.0
_COUNTED, _LOOKED = 1_000, 0.03
"""How many skipped orders are counted, and for how many seconds."""
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
    desk = desk_of(request)
    counts, stores = await asyncio.gather(counts_of(desk), stores_of(desk))
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
        received=sum(summed.values()),
        **await _lately(request, None),
    )


async def store_dashboard(request: Request) -> Response:
    """Show one store."""
    desk = desk_of(request)
    store_id = request.path_params["store_id"]
    counts, stores = await asyncio.gather(counts_of(desk), stores_of(desk))
    if store_id not in counts and store_id not in stores:
        return await refuse(request, HTTPStatus.NOT_FOUND, "There is no such store.")
    of = counts.get(store_id, {})
    return await render(
        request,
        "store.html",
        store_id=store_id,
        store=stores.get(store_id),
        tiles=_tiles(store_id, of),
        received=sum(of.values()),
        **await _lately(request, store_id),
    )


async def confirm_import(request: Request) -> Response:
    """Say what turning import on or off will do, before it is done."""
    store_id = request.path_params["store_id"]
    desk = desk_of(request)
    store = (await desk.reader.stores()).get(store_id)
    if store is None:
        return await refuse(request, HTTPStatus.NOT_FOUND, "There is no such store.")
    skipped = OrderQuery(store_id=store_id, state=ImportState.SKIPPED, reason="import-disabled")
    counts, found = await asyncio.gather(
        counts_of(desk),
        desk.orders.search(
            skipped, None, at=desk.now(), forward=True, limit=_COUNTED, seconds=_LOOKED, at_least=50
        ),
    )
    is_all = found.reached is None and len(found.rows) < _COUNTED
    return await render(
        request,
        "import_switch.html",
        store_id=store_id,
        store=store,
        skipped=len(found.rows),
        skips_more=not is_all,
        blocked=counts.get(store_id, {}).get(ImportState.BLOCKED, 0),
        error=None,
    )


async def switch_import(request: Request, form: FormData) -> Response:
    """Tell the store's settings anew, with import on or off."""
    store_id = request.path_params["store_id"]
    desk = desk_of(request)
    store = (await desk.reader.stores()).get(store_id)
    if store is None:
        return await refuse(request, HTTPStatus.NOT_FOUND, "There is no such store.")
    on = text_of(form, "import") == "on"
    at = max(desk.now(), store.updated_at + timedelta(milliseconds=1))
    told = store.model_copy(update={"import_amazon_orders": on, "updated_at": at})
    await desk.publisher.tell_store(told)
    await record(request, "import-on" if on else "import-off", store_id)
    await _until_told(request, told)
    return see(links.store(store_id), "import-on" if on else "import-off")


async def _until_told(request: Request, told: Store) -> None:
    """Wait a moment for the worker, so that the next page shows what was asked for."""
    desk = desk_of(request)
    for _ in range(10):
        await asyncio.sleep(0.15)
        now = (await desk.reader.stores()).get(told.store_id)
        if now is not None and now.updated_at >= told.updated_at:
            break
    desk.cache.forget()


async def _lately(request: Request, store_id: str | None) -> dict[str, Any]:
    desk = desk_of(request)
    until = desk.now()

    async def ask() -> Activity:
        return await desk.orders.activity(store_id, until - timedelta(hours=23), until)

    activity = await desk.cache.get(("activity", store_id), _FRESH, ask)
    # One store's orders are read by purchase: its index begins with the store.
    recent = OrderQuery(store_id=store_id)
    if store_id is None:
        recent = replace(recent, sort=OrderSort.RECEIVED)
    return {
        "chart": chart_of(activity.hours),
        "chart_size": (WIDTH, HEIGHT),
        "activity": activity,
        "recent": await desk.orders.page(recent, None, at=until, forward=True, limit=_RECENT),
        "stores": await stores_of(desk),
        "counts_age": age_of_counts(desk),
        "loaded_at": until,
    }


def _tiles(store_id: str | None, counts: dict[ImportState, int] | object) -> tuple[Tile, ...]:
    of = counts if isinstance(counts, dict) else {}
    return tuple(
        Tile(
            state.value, of.get(state, 0), links.query("/orders", store=store_id, state=state.value)
        )
        for state in TILES
    )


ROUTES: list[BaseRoute] = [
    get("/", overview),
    get("/stores/{store_id}", store_dashboard),
    get("/stores/{store_id}/import", confirm_import),
    post("/stores/{store_id}/import", switch_import),
]
