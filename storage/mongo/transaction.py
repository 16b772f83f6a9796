"""One MongoDB transaction, or one snapshot: what a unit of work reads and writes."""

from asyncio import Lock
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pymongo import ReturnDocument
from pymongo.errors import ClientBulkWriteException
from typing_extensions import override

from models.change_set import ChangeSet
from models.checkpoint import Checkpoint
from models.commands import OrderCursor
from models.commerce_order import CommerceOrder
from models.dead_letters import DeadLetter
from models.keys import DEFAULT_STOCK, listing_key, stock_item_key
from models.order_record import CREATED, OrderRecord
from models.reference_data import (
    Catalog,
    Listing,
    Product,
    StockedProduct,
    StockItem,
    Store,
    units_of,
)
from models.skus import normalized_sku, pick_similar
from storage.documents.checkpoint import dead_letter_from_document
from storage.documents.commerce_order import commerce_order_from_document
from storage.documents.order_record import order_from_document
from storage.documents.reference_data import (
    listing_from_document,
    product_from_document,
    stock_item_from_document,
    stocked_product,
    store_from_document,
)
from storage.documents.values import Document
from storage.mongo.bulk_write import operations
from storage.mongo.driver import Client, ClientSession, Database
from storage.mongo.errors import Operation, WriteConflict, bulk_write_cause
from storage.mongo.fact_cache import FactCache
from storage.mongo.replays import MongoReplayQueries
from storage.mongo.session import InSession
from storage.port import Transaction


@dataclass(slots=True)
class Locks:
    """What the transactions of one process share, by stock.

    A lock saves a conflict in the database; a cache keeps what was read under the lock before.
    `stores` are as last read, to guess which stocks to lock.
    """

    locks: defaultdict[str, Lock] = field(default_factory=lambda: defaultdict(Lock))
    caches: dict[str, FactCache] = field(default_factory=dict)
    stores: dict[str, Store] = field(default_factory=dict)


class MongoQueries(InSession):
    """See `storage.port.Transaction` for what each method promises."""

    async def orders_of(self, amazon_order_ids: Collection[str]) -> Mapping[str, OrderRecord]:
        """See the port."""
        query = with_ids(amazon_order_ids, "amazon_order_id")
        documents = await self._find("amazon_orders", query, WITHOUT_HISTORY)
        return {doc["amazon_order_id"]: order_from_document(doc) for doc in documents}

    async def commerce_orders(self, ids: Collection[str]) -> Mapping[str, CommerceOrder]:
        """See the port."""
        documents = await self._find("commerce_orders", with_ids(ids))
        return {doc["_id"]: commerce_order_from_document(doc) for doc in documents}

    async def creation_facts(self, keys: Collection[str]) -> Mapping[str, Mapping[str, Any]]:
        """See the port."""
        fields = {"history.what": 1, "history.facts": 1}
        return {
            doc["_id"]: entry["facts"]
            for doc in await self._find("amazon_orders", with_ids(keys), fields)
            for entry in doc.get("history", ())
            if entry["what"] == CREATED and "facts" in entry
        }

    async def product_versions(self, skus: Collection[str]) -> Mapping[str, Product]:
        """See the port."""
        documents = await self._find("products", with_ids(skus))
        return {doc["_id"]: product_from_document(doc) for doc in documents}

    async def stock_items(self, keys: Collection[str]) -> Mapping[str, StockItem]:
        """See the port."""
        documents = await self._find("stock_items", with_ids(keys))
        return {doc["_id"]: stock_item_from_document(doc) for doc in documents if "as_of" in doc}

    async def _similar_skus(self, missing: Collection[str]) -> Mapping[str, str]:
        """Return, for SKUs that are missing in the catalog, one of its SKUs that looks alike."""
        query = with_ids({normalized_sku(sku) for sku in missing}, "normalized_sku")
        documents = await self._find("products", query, {"deleted": 1})
        return pick_similar(missing, [doc["_id"] for doc in documents if not doc["deleted"]])

    async def facts_depended_on(self, facts: Collection[str]) -> Collection[str]:
        """See the port."""
        if not facts:
            return ()
        depended_on = await self._database.amazon_orders.distinct(
            "import.depends_on",
            {"import.depends_on": {"$in": list(facts)}},
            session=await self.free_session(),
        )
        return set(depended_on) & set(facts)

    async def orders_depending_on(
        self, fact: str, after: OrderCursor | None, limit: int
    ) -> Sequence[OrderRecord]:
        """See the port."""
        return await self._oldest_first({"import.depends_on": fact}, after, limit)

    async def blocked_orders(
        self, store_id: str | None, after: OrderCursor | None, limit: int
    ) -> Sequence[OrderRecord]:
        """See the port."""
        query: Document = {"import.state": "blocked"}
        if store_id is not None:
            query["store_id"] = store_id
        return await self._oldest_first(query, after, limit)

    async def shipped_commerce_orders(
        self, store_id: str | None, limit: int
    ) -> Sequence[CommerceOrder]:
        """See the port."""
        query: Document = {"status": "shipped"}
        if store_id is not None:
            query["store_id"] = store_id
        cursor = self._database.commerce_orders.find(query, session=await self.free_session())
        return [
            commerce_order_from_document(doc) for doc in await cursor.limit(limit).to_list(None)
        ]

    async def pending_reservations(
        self, store_id: str | None, before: datetime, limit: int
    ) -> Sequence[OrderRecord]:
        """See the port."""
        query: Document = {"import.reserves.news_at": {"$lt": before}}
        if store_id is not None:
            query["store_id"] = store_id
        cursor = self._database.amazon_orders.find(
            query, WITHOUT_HISTORY, session=await self.free_session()
        )
        cursor = cursor.sort("import.reserves.news_at", 1).limit(limit)
        return [order_from_document(document) for document in await cursor.to_list(None)]

    async def counted_orders(
        self, skus: Collection[str], stock_id: str = DEFAULT_STOCK
    ) -> Sequence[CommerceOrder]:
        """See the port."""
        if not skus:
            return ()
        query = {
            "reservations.sku": {"$in": list(skus)},
            "may_be_counted": True,
            "stock_id": stock_id,
        }
        return [
            commerce_order_from_document(doc) for doc in await self._find("commerce_orders", query)
        ]

    async def _find(
        self, collection: str, query: Document | None, fields: Document | None = None
    ) -> list[Document]:
        if query is None:
            return []
        cursor = self._database[collection].find(query, fields, session=await self.free_session())
        return await cursor.to_list(None)

    async def _oldest_first(
        self, query: Document, after: OrderCursor | None, limit: int
    ) -> Sequence[OrderRecord]:
        if after is not None:
            date = after.purchase_date
            later: Document = {"$ne": None} if date is None else {"$gt": date}
            same_date = {"purchase_date": date, "_id": {"$gt": after.key}}
            query = {"$and": [query, {"$or": [{"purchase_date": later}, same_date]}]}
        cursor = self._database.amazon_orders.find(
            query, WITHOUT_HISTORY, session=await self.free_session()
        )
        cursor = cursor.sort([("purchase_date", 1), ("_id", 1)]).limit(limit)
        return [order_from_document(document) for document in await cursor.to_list(None)]


class MongoTransaction(MongoQueries, MongoReplayQueries, Transaction):
    """See the port for what each method promises."""

    def __init__(
        self,
        client: Client,
        database: Database,
        session: ClientSession,
        locks: Locks,
        exit_stack: AsyncExitStack,
        stocks: set[str],
    ) -> None:
        super().__init__(database, session)
        self._client = client
        self._locks = locks
        self._exit_stack = exit_stack
        self._stocks = stocks
        self._caches: dict[str, FactCache] = {}
        """The cache of each locked stock."""
        self._versions: dict[str, int] = {}
        self._written: list[ChangeSet] = []

    def committed(self) -> None:
        """Apply the committed writes to the caches."""
        for stock_id, cache in self._caches.items():
            cache.committed(self._versions[stock_id], self._written)

    async def failed(self) -> None:
        """Clear the caches: the transaction is rolled back, or its result is unknown."""
        await self._end_background()
        for cache in self._caches.values():
            cache.forget()

    @override
    async def likely_stores(self) -> Mapping[str, Store]:
        return self._locks.stores

    @override
    async def likely_stocks(self, commerce_order_ids: Collection[str]) -> Collection[str]:
        stocks = {store.stock_id for store in self._locks.stores.values()}
        if len(stocks) < 2 or not commerce_order_ids:  # noqa: PLR2004 - there is no choice
            return stocks
        # Not in this transaction, which begins with the lock.
        orders = self._database.commerce_orders.find(
            with_ids(commerce_order_ids), {"_id": 0, "stock_id": 1}
        )
        return {order["stock_id"] for order in await orders.to_list(None)}

    @override
    async def lock(self, stocks: Collection[str] = (DEFAULT_STOCK,)) -> Mapping[str, int]:
        self._stocks.update(stocks)
        if self._caches:
            if self._stocks - self._caches.keys():
                raise WriteConflict("another stock is needed too")
            return {}
        needed = sorted(self._stocks)
        # Lock in this process first, before the transaction begins in the database: it would
        # conflict with what another processor commits while this one waits.
        for stock in needed:
            await self._exit_stack.enter_async_context(self._locks.locks[stock])
        numbered = {}
        for stock in needed:
            lock = await self._database.locks.find_one_and_update(
                {"_id": stock},
                {"$inc": {"version": 1}},
                upsert=True,
                return_document=ReturnDocument.AFTER,
                session=await self.free_session(),
            )
            if lock is None:
                raise AssertionError("an upsert returns the document")
            cache = self._locks.caches.setdefault(stock, FactCache(stock))
            cache.begin(lock["version"])
            self._caches[stock] = cache
            self._versions[stock] = lock["version"]
            numbered[stock] = lock.get("orders_numbered", 0)
        return numbered

    @override
    async def stores(self) -> Mapping[str, Store]:
        # Who changes a store has the locks of all stocks: any of them keeps the stores true.
        cache = next(iter(self._caches.values()), FactCache())
        if cache.stores is None:
            documents = await self._find("stores", {})
            cache.stores = {doc["_id"]: store_from_document(doc) for doc in documents}
            self._locks.stores = cache.stores
        return cache.stores

    @override
    async def orders(self, keys: Collection[str]) -> Mapping[str, OrderRecord]:
        documents = await self._find("amazon_orders", with_ids(keys), WITHOUT_HISTORY)
        return {doc["_id"]: order_from_document(doc) for doc in documents}

    @override
    async def catalog(
        self, pairs: Collection[tuple[str, str]], stock_id: str = DEFAULT_STOCK
    ) -> Catalog:
        cache = self._caches.get(stock_id) or FactCache()
        listings = await self._listings({listing_key(*pair) for pair in pairs}, cache)
        matches = {key: listing.match for key, listing in listings.items()}
        all_matched = {matches.get(listing_key(*pair), pair[1]) for pair in pairs}
        skus = {sku for match in all_matched for sku, _ in units_of(match)}
        products = await self.products(skus, stock_id)
        return Catalog(matches, products, await self._similar_skus(skus - products.keys()))

    @override
    async def products(
        self, skus: Collection[str], stock_id: str = DEFAULT_STOCK
    ) -> Mapping[str, StockedProduct]:
        cache = self._caches.get(stock_id) or FactCache()
        cached = cache.products
        missing = [sku for sku in skus if sku not in cached]
        documents = await self._find("products", with_ids(missing))
        cached |= dict.fromkeys(missing)
        existing = {
            doc["_id"]: product_from_document(doc) for doc in documents if not doc["deleted"]
        }
        items = await self._find(
            "stock_items", with_ids([stock_item_key(stock_id, sku) for sku in existing])
        )
        item_of = {item["sku"]: item for item in items}
        cached |= {
            sku: stocked_product(product, item_of.get(sku)) for sku, product in existing.items()
        }
        return {sku: product for sku in skus if (product := cached[sku]) is not None}

    @override
    async def listings(self, keys: Collection[str]) -> Mapping[str, Listing]:
        # A listing is kept with the stock of its store.
        only = next(iter(self._caches.values())) if len(self._caches) == 1 else FactCache()
        return await self._listings(keys, only)

    async def _listings(self, keys: Collection[str], cache: FactCache) -> Mapping[str, Listing]:
        cached = cache.listings
        missing = [key for key in keys if key not in cached]
        documents = await self._find("listings", with_ids(missing))
        cached |= dict.fromkeys(missing)
        cached |= {doc["_id"]: listing_from_document(doc) for doc in documents}
        return {key: listing for key in keys if (listing := cached[key]) is not None}

    @override
    async def details_of(self, amazon_order_ids: Collection[str]) -> Sequence[DeadLetter]:
        # Details that come early are stored under the locks of all stocks.
        cache = next(iter(self._caches.values()), FactCache())
        if cache.has_early_details is None:
            dead_letters = self._database.dead_letters
            query = {"details_of": {"$exists": True}}
            example = await dead_letters.find_one(
                query, {"_id": 1}, session=await self.free_session()
            )
            cache.has_early_details = example is not None
        if not cache.has_early_details:
            return ()
        documents = await self._find("dead_letters", with_ids(amazon_order_ids, "details_of"))
        return [dead_letter_from_document(document) for document in documents]

    @override
    async def write_ahead(self, changes: ChangeSet) -> None:
        batch = await self._to_operations(changes)
        await self._in_background(self._write(batch, await self.free_session()))

    @override
    async def write(
        self, changes: ChangeSet, moves: Sequence[tuple[Checkpoint, Checkpoint]] = ()
    ) -> None:
        batch = await self._to_operations(changes, moves)
        await self._write(batch, await self.free_session())

    async def _to_operations(
        self, changes: ChangeSet, moves: Sequence[tuple[Checkpoint, Checkpoint]] = ()
    ) -> list[Operation]:
        histories = await self._take_moved(changes)
        self._written.append(changes)
        return operations(changes, moves, self._database.name, histories, self._is_counted)

    def _is_counted(self, stock_id: str, sku: str) -> bool:
        """Return whether a product surely has a document in a stock."""
        if stock_id == DEFAULT_STOCK:
            return True
        cache = self._caches.get(stock_id)
        product = None if cache is None else cache.products.get(sku)
        return product is not None and product.counted_at is not None

    async def _write(self, batch: list[Operation], session: ClientSession) -> None:
        if not batch:
            return
        if not self._caches:
            # The first command of a transaction has a read concern, and the embedded database
            # refuses one on a bulk write. After a lock, another command was the first.
            await self._database.checkpoints.find_one({"_id": ""}, session=session)
        try:
            await self._client.bulk_write(batch, ordered=False, session=session)
        except ClientBulkWriteException as error:
            raise bulk_write_cause(error, batch) from None

    async def _take_moved(self, changes: ChangeSet) -> dict[str, list[Document]]:
        """Delete the orders that move to another store, and return their histories by key.

        Each is deleted before its successor is inserted: the index allows one order of an Amazon
        id.
        """
        histories: dict[str, list[Document]] = {}
        for change in changes.orders:
            if change.moved_from is not None:
                moved = await self._database.amazon_orders.find_one_and_delete(
                    {"_id": change.moved_from}, {"history": 1}, session=await self.free_session()
                )
                if moved is None:
                    raise WriteConflict("an order has moved to another store")
                histories[change.record.key] = moved["history"]
        return histories


WITHOUT_HISTORY = {"history": 0}


def with_ids(ids: Collection[str], field: str = "_id") -> Document | None:
    """Return the query for documents of these ids; None if there are no ids."""
    return {field: {"$in": list(ids)}} if ids else None
