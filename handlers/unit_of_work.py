"""The unit of work: what the messages of one transaction decide, collected to be stored at once."""

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType

from handlers.allocation import StockAllocator
from handlers.dead_letters import to_dead_letter
from handlers.rules.check_order import check_order
from handlers.rules.pending import with_pending_reservation
from handlers.rules.receive import receive
from handlers.rules.replay import replay_answer
from handlers.rules.unblocking import request_rechecks
from models import keys
from models.amazon_order import AmazonOrder
from models.buyer_data import Erased
from models.change_set import BuyerWrite, ChangeSet, OrderWrite
from models.checkpoint import Outgoing
from models.commerce_order import CommerceOrder, PendingReservation
from models.dead_letters import DeadLetter
from models.decision import Decision
from models.keys import DEFAULT_STOCK
from models.messages import (
    CommandMessage,
    Incoming,
    MessageContext,
    MessageRef,
    Rejection,
    message_ref,
)
from models.order_record import HistoryEntry, OrderRecord
from models.outcome import Created
from models.reference_data import Store, stock_of
from models.replay import ReplayAnswer
from storage.port import Facts, Transaction

UNWRITTEN = 250
"""How many orders are decided before their changes are written ahead."""


@dataclass(slots=True)
class _TrackedOrder:
    """An order of this unit of work: its current state, and what of it is to be written."""

    record: OrderRecord
    is_new: bool
    moved_from: str | None = None
    details: bool = False
    buyer: BuyerWrite = BuyerWrite.NOTHING
    history: list[HistoryEntry] = field(default_factory=list)


class UnitOfWork:
    """The decisions of one transaction, made one after the other; each sees those before it.

    `stock` has the reference data that orders are checked against, with what the decisions so far
    reserve. `last_numbers` are the last order numbers assigned, per stock. `refused` are the
    messages, by partition and offset, for which an earlier part has already added the dead letter.
    `write_ahead` begins to write the changes so far, so that the database works while the next
    orders are decided.
    """

    def __init__(
        self,
        topic: str,
        at: datetime,
        *,
        last_numbers: Mapping[str, int] = MappingProxyType({}),
        refused: Collection[tuple[int, int]] = (),
        write_ahead: Callable[[ChangeSet], Awaitable[None]] | None = None,
    ) -> None:
        self.topic = topic
        self.at = at
        self.outgoing: list[Outgoing] = []
        self.stock = StockAllocator()
        self.changes = ChangeSet()
        """Handlers add changed reference data, and the results of replays and syncs, here."""
        self.refused = set(refused)
        self._write_ahead = write_ahead
        self._last_numbers = dict(last_numbers)
        self._locked: set[str] = set()
        self._orders: dict[str, _TrackedOrder] = {}
        self._keys: dict[str, str] = {}
        self._commerce_orders: dict[str, CommerceOrder] = {}
        self.created: Counter[str] = Counter()
        """How many Commerce orders have been created so far, per stock."""
        self._changed: dict[str, _TrackedOrder] = {}
        self._new_commerce_orders: dict[str, None] = {}
        self._amended: dict[str, None] = {}

    async def lock_stores(self, transaction: Transaction, store_ids: Collection[str]) -> None:
        """Lock the stocks of these stores, then read the stores.

        Call it before anything is read, and again for stores that are known only then.
        """
        if not self._locked:
            likely = await transaction.likely_stores()
            await self.lock_stocks(transaction, {stock_of(likely, each) for each in store_ids})
        self.stock.stores = await transaction.stores()
        await self.lock_stocks(transaction, {self.stock.stock_of(each) for each in store_ids})

    async def lock_all(self, transaction: Transaction, also: Collection[str] = ()) -> None:
        """Lock these stocks and those of all stores, then read the stores; see `lock_stores`."""
        if not self._locked:
            likely = await transaction.likely_stores()
            await self.lock_stocks(transaction, all_stocks(likely).union(also))
        self.stock.stores = await transaction.stores()
        await self.lock_stocks(transaction, all_stocks(self.stock.stores))

    async def lock_stocks(self, transaction: Transaction, stocks: Collection[str]) -> None:
        """Lock these stocks, the stock `default` if there are none, unless they are locked."""
        missing = set(stocks) - self._locked
        if not (missing or self._locked):
            missing = {DEFAULT_STOCK}
        if missing:
            self._last_numbers |= await transaction.lock(missing)
            self._locked |= missing

    async def prepare(self, facts: Facts, records: Collection[OrderRecord]) -> None:
        """Track stored orders, and load the reference data they are checked against."""
        self.track(records)
        pairs = [sku_pairs(record.store_id, record.order) for record in records]
        await self.stock.load(facts, set().union(*pairs))

    def track(self, records: Iterable[OrderRecord], orders: Iterable[CommerceOrder] = ()) -> None:
        """Add orders and Commerce orders as they are stored."""
        for record in records:
            self._orders.setdefault(record.key, _TrackedOrder(record, is_new=False))
            self._keys.setdefault(record.order.amazon_order_id, record.key)
        for order in orders:
            self._commerce_orders.setdefault(order.commerce_order_id, order)

    def record(self, key: str) -> OrderRecord | None:
        """Return an order as the decisions so far leave it."""
        tracked = self._orders.get(key)
        return None if tracked is None else tracked.record

    def record_by_order_id(self, amazon_order_id: str) -> OrderRecord | None:
        """Return an order by its Amazon id, whichever store it belongs to."""
        key = self._keys.get(amazon_order_id)
        return None if key is None else self.record(key)

    def commerce_order(self, commerce_order_id: str) -> CommerceOrder | None:
        """Return a Commerce order as the decisions so far leave it."""
        return self._commerce_orders.get(commerce_order_id)

    def context_for(self, message: Incoming) -> MessageContext:
        """Return the context of a decision about a message of this batch."""
        cause = message_ref(self.topic, message.partition, message.offset, message.headers)
        return MessageContext(cause, self.at)

    def receive(self, store_id: str, incoming: AmazonOrder, context: MessageContext) -> None:
        """Decide on one message about one order of a store."""
        record = self.record(keys.order_key(store_id, incoming.amazon_order_id))
        commerce_order = None
        if record is not None and isinstance(record.outcome, Created):
            commerce_order = self.commerce_order(record.outcome.commerce_order_id)
        stock_id = (
            self.stock.stock_of(store_id) if commerce_order is None else commerce_order.stock_id
        )
        store, catalog = self.stock.stores.get(store_id), self.stock.catalog(stock_id)
        with self.stock.without(None if record is None else record.pending_reservation):
            decision = receive(
                record,
                store_id,
                incoming,
                store,
                commerce_order,
                context,
                catalog,
                self._next_number(stock_id),
            )
            decision = with_pending_reservation(decision, store, catalog, context.at)
        self.add(decision)

    def recheck(
        self, record: OrderRecord, context: MessageContext, *, replay_id: str | None = None
    ) -> Decision | None:
        """Check an order again with current data. Its history names the replay, if there is one."""
        stock_id = self.stock.stock_of(record.store_id)
        store, catalog = self.stock.stores.get(record.store_id), self.stock.catalog(stock_id)
        with self.stock.without(record.pending_reservation):
            decision = check_order(
                record,
                store,
                catalog,
                self._next_number(stock_id),
                context,
                replayed=replay_id is not None,
            )
            if decision is None:
                return None
            pending = record.pending_reservation
            news_at = context.at if pending is None else pending.news_at
            decision = with_pending_reservation(decision, store, catalog, news_at)
        if decision.history is not None and replay_id is not None:
            facts = {**decision.history.facts, "replay_id": replay_id}
            decision = replace(decision, history=replace(decision.history, facts=facts))
        self.add(decision)
        return decision

    def replay(self, record: OrderRecord, context: MessageContext, replay_id: str) -> ReplayAnswer:
        """Check one order for a replay, and return the answer for its operator."""
        decision = self.recheck(record, context, replay_id=replay_id)
        return replay_answer(record, self.stock.stores.get(record.store_id), decision)

    def _next_number(self, stock_id: str) -> int:
        return self._last_numbers.get(stock_id, 0) + self.created[stock_id] + 1

    def add(self, decision: Decision) -> None:
        """Add a decision about one order."""
        record = decision.record
        tracked = self._orders.get(record.key)
        pending = None if tracked is None else tracked.record.pending_reservation
        if tracked is None:
            tracked = self._orders[record.key] = _TrackedOrder(record, is_new=True)
        self._keys[record.order.amazon_order_id] = record.key
        tracked.details = tracked.details or record.order is not tracked.record.order
        tracked.buyer = max(tracked.buyer, _buyer_write(tracked, record))
        tracked.record = record
        self._changed[record.key] = tracked
        if decision.history is not None:
            tracked.history.append(decision.history)
        if decision.commerce_order is not None:
            self.save_commerce_order(decision.commerce_order)
        self._reserve(decision, pending)
        self.changes.events.extend(decision.events)
        self.outgoing.extend(decision.events)

    def _reserve(self, decision: Decision, pending: PendingReservation | None) -> None:
        """Reserve and release units; a Commerce order takes over what its order had reserved."""
        units: Counter[tuple[str, str]] = Counter()
        for before_or_now, sign in ((pending, -1), (decision.record.pending_reservation, 1)):
            if before_or_now is not None:
                for each in before_or_now.reservations:
                    units[before_or_now.stock_id, each.sku] += sign * each.quantity
        if (order := decision.commerce_order) is not None:
            for each in decision.reserves:
                units[order.stock_id, each.sku] += each.quantity
            for each in decision.releases:
                units[order.stock_id, each.sku] -= each.quantity
        for (stock_id, sku), quantity in units.items():
            if quantity:
                self.stock.reserve(stock_id, sku, quantity)

    def move(self, record: OrderRecord, decision: Decision) -> None:
        """Add a decision that moves an order to another store (rule 22)."""
        tracked = self._orders.pop(record.key)
        self._changed.pop(record.key, None)
        if not tracked.is_new:
            tracked.moved_from, tracked.is_new = record.key, True
            tracked.buyer = BuyerWrite.CONTENT
        self._orders[decision.record.key] = tracked
        self.add(decision)

    def save_commerce_order(
        self, order: CommerceOrder, *, counted: Iterable[tuple[str, int]] = ()
    ) -> None:
        """Add a new or changed Commerce order; `counted` are units it no longer reserves."""
        if order.commerce_order_id not in self._commerce_orders:
            self._new_commerce_orders[order.commerce_order_id] = None
            self.created[order.stock_id] += 1
        elif order.commerce_order_id not in self._new_commerce_orders:
            self._amended[order.commerce_order_id] = None
        self._commerce_orders[order.commerce_order_id] = order
        for sku, units in counted:
            self.stock.reserve(order.stock_id, sku, -units)

    def continue_with(self, command: CommandMessage) -> None:
        """Request the next step of a chain. It need not wait for the events of this one."""
        self.outgoing.insert(0, command)

    def dead_letter(
        self, message: Incoming, refusal: Rejection, *, details_of: str | None = None
    ) -> None:
        """Add the dead letter of a message, with its bytes as received; only one per message.

        Bytes beyond the limits stay in the source topic, and the dead letter says so.
        """
        place = message.partition, message.offset
        if place not in self.refused:
            self.refused.add(place)
            dead_letter = to_dead_letter(
                self.topic, message, refusal, self.at, details_of=details_of
            )
            self.changes.dead_letters.append(dead_letter)
            self.outgoing.append(dead_letter)

    def claim_dead_letter(self, dead_letter: DeadLetter) -> MessageContext:
        """Mark a dead letter as claimed by its order; return the context of its message."""
        self.changes.claimed.append(dead_letter.dead_letter_id)
        return MessageContext(
            MessageRef(dead_letter.topic, dead_letter.partition, dead_letter.offset), self.at
        )

    async def request_recheck(self, transaction: Transaction, facts: Iterable[str]) -> None:
        """Request that the orders depending on changed facts are checked again (rule 12).

        The request belongs to the transaction that changes the fact and has the lock: an order
        blocked before is found here, and an order checked later sees the change. Orders that this
        unit of work itself blocks count, too.
        """
        changed = set(facts)
        here = {fact for tracked in self._orders.values() for fact in tracked.record.depends_on}
        stored = await transaction.facts_depended_on(changed)
        self.outgoing.extend(request_rechecks(changed, {*here, *stored}))

    async def request_recheck_of_released(self, transaction: Transaction) -> None:
        """Request that the orders waiting for released products are checked again.

        This includes a product of which another decision has reserved as many units before: an
        order may have been blocked in between.
        """
        facts = (keys.depends_on_stock(*stock_item) for stock_item in self.stock.released)
        await self.request_recheck(transaction, facts)

    async def order_decided(self) -> None:
        """Write the changes so far ahead if they are enough. Handlers call it after each order."""
        if self._write_ahead is not None and len(self._changed) >= UNWRITTEN:
            await self._write_ahead(self.take_changes())

    def take_changes(self) -> ChangeSet:
        """Return everything that is to be stored and was not returned before."""
        changes, self.changes = self.changes, ChangeSet()
        changes.reserved = self.stock.take_reserved()
        for tracked in self._changed.values():
            changes.orders.append(
                OrderWrite(
                    tracked.record,
                    tuple(tracked.history),
                    tracked.is_new,
                    tracked.details,
                    tracked.moved_from,
                    tracked.buyer,
                )
            )
            tracked.history.clear()
            tracked.is_new = tracked.details = False
            tracked.moved_from = None
            tracked.buyer = BuyerWrite.NOTHING
        orders = self._commerce_orders
        changes.new_commerce_orders = [orders[key] for key in self._new_commerce_orders]
        changes.changed_commerce_orders = [orders[key] for key in self._amended]
        for written in (self._changed, self._new_commerce_orders, self._amended):
            written.clear()
        return changes


def _buyer_write(tracked: _TrackedOrder, record: OrderRecord) -> BuyerWrite:
    """Return what of an order's buyer data another decision changes."""
    before = tracked.record
    if record.buyer_data is None:
        return BuyerWrite.NOTHING
    if (
        record is before
        or (isinstance(record.buyer_data, Erased) and not isinstance(before.buyer_data, Erased))
        or before.order.personal != record.order.personal
    ):
        return BuyerWrite.CONTENT
    return BuyerWrite.NOTHING if record.buyer_data == before.buyer_data else BuyerWrite.EXPIRY


def pending_stocks(records: Iterable[OrderRecord]) -> set[str]:
    """Return the stocks in which orders reserve units before they can be imported (rule 25)."""
    return {
        record.pending_reservation.stock_id
        for record in records
        if record.pending_reservation is not None
    }


def all_stocks(stores: Mapping[str, Store]) -> set[str]:
    """Return the stocks of all stores, and of those that are not known yet."""
    return {DEFAULT_STOCK, *(store.stock_id for store in stores.values())}


def sku_pairs(store_id: str, order: AmazonOrder) -> set[tuple[str, str]]:
    """Return the (store id, seller SKU) pairs that the check of an order may need.

    Lines without units count, too: the next message may bring units and no SKU.
    """
    return {(store_id, item.seller_sku) for item in order.items if item.seller_sku is not None}
