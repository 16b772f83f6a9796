"""The only place that reads the clock: decisions receive the time as an argument."""

from datetime import UTC, datetime

from models.base import to_utc


def now() -> datetime:
    """Return the current time, to the millisecond, as MongoDB stores it."""
    return to_utc(datetime.now(UTC))  # noqa: TID251 - the one place that reads it
