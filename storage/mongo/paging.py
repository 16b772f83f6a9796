"""Windows: a long stretch of a list, read in pieces that widen; and about when a list begins."""

import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from models.order_query import Cursor, OrderQuery, OrderSort
from storage.documents.values import Document
from storage.mongo.order_queries import (
    BEGINNING,
    FIELD,
    Stretch,
    by_state,
    filter_of,
    moved,
    overdue,
    place_of,
    stretches,
    waiting_on,
)
from storage.mongo.search import FIRST, Pieces, matcher

_FARTHEST = timedelta(days=7_300)
_NEARER = 0.95
_CLOSE = timedelta(hours=1)
_FIRST_WINDOW = timedelta(hours=1)
_WIDER = 8
_WINDOWS = 7


def windows(
    stretch: Stretch, sort: OrderSort, at: datetime, oldest: datetime | None = None
) -> list[Stretch]:
    """Cut a stretch into windows that widen from where reading begins.

    An index gives the first of a long stretch at once, where the server stops reading when it
    has enough. Not every server does; none reads more than a few times what it gives from these.

    Args:
        stretch: What to cut; without a bound of time it stays whole.
        sort: What the list is sorted by.
        at: The present moment, where a list that begins with the newest is begun.
        oldest: About where the list begins, for one that begins with the oldest.
    """
    field = FIELD[sort]
    bounds = stretch.condition.get(field)
    if not isinstance(bounds, dict):
        return [stretch]
    low: Any = bounds.get("$gte", bounds.get("$gt"))
    high = bounds.get("$lt")
    descends = stretch.sort[0][1] < 0
    if not descends and low in (None, BEGINNING):
        if oldest is None:
            return [stretch]
        low = oldest
    edge = min(high or at, at) if descends else low
    cut: list[Stretch] = []
    inner: Document = {}
    for step in range(_WINDOWS):
        width = _FIRST_WINDOW * _WIDER**step
        outer = moved(edge, -width if descends else width)
        if descends:
            cut.append(_between(stretch, field, bounds, inner | {"$gte": max(outer, low or outer)}))
            inner = {"$lt": outer}
        else:
            cut.append(_between(stretch, field, bounds, inner | {"$lt": min(outer, high or outer)}))
            inner = {"$gte": outer}
        if (descends and low is not None and outer <= low) or (
            not descends and high is not None and outer >= high
        ):
            return cut
    return [*cut, _between(stretch, field, bounds, inner)]


def _between(stretch: Stretch, field: str, bounds: Document, more: Document) -> Stretch:
    merged = {**bounds, **more}
    if "$gte" in more:
        merged.pop("$gt", None)
        if "$gt" in bounds and more["$gte"] <= bounds["$gt"]:
            merged = {**bounds, **{how: at for how, at in more.items() if how != "$gte"}}
    return Stretch({**stretch.condition, field: merged}, stretch.sort)


async def beginning_of(
    at: datetime, is_empty_before: Callable[[datetime], Awaitable[bool]]
) -> datetime:
    """Give a moment up to an hour before the first of a list; `at` is the present.

    It is only where reading begins best: a list that begins earlier is read in full too. Asking
    nearer and nearer from afar touches few documents, also on a server that counts before it
    answers.
    """
    far = _FARTHEST
    near = far * _NEARER
    while near > _CLOSE and await is_empty_before(at - near):
        far, near = near, near * _NEARER
    while far - near > _CLOSE:
        middle = near + (far - near) / 2
        if await is_empty_before(at - middle):
            far = middle
        else:
            near = middle
    return at - far


_MOST = 1_000
"""How many orders are read at once, at most."""
_WIDEN_BY = 8
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
                by_count = (at_least - looked_at) / len(seen) if seen else _WIDEN_BY
                factor = min(max(by_time, by_count, 1 / _WIDEN_BY), _WIDER)
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


def ranked_of(
    found: Sequence[Document],
    query: OrderQuery,
    cursor: Cursor | None,
    *,
    forward: bool,
    limit: int,
) -> tuple[Sequence[Document], int]:
    """Give those after a place (or before it), in the query's order, and how many there are.

    Orders that lack what the list is sorted by come last.
    """
    field = FIELD[query.sort]
    way = -1 if query.descending else 1

    def rank(order: Document) -> tuple[Any, ...]:
        return (place_of(order, field), order["_id"])

    matching = list(filter(matcher(query), found))
    having = sorted((one for one in matching if place_of(one, field)), key=rank, reverse=way < 0)
    lacking = sorted(
        (one for one in matching if not place_of(one, field)), key=rank, reverse=way < 0
    )
    ordered = [*having, *lacking]
    if cursor is None:
        return (ordered[:limit] if forward else ordered[-limit:]), len(ordered)
    place = (() if cursor.at is None else (cursor.at,), cursor.key)

    def is_beyond(order: Document) -> bool:
        own = rank(order)
        if bool(own[0]) != bool(place[0]):
            return not own[0]
        return own > place if way > 0 else own < place

    if forward:
        return [one for one in ordered if is_beyond(one)][:limit], len(ordered)
    return [one for one in ordered if not is_beyond(one) and rank(one) != place][-limit:], len(
        ordered
    )
