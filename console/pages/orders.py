"""All orders: filtered, sorted, paged by place, and exported."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute

from console import show as showing
from console.cursors import read_cursor, write_cursor
from console.desk import Desk
from console.language import translator
from console.news import counts_of, stores_of
from console.order_filter import CODES, SORTABLE, SORTS, read_filter
from console.web import desk_of, get, record, render
from models.amazon_order import AmazonStatus, FulfillmentChannel
from models.outcomes import ImportState
from storage.console_reader import Cursor, OrderQuery, OrderRow, OrderSort, QueryTookTooLong

PAGE = 50
_COUNTED = 10_000
_FRESH = 10.0
_COLUMNS = (
    *("purchase_date", "store_id", "amazon_order_id", "status", "fulfillment_channel"),
    *("total", "currency", "state", "reasons", "blocked_skus", "commerce_order_id"),
    *("order_number", "commerce_status", "latest_ship_date", "received_at", "decided_at", "note"),
)


async def orders(request: Request) -> Response:
    """Show one page of the orders that a filter asks for."""
    desk = desk_of(request)
    asked = read_filter(request.query_params)
    errors = dict(asked.errors)
    rows: list[OrderRow] = []
    count: int | None = None
    after, before = request.query_params.get("after"), request.query_params.get("before")
    forward = before is None
    more = False
    place = _place(after or before or "", asked.query.sort)
    if not errors and not asked.query.sort.has_index:
        count = await _count(desk, asked.query)
        if count is None or count > SORTABLE:
            text = "This can sort {n} orders at most. Narrow it, for example by dates."
            errors["sort"] = (text, {"n": str(SORTABLE)})
    if not errors:
        try:
            found, count = await asyncio.gather(
                desk.orders.page(
                    asked.query, place, at=desk.now(), forward=forward, limit=PAGE + 1
                ),
                _count(desk, asked.query),
            )
            more = len(found) > PAGE
            rows = list(found[:PAGE] if forward else found[-PAGE:])
        except QueryTookTooLong:
            errors["q"] = ("This takes too long. Narrow it, for example by dates.", {})
    newer = rows and (place is not None if forward else more)
    older = rows and (more if forward else True)
    sort = asked.query.sort
    return await render(
        request,
        "orders.html",
        status=HTTPStatus.BAD_REQUEST if errors else HTTPStatus.OK,
        asked=asked,
        errors=errors,
        rows=rows,
        count=count,
        counted=_COUNTED,
        stores=await stores_of(desk),
        newer=asked.address(before=write_cursor(rows[0].cursor(sort))) if newer else None,
        older=asked.address(after=write_cursor(rows[-1].cursor(sort))) if older else None,
        sorts=SORTS,
        choices={
            "state": [one.value for one in ImportState],
            "status": [one.value for one in AmazonStatus],
            "channel": [one.value for one in FulfillmentChannel],
            "reason": CODES,
        },
        loaded_at=desk.now(),
    )


def _place(text: str, sort: OrderSort) -> Cursor | None:
    """Give the place in the list that an address names; one in a list sorted otherwise is none."""
    place = read_cursor(text)
    if place is None or place.at is None:
        return place
    return place if isinstance(place.at, Decimal) == (sort is OrderSort.TOTAL) else None


async def _count(desk: Desk, query: OrderQuery) -> int | None:
    """Give how many orders there are: of states and stores they are counted already."""
    by_state = OrderQuery(
        store_id=query.store_id, state=query.state, sort=query.sort, descending=query.descending
    )
    if query != by_state:

        async def ask() -> int | None:
            return await desk.orders.count(query, _COUNTED + 1)

        return await desk.cache.get(("count", query), _FRESH, ask)
    return sum(
        count
        for store_id, of in (await counts_of(desk)).items()
        for state, count in of.items()
        if query.store_id in (None, store_id) and query.state in (None, state)
    )


async def as_csv(request: Request) -> Response:
    """Send what is filtered as CSV, row by row."""
    return await _export(request, "orders.csv", "text/csv; charset=utf-8", _csv_line, csv_head=True)


async def as_json_lines(request: Request) -> Response:
    """Send what is filtered as JSON lines."""
    return await _export(
        request, "orders.jsonl", "application/x-ndjson", _json_line, csv_head=False
    )


async def _export(
    request: Request,
    name: str,
    kind: str,
    line: Callable[[list[object]], str],
    *,
    csv_head: bool,
) -> Response:
    asked = read_filter(request.query_params)
    if asked.errors:
        return await orders(request)
    await record(request, "exported", name, asked.address())
    words = translator("en")
    shown = showing.Show("en", words, desk_of(request).now())

    async def lines() -> AsyncIterator[str]:
        if csv_head:
            yield ",".join(_COLUMNS) + "\r\n"
        part: list[str] = []
        async for row in desk_of(request).orders.stream(asked.query):
            part.append(line(_values(row, shown)))
            if len(part) == 200:  # noqa: PLR2004 - a good piece for the network
                yield "".join(part)
                part.clear()
        yield "".join(part)

    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(lines(), media_type=kind, headers=headers)


def _values(row: OrderRow, shown: showing.Show) -> list[object]:
    """Give a row's columns. No buyer is among them: a file goes where nobody looks after it."""
    line = row.line
    return [
        shown.iso(line.purchase_date) or None,
        line.store_id,
        line.amazon_order_id,
        line.status,
        line.channel,
        None if line.total is None else f"{line.total.amount:f}",
        None if line.total is None else line.total.currency,
        line.state,
        list(line.reasons),
        list(row.skus),
        line.commerce_order_id,
        line.order_number,
        line.commerce_status,
        shown.iso(row.latest_ship_date) or None,
        shown.iso(row.received_at),
        shown.iso(row.decided_at),
        shown.note(row),
    ]


def _csv_line(values: list[object]) -> str:
    """Give one line; what a spreadsheet would take for a formula gets an apostrophe in front."""
    text = io.StringIO()
    csv.writer(text).writerow([_csv_cell(value) for value in values])
    return text.getvalue()


def _csv_cell(value: object) -> str:
    if value is None:
        return ""
    shown = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    return f"'{shown}" if shown[:1] in ("=", "+", "-", "@", "\t", "\r") else shown


def _json_line(values: list[object]) -> str:
    return json.dumps(dict(zip(_COLUMNS, values, strict=True)), ensure_ascii=False) + "\n"


ROUTES: list[BaseRoute] = [
    get("/orders", orders),
    get("/orders.csv", as_csv),
    get("/orders.jsonl", as_json_lines),
]
