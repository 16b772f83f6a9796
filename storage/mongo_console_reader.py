"""The console's questions on MongoDB."""

import re
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from pymongo.errors import ExecutionTimeout
from typing_extensions import override

from models.facts import Listing
from models.records import CommerceOrder, StockedProduct
from storage.commerce_documents import commerce_order_out
from storage.console_activity import activity_of
from storage.console_queries import ROW_FIELDS, filter_of, row_out, stretches
from storage.console_reader import (
    Activity,
    ConsoleReader,
    Cursor,
    OrderQuery,
    OrderRow,
    QueryTookTooLong,
)
from storage.fact_documents import listing_out, product_out
from storage.mongo import translated
from storage.values import Document

_PATIENCE_MS = 3_000
_COUNT_PATIENCE_MS = 800
_BATCH = 500


class MongoConsoleReader(ConsoleReader):
    """See the protocol for what each method gives."""

    def __init__(self, database: Any) -> None:
        self._database = database

    @override
    async def page(
        self, query: OrderQuery, cursor: Cursor | None, *, forward: bool, limit: int
    ) -> Sequence[OrderRow]:
        filtered = filter_of(query)
        found: list[Document] = []
        for stretch in stretches(query, cursor, forward=forward):
            if len(found) == limit:
                break
            wanted = {"$and": [filtered, stretch.condition]} if filtered else stretch.condition
            asked = self._database.amazon_orders.find(wanted, ROW_FIELDS)
            asked = asked.sort(stretch.sort).limit(limit - len(found)).max_time_ms(_PATIENCE_MS)
            with _patiently():
                found += await asked.to_list(None)
        rows = await self._rows(found)
        return rows if forward else rows[::-1]

    @override
    async def count(self, query: OrderQuery, at_most: int) -> int | None:
        parts = [filter_of(query), *_purchased(query)]
        wanted = {"$and": [part for part in parts if part]} if any(parts) else {}
        try:
            with _patiently():
                counted: int = await self._database.amazon_orders.count_documents(
                    wanted, limit=at_most, maxTimeMS=_COUNT_PATIENCE_MS
                )
                return counted
        except QueryTookTooLong:
            return None

    @override
    async def stream(self, query: OrderQuery) -> AsyncIterator[OrderRow]:
        filtered = filter_of(query)
        for stretch in stretches(query, None, forward=True):
            wanted = {"$and": [filtered, stretch.condition]} if filtered else stretch.condition
            asked = self._database.amazon_orders.find(wanted, ROW_FIELDS).sort(stretch.sort)
            batch: list[Document] = []
            with translated():
                async for document in asked.batch_size(_BATCH):
                    batch.append(document)
                    if len(batch) == _BATCH:
                        for row in await self._rows(batch):
                            yield row
                        batch = []
            for row in await self._rows(batch):
                yield row

    @override
    async def received_since(self, store_id: str | None, after: datetime, at_most: int) -> int:
        wanted: Document = {"received_at": {"$gt": after}}
        if store_id is not None:
            wanted["store_id"] = store_id
        with translated():
            counted: int = await self._database.amazon_orders.count_documents(wanted, limit=at_most)
            return counted

    @override
    async def activity(self, store_id: str | None, since: datetime, until: datetime) -> Activity:
        return await activity_of(self._database, store_id, since, until)

    @override
    async def commerce_order(self, commerce_order_id: str) -> CommerceOrder | None:
        with translated():
            found = await self._database.commerce_orders.find_one({"_id": commerce_order_id})
        return None if found is None else commerce_order_out(found)

    @override
    async def products(self, skus: Sequence[str]) -> Mapping[str, StockedProduct]:
        with translated():
            found = await self._database.products.find(
                {"_id": {"$in": list(skus)}, "deleted": False}
            ).to_list(None)
        return {document["_id"]: product_out(document) for document in found}

    @override
    async def skus_like(self, text: str, limit: int) -> Sequence[str]:
        wanted = {"_id": {"$regex": "^" + re.escape(text)}, "deleted": False}
        with translated():
            found = await (
                self._database.products.find(wanted, {"_id": 1})
                .sort([("_id", 1)])
                .limit(limit)
                .to_list(None)
            )
        return [document["_id"] for document in found]

    @override
    async def listing(self, key: str) -> Listing | None:
        with translated():
            found = await self._database.listings.find_one({"_id": key})
        return None if found is None else listing_out(found)

    async def _rows(self, found: Sequence[Document]) -> list[OrderRow]:
        ids = [one for document in found if (one := document["import"].get("commerce_order_id"))]
        with translated():
            made = (
                await self._database.commerce_orders.find(
                    {"_id": {"$in": ids}}, {"order_number": 1, "status": 1}
                ).to_list(None)
                if ids
                else []
            )
        orders = {document["_id"]: document for document in made}
        return [row_out(document, orders) for document in found]


@contextmanager
def _patiently() -> Iterator[None]:
    with translated():
        try:
            yield
        except ExecutionTimeout as error:
            raise QueryTookTooLong from error


def _purchased(query: OrderQuery) -> Iterable[Document]:
    bounds: Document = {}
    if query.purchased_from is not None:
        bounds["$gte"] = query.purchased_from
    if query.purchased_to is not None:
        bounds["$lt"] = query.purchased_to
    return [{"purchase_date": bounds}] if bounds else []
