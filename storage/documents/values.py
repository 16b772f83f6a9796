"""Values between the models and BSON: money as Decimal128, absent fields left out."""

from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

from bson.decimal128 import Decimal128

from models.money import Money

Document = dict[str, Any]
_NONE: tuple[object, ...] = ()
"""There is but one empty tuple: to ask whether it is that one is quicker than to compare."""


def present(**fields: object) -> Document:
    """Give the fields that have a value: what was not told is not stored."""
    told = fields.items()
    return {name: value for name, value in told if value is not None and value is not _NONE}


def money_to_document(money: Money | None) -> Document | None:
    """Give money as it is stored."""
    if money is None:
        return None
    return {"amount": _decimal128(str(money.amount)), "currency": money.currency}


def money_from_document(document: Mapping[str, Any] | None) -> Money | None:
    """Give stored money as a value."""
    if document is None:
        return None
    return _money(document["amount"].bid, document["currency"])


# Conversion between the two decimals is slow, and the same prices come again and again. The keys
# are exact: 10.0 and 10.00 are two texts, and two encodings.


@lru_cache(maxsize=16_384)
def _decimal128(text: str) -> Decimal128:
    return Decimal128(text)


@lru_cache(maxsize=16_384)
def _money(encoded: bytes, currency: str) -> Money:
    amount: Decimal = Decimal128.from_bid(encoded).to_decimal()
    return Money.model_construct(amount=amount, currency=currency)
