"""What all values have in common: frozen, tolerant of unknown fields, times in UTC."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, StringConstraints


class Value(BaseModel):
    """A frozen value. Unknown fields are ignored; errors never show the input."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


def to_utc(moment: datetime) -> datetime:
    """Return the same moment in UTC, cut to the millisecond, as MongoDB stores it.

    A time without an offset is taken as UTC, as Amazon means it.

    Raises:
        ValueError: In UTC it lies outside the years 1 to 9999.
    """
    try:
        aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("a date-time lies between the years 1 and 9999") from None
    return aware.replace(microsecond=aware.microsecond // 1000 * 1000)


def _written_out(value: object) -> object:
    """Reject bare numbers: they may count seconds, milliseconds or days."""
    if isinstance(value, datetime) or (isinstance(value, str) and not value.strip().isdigit()):
        return value
    raise ValueError("expected an ISO 8601 date-time")


UtcTime = Annotated[datetime, BeforeValidator(_written_out), AfterValidator(to_utc)]
"""A moment in UTC, to the millisecond."""

Identifier = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=128, pattern=r"^[^/\x00-\x1f]+$"
    ),
]
"""An id that becomes part of a key: no slash, no control character, at most 128 characters."""

Sku = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f]+$")]
"""A seller or catalog SKU. A slash is allowed: a SKU is always the last part of a key."""
