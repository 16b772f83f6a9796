"""The clock. Time enters the decisions as an argument, and here is where it comes from."""

from datetime import UTC, datetime

from models.base import to_utc


def now() -> datetime:
    """Give the present moment, in the milliseconds that MongoDB keeps."""
    return to_utc(datetime.now(UTC))  # noqa: TID251 - the one place that reads it
