"""One MongoDB transaction, or one snapshot: its locks, what is cached under them, its writes."""

from asyncio import Lock
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from pymongo import ReturnDocument
from pymongo.errors import ClientBulkWriteException
from typing_extensions import override

from models.change_set import ChangeSet
from models.checkpoint import Checkpoint
from models.dead_letters import DeadLetter
from models.keys import DEFAULT_STOCK, listing_key, stock_item_key
from models.order_record import OrderRecord
from models.reference_data import (
    Catalog,
    Listing,
    StockedProduct,
    Store,
    units_of,
)
from storage.documents.buyer_data import dead_letter_data_id
from storage.documents.checkpoint import dead_letter_from_document
from storage.documents.reference_data import (
    listing_from_document,
    product_from_document,
    stocked_product,
    store_from_document,
)
from storage.documents.values import Document
from storage.mongo.bulk_write import operations
from storage.mongo.buyer_data import BuyerVault
from storage.mongo.driver import Client, ClientSession, Database
from storage.mongo.errors import LeftoverBuyer, Operation, WriteConflict, bulk_write_cause
from storage.mongo.fact_cache import FactCache
from storage.mongo.reads import WITHOUT_HISTORY, MongoQueries, with_ids
from storage.mongo.replays import MongoReplayQueries
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


@dataclass(slots=True)
class Learned:
    """What the attempts of one transaction have learned: the stocks it needs, and leftover buyers.

    With `has_leftovers`, buyer data of new orders may exist, and is replaced.
    """

    stocks: set[str] = field(default_factory=set)
    has_leftovers: bool = False


class MongoTransaction(MongoQueries, MongoReplayQueries, Transaction):
    """See the port for what each method promises."""

    def __init__(
        self,
        client: Client,
        database: Database,
        session: ClientSession,
        vault: BuyerVault,
        locks: Locks,
        exit_stack: AsyncExitStack,
        learned: Learned,
    ) -> None:
        super().__init__(database, session, vault)
        self._client = client
        self._locks = locks
        self._exit_stack = exit_stack
        self._learned = learned
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
        self._learned.stocks.update(stocks)
        if self._caches:
            if self._learned.stocks - self._caches.keys():
                raise WriteConflict("another stock is needed too")
            return {}
        needed = sorted(self._learned.stocks)
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
        return {record.key: record for record in await self._records(documents)}

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
        ids = [dead_letter_data_id(document["_id"]) for document in documents]
        contents = await self._vault.contents(ids, await self.free_session())
        return [
            dead_letter_from_document(document, content.fields)
            for document in documents
            if (content := contents.get(dead_letter_data_id(document["_id"]))) is not None
        ]

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
        return operations(
            changes,
            moves,
            self._database.name,
            histories,
            self._vault.keys,
            self._data_keys,
            self._is_counted,
            has_leftovers=self._learned.has_leftovers,
        )

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
            cause = bulk_write_cause(error, batch)
            self._learned.has_leftovers |= isinstance(cause, LeftoverBuyer)
            raise cause from None

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
