"""One transaction in memory: a draft of the contents."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from typing_extensions import override

from models import keys
from models.change_set import ChangeSet, OrderWrite
from models.checkpoint import Checkpoint
from models.commands import ALL_STORES, OrderCursor
from models.commerce_order import CommerceOrder
from models.dead_letters import DeadLetter
from models.errors import DuplicateKey, Fenced
from models.keys import DEFAULT_STOCK
from models.order_record import CREATED, OrderRecord
from models.outcome import Blocked
from models.reference_data import (
    Catalog,
    CommerceStatus,
    Listing,
    Product,
    StockedProduct,
    StockItem,
    Store,
    units_of,
)
from models.replay import RecordedAnswers, Replay, Selection, part_id
from models.skus import pick_similar
from storage.mongo.bulk_write import HISTORY_LENGTH
from storage.port import R, Transaction
from tests.fakes.memory_contents import Contents, KeptStockItem
from tests.fakes.memory_replays import select

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def is_same_version(one: Checkpoint, other: Checkpoint) -> bool:
    """Say whether two checkpoints are of the same owner and transaction."""
    return (one.epoch, one.version) == (other.epoch, other.version)


class MemoryTransaction(Transaction):
    """See the port for what each method promises."""

    def __init__(self, draft: Contents) -> None:
        self._draft = draft

    @override
    async def likely_stores(self) -> Mapping[str, Store]:
        return self._draft.stores

    @override
    async def likely_stocks(self, commerce_order_ids: Collection[str]) -> Collection[str]:
        orders = await self.commerce_orders(commerce_order_ids)
        return {order.stock_id for order in orders.values()}

    @override
    async def lock(self, stocks: Collection[str] = (DEFAULT_STOCK,)) -> Mapping[str, int]:
        return {stock_id: self._draft.numbered[stock_id] for stock_id in stocks}

    @override
    async def stores(self) -> Mapping[str, Store]:
        return dict(self._draft.stores)

    @override
    async def orders(self, keys: Collection[str]) -> Mapping[str, OrderRecord]:
        return {key: self._draft.orders[key] for key in keys if key in self._draft.orders}

    @override
    async def orders_of(self, amazon_order_ids: Collection[str]) -> Mapping[str, OrderRecord]:
        return {
            record.order.amazon_order_id: record
            for record in self._draft.orders.values()
            if record.order.amazon_order_id in amazon_order_ids
        }

    @override
    async def commerce_orders(self, ids: Collection[str]) -> Mapping[str, CommerceOrder]:
        return {one: order for one, order in self._draft.commerce_orders.items() if one in ids}

    @override
    async def creation_facts(self, keys: Collection[str]) -> Mapping[str, Mapping[str, Any]]:
        return {
            key: entry.facts
            for key in keys
            for entry in self._draft.histories.get(key, ())
            if entry.what == CREATED and entry.facts
        }

    @override
    async def catalog(
        self, pairs: Collection[tuple[str, str]], stock_id: str = DEFAULT_STOCK
    ) -> Catalog:
        listings = await self.listings({keys.listing_key(*pair) for pair in pairs})
        matches = {key: listing.match for key, listing in listings.items()}
        found = {matches.get(keys.listing_key(*pair), pair[1]) for pair in pairs}
        skus = {sku for match in found for sku, _ in units_of(match)}
        products = await self.products(skus, stock_id)
        there = self._draft.products.keys() - self._draft.deleted.keys()
        return Catalog(matches, products, pick_similar(skus - products.keys(), there))

    @override
    async def products(
        self, skus: Collection[str], stock_id: str = DEFAULT_STOCK
    ) -> Mapping[str, StockedProduct]:
        there = self._draft.products.keys() - self._draft.deleted.keys()
        return {sku: self._draft.stocked(sku, stock_id) for sku in skus if sku in there}

    @override
    async def product_versions(self, skus: Collection[str]) -> Mapping[str, Product]:
        return {sku: self._draft.products[sku] for sku in skus if sku in self._draft.products}

    @override
    async def stock_items(self, keys: Collection[str]) -> Mapping[str, StockItem]:
        stored = self._draft.stock_items
        return {
            key: item for key in keys if key in stored and (item := stored[key].item) is not None
        }

    @override
    async def listings(self, keys: Collection[str]) -> Mapping[str, Listing]:
        return {key: self._draft.listings[key] for key in keys if key in self._draft.listings}

    @override
    async def facts_depended_on(self, facts: Collection[str]) -> Collection[str]:
        waited = {fact for record in self._draft.orders.values() for fact in record.depends_on}
        return waited & set(facts)

    @override
    async def orders_depending_on(
        self, fact: str, after: OrderCursor | None, limit: int
    ) -> Sequence[OrderRecord]:
        waiting = [one for one in self._draft.orders.values() if fact in one.depends_on]
        return _oldest_first(waiting, after, limit)

    @override
    async def blocked_orders(
        self, store_id: str | None, after: OrderCursor | None, limit: int
    ) -> Sequence[OrderRecord]:
        blocked = [
            one
            for one in self._draft.orders.values()
            if isinstance(one.outcome, Blocked) and store_id in {None, one.store_id}
        ]
        return _oldest_first(blocked, after, limit)

    @override
    async def shipped_commerce_orders(
        self, store_id: str | None, limit: int
    ) -> Sequence[CommerceOrder]:
        return [
            order
            for order in self._draft.commerce_orders.values()
            if order.status is CommerceStatus.SHIPPED and store_id in {None, order.store_id}
        ][:limit]

    @override
    async def pending_reservations(
        self, store_id: str | None, before: datetime, limit: int
    ) -> Sequence[OrderRecord]:
        waiting = [
            (pending.news_at, record)
            for record in self._draft.orders.values()
            if (pending := record.pending_reservation) is not None
            and pending.news_at < before
            and store_id in {None, record.store_id}
        ]
        return [record for _, record in sorted(waiting, key=lambda each: each[0])][:limit]

    @override
    async def counted_orders(
        self, skus: Collection[str], stock_id: str = DEFAULT_STOCK
    ) -> Sequence[CommerceOrder]:
        return [
            order
            for order in self._draft.commerce_orders.values()
            if order.may_be_counted
            and order.stock_id == stock_id
            and any(reservation.sku in skus for reservation in order.reservations)
        ]

    @override
    async def details_of(self, amazon_order_ids: Collection[str]) -> Sequence[DeadLetter]:
        dead_letters = self._draft.dead_letters.values()
        return [
            dead_letter
            for dead_letter in dead_letters
            if dead_letter.details_of in amazon_order_ids
        ]

    @override
    async def select_orders(self, wanted: Selection) -> Sequence[str]:
        return select(self._draft.orders, wanted)

    @override
    async def replay(self, replay_id: str) -> Replay | None:
        return self._draft.kept_replays.replays.get(replay_id)

    @override
    async def replays(self, *, running: bool, limit: int) -> Sequence[Replay]:
        return self._draft.kept_replays.newest(running=running, limit=limit)

    @override
    async def replay_part(self, replay_id: str, step: int) -> Sequence[str]:
        return self._draft.kept_replays.parts.get(part_id(replay_id, step), ())

    @override
    async def synced(self, store_id: str | None) -> datetime | None:
        return self._draft.kept_replays.synced.get(store_id or ALL_STORES)

    @override
    async def answers(
        self, replay_id: str, after: RecordedAnswers | None, limit: int
    ) -> Sequence[RecordedAnswers]:
        return self._draft.kept_replays.answers_of(replay_id, after, limit)

    @override
    async def write_ahead(self, changes: ChangeSet) -> None:
        await self.write(changes)

    @override
    async def write(
        self, changes: ChangeSet, moves: Sequence[tuple[Checkpoint, Checkpoint]] = ()
    ) -> None:
        draft = self._draft
        for before, after in moves:
            stored_at = draft.checkpoints.get(before.source)
            if stored_at is not None and not is_same_version(stored_at, before):
                raise Fenced(f"{before.source} was moved by another")
            draft.checkpoints[before.source] = after
        draft.kept_replays.write(changes)
        recorded = {one.order.amazon_order_id for one in draft.orders.values()}
        for change in changes.orders:
            self._write_order(change, recorded)
        made = changes.new_commerce_orders
        taken = {order.amazon_order_id for order in draft.commerce_orders.values()}
        for new in made:
            _insert("commerce_orders", draft.commerce_orders, new.commerce_order_id, new)
            if new.amazon_order_id in taken:
                raise DuplicateKey("commerce_orders", new.commerce_order_id)
            taken.add(new.amazon_order_id)
        for moved in changes.changed_commerce_orders:
            if moved.commerce_order_id in draft.commerce_orders:
                draft.commerce_orders[moved.commerce_order_id] = moved
        for event in changes.events:
            _insert("events", draft.events, event.event_id, event)
        draft.offset_resets |= {
            (reset.source, reset.expected, reset.found): reset for reset in changes.offset_resets
        }
        draft.dead_letters |= {
            dead_letter.dead_letter_id: dead_letter for dead_letter in changes.dead_letters
        }
        for claimed in changes.claimed:
            draft.dead_letters[claimed] = replace(draft.dead_letters[claimed], details_of=None)
        draft.numbered.update(order.stock_id for order in made)
        self._write_facts(changes)

    def _write_order(self, change: OrderWrite, recorded: set[str]) -> None:
        record, draft = change.record, self._draft
        if change.moved_from is not None:
            moved = draft.orders.pop(change.moved_from)
            draft.histories[record.key] = draft.histories.pop(change.moved_from)
            recorded.discard(moved.order.amazon_order_id)
        if change.is_new:
            if record.order.amazon_order_id in recorded:
                raise DuplicateKey("amazon_orders", record.key)
            draft.orders[record.key] = record
            recorded.add(record.order.amazon_order_id)
        elif record.key in draft.orders:
            known = draft.orders[record.key]
            order = record.order if change.details else known.order
            draft.orders[record.key] = replace(record, order=order, received_at=known.received_at)
        history = (*draft.histories.get(record.key, ()), *change.history)
        draft.histories[record.key] = history[-HISTORY_LENGTH:]

    def _write_facts(self, changes: ChangeSet) -> None:
        draft = self._draft
        draft.stores |= {store.store_id: store for store in changes.stores}
        for product in changes.products:
            draft.products[product.sku] = product.model_copy(update={"salable_quantity": None})
            draft.deleted.pop(product.sku, None)
        draft.deleted |= {sku: True for sku in changes.deleted_products if sku in draft.products}
        items = draft.stock_items
        for item in changes.stock_items:
            kept = items.get(item.key, KeptStockItem())
            items[item.key] = replace(kept, item=item, deleted=False)
        for key in changes.deleted_stock_items:
            if key in items:
                items[key] = replace(items[key], deleted=True)
        for stock_id, reserved in changes.reserved.items():
            for sku, units in reserved.items():
                key = keys.stock_item_key(stock_id, sku)
                kept = items.get(key, KeptStockItem())
                items[key] = replace(kept, reserved=kept.reserved + units)
        for listing in changes.listings:
            draft.listings[keys.listing_key(listing.store_id, listing.seller_sku)] = listing
        for key in changes.deleted_listings:
            draft.listings.pop(key, None)


def _insert(name: str, collection: dict[str, R], key: str, value: R) -> None:
    if key in collection:
        raise DuplicateKey(name, key)
    collection[key] = value


def _oldest_first(
    records: Iterable[OrderRecord], after: OrderCursor | None, limit: int
) -> Sequence[OrderRecord]:
    start = None if after is None else _age(after.purchase_date, after.key)
    aged = {_age(one.order.purchase_date, one.key): one for one in records}
    return [aged[age] for age in sorted(aged) if start is None or age > start][:limit]


def _age(purchase_date: datetime | None, key: str) -> tuple[datetime, str]:
    return purchase_date or _LONG_AGO, key
