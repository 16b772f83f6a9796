"""What the operators' console asks of the database, beyond what every reader answers."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from models.commerce_order import CommerceOrder, StockedProduct
from models.order_query import Cursor, OrderQuery, OrderSort
from models.reference_data import Listing
from storage.reader import OrderLine


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
        return f"{self.line.store_id}/{self.line.amazon_order_id}"

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
