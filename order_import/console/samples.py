"""Samples of the installation's health, stored every 20 seconds; and their minutes as a chart."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from models.errors import OrderImportError
from order_import.console.context import ConsoleContext
from storage.port import HealthSample

_EVERY = 20
"""Seconds between two samples. Several consoles share them: a moment has one sample."""
SHOWN = timedelta(hours=1)
_MINUTE = timedelta(minutes=1)
_LONGEST_GAP = 2 * _MINUTE
"""Between samples that are further apart, nothing is known."""


@dataclass(frozen=True, slots=True)
class Minute:
    """A minute of the chart: messages decided per second, the highest lag, and the longest delay.

    They are None if they were not measured.
    """

    at: datetime
    rate: float | None = None
    lag: int | None = None
    delay: float | None = None


async def record_samples(context: ConsoleContext) -> None:
    """Store a sample every 20 seconds until canceled; none while MongoDB does not answer."""
    while True:
        with suppress(OrderImportError):
            await record_sample(context)
        await asyncio.sleep(_EVERY)


async def read_minutes(context: ConsoleContext) -> Sequence[Minute]:
    """Return the minutes of the last hour, oldest first.

    Raises:
        OrderImportError: MongoDB does not answer.
    """
    now = context.now()
    return list_minutes(await context.state.samples(now - SHOWN - _LONGEST_GAP), now)


async def record_sample(context: ConsoleContext) -> None:
    """Store one sample of the health.

    Raises:
        OrderImportError: MongoDB does not answer.
    """
    health = await context.check_health()
    if health.decided is None:
        return
    now = context.now()
    oldest = health.oldest_undecided
    delay = 0.0 if oldest is None else max(0.0, (now - oldest).total_seconds())
    lag = sum(topic.total for topic in health.lag)
    at = now.replace(second=now.second // _EVERY * _EVERY, microsecond=0)
    is_measured = bool(health.lag)
    sample = HealthSample(
        at, health.decided, lag if is_measured else None, delay if is_measured else None
    )
    await context.state.add_sample(sample, now - SHOWN - _LONGEST_GAP)


def list_minutes(samples: Sequence[HealthSample], now: datetime) -> Sequence[Minute]:
    """Return the minutes of the last hour, oldest first, from samples in the order of time."""
    last = now.replace(second=0, microsecond=0)
    first = last - SHOWN + _MINUTE
    minutes = (first + at * _MINUTE for at in range(SHOWN // _MINUTE))
    return [_minute(at, samples) for at in minutes]


def _minute(at: datetime, samples: Sequence[HealthSample]) -> Minute:
    within = [sample for sample in samples if at <= sample.at < at + _MINUTE]
    if not within:
        return Minute(at)
    before = [sample for sample in samples if at - _LONGEST_GAP <= sample.at < at]
    start, end = (before or within)[-1 if before else 0], within[-1]
    seconds = (end.at - start.at).total_seconds()
    return Minute(
        at,
        max(0, end.decided - start.decided) / seconds if seconds else None,
        max((sample.lag for sample in within if sample.lag is not None), default=None),
        max((sample.delay for sample in within if sample.delay is not None), default=None),
    )
