"""The filter of a list of orders, its sort order, and a place in it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from models.amazon_order import AmazonStatus, FulfillmentChannel
from models.outcome import ImportState, states_with


class OrderSort(StrEnum):
    """What a list of orders is sorted by. Each has an index; `SHIP_BY` for blocked orders only."""

    PURCHASED = "purchased"
    RECEIVED = "received"
    SHIP_BY = "ship-by"


@dataclass(frozen=True, slots=True)
class OrderQuery:
    """Which orders, and in which order. `None` matches all.

    `number` is an Amazon order id or its beginning, `buyer` whole words of a buyer's name, `sku` a
    seller's or a catalog's SKU, and `product` the catalog SKU of a blocker (empty: a blocker
    without a SKU). `overdue_since` selects orders that have waited for details since then or
    longer. `ship_by_before` selects blocked orders that must be shipped before then, the late ones
    among them. `keys` are `store/order`, for a selection.
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
    ship_by_before: datetime | None = None
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
        if self.asks_for_a_blocker or self.ship_by_before is not None:
            return [ImportState.BLOCKED]
        return [ImportState.WAITING] if self.overdue_since else list(ImportState)

    @property
    def asks_for_a_blocker(self) -> bool:
        """Whether a blocker is described by more than its code."""
        return self.product is not None or self.asin is not None

    @property
    def has_index_for_its_sort(self) -> bool:
        """Whether an index has the matching orders in this order."""
        return self.sort is not OrderSort.SHIP_BY or self.states == [ImportState.BLOCKED]

    @property
    def is_searched(self) -> bool:
        """Whether a condition has no index, so that orders are read and checked one by one."""
        if self.keys or self.buyer is not None or self.number is not None:
            return False
        if self.sort is OrderSort.SHIP_BY:
            return False
        words = (self.sku, self.status, self.channel, self.currency, self.reason)
        limits = (self.total_min, self.total_max, self.ship_by_before)
        return self.asks_for_a_blocker or any(value is not None for value in (*words, *limits))


DUE_FORMS = "overdue, 24h, 3d"
"""What `parse_due` reads, by examples."""
_DUE = re.compile(r"overdue|([1-9]\d{0,3})h|([1-9]\d{0,2})d", re.ASCII)


def parse_due(text: str) -> timedelta:
    """Return within which time orders must be shipped; none is left if they are `overdue`.

    Raises:
        ValueError: It is neither `overdue` nor a number of hours or days.
    """
    match = _DUE.fullmatch(text.lower())
    if match is None:
        raise ValueError(f"expected one of the forms {DUE_FORMS}")
    return timedelta(hours=int(match[1] or 0), days=int(match[2] or 0))


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a sorted list of orders: next to the order with this key.

    `at` is the moment that the list is sorted by.
    """

    at: datetime | None
    key: str
