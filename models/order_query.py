"""The filter of a list of orders, its sort order, and a place in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from models.amazon_order import AmazonStatus, FulfillmentChannel
from models.outcome import ImportState, states_with


class OrderSort(StrEnum):
    """What a list of orders is sorted by."""

    PURCHASED = "purchased"
    RECEIVED = "received"
    TOTAL = "total"
    SHIP_BY = "ship-by"

    @property
    def has_index(self) -> bool:
        """Whether an index sorts the orders; if not, only few orders can be sorted."""
        return self in (OrderSort.PURCHASED, OrderSort.RECEIVED)


@dataclass(frozen=True, slots=True)
class OrderQuery:
    """Which orders, and in which order. `None` matches all.

    `number` is an Amazon order id or its beginning, `sku` a seller's or a catalog's SKU, and
    `product` the catalog SKU of a blocker (empty: a blocker without a SKU). `overdue_since` selects
    orders that have waited for details since then or longer. `keys` are `store/order`, for a
    selection.
    """

    store_id: str | None = None
    state: ImportState | None = None
    reason: str | None = None
    status: AmazonStatus | None = None
    channel: FulfillmentChannel | None = None
    number: str | None = None
    buyer: str | None = None
    sku: str | None = None
    product: str | None = None
    asin: str | None = None
    overdue_since: datetime | None = None
    purchased_from: datetime | None = None
    purchased_to: datetime | None = None
    total_min: Decimal | None = None
    total_max: Decimal | None = None
    currency: str | None = None
    keys: tuple[str, ...] = ()
    sort: OrderSort = OrderSort.PURCHASED
    descending: bool = True

    @property
    def states(self) -> Sequence[ImportState]:
        """The states that matching orders can be in."""
        if self.state is not None:
            return [self.state]
        if self.reason is not None:
            return states_with(self.reason)
        if self.asks_for_a_blocker:
            return [ImportState.BLOCKED]
        return [ImportState.WAITING] if self.overdue_since else list(ImportState)

    @property
    def asks_for_a_blocker(self) -> bool:
        """Whether a blocker is described by more than its code."""
        return self.product is not None or self.asin is not None

    @property
    def is_searched(self) -> bool:
        """Whether each order has to be read to know whether it matches."""
        if self.keys or self.number is not None or not self.sort.has_index:
            return False
        texts = (self.buyer, self.sku, self.status, self.channel, self.currency, self.reason)
        criteria = (*texts, self.total_min, self.total_max)
        return self.asks_for_a_blocker or any(value is not None for value in criteria)


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a sorted list of orders: next to the order with this key.

    `at` is the sort value: an amount when sorted by total, else a moment.
    """

    at: datetime | Decimal | None
    key: str
