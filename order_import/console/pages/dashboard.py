"""The dashboards of all stores and of one: counts by state, a chart of the last day, new orders."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from models.order_query import OrderQuery, OrderSort
from models.outcome import DETAILS_OVERDUE
from order_import.console.error_pages import NotFound
from order_import.console.rendering import context_of, render
from storage.queries import OrderRow, QueryTookTooLong

_RECENT = 12
_FRESH = 15.0


async def overview(request: Request) -> Response:
    """Show all stores."""
    context = context_of(request)
    counts, stores = await context.counts(), await context.stores()
    return await render(
        request,
        "overview.html",
        store_counts={
            store_id: counts.get(store_id, {})
            for store_id in (*sorted(stores), *sorted(counts.keys() - stores.keys()))
        },
        **await _values(request, None),
    )


async def store_dashboard(request: Request) -> Response:
    """Show one store."""
    context, store_id = context_of(request), request.path_params["store_id"]
    store = (await context.stores()).get(store_id)
    if store is None and store_id not in await context.counts():
        raise NotFound("This store does not exist.")
    return await render(request, "store.html", store=store, **await _values(request, store_id))


async def _values(request: Request, store_id: str | None) -> dict[str, Any]:
    context = context_of(request)
    now = context.now()
    ask = partial(context.orders.activity, store_id, now - timedelta(hours=23), now)
    # Orders of one store are sorted by purchase date: that index begins with the store.
    sort = OrderSort.RECEIVED if store_id is None else OrderSort.PURCHASED
    query = OrderQuery(store_id=store_id, sort=sort)
    recent: Sequence[OrderRow] | None
    try:
        recent = await context.orders.page(query, None, at=now, forward=True, limit=_RECENT)
    except QueryTookTooLong:
        recent = None  # the page shows its numbers without them
    return {
        "store_id": store_id,
        "stores": await context.stores(),
        "numbers": await context.numbers(store_id),
        "counts_age": context.counts_age(),
        "overdue_since": (now - DETAILS_OVERDUE).isoformat(timespec="minutes"),
        "activity": await context.cache.get(("activity", store_id), _FRESH, ask),
        "recent": recent,
        "loaded_at": now,
    }
