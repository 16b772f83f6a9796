"""What events, orders and facts are made of: money, times, and enumerations that may grow."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer

T = TypeVar("T")

Open = Annotated[T, Field(union_mode="left_to_right")]
"""`Open[Kind | str]`: a member of `Kind` if it is one, else the text. Enumerations may grow."""

Amount = Annotated[
    Decimal,
    PlainSerializer(lambda amount: format(amount, "f"), return_type=str, when_used="json"),
]
"""An exact decimal number; in JSON it is a string."""


def _to_utc(moment: datetime) -> datetime:
    utc = moment.astimezone(UTC)
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


Moment = Annotated[AwareDatetime, AfterValidator(_to_utc)]
"""A moment in UTC, to the millisecond. A time without an offset is refused."""


class Received(BaseModel):
    """A value from a message. Unknown fields are kept, in `model_extra`."""

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True)


class Published(BaseModel):
    """A value to publish. An unknown field is an error: it would be ignored, or refused later."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Money(Received):
    """An amount in one currency."""

    amount: Amount
    currency: str


class CommerceStatus(StrEnum):
    """The status of a Commerce order."""

    PROCESSING = "processing"
    SHIPPED = "shipped"
    COMPLETE = "complete"
    CANCELED = "canceled"


class FulfillmentChannel(StrEnum):
    """Who ships: the merchant (MFN) or Amazon (AFN)."""

    MFN = "MFN"
    AFN = "AFN"


class BlockerCode(StrEnum):
    """The cause of a block."""

    NOT_IN_CATALOG = "not-in-catalog"
    DISABLED = "disabled"
    OUT_OF_STOCK = "out-of-stock"


class SkipReason(StrEnum):
    """Why an order is not imported."""

    IMPORT_DISABLED = "import-disabled"
    BEFORE_INTEGRATION = "before-integration"
    CANCELED = "canceled"
    NOT_SOLD_ON_AMAZON = "not-sold-on-amazon"
    NOTHING_TO_IMPORT = "nothing-to-import"


class ChargeKind(StrEnum):
    """What a charge is for."""

    SHIPPING = "shipping"
    GIFT_WRAP = "gift-wrap"
    DISCOUNT = "discount"
    COD = "cod"
    OTHER = "other"


def decode_headers(headers: Any) -> Mapping[str, str]:
    """Return headers as text by name; the last of a name counts. Undecodable ones are left out."""
    texts: dict[str, str] = {}
    for name, value in headers or ():
        if isinstance(value, bytes):
            try:
                texts[name] = value.decode()
            except UnicodeDecodeError:
                continue
    return texts
