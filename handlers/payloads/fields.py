"""How Amazon and upstream write single values: times, amounts, names, flags.

Every error raised here says what was expected, and never quotes the value.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    PlainValidator,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from models.amazon_order import (
    ASIN_LENGTH,
    MAX_LINES,
    REASON_LENGTH,
    TEXT_LENGTH,
    AmazonStatus,
    FulfillmentChannel,
    SalesChannel,
)
from models.base import Identifier, Value, to_utc

EXPECTED = "expected"
"""The type of the errors raised here: their message is the whole description of the problem."""

_AMOUNT = r"^-?[0-9]{1,20}(\.[0-9]{1,14})?$"
"""At most 34 digits in all, which a Decimal128 holds exactly."""

_WHOLE_LIMIT = 10**20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SKU_LIMIT = 128

_STATUSES = {status.value: status for status in AmazonStatus}
"""The spelling of v0, looked up first because most orders have it."""

_SPELLINGS = {status.lower(): status for status in AmazonStatus} | {
    "cancelled": AmazonStatus.CANCELED
}
"""Every other spelling, in lower case and without underscores."""

_CHANNELS = {
    "MFN": FulfillmentChannel.MFN,
    "MERCHANT": FulfillmentChannel.MFN,
    "AFN": FulfillmentChannel.AFN,
    "AMAZON": FulfillmentChannel.AFN,
}

_PROGRAMS = {"AMAZON_BUSINESS": "BUSINESS"}
"""The one program that the formats name differently; all others keep their name."""


def _expected(what: str) -> PydanticCustomError:
    return PydanticCustomError(EXPECTED, f"expected {what}")


def _from_text(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    text = value.upper()
    # A bare date has no time of day: any choice would be a guess.
    if "T" not in text and " " not in text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        plain = moment.tzinfo is UTC and not moment.microsecond % 1000
        return moment if plain else to_utc(moment)
    except (ValueError, OverflowError):
        return None


def _from_epoch(value: object) -> datetime | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    try:
        return _EPOCH + timedelta(milliseconds=value)
    except OverflowError:
        return None


def is_blank(value: object) -> bool:
    """Return whether a value is missing: null, or a string of only blanks."""
    return value is None or (isinstance(value, str) and not value.strip())


def _read_moment(value: object) -> datetime:
    moment = _from_text(value)
    if moment is None:
        raise _expected("an ISO 8601 date-time")
    return moment


def _read_time(value: object) -> datetime | None:
    moment = _from_text(value)
    return moment if moment is not None or is_blank(value) else _read_moment(value)


def _read_time_or_epoch(value: object) -> datetime | None:
    moment = _from_text(value) or _from_epoch(value)
    if moment is None and not is_blank(value):
        raise _expected("an ISO 8601 date-time or epoch milliseconds")
    return moment


class _DecimalText:
    """Reads amounts inside pydantic's core: every order has several."""

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[Decimal], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        text = core_schema.str_schema(pattern=_AMOUNT)
        whole = core_schema.int_schema(strict=True, gt=-_WHOLE_LIMIT, lt=_WHOLE_LIMIT)
        either = core_schema.union_schema([text, whole], mode="left_to_right")
        return core_schema.custom_error_schema(
            core_schema.no_info_after_validator_function(source, either),
            custom_error_type=EXPECTED,
            custom_error_message="expected a decimal string",
        )


def _read_text(value: object, *, limit: int = TEXT_LENGTH) -> str | None:
    if isinstance(value, str):
        return value[:limit] if value.strip() else None
    if value is None:
        return None
    raise _expected("a string")


_read_asin = partial(_read_text, limit=ASIN_LENGTH)
_read_reason = partial(_read_text, limit=REASON_LENGTH)


def _read_sku(value: object) -> str | None:
    text = _read_text(value)
    if text is not None and len(text) > _SKU_LIMIT:
        raise _expected(f"at most {_SKU_LIMIT} characters")
    return text


def is_true(value: object) -> bool:
    """Return whether a flag is set, as a boolean or as the string that Orders API v0 sends."""
    return value is True or (isinstance(value, str) and value.strip().lower() == "true")


def count_units(body: Mapping[str, object]) -> int | None:
    """Return how many units Amazon counts in an order, if it counts any."""
    counted = 0
    for name in ("NumberOfItemsShipped", "NumberOfItemsUnshipped"):
        count = body.get(name)
        # A count only helps: a strange one is no reason to refuse the order.
        if not isinstance(count, int) or not 0 <= count <= MAX_UNITS:
            return None
        counted += count
    # Amazon's own pending example counts none in an order that has a unit: ignore zero.
    return counted or None


def _read_flag(value: object) -> bool | None:
    if is_true(value):
        return True
    if is_blank(value):
        return None
    if value is False or (isinstance(value, str) and value.strip().lower() == "false"):
        return False
    raise _expected("true or false")


def _read_status(value: object) -> AmazonStatus | None:
    text = _read_text(value)
    if text is None:
        return None
    spelling = text.replace("_", "").strip().lower()
    return _STATUSES.get(text) or _SPELLINGS.get(spelling, AmazonStatus.UNKNOWN)


def _read_channel(value: object) -> FulfillmentChannel | None:
    text = _read_text(value)
    if text is None:
        return None
    channel = _CHANNELS.get(text.strip().upper())
    if channel is None:
        raise _expected("MFN or AFN")
    return channel


def _is_non_amazon(text: str) -> bool:
    letters_only = "".join(character for character in text.casefold() if character.isalpha())
    return letters_only.startswith("nonamazon")


def _read_v0_sales_channel(value: object) -> SalesChannel | None:
    text = _read_text(value)
    if text is None:
        return None
    return SalesChannel.NON_AMAZON if _is_non_amazon(text) else SalesChannel.AMAZON


def _read_channel_name(value: object) -> SalesChannel | None:
    text = _read_text(value)
    if text is None:
        return None
    is_amazon = text.strip().upper() == "AMAZON"
    return SalesChannel.AMAZON if is_amazon else SalesChannel.NON_AMAZON


def _read_sales_channel(value: object) -> SalesChannel | None:
    channel = _read_v0_sales_channel(value)
    if channel is SalesChannel.AMAZON and not str(value).strip().lower().startswith("amazon"):
        raise _expected("Amazon or Non-Amazon")
    return channel


def _read_programs(value: object) -> tuple[str, ...]:
    if is_blank(value):
        return ()
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        raise _expected("a list of strings")
    upper = (name.upper() for name in value)
    return tuple(dict.fromkeys(_PROGRAMS.get(name, name) for name in upper))


def has_amount(value: object) -> bool:
    """Return whether money has an amount, in any spelling: a misspelled one must not be ignored.

    Amazon's schemas require neither of its fields, and an order is worth more than its tax field.
    """
    if not isinstance(value, dict):
        return not is_blank(value)
    amount = value.get("Amount") or value.get("amount")
    if isinstance(amount, str):
        return bool(amount.strip())
    return any(name.lower() == "amount" and not is_blank(value[name]) for name in value)


def _none_if_empty(value: Value | None) -> Value | None:
    return value if value is not None and any(value.__dict__.values()) else None


def _read_list(value: object) -> object:
    if isinstance(value, list) and len(value) > MAX_LINES:
        raise _expected(f"at most {MAX_LINES} items")
    return () if is_blank(value) else value


Moment = Annotated[datetime, PlainValidator(_read_moment, json_schema_input_type=str)]
"""An ISO 8601 date-time; without an offset it is UTC, as Amazon means it."""

Time = Annotated[datetime | None, PlainValidator(_read_time, json_schema_input_type=str | None)]
"""The same; None if null or blank."""

TimeOrEpoch = Annotated[
    datetime | None,
    PlainValidator(_read_time_or_epoch, json_schema_input_type=str | int | None),
]
"""A time, or milliseconds since 1970. Always milliseconds, however small the number is."""

Amount = Annotated[Decimal, _DecimalText]
"""A decimal string, or a whole number; never a float, which has already lost the cents."""

Text = Annotated[str | None, PlainValidator(_read_text, json_schema_input_type=str | None)]
"""A string, cut off at a length that no one reads; None if blank."""

Asin = Annotated[str | None, PlainValidator(_read_asin, json_schema_input_type=str | None)]
Reason = Annotated[str | None, PlainValidator(_read_reason, json_schema_input_type=str | None)]
"""The same, with lengths of their own."""

_SkuText = Annotated[str, Field(max_length=_SKU_LIMIT)]
SellerSku = Annotated[str | None, PlainValidator(_read_sku, json_schema_input_type=_SkuText | None)]
"""A seller SKU; None if blank: the line then has no SKU."""

Flag = Annotated[
    bool | None,
    PlainValidator(_read_flag, json_schema_input_type=bool | Literal["true", "false", ""] | None),
]
"""A boolean, or the string `true` or `false` in any case; None if null or blank."""

Status = Annotated[
    AmazonStatus | None, PlainValidator(_read_status, json_schema_input_type=str | None)
]
"""An order status in any API's spelling; an unknown one is `Unknown`."""

Channel = Annotated[
    FulfillmentChannel | None,
    PlainValidator(
        _read_channel, json_schema_input_type=Literal["MFN", "AFN", "MERCHANT", "AMAZON"] | None
    ),
]
"""MFN or AFN, or MERCHANT or AMAZON. Anything else is refused: it would be unclear who ships."""

_SoldOnText = Annotated[str, Field(pattern="^(Amazon|Non-Amazon|$)")]
SoldOn = Annotated[
    SalesChannel | None,
    PlainValidator(_read_sales_channel, json_schema_input_type=_SoldOnText | None),
]
"""Amazon or Non-Amazon; the rest, as in `Amazon.de` or `Non-Amazon US`, does not matter."""

V0SalesChannel = Annotated[SalesChannel | None, PlainValidator(_read_v0_sales_channel)]
"""The name of a site. It is Amazon's unless it begins with `Non-Amazon`."""

ChannelName = Annotated[SalesChannel | None, PlainValidator(_read_channel_name)]
"""`AMAZON`; every other name is another channel."""

Programs = Annotated[
    tuple[str, ...], PlainValidator(_read_programs, json_schema_input_type=list[str] | None)
]
"""Names of programs in upper case, each once."""

MAX_UNITS = 1_000_000
"""The most units accepted for a line or an order, as in `OrderItem.quantity`."""

Quantity = Annotated[int, Field(strict=True, ge=0, le=MAX_UNITS)]
"""A number of units."""

BLANK = BeforeValidator(lambda value: None if is_blank(value) else value)
"""Turns a blank value into `None`."""

StoreId = Annotated[Identifier | None, BLANK]
"""A store id; None if blank."""

OPTIONAL = AfterValidator(_none_if_empty)
"""Turns an empty buyer or address into `None`: it must not overwrite a stored one."""

PRICED = BeforeValidator(lambda value: value if has_amount(value) else None)
"""Turns money without an amount into `None`."""

LISTED = BeforeValidator(_read_list)
"""Turns null or blank into an empty list, and rejects a list longer than an order can be."""
