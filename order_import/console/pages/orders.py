"""All orders: filtered, sorted, and paged by place."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from models.amazon_order import AmazonStatus, FulfillmentChannel
from models.order_query import Cursor, OrderQuery, OrderSort
from models.outcome import REASON_CODES, ImportState
from order_import.console import urls
from order_import.console.auth import principal_of
from order_import.console.context import ConsoleContext
from order_import.console.language import gettext_noop
from order_import.console.order_filter import (
    SORTS,
    OrderFilter,
    read_cursor,
    read_filter,
    write_cursor,
)
from order_import.console.rendering import (
    ask_first,
    audit,
    context_of,
    get,
    is_asked_here,
    refuse_cursor,
    render,
)
from storage.queries import OrderRow, QueryTookTooLong

PAGE = 50
_COUNTED = 10_000
_SEARCHED = 0.04
"""For how many seconds orders are looked at one by one, until a page is given all the same."""
_FRESH = 10.0


async def orders(request: Request) -> Response:
    """Show one page of the orders that a filter asks for."""
    context = context_of(request)
    can_edit = principal_of(request).can_edit
    asked = read_filter(request.query_params, may_see_buyers=can_edit)
    if asked.query.buyer is not None and not is_asked_here(request):
        return await ask_first(request)
    errors = dict(asked.errors)
    after, before = request.query_params.get("after"), request.query_params.get("before")
    place = read_cursor(after or before or "")
    if place is None and (after or before):
        return await refuse_cursor(request)
    listed = _Listed([], None, 0, more=False)
    if not errors:
        try:
            listed = await _list(context, asked.query, place, forward=before is None)
        except QueryTookTooLong:
            errors["q"] = (
                gettext_noop("This takes too long. Narrow it, for example by dates."),
                {},
            )
    if asked.query.buyer is not None and place is None:
        await audit(request, "searched-buyer", "")
    newer, older = _neighbors(listed, place, asked.query.sort, forward=before is None)
    return await render(
        request,
        "orders.html",
        status=HTTPStatus.BAD_REQUEST if errors else HTTPStatus.OK,
        asked=asked,
        errors=errors,
        rows=listed.rows,
        count=listed.count,
        counted=_COUNTED,
        reached=listed.reached,
        is_at_first=place is None,
        stores=await context.stores(),
        newer=asked.address(before=write_cursor(newer)) if newer else None,
        older=asked.address(after=write_cursor(older)) if older else None,
        sorts=SORTS,
        choices={
            "state": [one.value for one in ImportState],
            "status": [one.value for one in AmazonStatus],
            "channel": [one.value for one in FulfillmentChannel],
            "reason": REASON_CODES,
        },
        live=_live_of(asked, place, context),
    )


def _live_of(asked: OrderFilter, place: Cursor | None, context: ConsoleContext) -> str | None:
    """Give what tells how many new orders there are, where all of them would be on this page."""
    query = asked.query
    if asked.errors or place is not None or query != OrderQuery(store_id=query.store_id):
        return None
    return urls.query("/live", store=query.store_id, since=context.now().isoformat())


@dataclass(frozen=True, slots=True)
class _Listed:
    """A page of orders; where a search has stopped; how many there are in all, if known."""

    rows: Sequence[OrderRow]
    reached: Cursor | None
    count: int | None
    more: bool


async def _list(
    context: ConsoleContext, query: OrderQuery, place: Cursor | None, *, forward: bool
) -> _Listed:
    asked: dict[str, Any] = {"at": context.now(), "forward": forward, "limit": PAGE + 1}
    reached: Cursor | None = None
    count: int | None
    if query.is_searched:
        looked = await context.orders.search(query, place, seconds=_SEARCHED, **asked)
        found, reached = looked.rows, looked.reached
        is_all = place is None and reached is None and len(found) <= PAGE
        count = len(found) if is_all else None
    else:
        found, count = await asyncio.gather(
            context.orders.page(query, place, **asked), _count(context, query)
        )
    rows = found[:PAGE] if forward else found[-PAGE:]
    return _Listed(rows, reached, count, more=len(found) > PAGE)


def _neighbors(
    listed: _Listed, place: Cursor | None, sort: OrderSort, *, forward: bool
) -> tuple[Cursor | None, Cursor | None]:
    """Give where the pages before and after this one begin."""
    rows = listed.rows
    on = None
    if listed.more and rows:
        on = rows[-1 if forward else 0].cursor(sort)
    elif listed.reached is not None:
        on = listed.reached
    back = place
    if rows and place is not None:
        back = rows[0 if forward else -1].cursor(sort)
    elif rows and not forward:
        back = rows[-1].cursor(sort)
    return (back, on) if forward else (on, back)


async def _count(context: ConsoleContext, query: OrderQuery) -> int | None:
    """Give how many orders there are: of states and stores they are counted already."""
    by_state = OrderQuery(
        store_id=query.store_id, state=query.state, sort=query.sort, descending=query.descending
    )
    if query != by_state:

        async def ask() -> int | None:
            return await context.orders.count(query, _COUNTED + 1)

        return await context.cache.get(("count", query), _FRESH, ask)
    return sum(
        count
        for store_id, of in (await context.counts()).items()
        for state, count in of.items()
        if query.store_id in (None, store_id) and query.state in (None, state)
    )


ROUTES: list[BaseRoute] = [get("/orders", orders)]
