"""Exports: all orders that match a filter, streamed as CSV or as JSON lines."""

import csv
import io
import json
import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from decimal import Decimal

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from models.amazon_order import AmazonOrder
from models.charges import ChargeKind, exact_sum
from models.money import Money
from order_import.console.auth import principal_of
from order_import.console.formatting import Formatter
from order_import.console.language import translator
from order_import.console.order_filter import read_filter
from order_import.console.pages.orders import orders
from order_import.console.rendering import audit, context_of
from storage.queries import OrderRow

Column = Callable[[OrderRow, Formatter], object]


def _of_order(value: Callable[[AmazonOrder], object]) -> Column:
    return lambda row, _: row.details and value(row.details)


def _sum_of(amounts: Callable[[AmazonOrder], Iterable[Money | None]]) -> Column:
    """Return a column of the sum over all lines, in the currency of the total."""

    def add(order: AmazonOrder) -> Decimal | None:
        currency = order.total and order.total.currency
        addends = [money.amount for money in amounts(order) if money and money.currency == currency]
        return exact_sum(addends) if addends else None

    return _of_order(add)


def _charges(kind: ChargeKind) -> Column:
    return _sum_of(
        lambda order: [charge.amount for charge, _ in order.all_charges if charge.kind is kind]
    )


def _prices(order: AmazonOrder) -> list[Money | None]:
    return [item.price for item in order.items if item.quantity]


def _taxes(order: AmazonOrder) -> list[Money | None]:
    of_prices = [item.tax for item in order.items if item.quantity]
    return [*of_prices, *(charge.tax for charge, _ in order.all_charges)]


_COLUMNS: Mapping[str, Column] = {
    "purchase_date": lambda row, shown: shown.iso(row.line.purchase_date) or None,
    "store_id": lambda row, _: row.line.store_id,
    "amazon_order_id": lambda row, _: row.line.amazon_order_id,
    "status": lambda row, _: row.line.status,
    "fulfillment_channel": lambda row, _: row.line.channel,
    "total": lambda row, _: row.line.total and f"{row.line.total.amount:f}",
    "currency": lambda row, _: row.line.total and row.line.total.currency,
    "state": lambda row, _: row.line.state,
    "reasons": lambda row, _: list(row.line.reasons),
    "blocked_skus": lambda row, _: list(row.skus),
    "commerce_order_id": lambda row, _: row.line.commerce_order_id,
    "order_number": lambda row, _: row.line.order_number,
    "commerce_status": lambda row, _: row.line.commerce_status,
    "latest_ship_date": lambda row, shown: shown.iso(row.latest_ship_date) or None,
    "received_at": lambda row, shown: shown.iso(row.received_at),
    "decided_at": lambda row, shown: shown.iso(row.decided_at),
    "note": lambda row, shown: shown.note(row),
    "shipping_service": _of_order(lambda order: order.shipping_service),
    "programs": _of_order(lambda order: list(order.programs)),
    "purchase_order_number": _of_order(lambda order: order.purchase_order_number),
    "price": _sum_of(_prices),
    "shipping": _charges(ChargeKind.SHIPPING),
    "gift_wrap": _charges(ChargeKind.GIFT_WRAP),
    "discount": _charges(ChargeKind.DISCOUNT),
    "cod": _charges(ChargeKind.COD),
    "other": _charges(ChargeKind.OTHER),
    "tax": _sum_of(_taxes),
    "prices_include_tax": _of_order(lambda order: order.balance.prices_include_tax),
    "unexplained": _of_order(lambda order: order.balance.unexplained),
    "buyer_erased_at": lambda row, shown: shown.iso(row.buyer_erased_at) or None,
}
"""The columns. The buyer is not among them, only whether it was erased: nobody controls
where a file goes."""


async def as_csv(request: Request) -> Response:
    """Send the filtered orders as CSV."""
    head = ",".join(_COLUMNS) + "\r\n"
    return await _export(request, "orders.csv", "text/csv; charset=utf-8", _csv_line, head)


async def as_json_lines(request: Request) -> Response:
    """Send the filtered orders as JSON lines."""
    return await _export(request, "orders.jsonl", "application/x-ndjson", _json_line)


async def _export(
    request: Request, name: str, kind: str, line: Callable[[list[object]], str], head: str = ""
) -> Response:
    context = context_of(request)
    can_edit = principal_of(request).can_edit
    order_filter = read_filter(request.query_params, context.now(), may_see_buyers=can_edit)
    if order_filter.errors:
        return await orders(request)
    await audit(request, "exported", name, order_filter.address_without_buyer())
    shown = Formatter(translator("en"), context.now())

    async def parts() -> AsyncIterator[str]:
        part = [head]
        async for row in context.orders.stream(order_filter.query):
            part.append(line([column(row, shown) for column in _COLUMNS.values()]))
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
