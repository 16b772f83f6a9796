"""Exports: all orders that match a filter, streamed as CSV or as JSON lines."""

import csv
import io
import json
import re
from collections.abc import AsyncIterator, Callable, Iterable
from decimal import Decimal

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute

from models.amazon_order import AmazonOrder
from models.charges import ChargeKind, exact_sum
from models.money import Money
from order_import.console import formatting
from order_import.console.auth import principal_of
from order_import.console.language import translator
from order_import.console.order_filter import read_filter
from order_import.console.pages.orders import orders
from order_import.console.rendering import audit, context_of, get
from storage.queries import OrderRow

_COLUMNS = (
    *("purchase_date", "store_id", "amazon_order_id", "status", "fulfillment_channel"),
    *("total", "currency", "state", "reasons", "blocked_skus", "commerce_order_id"),
    *("order_number", "commerce_status", "latest_ship_date", "received_at", "decided_at", "note"),
    *("shipping_service", "programs", "purchase_order_number", "price", "shipping", "gift_wrap"),
    *("discount", "cod", "other", "tax", "prices_include_tax", "unexplained", "buyer_erased_at"),
)
"""Charges are sums over all lines, in the currency of the total."""


async def as_csv(request: Request) -> Response:
    """Send the filtered orders as CSV."""
    return await _export(request, "orders.csv", "text/csv; charset=utf-8", _csv_line, csv_head=True)


async def as_json_lines(request: Request) -> Response:
    """Send the filtered orders as JSON lines."""
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
    order_filter = read_filter(request.query_params, may_see_buyers=principal_of(request).can_edit)
    if order_filter.errors:
        return await orders(request)
    await audit(request, "exported", name, order_filter.address_without_buyer())
    shown = formatting.Formatter(translator("en"), context_of(request).now())

    async def parts() -> AsyncIterator[str]:
        part = [",".join(_COLUMNS) + "\r\n"] if csv_head else []
        async for row in context_of(request).orders.stream(order_filter.query):
            part.append(line(_values(row, shown)))
            if len(part) == 200:  # noqa: PLR2004 - a good size for the network
                yield "".join(part)
                part.clear()
        yield "".join(part)

    following = parts()
    first = await anext(following)  # an error before the first part still gets an error page

    async def all_parts() -> AsyncIterator[str]:
        yield first
        async for part in following:
            yield part

    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(all_parts(), media_type=kind, headers=headers)


def _values(row: OrderRow, shown: formatting.Formatter) -> list[object]:
    """Return a row's columns.

    The buyer is not among them, only whether it was erased: nobody controls where a file goes.
    """
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
        *_details(row.details),
        shown.iso(row.buyer_erased_at) or None,
    ]


def _details(order: AmazonOrder | None) -> list[object]:
    if order is None:
        return [None] * 12
    of_order: list[object] = [
        order.shipping_service,
        list(order.programs),
        order.purchase_order_number,
    ]
    if order.total is None:
        return of_order + [None] * 9
    items = [item for item in order.items if item.quantity]
    charges = [charge for charge, _ in order.all_charges]
    prices_include_tax, unexplained = order.balance
    amounts: list[Iterable[Money | None]] = [
        [item.price for item in items],
        *([charge.amount for charge in charges if charge.kind is kind] for kind in ChargeKind),
        [*(item.tax for item in items), *(charge.tax for charge in charges)],
    ]
    sums = [_sum(parts, order.total.currency) for parts in amounts]
    return [*of_order, *sums, prices_include_tax, unexplained]


def _sum(amounts: Iterable[Money | None], currency: str) -> Decimal | None:
    """Return the sum of the amounts in a currency; None if there are none."""
    addends = [money.amount for money in amounts if money and money.currency == currency]
    return exact_sum(addends) if addends else None


def _csv_line(values: list[object]) -> str:
    """Return one line, with an apostrophe before anything a spreadsheet would read as a formula."""
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerow([_csv_cell(value) for value in values])
    return text.getvalue()


_SIGNS = r"=+\-@\u2212\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b\u207a-\u207c\u208a-\u208c"
"""What begins a formula: also the minus sign, and full-width, small, super- and subscript forms."""
_UNSEEN = r"\s\x00-\x1f\xad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff"
_FORMULA = re.compile(rf"(\A|[,;|\t\r\n])(?=[{_UNSEEN}]*[{_SIGNS}])|\A(?=[\t\r\n])")
"""Where a formula may begin: also inside our cells, if a spreadsheet separates cells by `;`."""


def _csv_cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return f"{value:f}"  # a number, not a formula, also if it is negative
    shown = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    return _FORMULA.sub(lambda match: f"{match[1] or ''}'", shown)


def _json_line(values: list[object]) -> str:
    columns = dict(zip(_COLUMNS, values, strict=True))
    return json.dumps(columns, ensure_ascii=False, default=lambda amount: f"{amount:f}") + "\n"


ROUTES: list[BaseRoute] = [
    get("/orders.csv", as_csv, from_here=True),
    get("/orders.jsonl", as_json_lines, from_here=True),
]
