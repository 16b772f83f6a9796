"""Values as BSON: money as Decimal128, absent fields left out."""

from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

from bson.decimal128 import Decimal128

from models.money import Money

Document = dict[str, Any]
_NONE: tuple[object, ...] = ()
"""CPython has a single empty tuple, and an identity check is faster than a comparison."""


def present(**fields: object) -> Document:
    """Return the fields that have a value: absent values are not stored."""
    items = fields.items()
    return {name: value for name, value in items if value is not None and value is not _NONE}


def money_to_document(money: Money | None) -> Document | None:
    """Return money as it is stored."""
    if money is None:
        return None
    return {"amount": _decimal128(str(money.amount)), "currency": money.currency}


def money_from_document(document: Mapping[str, Any] | None) -> Money | None:
    """Return stored money."""
    if document is None:
        return None
    return _money(document["amount"].bid, document["currency"])


# Converting between the two decimal types is slow, and the same prices recur. The keys are exact:
# 10.0 and 10.00 are two texts, and two encodings.


@lru_cache(maxsize=16_384)
def _decimal128(text: str) -> Decimal128:
    return Decimal128(text)


@lru_cache(maxsize=16_384)
def _money(encoded: bytes, currency: str) -> Money:
    amount: Decimal = Decimal128.from_bid(encoded).to_decimal()
    return Money.model_construct(amount=amount, currency=currency)
