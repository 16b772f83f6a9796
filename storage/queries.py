"""The readers: queries for people. They change nothing and take no locks."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
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
    """An order as one line of a list, without its buyer.

    `reasons` are codes, each once; `missing` are the details that an order waits for.
    `order_number` and `commerce_status` are those of the Commerce order, if there is one.
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

    `sku` is the catalog's; it is None if Amazon named no SKU. `value` is the sum of the orders'
    totals, per currency. `since` is when the first of them was blocked, and `tried` is the highest
    number of checks of one of them. `similar_sku` is as in a blocker.
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
        """What operators can do about it."""
        return REMEDIES[self.code]


@dataclass(frozen=True, slots=True)
class BlockedSummary:
    """All blocked orders together. The dates are None if no order is blocked, or none has one.

    `value` is the sum of the orders' totals, per currency. `since` is when the one that has been
    blocked for longest was blocked.
    """

    value: tuple[Money, ...]
    since: datetime | None
    earliest_ship_by: datetime | None


@dataclass(frozen=True, slots=True)
class PublishedEvent:
    """An event that was published for an order, without its body."""

    event_id: str
    event_type: str
    topic: str
    sequence: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class OrderHistory:
    """An order with its history. `events` has the events that the history names, by event id."""

    record: OrderRecord
    history: tuple[HistoryEntry, ...]
    events: Mapping[str, PublishedEvent]
    commerce_order: CommerceOrder | None
    store: Store | None


@dataclass(frozen=True, slots=True)
class Standing:
    """The committed offset of a source partition, and how many messages its outbox has."""

    committed_offset: int
    unpublished: int


class Reader(Protocol):
    """Queries of the command line and of the console.

    Raises:
        StorageUnavailable: From every method: the database does not answer.
    """

    async def ping(self) -> None:
        """Return as soon as the database answers."""
        ...

    async def indexes(self) -> Collection[str]:
        """Return the existing indexes, each as `collection.name`."""
        ...

    async def stores(self) -> Mapping[str, Store]:
        """Return all stores by id."""
        ...

    async def list_orders(self, query: OrderQuery, limit: int) -> Sequence[OrderLine]:
        """Return orders, newest purchase first; orders without a purchase date come last."""
        ...

    async def order_key(self, amazon_order_id: str) -> str | None:
        """Return the `store/order` key of the order of this Amazon id (rule 22)."""
        ...

    async def history(self, key: str) -> OrderHistory | None:
        """Return one order with its history; None if there is none of this `store/order`."""
        ...

    async def state_counts(self) -> Mapping[str, Mapping[ImportState, int]]:
        """Return, per store id, how many orders are in each state."""
        ...

    async def overdue_counts(self, since: datetime) -> Mapping[str, int]:
        """Return, per store id, how many orders have waited for details since then or longer.

        An unknown purchase date is such a detail. Stores without such orders are left out.
        """
        ...

    async def blocker_counts(self) -> Mapping[str, int]:
        """Return, per blocker code, how many orders it blocks; an order can have several codes."""
        ...

    async def blocked_groups(self, store_id: str | None, limit: int) -> Sequence[BlockedGroup]:
        """Return blocked orders by cause and product, the earliest ship-by date first.

        Groups without a ship-by date come last.
        """
        ...

    async def blocked_summary(self) -> BlockedSummary:
        """Return what all blocked orders are worth, and the dates of the most urgent ones."""
        ...

    async def dead_letter_counts(self) -> Mapping[str, int]:
        """Return, per code, how many messages became dead letters."""
        ...

    async def offset_resets(self, since: datetime, limit: int) -> Sequence[OffsetReset]:
        """Return since then the checkpoints that were outside their logs, newest first."""
        ...

    async def standings(self) -> Mapping[TopicPartition, Standing]:
        """Return the progress of every source partition that was ever read."""
        ...


class QueryTookTooLong(Exception):  # noqa: N818 - the query was too wide, nothing is broken
    """A query without an index ran out of its time. A narrower query may succeed."""


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An order as one row of a list. `skus` are the SKUs of its blockers."""

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
        """Return the place of the row in a list that is sorted so."""
        at: Mapping[OrderSort, datetime | None] = {
            OrderSort.PURCHASED: self.line.purchase_date,
            OrderSort.RECEIVED: self.received_at,
            OrderSort.SHIP_BY: self.latest_ship_date,
        }
        return Cursor(at[sort], self.key)


@dataclass(frozen=True, slots=True)
class SearchedRows:
    """Rows that match, and the place to continue the search from; None if it is complete."""

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

    The seconds are measured on the newest created orders; None if there are none.
    """

    hours: Sequence[Hour]
    median_seconds: float | None
    p95_seconds: float | None


class ConsoleReader(Protocol):
    """Queries of the console alone.

    Raises:
        StorageUnavailable: From every method: the database does not answer.
    """

    async def page(
        self, query: OrderQuery, cursor: Cursor | None, *, at: datetime, forward: bool, limit: int
    ) -> Sequence[OrderRow]:
        """Return orders after a place (or before it), always in the query's own order.

        `at` is the present moment.

        Raises:
            QueryTookTooLong: A condition has no index, and there are too many orders.
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
    ) -> SearchedRows:
        """Return orders as `page` does, for conditions that have no index.

        The search ends when enough orders match; or after about so many seconds, if it has checked
        at least so many orders. It always makes progress.

        Raises:
            QueryTookTooLong: Not even a small range could be read in time.
        """
        ...

    async def count(self, query: OrderQuery, at_most: int) -> int | None:
        """Count orders, but no further than `at_most`; None if that takes too long."""
        ...

    def stream(self, query: OrderQuery) -> AsyncIterator[OrderRow]:
        """Return all matching orders, one after the other."""
        ...

    async def received_since(self, store_id: str | None, after: datetime, at_most: int) -> int:
        """Count orders that were received after a moment, but no further than `at_most`."""
        ...

    async def blocked_stores(self, store_ids: Sequence[str]) -> Sequence[str]:
        """Return those of these stores that have blocked orders, in the given order."""
        ...

    async def activity(self, store_id: str | None, since: datetime, until: datetime) -> Activity:
        """Return what happened in the hours between."""
        ...

    async def commerce_order(self, commerce_order_id: str) -> CommerceOrder | None:
        """Return a Commerce order."""
        ...

    async def products(self, skus: Sequence[str]) -> Mapping[str, StockedProduct]:
        """Return the catalog products that exist of these SKUs."""
        ...

    async def skus_like(self, text: str, limit: int) -> Sequence[str]:
        """Return catalog SKUs that begin with a text."""
        ...

    async def similar_skus(self, sku: str) -> Sequence[str]:
        """Return catalog SKUs that differ only by case, blanks or Unicode form."""
        ...

    async def listing(self, key: str) -> Listing | None:
        """Return what a `store/seller SKU` is matched to."""
        ...
