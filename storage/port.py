"""The port: what the worker needs of the database, and what the database promises."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

from models.change_set import ChangeSet
from models.checkpoint import Checkpoint, Outgoing
from models.commands import OrderCursor
from models.commerce_order import CommerceOrder
from models.dead_letters import DeadLetter
from models.keys import DEFAULT_STOCK
from models.messages import TopicPartition
from models.order_record import OrderRecord
from models.reference_data import Catalog, Listing, Product, StockedProduct, StockItem, Store
from models.replay import RecordedAnswers, Replay, Selection

R = TypeVar("R")


class Facts(Protocol):
    """Reference data, which orders are checked against."""

    async def stores(self) -> Mapping[str, Store]:
        """Return all stores by id."""

    async def catalog(
        self, pairs: Collection[tuple[str, str]], stock_id: str = DEFAULT_STOCK
    ) -> Catalog:
        """Return the listings of these (store id, seller SKU) pairs, and their products.

        The products are those of one stock.
        """


class Snapshot(Facts, Protocol):
    """The database at one moment, read-only."""

    async def orders(self, keys: Collection[str]) -> Mapping[str, OrderRecord]:
        """Return the orders that exist of these `store/order` keys."""

    async def orders_of(self, amazon_order_ids: Collection[str]) -> Mapping[str, OrderRecord]:
        """Return the orders that exist of these Amazon ids, by id: one each (rule 22)."""

    async def commerce_orders(self, ids: Collection[str]) -> Mapping[str, CommerceOrder]:
        """Return the Commerce orders that exist of these ids."""

    async def creation_facts(self, keys: Collection[str]) -> Mapping[str, Mapping[str, Any]]:
        """Return what the creation of these orders was based on, as their histories have it.

        Orders that were not created, or whose history is too long to have it, are left out.
        """

    async def products(
        self, skus: Collection[str], stock_id: str = DEFAULT_STOCK
    ) -> Mapping[str, StockedProduct]:
        """Return the products that exist of these SKUs, with their units in one stock."""

    async def product_versions(self, skus: Collection[str]) -> Mapping[str, Product]:
        """Return the products of these SKUs, deleted ones too, without their quantities."""

    async def stock_items(self, keys: Collection[str]) -> Mapping[str, StockItem]:
        """Return the last counts of these `stock/SKU` keys, deleted ones too."""

    async def counted_orders(
        self, skus: Collection[str], stock_id: str = DEFAULT_STOCK
    ) -> Sequence[CommerceOrder]:
        """Return Commerce orders that still reserve these SKUs, and that counts may leave out.

        They are those that reserve in one stock, and are acknowledged or complete.
        """

    async def select_orders(self, selection: Selection) -> Sequence[str]:
        """Return the `store/order` keys of a replay's orders, oldest purchase first."""

    async def replay(self, replay_id: str) -> Replay | None:
        """Return one replay, None if there is none of this id."""

    async def replays(self, *, running: bool, limit: int) -> Sequence[Replay]:
        """Return replays, newest first: running ones, or all."""

    async def synced(self, store_id: str | None) -> datetime | None:
        """Return when the last completed sync was requested; None before the first.

        Counts the syncs of one store alone, or those of all stores.
        """

    async def answers(
        self, replay_id: str, after: RecordedAnswers | None, limit: int
    ) -> Sequence[RecordedAnswers]:
        """Return so many parts of a replay's answers, as they were given, after the given one."""


class Transaction(Snapshot, Protocol):
    """One transaction: reads see one moment; either all writes happen, or none."""

    async def likely_stores(self) -> Mapping[str, Store]:
        """Return the stores as this process last read them: a guess which stocks to lock."""

    async def likely_stocks(self, commerce_order_ids: Collection[str]) -> Collection[str]:
        """Return the stocks of Commerce orders as they are without the lock, to be locked."""

    async def lock(self, stocks: Collection[str] = (DEFAULT_STOCK,)) -> Mapping[str, int]:
        """Acquire the locks of these stocks, in sorted order; return each one's last order number.

        A transaction that checks orders against a stock, or changes what they are checked against,
        does this first: what it reads afterwards stays true until it ends, so decisions are
        serializable. If it turns out to need another stock later, it calls this again: the
        transaction then starts over, and locks all of them first.
        """

    async def listings(self, keys: Collection[str]) -> Mapping[str, Listing]:
        """Return the listings that exist of these `store/seller SKU` keys."""

    async def facts_depended_on(self, facts: Collection[str]) -> Collection[str]:
        """Return the facts that at least one order depends on."""

    async def orders_depending_on(
        self, fact: str, after: OrderCursor | None, limit: int
    ) -> Sequence[OrderRecord]:
        """Return orders that depend on a fact, oldest purchase first, after the given one."""

    async def blocked_orders(
        self, store_id: str | None, after: OrderCursor | None, limit: int
    ) -> Sequence[OrderRecord]:
        """Return blocked orders, oldest purchase first, after the given one."""

    async def replay_part(self, replay_id: str, step: int) -> Sequence[str]:
        """Return the `store/order` keys of one step of a replay, none if there is no such step."""

    async def shipped_commerce_orders(
        self, store_id: str | None, limit: int
    ) -> Sequence[CommerceOrder]:
        """Return Commerce orders that are shipped and not complete."""

    async def pending_reservations(
        self, store_id: str | None, before: datetime, limit: int
    ) -> Sequence[OrderRecord]:
        """Return orders that reserve units while they are pending, without news since a moment."""

    async def details_of(self, amazon_order_ids: Collection[str]) -> Sequence[DeadLetter]:
        """Return the dead letters with details of these orders that nobody has claimed yet."""

    async def write_ahead(self, changes: ChangeSet) -> None:
        """Begin to write some changes, and return while the database is still writing them.

        What the transaction reads or writes next waits for it, and raises its errors: those of
        `write`.
        """

    async def write(
        self, changes: ChangeSet, moves: Sequence[tuple[Checkpoint, Checkpoint]] = ()
    ) -> None:
        """Write all changes, and move each checkpoint from its expected place to the next.

        The checkpoints fence the whole transaction.

        Raises:
            Fenced: A stored checkpoint has another epoch or version than expected.
            DuplicateKey: One of the orders, Commerce orders or events exists already.
        """


class Storage(Protocol):
    """The database."""

    async def prepare(self) -> None:
        """Create missing collections and indexes. Harmless to repeat.

        Raises:
            OtherLayout: The database is of another version of this program.
        """

    async def transact(
        self, work: Callable[[Transaction], Awaitable[R]], source: TopicPartition | None = None
    ) -> R:
        """Run `work` in a transaction, and again after each conflict, until it commits.

        Transactions for a `source` run one after the other, in the session that claimed it.

        Raises:
            StorageUnavailable: No answer; whether the transaction was committed is unknown.
            StorageBusy: For a `source`: another transaction has conflicted for seconds. If it is
                one of a former owner of a partition claimed here, it is ended by now.
            Fenced, DuplicateKey: As `Transaction.write`.
        """

    async def snapshot(self, work: Callable[[Snapshot], Awaitable[R]]) -> R:
        """Run `work` on a snapshot, which it reads without locking.

        Raises:
            StorageUnavailable: No answer.
        """

    async def checkpoint(self, source: TopicPartition) -> Checkpoint:
        """Return the checkpoint of a partition, with its outbox."""

    async def claim(self, sources: Sequence[TopicPartition]) -> Sequence[Checkpoint]:
        """Claim partitions: begin new epochs, and end open transactions of their former owners.

        From now on a former owner can neither move the checkpoint nor trim its outbox. Otherwise a
        worker that was killed in a transaction would keep its lock until the database gives the
        transaction up, a minute later. The partitions share one session.
        """

    async def trim_outbox(self, checkpoint: Checkpoint, rest: Sequence[Outgoing] = ()) -> None:
        """Remove all but the rest from the outbox, if the checkpoint is still at this version.

        Raises:
            Fenced: Another owner has claimed the partition.
        """

    async def pending_in_other_outboxes(
        self, events: Collection[tuple[str, int]], but: Collection[TopicPartition]
    ) -> Collection[tuple[str, int]]:
        """Return the events, by key and sequence, that are in outboxes of other partitions.

        These are all partitions but the given ones. An event that was just published counts until
        its outbox is trimmed.
        """


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in user. `session_id` is a hash: a reader of the database cannot sign in with it.

    `password` is a hash of the password's hash: a new password ends the session.
    """

    session_id: str
    user: str
    password: str
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class HealthSample:
    """What was measured at a moment.

    `decided` is how many messages were decided ever, and `lag` how many were unfinished. `delay`
    is the age of the oldest undecided message in seconds. They are None if Kafka did not answer.
    """

    at: datetime
    decided: int
    lag: int | None
    delay: float | None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One action in the console: who did what to what. It contains no buyer."""

    entry_id: str
    at: datetime
    user: str
    action: str
    target: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class AuditHead:
    """Where the audit log ends: the number and the hash of its last entry."""

    number: int
    hash: str

    def __str__(self) -> str:
        return f"{self.number}:{self.hash}"


@dataclass(frozen=True, slots=True)
class AuditCheck:
    """Whether the audit log is whole: its first number, its last entry in order, and a problem.

    If it does not begin with 1, the entries before were deleted, perhaps because they were old.
    """

    first: int
    head: AuditHead
    problem: str | None
