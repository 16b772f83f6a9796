"""Windows: a long stretch of a list, read in pieces that widen."""

from datetime import datetime, timedelta
from typing import Any

from storage.console_queries import BEGINNING, FIELD, Stretch, moved
from storage.console_query import OrderSort
from storage.values import Document

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
