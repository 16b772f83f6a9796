"""Exports: all orders that match a filter, streamed as CSV or as JSON lines."""

import csv
import io
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from order_import.console.auth import principal_of
from order_import.console.formatting import Formatter
from order_import.console.language import translator
from order_import.console.order_filter import read_filter
from order_import.console.pages.orders import orders
from order_import.console.rendering import audit, context_of
from storage.queries import OrderRow

_COLUMNS: Mapping[str, Callable[[OrderRow, Formatter], object]] = {
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
}
"""The columns. The buyer is not among them: nobody controls where a file goes."""


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
    order_filter = read_filter(request.query_params, may_see_buyers=principal_of(request).can_edit)
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
    shown = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    return _FORMULA.sub(lambda match: f"{match[1] or ''}'", shown)


def _json_line(values: list[object]) -> str:
    return json.dumps(dict(zip(_COLUMNS, values, strict=True)), ensure_ascii=False) + "\n"
