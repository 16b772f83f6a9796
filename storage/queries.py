"""What people ask for: the rows, groups and histories that the readers return."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from models.amazon_order import AmazonOrder, AmazonStatus, FulfillmentChannel
from models.commerce_order import CommerceOrder
from models.keys import order_key
from models.money import Money
from models.order_query import Cursor, OrderSort
from models.order_record import HistoryEntry, OrderRecord
from models.outcome import ImportState, MissingDetail
from models.reasons import REMEDIES, BlockerCode
from models.reference_data import CommerceStatus, Store


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
    totals, per currency. `blocked_since` is when the first of them was blocked, and `tried` is the
    highest number of checks of one of them. `stock_id` and `similar_sku` are as in a blocker.
    """

    code: BlockerCode
    sku: str | None
    stock_id: str | None
    similar_sku: str | None
    seller_skus: tuple[str, ...]
    asins: tuple[str, ...]
    orders: int
    value: tuple[Money, ...]
    oldest_purchase_date: datetime | None
    earliest_ship_date: datetime | None
    blocked_since: datetime
    tried: int

    @property
    def remedy(self) -> str:
        """What operators can do about it."""
        return REMEDIES[self.code]


@dataclass(frozen=True, slots=True)
class BlockedSummary:
    """All blocked orders together. The dates are None if no order is blocked, or none has one.

    `value` is the sum of the orders' totals, per currency. `since` is when the one that has been
    blocked for longest was blocked. `overdue` orders should have been shipped, and those `at_risk`
    must be shipped within `AT_RISK`.
    """

    value: tuple[Money, ...]
    since: datetime | None
    earliest_ship_by: datetime | None
    overdue: int = 0
    at_risk: int = 0


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


@dataclass(frozen=True, slots=True)
class BuyerDataCounts:
    """How much buyer data should be erased by now, and how much of orders and dead letters soon."""

    overdue: int
    orders: int
    dead_letters: int


class QueryTookTooLong(Exception):  # noqa: N818 - the query was too wide, nothing is broken
    """A query without an index ran out of its time. A narrower query may succeed."""


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An order as one row of a list. `skus` are the SKUs of its blockers.

    `details` are only read for an export: prices, charges, and what belongs to the order, without
    the buyer and the address.
    """

    line: OrderLine
    buyer_name: str | None
    skus: tuple[str, ...]
    since: datetime | None
    decided_at: datetime
    received_at: datetime
    latest_ship_date: datetime | None
    details: AmazonOrder | None = None
    buyer_erased_at: datetime | None = None

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
