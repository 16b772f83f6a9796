"""The reader: what people may ask of the database. It changes nothing and takes no locks."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from models.amazon_order import AmazonStatus, FulfillmentChannel
from models.blockers import REMEDIES, BlockerCode
from models.checkpoint import OffsetReset
from models.commerce_order import CommerceOrder
from models.keys import order_key
from models.messages import TopicPartition
from models.money import Money
from models.order_query import Cursor, OrderQuery, OrderSort
from models.order_record import HistoryEntry, OrderRecord
from models.outcome import ImportState, MissingDetail
from models.reference_data import CommerceStatus, Listing, StockedProduct, Store


@dataclass(frozen=True, slots=True)
class OrderLine:
    """An order as one line of a list. Nothing of the buyer is in it.

    `reasons` are codes, each once; `missing` are the details an order waits for. `order_number`
    and `commerce_status` are of the Commerce order, where there is one.
    """

    store_id: str
    amazon_order_id: str
    purchase_date: datetime | None
    status: AmazonStatus | None
    channel: FulfillmentChannel | None
    total: Money | None
    state: ImportState
    reasons: tuple[str, ...]
    commerce_order_id: str | None
    order_number: str | None
    commerce_status: CommerceStatus | None
    missing: tuple[MissingDetail, ...] = ()


@dataclass(frozen=True, slots=True)
class BlockedGroup:
    """Blocked orders with one cause and one product. An order counts in each of its groups.

    `sku` is the catalog's; it is None where Amazon named no SKU. `value` is the sum of the
    orders' totals, per currency. `since` is when the first of them was blocked, and `tried` is
    how often the most patient one was judged. `similar_sku` is as in a blocker.
    """

    code: BlockerCode
    sku: str | None
    similar_sku: str | None
    seller_skus: tuple[str, ...]
    asins: tuple[str, ...]
    orders: int
    value: tuple[Money, ...]
    oldest_purchase: datetime | None
    earliest_ship_by: datetime | None
    since: datetime
    tried: int

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return REMEDIES[self.code]


@dataclass(frozen=True, slots=True)
class PublishedEvent:
    """An event that was emitted for an order, without its body."""

    event_id: str
    event_type: str
    topic: str
    sequence: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class OrderHistory:
    """All there is to tell of one order. `events` are by event id, of those the history names."""

    record: OrderRecord
    history: tuple[HistoryEntry, ...]
    events: Mapping[str, PublishedEvent]
    commerce_order: CommerceOrder | None
    store: Store | None


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a source partition is decided, and how many messages of that are still to go out."""

    committed_offset: int
    unpublished: int


class Reader(Protocol):
    """Questions people ask.

    Raises:
        StorageUnavailable: From every method: the database does not answer.
    """

    async def ping(self) -> None:
        """Return when the database answers."""
        ...

    async def indexes(self) -> Collection[str]:
        """Give the indexes there are, each as `collection.name`."""
        ...

    async def stores(self) -> Mapping[str, Store]:
        """Give all stores by id."""
        ...

    async def list_orders(self, wanted: OrderQuery, limit: int) -> Sequence[OrderLine]:
        """Give orders, newest purchase first; those without a purchase date come last."""
        ...

    async def order_key(self, amazon_order_id: str) -> str | None:
        """Return the `store/order` key of the order of this Amazon id (rule 22)."""
        ...

    async def history(self, key: str) -> OrderHistory | None:
        """Give one order with its history; None where there is none of this `store/order`."""
        ...

    async def state_counts(self) -> Mapping[str, Mapping[ImportState, int]]:
        """Give, per store id, how many orders are in each state."""
        ...

    async def overdue_counts(self, since: datetime) -> Mapping[str, int]:
        """Return, per store id, how many orders have waited for details since then or longer.

        A purchase date that is not known is such a detail. Stores without any are left out.
        """
        ...

    async def blocker_counts(self) -> Mapping[str, int]:
        """Give, per blocker code, how many orders it blocks; an order may count under several."""
        ...

    async def blocked_groups(self, store_id: str | None, limit: int) -> Sequence[BlockedGroup]:
        """Give blocked orders by cause and product, the earliest ship-by date first.

        Groups without one come last.
        """
        ...

    async def dead_letter_counts(self) -> Mapping[str, int]:
        """Give, per code, how many messages became dead letters."""
        ...

    async def offset_resets(self, since: datetime, limit: int) -> Sequence[OffsetReset]:
        """Return checkpoints that were not in their logs any more since then, newest first."""
        ...

    async def standings(self) -> Mapping[TopicPartition, Standing]:
        """Give where every source partition stands that was ever read."""
        ...


class QueryTookTooLong(Exception):  # noqa: N818 - the question was too wide, nothing is broken
    """A question without an index ran out of its time. A narrower one may be answered."""


class TooManyToSort(Exception):  # noqa: N818 - the question was too wide, nothing is broken
    """There are more orders than can be sorted by what has no index."""


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An order as one row of a list. `skus` are those of its blockers."""

    line: OrderLine
    buyer_name: str | None
    skus: tuple[str, ...]
    since: datetime | None
    decided_at: datetime
    received_at: datetime
    latest_ship_date: datetime | None

    @property
    def key(self) -> str:
        """`store/order`."""
        return order_key(self.line.store_id, self.line.amazon_order_id)

    def cursor(self, sort: OrderSort) -> Cursor:
        """Give its place in a list sorted so."""
        total = self.line.total
        at: Mapping[OrderSort, datetime | Decimal | None] = {
            OrderSort.PURCHASED: self.line.purchase_date,
            OrderSort.RECEIVED: self.received_at,
            OrderSort.TOTAL: None if total is None else total.amount,
            OrderSort.SHIP_BY: self.latest_ship_date,
        }
        return Cursor(at[sort], self.key)


@dataclass(frozen=True, slots=True)
class Ranked:
    """Some of the orders of a sorted list, and how many it has in all."""

    rows: Sequence[OrderRow]
    count: int


@dataclass(frozen=True, slots=True)
class Found:
    """What a search has found so far. `reached` is where it may go on; None: it has seen all."""

    rows: Sequence[OrderRow]
    reached: Cursor | None


@dataclass(frozen=True, slots=True)
class Hour:
    """What happened in one hour, which begins at `at`."""

    at: datetime
    received: int
    created: int


@dataclass(frozen=True, slots=True)
class Activity:
    """A store's last hours, oldest first, and the seconds from received to created.

    The seconds are of the newest orders that were created; None where there are none.
    """

    hours: Sequence[Hour]
    median_seconds: float | None
    p95_seconds: float | None


class ConsoleReader(Protocol):
    """Questions of the console.

    Raises:
        StorageUnavailable: From every method: the database does not answer.
    """

    async def page(
        self, query: OrderQuery, cursor: Cursor | None, *, at: datetime, forward: bool, limit: int
    ) -> Sequence[OrderRow]:
        """Give orders after a place (or before it), always in the query's own order.

        `at` is the present moment.

        Raises:
            QueryTookTooLong: It has no index for what was asked, and there are too many orders.
        """
        ...

    async def ranked(
        self,
        query: OrderQuery,
        cursor: Cursor | None,
        *,
        forward: bool,
        limit: int,
        at_most: int,
    ) -> Ranked:
        """Give orders as `page` does, sorted by what has no index. All of them are read.

        Raises:
            TooManyToSort: More orders have its store, state and dates than that.
        """
        ...

    async def search(
        self,
        query: OrderQuery,
        cursor: Cursor | None,
        *,
        at: datetime,
        forward: bool,
        limit: int,
        seconds: float,
        at_least: int = 200,
    ) -> Found:
        """Give orders as `page` does, where each has to be looked at to know whether it is meant.

        It ends when it has found enough; or after about so many seconds, if it has looked at so
        many orders at least. It always gets on.

        Raises:
            QueryTookTooLong: Not even a small range could be read in time.
        """
        ...

    async def count(self, query: OrderQuery, at_most: int) -> int | None:
        """Give how many orders there are, counting no further than asked; None: too slow to say."""
        ...

    def stream(self, query: OrderQuery) -> AsyncIterator[OrderRow]:
        """Give all orders, one after the other."""
        ...

    async def received_since(self, store_id: str | None, after: datetime, at_most: int) -> int:
        """Give how many orders were received after a moment, counting no further than asked."""
        ...

    async def blocked_stores(self, store_ids: Sequence[str]) -> Sequence[str]:
        """Give those of these stores that have blocked orders, in the order given."""
        ...

    async def activity(self, store_id: str | None, since: datetime, until: datetime) -> Activity:
        """Give what happened in the hours between."""
        ...

    async def commerce_order(self, commerce_order_id: str) -> CommerceOrder | None:
        """Give a Commerce order."""
        ...

    async def products(self, skus: Sequence[str]) -> Mapping[str, StockedProduct]:
        """Give the catalog products that exist of these SKUs."""
        ...

    async def skus_like(self, text: str, limit: int) -> Sequence[str]:
        """Give catalog SKUs that begin with a text."""
        ...

    async def similar_skus(self, sku: str) -> Sequence[str]:
        """Return catalog SKUs that differ from one by case, blanks or Unicode form alone."""
        ...

    async def listing(self, key: str) -> Listing | None:
        """Give what a `store/seller SKU` is matched to."""
        ...
