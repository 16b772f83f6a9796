"""What the console's questions share: rows of orders, and patience with a server."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from pymongo.errors import ExecutionTimeout

from storage.console_reader import OrderRow, QueryTookTooLong
from storage.mongo_errors import translated
from storage.order_lines import commerce_of, line_out
from storage.values import Document


async def rows_of(database: Any, found: Sequence[Document]) -> list[OrderRow]:
    """Give orders as rows, each with its Commerce order."""
    with translated():
        made = await commerce_of(database, found)
    return [row_out(document, made) for document in found]


def row_out(document: Document, commerce_orders: Mapping[str, Document]) -> OrderRow:
    """Give an order's row; its Commerce order is found by its id."""
    imported = document["import"]
    named = [one["sku"] for one in imported["reasons"] if isinstance(one, dict) and one.get("sku")]
    return OrderRow(
        line=line_out(document, commerce_orders),
        buyer_name=(document.get("buyer") or {}).get("name"),
        skus=tuple(dict.fromkeys(named)),
        since=imported.get("since"),
        decided_at=imported["decided_at"],
        received_at=document["received_at"],
        latest_ship_date=document.get("latest_ship_date"),
    )


@asynccontextmanager
async def patiently(milliseconds: int) -> AsyncIterator[None]:
    """Wait no longer than that. The server is told so too, but not every one listens."""
    with translated():
        try:
            async with asyncio.timeout(1.5 * milliseconds / 1000):
                yield
        except (ExecutionTimeout, TimeoutError) as error:
            raise QueryTookTooLong from error
