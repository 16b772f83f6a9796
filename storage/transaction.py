"""One MongoDB transaction behind the port."""

from asyncio import Lock
from collections.abc import Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from pymongo import ReturnDocument, UpdateOne
from pymongo.errors import ClientBulkWriteException
from typing_extensions import override

from models import keys
from models.catalog import Catalog
from models.errors import PositionLost
from models.facts import Listing, Store
from models.ledger import Changes, DeadLetter, Position
from models.records import OrderRecord, StockedProduct
from storage.fact_documents import listing_out, product_out, store_out
from storage.ledger_documents import dead_letter_out
from storage.mongo_errors import WriteConflict, inside
from storage.mongo_queries import NO_STORY, MongoQueries, among
from storage.mongo_replays import MongoReplayQueries
from storage.order_documents import order_out, version_in
from storage.port import Transaction, Turn
from storage.turn_cache import Handover, TurnCache
from storage.values import Document
from storage.writes import operations

_CHANGED = "an order that was handed over is another one in the database"


@dataclass(frozen=True, slots=True)
class Turns:
    """What the transactions of one process share.

    The locks save a conflict in the database; the caches what was read in a turn before.
    """

    locks: Mapping[Turn, Lock] = field(default_factory=lambda: {turn: Lock() for turn in Turn})
    caches: Mapping[Turn, TurnCache] = field(
        default_factory=lambda: {turn: TurnCache() for turn in Turn}
    )
    handover: Handover = field(default_factory=Handover)


class MongoTransaction(MongoQueries, MongoReplayQueries, Transaction):
    """See the port for what each method promises."""

    def __init__(
        self,
        client: Any,
        database: Any,
        session: Any,
        turns: Turns,
        held_turns: AsyncExitStack,
        taken_before: set[Turn] | None = None,
    ) -> None:
        self._client = client
        self._database = database
        self._session = session
        self._turns = turns
        self._held_turns = held_turns
        self._taken_before = set() if taken_before is None else taken_before
        self._numbered: dict[Turn, int] = {}
        self._caches: dict[Turn, TurnCache] = {}
        self._taken: dict[Turn, int] = {}
        self._written: list[Changes] = []
        self._handed_over: dict[str, OrderRecord] = {}

    def committed(self) -> None:
        """Remember what this transaction, which is committed, wrote."""
        for turn, cache in self._caches.items():
            cache.committed(self._taken[turn], self._written)
        self._turns.handover.put(self._written)

    def failed(self) -> None:
        """Forget what this transaction, of which it is not known whether it took place, read."""
        for cache in self._caches.values():
            cache.forget()

    @override
    async def take_turn(self, turn: Turn) -> int:
        self._taken_before.add(turn)
        new = [one for one in Turn if one in self._taken_before and one not in self._numbered]
        # All locks before the first word to the database: what another lane commits while this
        # one waits for a lock would be a conflict for a transaction that has begun.
        for one in new:
            await self._held_turns.enter_async_context(self._turns.locks[one])
        for one in new:
            self._numbered[one] = await self._win_turn(one)
        return self._numbered[turn]

    async def _win_turn(self, turn: Turn) -> int:
        document = await self._database.turns.find_one_and_update(
            {"_id": turn.value},
            {"$inc": {"taken": 1}},
            upsert=True,
            return_document=ReturnDocument.AFTER,
            session=self._session,
        )
        self._caches[turn], self._taken[turn] = self._turns.caches[turn], document["taken"]
        self._caches[turn].begin(document["taken"])
        number: int = document.get("orders_numbered", 0)
        return number

    @override
    async def stores(self) -> Mapping[str, Store]:
        caches = [self._caches[turn] for turn in (Turn.POLICY, Turn.STOCK) if turn in self._caches]
        for cache in caches:
            if cache.stores is not None:
                return cache.stores
        stores = {found["_id"]: store_out(found) for found in await self._find("stores", {})}
        for cache in caches:
            cache.stores = stores
        return stores

    @override
    async def orders(self, wanted: Collection[str]) -> Mapping[str, OrderRecord]:
        found = await self._find("amazon_orders", among(wanted), NO_STORY)
        return {document["_id"]: order_out(document) for document in found}

    @override
    async def admitted_orders(self, wanted: Collection[str]) -> Mapping[str, OrderRecord]:
        # What another process made of them since is met by the write.
        handed_over = self._turns.handover.take(wanted)
        self._handed_over |= handed_over
        return handed_over | dict(await self.orders(set(wanted) - handed_over.keys()))

    @override
    async def catalog(self, wanted: Collection[tuple[str, str]]) -> Catalog:
        listings = await self.listings({keys.listing_key(*pair) for pair in wanted})
        matches = {key: listing.sku for key, listing in listings.items()}
        skus = {matches.get(keys.listing_key(*pair), pair[1]) for pair in wanted}
        products = await self.products(skus)
        return Catalog(matches, products, await self._similar_skus(skus - products.keys()))

    @override
    async def products(self, skus: Collection[str]) -> Mapping[str, StockedProduct]:
        cache = self._caches.get(Turn.STOCK)
        known: dict[str, StockedProduct | None] = {} if cache is None else cache.products
        missing = [sku for sku in skus if sku not in known]
        found = await self._find("products", among(missing))
        known |= dict.fromkeys(missing)
        known |= {doc["_id"]: product_out(doc) for doc in found if not doc["deleted"]}
        return {sku: product for sku in skus if (product := known[sku]) is not None}

    @override
    async def listings(self, wanted: Collection[str]) -> Mapping[str, Listing]:
        cache = self._caches.get(Turn.STOCK)
        known: dict[str, Listing | None] = {} if cache is None else cache.listings
        missing = [key for key in wanted if key not in known]
        found = await self._find("listings", among(missing))
        known |= dict.fromkeys(missing)
        known |= {document["_id"]: listing_out(document) for document in found}
        return {key: listing for key in wanted if (listing := known[key]) is not None}

    @override
    async def details_of(self, amazon_order_ids: Collection[str]) -> Sequence[DeadLetter]:
        cache = self._caches.get(Turn.POLICY)
        if cache is not None and cache.details_wait is None:
            waiting = self._database.dead_letters.find_one
            one = await waiting(
                {"details_of": {"$exists": True}}, {"_id": 1}, session=self._session
            )
            cache.details_wait = one is not None
        if not amazon_order_ids or (cache is not None and not cache.details_wait):
            return ()
        query = {"details_of": {"$in": list(amazon_order_ids)}}
        return [dead_letter_out(document) for document in await self._find("dead_letters", query)]

    @override
    async def write(
        self, changes: Changes, moves: Sequence[tuple[Position, Position]] = ()
    ) -> None:
        expected = {key: version_in(record) for key, record in self._handed_over.items()}
        stories = await self._take_moved(changes)
        batch = operations(changes, moves, self._database.name, expected, stories)
        self._written.append(changes)
        if not batch:
            return
        if not self._numbered:
            # The first command of a transaction has a read concern, and SecantusDB takes a bulk
            # write with none. Whoever has taken a turn has asked before.
            await self._database.positions.find_one({"_id": ""}, session=self._session)
        try:
            done = await self._client.bulk_write(batch, ordered=False, session=self._session)
        except ClientBulkWriteException as error:
            found = inside(error, batch)
            if expected and isinstance(found, PositionLost):
                # One of them may have its Commerce order already. Whose position is lost in truth
                # meets the same again when all is read.
                raise WriteConflict(_CHANGED) from None
            raise found from None
        updates = sum(isinstance(one, UpdateOne) for one in batch)
        if expected and done.matched_count + done.upserted_count < updates:
            raise WriteConflict(_CHANGED)

    async def _take_moved(self, changes: Changes) -> dict[str, list[Document]]:
        """Delete the orders that move to another store, and return their stories by their keys.

        Each goes before its successor comes: the index takes one order of an Amazon id.
        """
        stories: dict[str, list[Document]] = {}
        for change in changes.orders:
            if change.moved_from is not None:
                moved = await self._database.amazon_orders.find_one_and_delete(
                    {"_id": change.moved_from}, {"story": 1}, session=self._session
                )
                if moved is None:
                    raise WriteConflict("an order has moved to another store")
                stories[change.record.key] = moved["story"]
        return stories
