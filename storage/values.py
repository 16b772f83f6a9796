"""Values between the models and BSON: money as Decimal128, absent fields left out."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from bson.decimal128 import Decimal128

from models.money import Money

Document = dict[str, Any]


def present(**fields: object) -> Document:
    """Give the fields that have a value: what was not told is not stored."""
    return {name: value for name, value in fields.items() if value is not None and value != ()}


def money_in(money: Money | None) -> Document | None:
    """Give money as it is stored."""
    if money is None:
        return None
    return {"amount": Decimal128(money.amount), "currency": money.currency}


def money_out(document: Mapping[str, Any] | None) -> Money | None:
    """Give stored money as a value."""
    if document is None:
        return None
    amount: Decimal = document["amount"].to_decimal()
    return Money.model_construct(amount=amount, currency=document["currency"])
