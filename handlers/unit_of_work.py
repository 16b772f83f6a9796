"""The unit of work: what the messages of one transaction decide, collected to be stored at once."""

from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from handlers.allocation import StockAllocator
from handlers.dead_letters import to_dead_letter
from handlers.rules.check_order import check_order
from handlers.rules.receive import receive
from handlers.rules.replay import replay_answer
from models import keys
from models.amazon_order import AmazonOrder
from models.change_set import ChangeSet, OrderWrite
from models.checkpoint import Outgoing
from models.commands import Recheck
from models.commerce_order import CommerceOrder
from models.dead_letters import DeadLetter
from models.decision import Decision
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
    history: list[HistoryEntry] = field(default_factory=list)


class UnitOfWork:
    """The decisions of one transaction, made one after the other; each sees those before it.

    `stock` has the reference data that orders are checked against, with what the decisions so far
    reserve. `last_number` is the last order number assigned. `refused` are the messages, by
    partition and offset, for which an earlier part has already added the dead letter.
    `write_ahead` begins to write the changes so far, so that the database works while the next
    orders are decided.
    """

    def __init__(
        self,
        topic: str,
        at: datetime,
        *,
        last_number: int = 0,
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
        self._last_number = last_number
        self._orders: dict[str, _TrackedOrder] = {}
        self._keys: dict[str, str] = {}
        self._commerce_orders: dict[str, CommerceOrder] = {}
        self._created = 0
        self._changed: dict[str, _TrackedOrder] = {}
        self._new_commerce_orders: dict[str, None] = {}
        self._amended: dict[str, None] = {}

    async def lock(self, transaction: Transaction) -> None:
        """Lock the stock before anything is read, then read the stores."""
        self._last_number = await transaction.lock()
        self.stock.stores = await transaction.stores()

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

    @property
    def created(self) -> int:
        """How many Commerce orders have been created so far."""
        return self._created

    def context_for(self, message: Incoming) -> MessageContext:
        """Return the context of a decision about a message of this batch."""
        return MessageContext(message_ref(self.topic, message), self.at)

    def receive(self, store_id: str, incoming: AmazonOrder, context: MessageContext) -> None:
        """Decide on one message about one order of a store."""
        record = self.record(keys.order_key(store_id, incoming.amazon_order_id))
        commerce_order = None
        if record is not None and isinstance(record.outcome, Created):
            commerce_order = self.commerce_order(record.outcome.commerce_order_id)
        self.add(
            receive(
                record,
                store_id,
                incoming,
                self.stock.stores.get(store_id),
                commerce_order,
                context,
                self.stock.catalog,
                self._next_number,
            )
        )

    def recheck(
        self, record: OrderRecord, context: MessageContext, *, replay_id: str | None = None
    ) -> Decision | None:
        """Check an order again with current data. Its history names the replay, if there is one."""
        decision = check_order(
            record,
            self.stock.stores.get(record.store_id),
            self.stock.catalog,
            self._next_number,
            context,
            replayed=replay_id is not None,
        )
        if decision is None:
            return None
        if decision.history is not None and replay_id is not None:
            facts = {**decision.history.facts, "replay_id": replay_id}
            decision = replace(decision, history=replace(decision.history, facts=facts))
        self.add(decision)
        return decision

    def replay(self, record: OrderRecord, context: MessageContext, replay_id: str) -> ReplayAnswer:
        """Check one order for a replay, and return the answer for its operator."""
        decision = self.recheck(record, context, replay_id=replay_id)
        return replay_answer(record, self.stock.stores.get(record.store_id), decision)

    @property
    def _next_number(self) -> int:
        return self._last_number + self._created + 1

    def add(self, decision: Decision) -> None:
        """Add a decision about one order."""
        record = decision.record
        tracked = self._orders.setdefault(record.key, _TrackedOrder(record, is_new=True))
        self._keys[record.order.amazon_order_id] = record.key
        tracked.details = tracked.details or record.order is not tracked.record.order
        tracked.record = record
        self._changed[record.key] = tracked
        if decision.history is not None:
            tracked.history.append(decision.history)
        if decision.commerce_order is not None:
            self.save_commerce_order(decision.commerce_order)
        for reservation in decision.reserves:
            self.stock.reserve(reservation.sku, reservation.quantity)
        for reservation in decision.releases:
            self.stock.reserve(reservation.sku, -reservation.quantity)
        self.changes.events.extend(decision.events)
        self.outgoing.extend(decision.events)

    def move(self, record: OrderRecord, decision: Decision) -> None:
        """Add a decision that moves an order to another store (rule 22)."""
        tracked = self._orders.pop(record.key)
        self._changed.pop(record.key, None)
        if not tracked.is_new:
            tracked.moved_from, tracked.is_new = record.key, True
        self._orders[decision.record.key] = tracked
        self.add(decision)

    def save_commerce_order(
        self, order: CommerceOrder, *, counted: Iterable[tuple[str, int]] = ()
    ) -> None:
        """Add a new or changed Commerce order; `counted` are units it no longer reserves."""
        if order.commerce_order_id not in self._commerce_orders:
            self._new_commerce_orders[order.commerce_order_id] = None
            self._created += 1
        elif order.commerce_order_id not in self._new_commerce_orders:
            self._amended[order.commerce_order_id] = None
        self._commerce_orders[order.commerce_order_id] = order
        for sku, units in counted:
            self.stock.reserve(sku, -units)

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
        for fact in sorted({*await transaction.facts_depended_on(changed), *(here & changed)}):
            self.outgoing.append(CommandMessage(fact, Recheck(fact=fact)))

    async def request_recheck_of_released(self, transaction: Transaction) -> None:
        """Request that the orders waiting for released products are checked again.

        This includes a product of which another decision has reserved as many units before: an
        order may have been blocked in between.
        """
        skus = self.stock.released_skus
        await self.request_recheck(transaction, map(keys.depends_on_product, skus))

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
                )
            )
            tracked.history.clear()
            tracked.is_new = tracked.details = False
            tracked.moved_from = None
        orders = self._commerce_orders
        changes.new_commerce_orders = [orders[key] for key in self._new_commerce_orders]
        changes.changed_commerce_orders = [orders[key] for key in self._amended]
        for written in (self._changed, self._new_commerce_orders, self._amended):
            written.clear()
        return changes


def sku_pairs(store_id: str, order: AmazonOrder) -> set[tuple[str, str]]:
    """Return the (store id, seller SKU) pairs that the check of an order may need.

    Lines without units count, too: the next message may bring units and no SKU.
    """
    return {(store_id, item.seller_sku) for item in order.items if item.seller_sku is not None}
