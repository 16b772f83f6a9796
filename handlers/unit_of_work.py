"""The page: what one batch of messages decides, folded together for one transaction."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from handlers.dead_letters import to_dead_letter
from handlers.rules.check_order import check_order
from handlers.rules.receive import receive
from handlers.rules.replay import answer_of
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
    cause_of,
)
from models.order_record import HistoryEntry, OrderRecord
from models.outcome import Created
from models.reference_data import Catalog, StockedProduct, Store
from models.replay import ReplayAnswer
from storage.port import Facts, Transaction


@dataclass(slots=True)
class _Fold:
    """An order on this page: as it stands, and what of it is to be stored."""

    record: OrderRecord
    is_new: bool
    moved_from: str | None = None
    changed: bool = False
    details: bool = False
    history: list[HistoryEntry] = field(default_factory=list)


class UnitOfWork:
    """Decisions of one transaction, one after the other, each seeing those before it.

    It has the facts that orders are judged by, with what is reserved as of the decisions so far.
    `numbered` is the last order number given before. `refused` are the messages, by partition and
    offset, whose dead letter an earlier part of them has given already.
    """

    def __init__(
        self,
        topic: str,
        at: datetime,
        *,
        numbered: int = 0,
        refused: Collection[tuple[int, int]] = (),
    ) -> None:
        self.topic = topic
        self.at = at
        self.outgoing: list[Outgoing] = []
        self.stores: Mapping[str, Store] = {}
        self.products: dict[str, StockedProduct] = {}
        """Products by SKU, with what is reserved of them as of the decisions so far."""
        self.refused = set(refused)
        self._matches: dict[str, str] = {}
        self._similar: dict[str, str] = {}
        self._catalog = Catalog(self._matches, self.products, self._similar)
        self._numbered = numbered
        self._changes = ChangeSet()
        self._orders: dict[str, _Fold] = {}
        self._keys: dict[str, str] = {}
        self._commerce_orders: dict[str, CommerceOrder] = {}
        self._created: set[str] = set()
        self._moved: set[str] = set()
        self._released_skus: set[str] = set()

    async def lock(self, transaction: Transaction) -> None:
        """Take the stock's lock, before anything is read, and read the stores."""
        self._numbered = await transaction.lock()
        self.stores = await transaction.stores()

    async def prepare(self, facts: Facts, records: Collection[OrderRecord]) -> None:
        """Take in stored orders, and fetch the facts they are judged by."""
        self.track(records)
        sold = [sold_in(record.store_id, record.order) for record in records]
        await self.gather(facts, set().union(*sold))

    async def gather(self, facts: Facts, pairs: Collection[tuple[str, str]]) -> None:
        """Fetch the facts that lines of these (store id, seller SKU) pairs are judged by.

        For what is to be stored, the facts are a transaction's that has the stock's lock.
        """
        self.stores = await facts.stores()
        catalog = await facts.catalog(pairs)
        self._matches |= catalog.matches
        self._similar |= catalog.similar
        self.stock(catalog.products)

    def stock(self, products: Mapping[str, StockedProduct]) -> None:
        """Add products as they are stored, which a first decision needs now."""
        for sku, product in products.items():
            if sku not in self.products:
                reserved = self._changes.reserved.get(sku, 0)
                self.products[sku] = product.with_reserved(reserved) if reserved else product

    def track(self, records: Iterable[OrderRecord], orders: Iterable[CommerceOrder] = ()) -> None:
        """Take in what is stored so far of the orders at hand."""
        for record in records:
            self._orders.setdefault(record.key, _Fold(record, is_new=False))
            self._keys.setdefault(record.order.amazon_order_id, record.key)
        for order in orders:
            self._commerce_orders.setdefault(order.commerce_order_id, order)

    def record(self, key: str) -> OrderRecord | None:
        """Give an order as it stands on this page."""
        fold = self._orders.get(key)
        return None if fold is None else fold.record

    def record_of(self, amazon_order_id: str) -> OrderRecord | None:
        """Return an order by its Amazon id, in whichever store it is."""
        key = self._keys.get(amazon_order_id)
        return None if key is None else self.record(key)

    def commerce_order(self, commerce_order_id: str) -> CommerceOrder | None:
        """Give a Commerce order as it stands on this page."""
        return self._commerce_orders.get(commerce_order_id)

    @property
    def created(self) -> int:
        """How many Commerce orders this page creates so far."""
        return len(self._created)

    @property
    def reserved(self) -> Mapping[str, int]:
        """Units that this page takes (positive) or frees again (negative), per catalog SKU."""
        return self._changes.reserved

    def context_of(self, message: Incoming) -> MessageContext:
        """Give the occasion of a message of this batch."""
        return MessageContext(cause_of(self.topic, message), self.at)

    def receive(self, store_id: str, news: AmazonOrder, context: MessageContext) -> None:
        """Take one message about one order of a store."""
        record = self.record(keys.order_key(store_id, news.amazon_order_id))
        commerce_order = None
        if record is not None and isinstance(record.outcome, Created):
            commerce_order = self.commerce_order(record.outcome.commerce_order_id)
        store = self.stores.get(store_id)
        self.add(
            receive(
                record, store_id, news, store, commerce_order, context, self._catalog, self._number
            )
        )

    def recheck(
        self, record: OrderRecord, context: MessageContext, *, replay_id: str | None = None
    ) -> Decision | None:
        """Judge an order again by today's facts. History names the replay, if it is for one."""
        store = self.stores.get(record.store_id)
        replayed = replay_id is not None
        decision = check_order(
            record, store, self._catalog, self._number, context, replayed=replayed
        )
        if decision is None:
            return None
        if decision.history is not None and replay_id is not None:
            facts = {**decision.history.facts, "replay_id": replay_id}
            decision = replace(decision, history=replace(decision.history, facts=facts))
        self.add(decision)
        return decision

    def replay(self, record: OrderRecord, context: MessageContext, replay_id: str) -> ReplayAnswer:
        """Judge one order for a replay, and give what there is to tell its operator."""
        decision = self.recheck(record, context, replay_id=replay_id)
        return answer_of(record, self.stores.get(record.store_id), decision)

    @property
    def _number(self) -> int:
        return self._numbered + len(self._created) + 1

    def add(self, decision: Decision) -> None:
        """Add a decision about one order."""
        record = decision.record
        fold = self._orders.setdefault(record.key, _Fold(record, is_new=True))
        self._keys[record.order.amazon_order_id] = record.key
        fold.details = fold.details or record.order is not fold.record.order
        fold.record, fold.changed = record, True
        if decision.history is not None:
            fold.history.append(decision.history)
        if decision.commerce_order is not None:
            self.save_commerce_order(decision.commerce_order)
        for reservation in decision.reserves:
            self._reserve(reservation.sku, reservation.quantity)
        for reservation in decision.releases:
            self._reserve(reservation.sku, -reservation.quantity)
        self._changes.events.extend(decision.events)
        self.outgoing.extend(decision.events)

    def move(self, record: OrderRecord, decision: Decision) -> None:
        """Add a decision by which an order goes to another store (rule 22)."""
        fold = self._orders.pop(record.key)
        if not fold.is_new:
            fold.moved_from, fold.is_new = record.key, True
        self._orders[decision.record.key] = fold
        self.add(decision)

    def save_commerce_order(
        self, order: CommerceOrder, *, counted: Iterable[tuple[str, int]] = ()
    ) -> None:
        """Add a Commerce order, new or changed; `counted` are units it no longer holds."""
        known = order.commerce_order_id in self._commerce_orders
        (self._moved if known else self._created).add(order.commerce_order_id)
        self._commerce_orders[order.commerce_order_id] = order
        for sku, units in counted:
            self._reserve(sku, -units)

    def dead_letter(
        self, message: Incoming, refusal: Rejection, *, details_of: str | None = None
    ) -> None:
        """Add a dead letter, with the bytes as they came: one for each message.

        Bytes beyond what is kept stay where they came from, and the dead letter says so.
        """
        place = message.partition, message.offset
        if place not in self.refused:
            self.refused.add(place)
            dead_letter = to_dead_letter(
                self.topic, message, refusal, self.at, details_of=details_of
            )
            self._changes.dead_letters.append(dead_letter)
            self.outgoing.append(dead_letter)

    def claim_dead_letter(self, dead_letter: DeadLetter) -> MessageContext:
        """Mark a dead letter as taken up; give the occasion it is."""
        self._changes.claimed.append(dead_letter.dead_letter_id)
        return MessageContext(
            MessageRef(dead_letter.topic, dead_letter.partition, dead_letter.offset), self.at
        )

    async def request_recheck(self, transaction: Transaction, facts: Iterable[str]) -> None:
        """Ask for those orders to be judged again that wait on a changed fact (rule 12).

        It is asked in the transaction that changes the fact, which has the lock: an order blocked
        before is found here, one judged later sees the change. One may be blocked on this page.
        """
        changed = set(facts)
        here = {fact for fold in self._orders.values() for fact in fold.record.depends_on}
        for fact in sorted({*await transaction.facts_depended_on(changed), *(here & changed)}):
            self.outgoing.append(CommandMessage(fact, Recheck(fact=fact)))

    async def request_recheck_of_released(self, transaction: Transaction) -> None:
        """Wake the orders that wait on products of which a decision of this page has freed units.

        Also where another one took as many before: an order may have been blocked in between.
        """
        await self.request_recheck(transaction, map(keys.depends_on_product, self._released_skus))

    @property
    def facts(self) -> ChangeSet:
        """Where changed stores, products and listings are added, and what replays and syncs did."""
        return self._changes

    def to_changes(self) -> ChangeSet:
        """Give all that is to be stored."""
        changes = self._changes
        changes.orders = [
            OrderWrite(fold.record, tuple(fold.history), fold.is_new, fold.details, fold.moved_from)
            for fold in self._orders.values()
            if fold.changed
        ]
        changes.new_commerce_orders = [self._commerce_orders[key] for key in self._created]
        changes.changed_commerce_orders = [
            self._commerce_orders[key] for key in self._moved - self._created
        ]
        return changes

    def _reserve(self, sku: str, units: int) -> None:
        self._changes.reserved[sku] = self._changes.reserved.get(sku, 0) + units
        if units < 0:
            self._released_skus.add(sku)
        if (product := self.products.get(sku)) is not None:
            self.products[sku] = product.with_reserved(units)


def sold_in(store_id: str, order: AmazonOrder) -> set[tuple[str, str]]:
    """Return the (store id, seller SKU) pairs that an order may be judged by.

    Also those of lines without units: the next message may name units and no SKU.
    """
    return {(store_id, item.seller_sku) for item in order.items if item.seller_sku is not None}
