"""An amount with its currency."""

from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, Field, PlainSerializer, StringConstraints

from models.base import Value

DIGITS = 34
"""The most digits a Decimal128 holds exactly."""


def _finite(amount: Decimal) -> Decimal:
    if not amount.is_finite():
        raise ValueError("an amount is a finite decimal number")
    _, digits, exponent = amount.as_tuple()
    if len(digits) > DIGITS or not isinstance(exponent, int) or not -DIGITS <= exponent <= DIGITS:
        raise ValueError(f"an amount has at most {DIGITS} digits")
    return amount


_Text = Annotated[str, StringConstraints(pattern=r"^-?[0-9]+(\.[0-9]+)?$")]

Amount = Annotated[
    Decimal,
    AfterValidator(_finite),
    PlainSerializer(lambda amount: format(amount, "f"), return_type=_Text, when_used="json"),
]
"""A decimal number, written as a string in JSON and never as a float."""

Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
"""An ISO 4217 code."""


class Money(Value):
    """An amount in one currency. Two lines of one order may differ in currency."""

    amount: Amount = Field(description="Decimal string, for example 11.01")
    currency: Currency = Field(description="ISO 4217 code, for example USD")
