"""A search by conditions that no index has: orders are read in slices of time, and checked here.

So it ends when its time is over, knows how far it came, and can be continued from there.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from bson.decimal128 import Decimal128

from models.order_query import Cursor, OrderQuery
from models.reasons import BlockerCode
from storage.documents.values import Document
from storage.mongo.order_queries import (
    BEGINNING,
    SORT_FIELD,
    IndexRange,
    index_ranges,
    indexed_conditions,
    tightest_bounds,
)

FIRST_WIDTH = timedelta(hours=1)
"""How much time the first slice of a list covers."""
_NARROWEST = timedelta(minutes=1)
_FARTHEST = timedelta(days=10_000)
_END = datetime.max.replace(tzinfo=BEGINNING.tzinfo)
_WIDEN_BY = 8
_READ_AT_ONCE = 1_000

Read = Callable[[IndexRange, Document, int], Awaitable[Sequence[Document]]]


class SearchResult(NamedTuple):
    """The matching orders in the order they were read, and the place to continue from, if any."""

    documents: Sequence[Document]
    reached: Cursor | None


class TimeSlices:
    """Cuts an index range into slices of time, each as wide as asked for.

    The first slice begins at the newest order, or at about the `oldest`. A range without bounds
    of time is one slice.
    """

    def __init__(self, part: IndexRange, at: datetime, oldest: datetime | None) -> None:
        self._part = part
        self._field, direction = part.sort[0]
        self._descends = direction < 0
        bounds = part.condition.get(self._field)
        self._bounds: Document = bounds if isinstance(bounds, dict) else {}
        low = max(self._bounds.get(operator, BEGINNING) for operator in ("$gte", "$gt"))
        if low == BEGINNING:
            low = at - _FARTHEST if self._descends or oldest is None else oldest
        high = min(self._bounds.get("$lt") or at, at)
        self.reached = high if self._descends else low
        """Where the next slice begins."""
        self._end = low if self._descends else high
        self._inner: Document = {}
        self._is_over = False

    @property
    def has_more(self) -> bool:
        """Whether another slice begins at `reached`."""
        return bool(self._bounds) and not self._is_over

    def cut(self, width: timedelta) -> IndexRange | None:
        """Return the next slice, None after the last one."""
        if self._is_over:
            return None
        if not self._bounds:
            self._is_over = True
            return self._part
        farther = _shift(self.reached, -width if self._descends else width)
        self._is_over = farther <= self._end if self._descends else farther >= self._end
        outer: Document = {}
        if not self._is_over:
            outer = {"$gte" if self._descends else "$lt": farther}
        bounds = tightest_bounds(self._bounds, self._inner, outer)
        self._inner = {"$lt" if self._descends else "$gte": farther}
        self.reached = farther
        return IndexRange({**self._part.condition, self._field: bounds}, self._part.sort)


async def search(
    read: Read,
    query: OrderQuery,
    cursor: Cursor | None,
    *,
    at: datetime,
    oldest: datetime | None,
    forward: bool,
    limit: int,
    seconds: float,
    at_least: int,
    clock: Callable[[], float] = time.monotonic,
) -> SearchResult:
    """Read orders until enough of them match or the time is over.

    Args:
        read: Returns the first orders of a range that meet some conditions.
        query: Which orders, and in which order.
        cursor: The place to search from.
        at: The present moment.
        oldest: About where the list begins, for a search from its oldest order.
        forward: Whether to search after the place, or before it.
        limit: How many orders are enough.
        seconds: For how long to search. A slice that was begun is read to its end.
        at_least: How many orders to check even if that takes longer.
        clock: Returns seconds.
    """
    matches, conditions = matcher(query), indexed_conditions(query)
    until = clock() + seconds
    matching: list[Document] = []
    width, checked = FIRST_WIDTH, 0
    place = cursor
    while True:
        last_read: Cursor | None = None
        for part in index_ranges(query, place, forward=forward):
            slices = TimeSlices(part, at, oldest)
            while last_read is None and (piece := slices.cut(width)) is not None:
                began = clock()
                orders = await read(piece, conditions, _READ_AT_ONCE)
                matching += filter(matches, orders)
                if len(matching) >= limit:
                    return SearchResult(matching[:limit], None)
                if len(orders) == _READ_AT_ONCE:  # the slice has more
                    last_read = Cursor(orders[-1].get(SORT_FIELD[query.sort]), orders[-1]["_id"])
                now = clock()
                checked += len(orders)
                # Empty slices cost little: they never end a search.
                is_over = now >= until and orders and checked >= at_least
                if is_over and (last_read or slices.has_more):
                    return SearchResult(matching, last_read or Cursor(slices.reached, ""))
                # Half of the time that is left, but no less than what is checked in any case.
                by_time = (until - now) / (2 * max(now - began, 0.001))
                by_count = (at_least - checked) / len(orders) if orders else _WIDEN_BY
                factor = min(max(by_time, by_count, 1 / _WIDEN_BY), _WIDEN_BY)
                width = max(width * factor, _NARROWEST)
            if last_read is not None:
                break
        if last_read is None:
            return SearchResult(matching, None)
        place = last_read


def matcher(query: OrderQuery) -> Callable[[Document], bool]:
    """Return a function that tells whether an order meets the conditions of `to_mongo`."""
    states = {state.value for state in query.states}

    def matches(order: Document) -> bool:
        total = order.get("total") or {}
        return (
            order["import"]["state"] in states
            and query.status in (None, order.get("status"))
            and query.channel in (None, order.get("fulfillment_channel"))
            and query.currency in (None, total.get("currency"))
            and _has_amount(query, total.get("amount"))
            and _has_reason(query, order["import"]["reasons"])
            and _has_sku(query, order)
            and _is_overdue(query, order["import"].get("details_pending_since"))
            and _is_due(query, order.get("latest_ship_date"))
        )

    return matches


def _shift(at: datetime, by: timedelta) -> datetime:
    """Return a moment moved by some time, but not beyond the ends of the calendar."""
    try:
        return at + by
    except OverflowError:
        return _END if by > timedelta(0) else BEGINNING


def _has_amount(query: OrderQuery, stored: Decimal128 | None) -> bool:
    if query.total_min is None and query.total_max is None:
        return True
    if stored is None:
        return False
    amount = stored.to_decimal()
    return (query.total_min is None or amount >= query.total_min) and (
        query.total_max is None or amount <= query.total_max
    )


def _has_reason(query: OrderQuery, reasons: list[Any]) -> bool:
    is_blocker = query.reason in set(BlockerCode)
    if query.reason is not None and not is_blocker and query.reason not in reasons:
        return False
    if not is_blocker and not query.asks_for_a_blocker:
        return True
    return any(
        (not is_blocker or reason.get("code") == query.reason)
        and (query.product is None or reason.get("sku") == (query.product or None))
        and query.asin in (None, reason.get("asin"))
        for reason in reasons
        if isinstance(reason, dict)
    )


def _is_overdue(query: OrderQuery, since: datetime | None) -> bool:
    latest = query.overdue_since
    return latest is None or (since is not None and since <= latest)


def _is_due(query: OrderQuery, ship_by: datetime | None) -> bool:
    before = query.ship_by_before
    return before is None or (ship_by is not None and ship_by < before)


def _has_sku(query: OrderQuery, order: Document) -> bool:
    if query.sku is None:
        return True
    skus = [item.get("seller_sku") for item in order.get("items") or ()]
    skus += [reason.get("sku") for reason in order["import"]["reasons"] if isinstance(reason, dict)]
    return query.sku in skus
