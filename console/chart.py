"""The last hours as a small picture: bars of what was received, and of what was created of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from storage.queries import Hour

WIDTH, HEIGHT = 480, 88
_GAP = 3


@dataclass(frozen=True, slots=True)
class Bar:
    """One hour's two bars, in the picture's units."""

    at: datetime
    received: int
    created: int
    x: float
    width: float
    received_height: float
    created_height: float


@dataclass(frozen=True, slots=True)
class Chart:
    """The bars, and the tallest one's number."""

    bars: Sequence[Bar]
    most: int
    received: int
    created: int


def chart_of(hours: Sequence[Hour]) -> Chart:
    """Give the picture of some hours; an hour with something is never invisible."""
    most = max([max(hour.received, hour.created) for hour in hours], default=0)
    step = WIDTH / max(len(hours), 1)
    half = (step - _GAP) / 2
    bars = [
        Bar(
            hour.at,
            hour.received,
            hour.created,
            round(at * step, 2),
            round(half, 2),
            _height(hour.received, most),
            _height(hour.created, most),
        )
        for at, hour in enumerate(hours)
    ]
    received = sum(hour.received for hour in hours)
    return Chart(bars, most, received, sum(hour.created for hour in hours))


def _height(count: int, most: int) -> float:
    return 0.0 if count == 0 else max(round(count / most * HEIGHT, 2), 2.0)
