"""What the buyer pays besides the prices of the lines, and how all of it adds up to the total."""

from collections.abc import Iterable, Mapping
from decimal import Context, Decimal
from enum import StrEnum
from functools import reduce
from typing import Annotated, NamedTuple

from pydantic import AfterValidator

from models.base import Value
from models.money import DIGITS, Money

_EXACT = Context(prec=3 * DIGITS)
"""No sum of an order's amounts has more digits: the default context would round it."""
_ZERO = Decimal(0)


class ChargeKind(StrEnum):
    """What a charge is for."""

    SHIPPING = "shipping"
    GIFT_WRAP = "gift-wrap"
    DISCOUNT = "discount"
    """Promotions and discounts on the price, on shipping or on the COD fee. Never positive."""
    COD = "cod"
    """The fee for payment on delivery."""
    OTHER = "other"


class Charge(Value):
    """One charge of a line, or of the whole order. The amount of a discount is negative."""

    kind: ChargeKind
    amount: Money
    tax: Money | None = None


MAX_CHARGES = 10
"""The most charges of a line, and of an order besides those of its lines."""

CODE_LENGTH = 40
_Code = Annotated[str, AfterValidator(lambda text: text[:CODE_LENGTH])]


class TaxCollection(Value):
    """Who collects the tax of a line, and under which scheme, in the words of Orders API 2026."""

    model: _Code | None = None
    """MARKETPLACE_FACILITATOR: Amazon withholds the tax and remits it."""
    responsible_party: _Code | None = None
    """Who remits the tax."""
    scheme: _Code | None = None
    """IOSS or UOSS: the European one-stop shop by which the tax is reported."""
    ioss_number: _Code | None = None
    """Amazon's number, which the carrier of an import needs. It identifies no buyer."""


def exact_sum(amounts: Iterable[Decimal]) -> Decimal:
    """Return a sum without rounding."""
    return reduce(_EXACT.add, amounts, _ZERO)


def negative(money: Money) -> Money:
    """Return an amount as a discount: formats differ in its sign."""
    return money.model_copy(update={"amount": money.amount.copy_abs().copy_negate()})


def is_storable(amount: Decimal) -> bool:
    """Return whether an amount has no more digits than `Money` allows."""
    return len(amount.as_tuple().digits) <= DIGITS


def sum_charges(charges: Iterable[Charge], *, stored: bool = True) -> tuple[Charge, ...]:
    """Return charges with one for each kind and currency, and without those of nothing.

    Charges that are to be stored stay apart if their sum has too many digits.
    """
    sums: dict[tuple[ChargeKind, str, str | None], Charge] = {}
    apart: list[Charge] = []
    for charge in charges:
        if not charge.amount.amount and (charge.tax is None or not charge.tax.amount):
            continue
        currency = charge.amount.currency
        # A tax in another currency, which Amazon's own examples have, keeps its charge apart.
        tax_currency = None if charge.tax is None else charge.tax.currency
        key = charge.kind, currency, None if tax_currency == currency else tax_currency
        summed = _add(sums[key], charge) if key in sums else charge
        if stored and not _is_storable_charge(summed):
            apart.append(charge)
        else:
            sums[key] = summed
    return (*sums.values(), *apart)


def _is_storable_charge(charge: Charge) -> bool:
    tax = charge.tax
    return is_storable(charge.amount.amount) and (tax is None or is_storable(tax.amount))


def _add(charge: Charge, other: Charge) -> Charge:
    amount = _add_money(charge.amount, other.amount)
    taxes = [tax for tax in (charge.tax, other.tax) if tax is not None]
    tax = reduce(_add_money, taxes[1:], taxes[0]) if taxes else None
    return Charge.model_construct(kind=charge.kind, amount=amount, tax=tax)


def _add_money(money: Money, other: Money) -> Money:
    return money.model_copy(update={"amount": _EXACT.add(money.amount, other.amount)})


class Balance(NamedTuple):
    """How prices, charges and taxes add up to a total: with `unexplained`, they always do.

    In most of Europe Amazon's prices include the tax, in the US it comes on top. Amazon does not
    say which: it is whichever comes closer to the total.
    """

    prices_include_tax: bool | None
    """Whether all prices and charges include their taxes; None if no tax or no total is known."""
    unexplained: Decimal | None
    """Total minus everything known; None if it is nothing, or no total is known."""


UNKNOWN_BALANCE = Balance(None, None)


def balance(total: Money | None, priced: Iterable[tuple[Money | None, Money | None]]) -> Balance:
    """Compare a total with all prices and charges, each with its tax.

    Amounts in another currency than the total's are not counted: they add up to nothing.
    """
    if total is None:
        return UNKNOWN_BALANCE
    amounts = taxes = _ZERO
    currency = total.currency
    for amount, tax in priced:
        if amount is not None and amount.currency == currency:
            amounts = _EXACT.add(amounts, amount.amount)
        if tax is not None and tax.currency == currency:
            taxes = _EXACT.add(taxes, tax.amount)
    including = _EXACT.subtract(total.amount, amounts)
    if not taxes:
        return Balance(None, including or None)
    adding = _EXACT.subtract(including, taxes)
    includes = including.copy_abs() < adding.copy_abs()
    return Balance(includes, (including if includes else adding) or None)


def charge_amounts(charges: Iterable[Charge]) -> Mapping[tuple[str, str], Money]:
    """Return the amounts and taxes of charges by field and currency, as amendments name them."""
    amounts: dict[tuple[str, str], Money] = {}
    for charge in charges:
        fields = {f"charges.{charge.kind}": charge.amount, f"charges.{charge.kind}.tax": charge.tax}
        for field, money in fields.items():
            if money is not None:
                key = field, money.currency
                amounts[key] = _add_money(amounts[key], money) if key in amounts else money
    return amounts
