"""The console's queries on MongoDB."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from models.commerce_order import CommerceOrder
from models.keys import DEFAULT_STOCK, stock_item_key
from models.order_query import Cursor, OrderQuery, OrderSort
from models.outcome import ImportState
from models.reference_data import Listing, StockedProduct
from models.skus import normalized_sku
from storage.documents.commerce_order import commerce_order_from_document
from storage.documents.reference_data import (
    listing_from_document,
    product_from_document,
    stocked_product,
)
from storage.documents.values import Document, present
from storage.mongo.buyer_data import BuyerVault
from storage.mongo.driver import Database
from storage.mongo.embedded import open_reads
from storage.mongo.errors import translate_errors
from storage.mongo.order_queries import (
    EXPORT_FIELDS,
    ROW_FIELDS,
    OrderReads,
    index_ranges,
    literal_pattern,
    read_rows,
    to_mongo,
)
from storage.mongo.search import search
from storage.mongo.statistics import read_activity
from storage.queries import Activity, OrderRow, QueryTookTooLong, SearchedRows

_BATCH = 500
_NO_ORDER = ("",)
"""The key of no order: a query without keys is for all orders."""
_MOST_SIMILAR_SKUS = 5


class MongoConsoleReader:
    """Queries of the console alone.

    Raises:
        StorageUnavailable: From every method: the database does not answer.
    """

    def __init__(
        self, database: Database, vault: BuyerVault, reads: OrderReads | None = None
    ) -> None:
        """Read by `reads`; without it, in the way that is best for the server."""
        self._database = database
        self._vault = vault
        self._chosen_reads = reads

    async def page(
        self, query: OrderQuery, cursor: Cursor | None, *, at: datetime, forward: bool, limit: int
    ) -> Sequence[OrderRow]:
        """Return orders after a place (or before it), always in the query's own order.

        `at` is the present moment.

        Raises:
            QueryTookTooLong: A condition has no index, and there are too many orders.
        """
        reads = await self._reads()
        query = await self._with_keys(query)
        conditions = to_mongo(query, dates=False)
        orders: list[Document] = []
        for index_range in index_ranges(query, cursor, forward=forward):
            for part in await reads.split(index_range, conditions, at):
                if len(orders) < limit:
                    orders += await reads.read(part, conditions, limit - len(orders))
        rows = await read_rows(self._database, self._vault, orders)
        return rows if forward else rows[::-1]

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
    ) -> SearchedRows:
        """Return orders as `page` does, for conditions that have no index.

        The search ends when enough orders match; or after about so many seconds, if it has checked
        at least so many orders. It always makes progress.

        Raises:
            QueryTookTooLong: Not even a small range could be read in time.
        """
        reads = await self._reads()
        query = await self._with_keys(query)
        is_from_oldest = query.descending != forward
        result = await search(
            partial(reads.read, fields=ROW_FIELDS | {"items.seller_sku": 1}),
            query,
            cursor,
            at=at,
            oldest=await reads.oldest(query.sort, at) if is_from_oldest else None,
            forward=forward,
            limit=limit,
            seconds=seconds,
            at_least=at_least,
        )
        rows = await read_rows(self._database, self._vault, result.documents)
        return SearchedRows(rows if forward else rows[::-1], result.reached)

    async def count(self, query: OrderQuery, at_most: int) -> int | None:
        """Count orders, but no further than `at_most`; None if that takes too long."""
        reads = await self._reads()
        # A count has no order: use the indexes by state, also for orders as received.
        query = replace(await self._with_keys(query), sort=OrderSort.PURCHASED)
        try:
            return await reads.count(to_mongo(query), at_most)
        except QueryTookTooLong:
            return None

    async def stream(self, query: OrderQuery) -> AsyncIterator[OrderRow]:
        """Return all matching orders, one after the other."""
        query = await self._with_keys(query)
        conditions = to_mongo(query, dates=False)
        for part in index_ranges(query, None, forward=True):
            orders = self._database.amazon_orders.find(part.with_filter(conditions), EXPORT_FIELDS)
            batch: list[Document] = []
            with translate_errors():
                async for document in orders.sort(part.sort).batch_size(_BATCH):
                    batch.append(document)
                    if len(batch) == _BATCH:
                        for row in await self._exported(batch):
                            yield row
                        batch = []
            for row in await self._exported(batch):
                yield row

    async def received_since(self, store_id: str | None, after: datetime, at_most: int) -> int:
        """Count orders that were received after a moment, but no further than `at_most`."""
        query = {"received_at": {"$gt": after}, **present(store_id=store_id)}
        with translate_errors():
            return await self._database.amazon_orders.count_documents(query, limit=at_most)

    async def blocked_stores(self, store_ids: Sequence[str]) -> Sequence[str]:
        """Return those of these stores that have blocked orders, in the given order."""
        orders = self._database.amazon_orders
        blocked = {"import.state": ImportState.BLOCKED.value}
        with translate_errors():
            examples = await asyncio.gather(
                *(orders.find_one({"store_id": id_, **blocked}, {"_id": 1}) for id_ in store_ids)
            )
        return [id_ for id_, order in zip(store_ids, examples, strict=True) if order is not None]

    async def activity(self, store_id: str | None, since: datetime, until: datetime) -> Activity:
        """Return what happened in the hours between."""
        return await read_activity(self._database, store_id, since, until)

    async def commerce_order(self, commerce_order_id: str) -> CommerceOrder | None:
        """Return a Commerce order."""
        with translate_errors():
            document = await self._database.commerce_orders.find_one({"_id": commerce_order_id})
        return None if document is None else commerce_order_from_document(document)

    async def products(
        self, skus: Sequence[str], stock_id: str = DEFAULT_STOCK
    ) -> Mapping[str, StockedProduct]:
        """Return the catalog products that exist of these SKUs, with their units in one stock."""
        ids = [stock_item_key(stock_id, sku) for sku in skus]
        with translate_errors():
            cursor = self._database.products.find({"_id": {"$in": list(skus)}, "deleted": False})
            products = map(product_from_document, await cursor.to_list(None))
            items = await self._database.stock_items.find({"_id": {"$in": ids}}).to_list(None)
        item_of = {item["sku"]: item for item in items}
        return {
            product.sku: stocked_product(product, item_of.get(product.sku)) for product in products
        }

    async def skus_like(self, text: str, limit: int) -> Sequence[str]:
        """Return catalog SKUs that begin with a text."""
        query = {"_id": {"$regex": "^" + literal_pattern(text)}, "deleted": False}
        with translate_errors():
            cursor = self._database.products.find(query, {"_id": 1}).sort([("_id", 1)]).limit(limit)
            documents = await cursor.to_list(None)
        return [document["_id"] for document in documents]

    async def similar_skus(self, sku: str) -> Sequence[str]:
        """Return catalog SKUs that differ only by case, blanks or Unicode form."""
        query = {"normalized_sku": normalized_sku(sku), "deleted": False}
        with translate_errors():
            cursor = self._database.products.find(query, {"_id": 1}).limit(_MOST_SIMILAR_SKUS)
            documents = await cursor.to_list(None)
        return sorted(document["_id"] for document in documents if document["_id"] != sku)

    async def listing(self, key: str) -> Listing | None:
        """Return what a `store/seller SKU` is matched to."""
        with translate_errors():
            document = await self._database.listings.find_one({"_id": key})
        return None if document is None else listing_from_document(document)

    async def _exported(self, orders: Sequence[Document]) -> Sequence[OrderRow]:
        return await read_rows(self._database, None, orders, exported=True)

    async def _with_keys(self, query: OrderQuery) -> OrderQuery:
        if query.buyer is None:
            return query
        keys = await self._vault.find_orders(query.buyer)
        if query.keys:
            keys = sorted({*keys} & {*query.keys})
        return replace(query, buyer=None, keys=tuple(keys) or _NO_ORDER)

    async def _reads(self) -> OrderReads:
        if self._chosen_reads is None:
            self._chosen_reads = await open_reads(self._database)
        return self._chosen_reads
