"""The page: what one batch of messages decides, folded together for one transaction."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from models.commands import Recheck
from models.decision import Decision
from models.ledger import (
    Admission,
    Changes,
    CommandMessage,
    DeadLetter,
    OrderChange,
    Outgoing,
)
from models.records import (
    Cause,
    CommerceOrder,
    Occasion,
    OrderRecord,
    StockedProduct,
    StoryEntry,
)
from models.refusals import Refusal
from storage.port import Transaction
from streams.dead_letters import to_dead_letter
from streams.messages import Incoming, cause_of


@dataclass(slots=True)
class _Fold:
    """An order on this page: as it stands, and what of it is to be stored."""

    record: OrderRecord
    is_new: bool
    moved_from: str | None = None
    changed: bool = False
    details: bool = False
    story: list[StoryEntry] = field(default_factory=list)


class Page:
    """Decisions of one transaction, one after the other, each seeing those before it."""

    def __init__(self, topic: str, at: datetime) -> None:
        self.topic = topic
        self.at = at
        self.outgoing: list[Outgoing] = []
        self.products: dict[str, StockedProduct] = {}
        """Products by SKU, with what is reserved of them as of the decisions so far."""
        self._changes = Changes()
        self._orders: dict[str, _Fold] = {}
        self._keys: dict[str, str] = {}
        self._commerce_orders: dict[str, CommerceOrder] = {}
        self._created: set[str] = set()
        self._moved: set[str] = set()

    def occasion(self, message: Incoming) -> Occasion:
        """Give the occasion of a message of this batch."""
        return Occasion(cause_of(self.topic, message), self.at)

    def remember(
        self, records: Iterable[OrderRecord], orders: Iterable[CommerceOrder] = ()
    ) -> None:
        """Take in what is stored so far of the orders at hand."""
        for record in records:
            self._orders.setdefault(record.key, _Fold(record, is_new=False))
            self._keys.setdefault(record.order.amazon_order_id, record.key)
        for order in orders:
            self._commerce_orders.setdefault(order.commerce_order_id, order)

    def stock(self, products: Mapping[str, StockedProduct]) -> None:
        """Add products as they are stored, which a first decision needs now."""
        for sku, product in products.items():
            if sku not in self.products:
                reserved = self._changes.held.get(sku, 0)
                self.products[sku] = replace(product, held=product.held + reserved)

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

    def decide(self, decision: Decision) -> None:
        """Add a decision about one order."""
        record = decision.record
        fold = self._orders.setdefault(record.key, _Fold(record, is_new=True))
        self._keys[record.order.amazon_order_id] = record.key
        fold.details = fold.details or record.order is not fold.record.order
        fold.record, fold.changed = record, True
        if decision.story is not None:
            fold.story.append(decision.story)
        if decision.commerce_order is not None:
            self.keep(decision.commerce_order)
        for hold in decision.takes:
            self._hold(hold.sku, hold.quantity)
        for hold in decision.frees:
            self._hold(hold.sku, -hold.quantity)
        self._changes.events.extend(decision.events)
        self.outgoing.extend(decision.events)
        if decision.admit:
            trace = None if decision.story is None else decision.story.cause.traceparent
            self.outgoing.append(Admission(record.key, trace))

    def move(self, record: OrderRecord, decision: Decision) -> None:
        """Add a decision by which an order goes to another store (rule 22)."""
        fold = self._orders.pop(record.key)
        if not fold.is_new:
            fold.moved_from, fold.is_new = record.key, True
        self._orders[decision.record.key] = fold
        self.decide(decision)

    def keep(self, order: CommerceOrder, *, counted: Iterable[tuple[str, int]] = ()) -> None:
        """Add a Commerce order, new or changed; `counted` are pieces it no longer holds."""
        known = order.commerce_order_id in self._commerce_orders
        (self._moved if known else self._created).add(order.commerce_order_id)
        self._commerce_orders[order.commerce_order_id] = order
        for sku, pieces in counted:
            self._hold(sku, -pieces)

    def refuse(self, message: Incoming, refusal: Refusal, *, details_of: str | None = None) -> None:
        """Add a dead letter, with the bytes as they came.

        Bytes beyond what is kept stay where they came from, and the letter says so.
        """
        letter = to_dead_letter(self.topic, message, refusal, self.at, details_of=details_of)
        self._changes.dead_letters.append(letter)
        self.outgoing.append(letter)

    @property
    def held(self) -> Mapping[str, int]:
        """Pieces that this page takes (positive) or frees again (negative), per catalog SKU."""
        return self._changes.held

    def claim(self, letter: DeadLetter) -> Occasion:
        """Mark a dead letter as taken up; give the occasion it is."""
        self._changes.claimed.append(letter.dead_letter_id)
        return Occasion(Cause(letter.topic, letter.partition, letter.offset), self.at)

    async def wake(self, transaction: Transaction, facts: Iterable[str]) -> None:
        """Ask for those orders to be judged again that wait on a changed fact (rule 12).

        It is asked in the transaction that changes the fact, which has taken its turn: an order
        blocked before is found here, one judged later sees the change.
        """
        for fact in sorted(await transaction.facts_waited_on(set(facts))):
            self.outgoing.append(CommandMessage(fact, Recheck(fact=fact)))

    @property
    def freed(self) -> set[str]:
        """The catalog SKUs of which this page leaves more pieces free than before."""
        return {sku for sku, pieces in self._changes.held.items() if pieces < 0}

    @property
    def facts(self) -> Changes:
        """Where changed stores, products and listings are added, and what replays and syncs did."""
        return self._changes

    def to_changes(self) -> Changes:
        """Give all that is to be stored."""
        changes = self._changes
        changes.orders = [
            OrderChange(fold.record, tuple(fold.story), fold.is_new, fold.details, fold.moved_from)
            for fold in self._orders.values()
            if fold.changed
        ]
        changes.new_commerce_orders = [self._commerce_orders[key] for key in self._created]
        changes.changed_commerce_orders = [
            self._commerce_orders[key] for key in self._moved - self._created
        ]
        return changes

    def _hold(self, sku: str, pieces: int) -> None:
        self._changes.held[sku] = self._changes.held.get(sku, 0) + pieces
        if (product := self.products.get(sku)) is not None:
            self.products[sku] = replace(product, held=product.held + pieces)
