"""A search through a list: piece after piece, until there is enough, or the time is over."""

import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from models.order_query import Cursor, OrderQuery, OrderSort
from storage.console_queries import (
    FIELD,
    Stretch,
    by_state,
    filter_of,
    overdue,
    stretches,
    waiting_on,
)
from storage.console_search import FIRST, Pieces, matcher
from storage.values import Document

_MOST = 1_000
"""How many orders are read at once, at most."""
_WIDER = 8
_NARROWEST = timedelta(minutes=1)

Read = Callable[[Stretch, Sequence[Document], int], Awaitable[Sequence[Document]]]


class Looked(NamedTuple):
    """The orders found, in the order they were read, and where a search may go on."""

    documents: Sequence[Document]
    reached: Cursor | None


async def look_through(
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
) -> Looked:
    """Look at orders one by one.

    Args:
        read: Gives the first orders of a stretch that some conditions let through.
        query: Which orders, and in which order.
        cursor: The place they are read from.
        at: The present moment.
        oldest: About where the list begins, for one that is read from the oldest on.
        forward: Whether after the place, or before it.
        limit: How many are enough.
        seconds: For how long; a piece that was begun is read to its end.
        at_least: How many orders are looked at however long that takes.
        clock: Gives seconds.
    """
    matches, filters = matcher(query), indexed_of(query)
    until = clock() + seconds
    found: list[Document] = []
    width, looked_at = FIRST, 0
    place = cursor
    while True:
        full: Cursor | None = None
        for stretch in stretches(query, place, forward=forward):
            pieces = Pieces(stretch, query.sort, at, oldest)
            while full is None and (piece := pieces.cut(width)) is not None:
                began = clock()
                seen = await read(piece, filters, _MOST)
                found += filter(matches, seen)
                if len(found) >= limit:
                    return Looked(found[:limit], None)
                full = _place(seen[-1], query.sort) if len(seen) == _MOST else None
                now = clock()
                looked_at += len(seen)
                # What is empty costs little, and is gone through however long that takes.
                is_enough = now >= until and seen and looked_at >= at_least
                if is_enough and (full or pieces.goes_on):
                    return Looked(found, full or Cursor(pieces.reached, ""))
                # Half of the time that is left, but no less than what is looked at in any case.
                by_time = (until - now) / (2 * max(now - began, 0.001))
                by_count = (at_least - looked_at) / len(seen) if seen else _WIDER
                factor = min(max(by_time, by_count, 1 / _WIDER), _WIDER)
                width = max(width * factor, _NARROWEST)
            if full is not None:
                break
        if full is None:
            return Looked(found, None)
        place = full


def indexed_of(query: OrderQuery) -> list[Document]:
    """Give the conditions that an index has, for all but dates; all others are looked at."""
    if query.keys or query.number is not None:
        return [filter_of(query) | one for one in by_state(query)]
    bounded = OrderQuery(store_id=query.store_id, sort=query.sort)
    if query.sort is OrderSort.RECEIVED:
        return [filter_of(bounded)]
    if query.product:
        return [filter_of(bounded) | waiting_on(query.product)]
    if query.overdue_since is not None:
        return [filter_of(bounded) | overdue(query.overdue_since)]
    return [filter_of(bounded) | state for state in by_state(query)]


def _place(document: Document, sort: OrderSort) -> Cursor:
    return Cursor(document.get(FIELD[sort]), document["_id"])
