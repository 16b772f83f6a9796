"""Windows: a long stretch of a list, read in pieces that widen; and about when a list begins."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

from models.order_query import OrderSort
from storage.console_queries import BEGINNING, FIELD, Stretch, moved
from storage.values import Document

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
