"""What every value has in common: frozen, tolerant of unknown fields, times in UTC."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints


class Value(BaseModel):
    """A frozen value. Unknown fields are ignored; errors never show the input."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


def to_utc(moment: datetime) -> datetime:
    """Give the same moment in UTC, cut to the millisecond that MongoDB keeps.

    A time without an offset is taken as UTC, as Amazon means it.
    """
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return aware.replace(microsecond=aware.microsecond // 1000 * 1000)


UtcTime = Annotated[datetime, AfterValidator(to_utc)]
"""A moment, always with an offset of zero, in milliseconds."""

Identifier = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=128, pattern=r"^[^/\x00-\x1f]+$"
    ),
]
"""An id that becomes a part of a key: no slash, no control character, at most 128 long."""

Sku = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f]+$")]
"""A seller or catalog SKU. A slash is allowed: a SKU is always the last part of a key."""
