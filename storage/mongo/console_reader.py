"""The console's questions on MongoDB."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from typing_extensions import override

from models.commerce_order import CommerceOrder
from models.order_query import Cursor, OrderQuery, OrderSort
from models.outcome import ImportState
from models.reference_data import Listing, StockedProduct
from models.skus import normalized_sku
from storage.documents.commerce_order import commerce_order_from_document
from storage.documents.reference_data import listing_from_document, product_from_document
from storage.documents.values import Document
from storage.mongo.errors import translated
from storage.mongo.order_queries import (
    BEGINNING,
    FIELD,
    ROW_FIELDS,
    Stretch,
    by_state,
    filter_of,
    literal,
    merged,
    patiently,
    purchased,
    rows_of,
    states_of,
    stretches,
)
from storage.mongo.paging import beginning_of, indexed_of, look_through, ranked_of, windows
from storage.mongo.statistics import activity_of
from storage.queries import (
    Activity,
    ConsoleReader,
    Found,
    OrderRow,
    QueryTookTooLong,
    Ranked,
    TooManyToSort,
)

_PATIENCE_MS = 3_000
_COUNT_PATIENCE_MS = 800
_BATCH = 500
_LOOKED_AT = {**ROW_FIELDS, "items.seller_sku": 1}


class MongoConsoleFacts:
    """See `ConsoleReader` for what each method gives."""

    def __init__(self, database: Any) -> None:
        self._database = database

    async def commerce_order(self, commerce_order_id: str) -> CommerceOrder | None:
        """Give a Commerce order."""
        with translated():
            found = await self._database.commerce_orders.find_one({"_id": commerce_order_id})
        return None if found is None else commerce_order_from_document(found)

    async def products(self, skus: Sequence[str]) -> Mapping[str, StockedProduct]:
        """Give the catalog products that exist of these SKUs."""
        with translated():
            found = await self._database.products.find(
                {"_id": {"$in": list(skus)}, "deleted": False}
            ).to_list(None)
        return {document["_id"]: product_from_document(document) for document in found}

    async def skus_like(self, text: str, limit: int) -> Sequence[str]:
        """Give catalog SKUs that begin with a text."""
        wanted = {"_id": {"$regex": "^" + literal(text)}, "deleted": False}
        with translated():
            found = await (
                self._database.products.find(wanted, {"_id": 1})
                .sort([("_id", 1)])
                .limit(limit)
                .to_list(None)
            )
        return [document["_id"] for document in found]

    async def similar_skus(self, sku: str) -> Sequence[str]:
        """Return catalog SKUs that look alike."""
        wanted = {"normalized_sku": normalized_sku(sku), "deleted": False}
        with translated():
            cursor = self._database.products.find(wanted, {"_id": 1}).limit(_MOST)
            found = await cursor.to_list(None)
        return sorted(document["_id"] for document in found if document["_id"] != sku)

    async def listing(self, key: str) -> Listing | None:
        """Give what a `store/seller SKU` is matched to."""
        with translated():
            found = await self._database.listings.find_one({"_id": key})
        return None if found is None else listing_from_document(found)


class MongoConsoleReader(MongoConsoleFacts, ConsoleReader):
    """See the protocol for what each method gives."""

    def __init__(self, database: Any) -> None:
        super().__init__(database)
        self._oldest: dict[OrderSort, datetime] = {}

    @override
    async def page(
        self, query: OrderQuery, cursor: Cursor | None, *, at: datetime, forward: bool, limit: int
    ) -> Sequence[OrderRow]:
        filtered = filter_of(query)
        found: list[Document] = []
        for stretch in stretches(query, cursor, forward=forward):
            # What a reason or a SKU finds is found by it: pieces of time would each cost as much.
            whole = any(one is not None for one in (query.reason, query.sku, query.overdue_since))
            for window in [stretch] if whole else await self._windows(stretch, query.sort, at):
                if len(found) == limit:
                    break
                found += await self._window(
                    window, [filtered | one for one in by_state(query)], limit - len(found)
                )
        rows = await rows_of(self._database, found)
        return rows if forward else rows[::-1]

    @override
    async def ranked(
        self,
        query: OrderQuery,
        cursor: Cursor | None,
        *,
        forward: bool,
        limit: int,
        at_most: int,
    ) -> Ranked:
        dates = {"purchase_date": of} if (of := purchased(query)) else {}
        wanted = Stretch(dates, [("purchase_date", 1), ("_id", 1)])
        found = await self._window(wanted, indexed_of(query), at_most + 1, _LOOKED_AT)
        if len(found) > at_most:
            raise TooManyToSort
        documents, count = ranked_of(found, query, cursor, forward=forward, limit=limit)
        return Ranked(await rows_of(self._database, documents), count)

    @override
    async def search(
        self,
        query: OrderQuery,
        cursor: Cursor | None,
        *,
        at: datetime,
        forward: bool,
        limit: int,
        seconds: float,
        at_least: int = 200,
    ) -> Found:
        fields = ROW_FIELDS if query.sku is None else _LOOKED_AT
        looked = await look_through(
            partial(self._window, fields=fields),
            query,
            cursor,
            at=at,
            oldest=None if query.descending == forward else await self._oldest_of(query.sort, at),
            forward=forward,
            limit=limit,
            seconds=seconds,
            at_least=at_least,
        )
        rows = await rows_of(self._database, looked.documents)
        return Found(rows if forward else rows[::-1], looked.reached)

    @override
    async def count(self, query: OrderQuery, at_most: int) -> int | None:
        # State by state, as their index has them.
        wanted = filter_of(query)
        if bounds := purchased(query):
            wanted["purchase_date"] = bounds
        try:
            async with patiently(_COUNT_PATIENCE_MS):
                counted: list[int] = await asyncio.gather(
                    *(
                        self._database.amazon_orders.count_documents(
                            wanted | one, limit=at_most, maxTimeMS=_COUNT_PATIENCE_MS
                        )
                        for one in by_state(replace(query, sort=OrderSort.PURCHASED))
                    )
                )
                return min(sum(counted), at_most)
        except QueryTookTooLong:
            return None

    @override
    async def stream(self, query: OrderQuery) -> AsyncIterator[OrderRow]:
        if not query.sort.has_index:
            query = replace(query, sort=OrderSort.PURCHASED, descending=True)
        # The states are always asked for: the indexes begin with them, and are merged.
        filtered = filter_of(query) | {"import.state": {"$in": states_of(query)}}
        for stretch in stretches(query, None, forward=True):
            wanted = stretch.within(filtered)
            asked = self._database.amazon_orders.find(wanted, ROW_FIELDS).sort(stretch.sort)
            batch: list[Document] = []
            with translated():
                async for document in asked.batch_size(_BATCH):
                    batch.append(document)
                    if len(batch) == _BATCH:
                        for row in await rows_of(self._database, batch):
                            yield row
                        batch = []
            for row in await rows_of(self._database, batch):
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
    async def blocked_stores(self, store_ids: Sequence[str]) -> Sequence[str]:
        blocked = {"import.state": ImportState.BLOCKED.value}
        with translated():
            found = await asyncio.gather(
                *(
                    self._database.amazon_orders.find_one({"store_id": one, **blocked}, {"_id": 1})
                    for one in store_ids
                )
            )
        return [one for one, order in zip(store_ids, found, strict=True) if order is not None]

    @override
    async def activity(self, store_id: str | None, since: datetime, until: datetime) -> Activity:
        return await activity_of(self._database, store_id, since, until)

    async def _windows(self, stretch: Stretch, sort: OrderSort, at: datetime) -> list[Stretch]:
        oldest = None if stretch.sort[0][1] < 0 else await self._oldest_of(sort, at)
        return windows(stretch, sort, at, oldest)

    async def _oldest_of(self, sort: OrderSort, at: datetime) -> datetime:
        found = self._oldest.get(sort)
        if found is None:
            field = FIELD[sort]

            async def is_empty_before(moment: datetime) -> bool:
                states = [{}] if sort is OrderSort.RECEIVED else by_state(OrderQuery())
                for state in states:
                    wanted = state | {field: {"$gte": BEGINNING, "$lt": moment}}
                    if await self._database.amazon_orders.find_one(wanted, {"_id": 1}):
                        return False
                return True

            with translated():
                found = self._oldest[sort] = await beginning_of(at, is_empty_before)
        return found

    async def _window(
        self,
        window: Stretch,
        filters: Sequence[Document],
        limit: int,
        fields: Document = ROW_FIELDS,
    ) -> Sequence[Document]:
        async with patiently(_PATIENCE_MS):
            found = await asyncio.gather(
                *(
                    self._database.amazon_orders.find(window.within(one), fields)
                    .sort(window.sort)
                    .limit(limit)
                    .max_time_ms(_PATIENCE_MS)
                    .to_list(None)
                    for one in filters
                )
            )
        return merged(list(found), window.sort, limit)


_MOST = 5
"""How many SKUs that look alike are offered."""
