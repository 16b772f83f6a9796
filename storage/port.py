"""The port: what the streams may ask of the database, and what it promises."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from models.change_set import ChangeSet
from models.checkpoint import Checkpoint, Outgoing
from models.commands import OrderCursor
from models.commerce_order import CommerceOrder
from models.dead_letters import DeadLetter
from models.messages import TopicPartition
from models.order_record import OrderRecord
from models.reference_data import Catalog, Listing, StockedProduct, Store
from models.replay import RecordedAnswer, Replay, Selection

R = TypeVar("R")


DEFAULT_STOCK = "default"
"""The stock of every store, and of one that is not known."""


class Facts(Protocol):
    """What orders are judged by."""

    async def stores(self) -> Mapping[str, Store]:
        """Give all stores by id."""
        ...

    async def catalog(self, wanted: Collection[tuple[str, str]]) -> Catalog:
        """Give the listings and products of these (store id, seller SKU) pairs."""
        ...


class View(Facts, Protocol):
    """One moment of the database, to be read and not to be changed."""

    async def orders(self, keys: Collection[str]) -> Mapping[str, OrderRecord]:
        """Give the orders that exist of these `store/order` keys."""
        ...

    async def orders_of(self, amazon_order_ids: Collection[str]) -> Mapping[str, OrderRecord]:
        """Return the orders that exist of these Amazon ids, by id: one each (rule 22)."""
        ...

    async def products(self, skus: Collection[str]) -> Mapping[str, StockedProduct]:
        """Give the products that exist of these SKUs."""
        ...

    async def product_versions(self, skus: Collection[str]) -> Mapping[str, StockedProduct]:
        """Give the products as last told, deleted ones too."""
        ...

    async def acknowledged_orders_reserving(self, skus: Collection[str]) -> Sequence[CommerceOrder]:
        """Give Commerce orders that Commerce acknowledged and that still hold these products."""
        ...

    async def select_orders(self, wanted: Selection) -> Sequence[str]:
        """Give the `store/order` keys of a replay's orders, oldest purchase first."""
        ...

    async def replay(self, replay_id: str) -> Replay | None:
        """Give one replay."""
        ...

    async def replays(self, *, running: bool, limit: int) -> Sequence[Replay]:
        """Give replays, newest first: those that run, or all."""
        ...

    async def synced(self, store_id: str | None) -> datetime | None:
        """Return when the last sync was requested that is carried out; None before the first.

        Of one store's own syncs, or of those of all stores.
        """
        ...

    async def answers(
        self, replay_id: str, after: RecordedAnswer | None, limit: int
    ) -> Sequence[RecordedAnswer]:
        """Give what a replay said of orders, by their keys, after the given one."""
        ...


class Transaction(View, Protocol):
    """One transaction: reads see one moment, writes happen all or not at all."""

    async def lock(self, stocks: Collection[str] = (DEFAULT_STOCK,)) -> int:
        """Take the locks of these stocks, in their order; return the last order number given.

        Who judges orders by a stock, or changes what they are judged by, does so before anything
        else: what it reads after that stays true until its end, and decisions are serializable.
        """
        ...

    async def commerce_orders(self, ids: Collection[str]) -> Mapping[str, CommerceOrder]:
        """Give the Commerce orders that exist of these ids."""
        ...

    async def listings(self, keys: Collection[str]) -> Mapping[str, Listing]:
        """Give the listings that exist of these `store/seller SKU` keys."""
        ...

    async def facts_depended_on(self, facts: Collection[str]) -> Collection[str]:
        """Give those of the facts that some order waits on."""
        ...

    async def orders_depending_on(
        self, fact: str, after: OrderCursor | None, limit: int
    ) -> Sequence[OrderRecord]:
        """Give orders that wait on a fact, oldest purchase first, after the given one."""
        ...

    async def blocked_orders(
        self, store_id: str | None, after: OrderCursor | None, limit: int
    ) -> Sequence[OrderRecord]:
        """Give blocked orders, oldest purchase first, after the given one."""
        ...

    async def replay_part(self, replay_id: str, step: int) -> Sequence[str]:
        """Return the `store/order` keys of one step of a replay, none if there is no such step."""
        ...

    async def shipped_commerce_orders(
        self, store_id: str | None, limit: int
    ) -> Sequence[CommerceOrder]:
        """Give Commerce orders that are shipped and not complete."""
        ...

    async def details_of(self, amazon_order_ids: Collection[str]) -> Sequence[DeadLetter]:
        """Give the dead letters with details of these orders that none has taken up yet."""
        ...

    async def write(
        self, changes: ChangeSet, moves: Sequence[tuple[Checkpoint, Checkpoint]] = ()
    ) -> None:
        """Write all changes, and move checkpoints, each from where it is known to be.

        The checkpoints are the fence of the whole transaction.

        Raises:
            Fenced: A stored checkpoint has another epoch or version than it is to be moved from.
            DuplicateKey: An order, a Commerce order or an event of these is there already.
        """
        ...


class Storage(Protocol):
    """The database."""

    async def prepare(self) -> None:
        """Create what is missing: collections and indexes. Harmless to repeat.

        Raises:
            OtherLayout: The database is of another version of this program.
        """
        ...

    async def transact(
        self, work: Callable[[Transaction], Awaitable[R]], source: TopicPartition | None = None
    ) -> R:
        """Run `work` in a transaction until it commits; it runs again after a conflict.

        Transactions for a `source` run one after the other, in the session it was taken up in.

        Raises:
            StorageUnavailable: No answer; whether it was committed is unknown.
            StorageBusy: For a `source`: another transaction has been in the way for seconds. If it
                is one of a former owner of a partition taken up here, it is ended by now.
            Fenced, DuplicateKey: As `Transaction.write`.
        """
        ...

    async def look(self, work: Callable[[View], Awaitable[R]]) -> R:
        """Run `work` over one moment of the database. It waits for nobody, and nobody for it.

        Raises:
            StorageUnavailable: No answer.
        """
        ...

    async def checkpoint(self, source: TopicPartition) -> Checkpoint:
        """Give where a partition stands, with what is still to be published of it."""
        ...

    async def claim(self, sources: Sequence[TopicPartition]) -> Sequence[Checkpoint]:
        """Take partitions up: begin new epochs, and end what their former owners left open.

        From here on a former owner can neither move nor mark the checkpoint. A worker that was
        killed in a transaction would else keep its lock from the others until the database gives
        it up, a minute later. The partitions share one session.
        """
        ...

    async def trim_outbox(self, checkpoint: Checkpoint, rest: Sequence[Outgoing] = ()) -> None:
        """Record that all but the rest is published, if it is still at the same version.

        Raises:
            Fenced: Another owner has taken the partition up.
        """
        ...

    async def pending_in_other_outboxes(
        self, events: Collection[tuple[str, int]], but: Collection[TopicPartition]
    ) -> Collection[tuple[str, int]]:
        """Give those of these events, by key and sequence, that are still to go out elsewhere.

        That is from any partition but the given ones. One that went out a moment ago counts until
        its partition says so.
        """
        ...


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody signed in. `session_id` is a hash: who reads the database cannot sign in by it.

    `password` is a hash of the password's hash: with another password the session is over.
    """

    session_id: str
    user: str
    password: str
    csrf: str
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing that was done through the console, by whom and to what. No buyer in it."""

    entry_id: str
    at: datetime
    user: str
    action: str
    target: str
    detail: str = ""


class ConsoleState(Protocol):
    """The console's own collections.

    Raises:
        StorageUnavailable: From every method: the database does not answer.
    """

    async def session(self, session_id: str) -> Session | None:
        """Give a session, whether or not it has expired."""
        ...

    async def add_session(self, session: Session) -> None:
        """Keep a session, and forget those that had expired when it began."""
        ...

    async def end_session(self, session_id: str) -> None:
        """Forget a session; harmless to repeat."""
        ...

    async def record(self, entry: AuditEntry) -> None:
        """Keep what was done."""
        ...

    async def audit(self, before: tuple[datetime, str] | None, limit: int) -> Sequence[AuditEntry]:
        """Give what was done, newest first, before a place in the list."""
        ...
