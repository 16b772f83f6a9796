"""All orders: filtered, sorted, and paged by cursor."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from models.amazon_order import AmazonStatus, FulfillmentChannel
from models.order_query import Cursor, OrderQuery, OrderSort
from models.outcome import ImportState
from models.reasons import REASON_CODES
from order_import.console import urls
from order_import.console.auth import is_from_here, principal_of
from order_import.console.context import ConsoleContext
from order_import.console.error_pages import foreign_link, unknown_cursor
from order_import.console.language import gettext_noop
from order_import.console.order_filter import (
    SORTS,
    OrderFilter,
    read_cursor,
    read_filter,
    write_cursor,
)
from order_import.console.rendering import audit, context_of, render
from storage.queries import OrderRow, QueryTookTooLong

PAGE = 50
_COUNTED = 10_000
_SEARCHED = 0.04
"""For how many seconds orders are scanned, until an incomplete page is shown."""
_FRESH = 10.0


async def orders(request: Request) -> Response:
    """Show one page of the orders that match a filter."""
    context = context_of(request)
    can_edit = principal_of(request).can_edit
    order_filter = read_filter(request.query_params, context.now(), may_see_buyers=can_edit)
    if order_filter.query.buyer is not None and not is_from_here(request.headers):
        raise foreign_link(request)
    errors = dict(order_filter.errors)
    after, before = request.query_params.get("after"), request.query_params.get("before")
    place = read_cursor(after or before or "")
    if place is None and (after or before):
        raise unknown_cursor(request)
    listed = _Listed([], None, 0, more=False)
    if not errors:
        try:
            listed = await _list(context, order_filter.query, place, forward=before is None)
        except QueryTookTooLong:
            errors["q"] = (
                gettext_noop("This takes too long. Narrow the filter, for example by date."),
                {},
            )
    if order_filter.query.buyer is not None and place is None:
        await audit(request, "searched-buyer", "")
    newer, older = _neighbors(listed, place, order_filter.query.sort, forward=before is None)
    return await render(
        request,
        "orders.html",
        status=HTTPStatus.BAD_REQUEST if errors else HTTPStatus.OK,
        order_filter=order_filter,
        errors=errors,
        rows=listed.rows,
        count=listed.count,
        counted=_COUNTED,
        reached=listed.reached,
        is_at_first=place is None,
        stores=await context.stores(),
        newer=order_filter.address(before=write_cursor(newer)) if newer else None,
        older=order_filter.address(after=write_cursor(older)) if older else None,
        sorts=SORTS,
        choices={
            "state": [state.value for state in ImportState],
            "status": [status.value for status in AmazonStatus],
            "channel": [channel.value for channel in FulfillmentChannel],
            "reason": REASON_CODES,
        },
        live=_live_of(order_filter, place, context),
    )


def _live_of(
    order_filter: OrderFilter, place: Cursor | None, context: ConsoleContext
) -> str | None:
    """Return the stream that counts new orders, if this page would show all of them."""
    query = order_filter.query
    if order_filter.errors or place is not None or query != OrderQuery(store_id=query.store_id):
        return None
    return urls.query("/live", store=query.store_id, since=context.now().isoformat())


@dataclass(frozen=True, slots=True)
class _Listed:
    """A page of orders, where its scan stopped, and the total if it is known."""

    rows: Sequence[OrderRow]
    reached: Cursor | None
    count: int | None
    more: bool


async def _list(
    context: ConsoleContext, query: OrderQuery, place: Cursor | None, *, forward: bool
) -> _Listed:
    options: dict[str, Any] = {"at": context.now(), "forward": forward, "limit": PAGE + 1}
    reached: Cursor | None = None
    count: int | None
    if query.is_searched:
        result = await context.orders.search(query, place, seconds=_SEARCHED, **options)
        rows, reached = result.rows, result.reached
        is_all = place is None and reached is None and len(rows) <= PAGE
        count = len(rows) if is_all else None
    else:
        rows, count = await asyncio.gather(
            context.orders.page(query, place, **options), _count(context, query)
        )
    shown = rows[:PAGE] if forward else rows[-PAGE:]
    return _Listed(shown, reached, count, more=len(rows) > PAGE)


def _neighbors(
    listed: _Listed, place: Cursor | None, sort: OrderSort, *, forward: bool
) -> tuple[Cursor | None, Cursor | None]:
    """Return the cursors of the pages before and after this one."""
    rows = listed.rows
    first, last = (rows[at].cursor(sort) if rows else None for at in (0, -1))
    on, back = (last, first) if forward else (first, last)
    if place is None and forward:
        back = None  # this is the first page
    on = on if listed.more else listed.reached
    return (back or place, on) if forward else (on, back or place)


async def _count(context: ConsoleContext, query: OrderQuery) -> int | None:
    """Return the number of orders; by state and store they are counted already."""
    by_state = OrderQuery(
        store_id=query.store_id, state=query.state, sort=query.sort, descending=query.descending
    )
    if query != by_state:
        ask = partial(context.orders.count, query, _COUNTED + 1)
        return await context.cache.get(("count", query), _FRESH, ask)
    return sum(
        count
        for store_id, of in (await context.counts()).items()
        for state, count in of.items()
        if query.store_id in (None, store_id) and query.state in (None, state)
    )
