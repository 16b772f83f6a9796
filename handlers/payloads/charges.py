"""Charges, and who collects the tax, as Orders API v0 and 2026-01-01 write them.

Amazon leaves out what an order does not have. Most lines have no charge, and cost almost nothing.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, NamedTuple

from pydantic import AliasChoices, AliasPath

from handlers.payloads.fields import PRICED, Amount, has_amount
from handlers.payloads.wire import Object, becomes, named
from models.base import Value
from models.charges import (
    CODE_LENGTH,
    Charge,
    ChargeKind,
    TaxCollection,
    exact_sum,
    is_storable,
    negative,
    sum_charges,
)
from models.money import Money


class V0Money(Money):
    """An amount; `Amount` is a string."""

    model_config = named(amount="Amount", currency="CurrencyCode")
    amount: Amount


V0Price = Annotated[Annotated[V0Money, becomes(Money)] | None, PRICED]


class Money2026(Money):
    """An amount; `amount` is a string."""

    model_config = named(currency="currencyCode")
    amount: Amount


Price2026 = Annotated[Annotated[Money2026, becomes(Money)] | None, PRICED]


class _V0Charges(Value):
    """The charges of an item of v0. Discounts are written without a sign.

    Gift wrap is in the item's `BuyerInfo`, which is all that `getOrderItemsBuyerInfo` has of it.
    """

    model_config = named(
        shipping="ShippingPrice",
        shipping_tax="ShippingTax",
        shipping_discount="ShippingDiscount",
        shipping_discount_tax="ShippingDiscountTax",
        promotion="PromotionDiscount",
        promotion_tax="PromotionDiscountTax",
        cod="CODFee",
        cod_discount="CODFeeDiscount",
        gift_wrap=AliasChoices(AliasPath("BuyerInfo", "GiftWrapPrice"), "GiftWrapPrice"),
        gift_wrap_tax=AliasChoices(AliasPath("BuyerInfo", "GiftWrapTax"), "GiftWrapTax"),
    )
    shipping: V0Price = None
    shipping_tax: V0Price = None
    shipping_discount: V0Price = None
    shipping_discount_tax: V0Price = None
    promotion: V0Price = None
    promotion_tax: V0Price = None
    cod: V0Price = None
    cod_discount: V0Price = None
    gift_wrap: V0Price = None
    gift_wrap_tax: V0Price = None


_V0_NAMES: Final = frozenset(
    {
        *("ShippingPrice", "ShippingTax", "ShippingDiscount", "ShippingDiscountTax"),
        *("PromotionDiscount", "PromotionDiscountTax", "CODFee", "CODFeeDiscount", "BuyerInfo"),
        *("GiftWrapPrice", "GiftWrapTax"),
    }
)
"""The names in an item that charges may be in."""


def read_v0_charges(item: Object) -> tuple[Charge, ...] | None:
    """Return the charges of an item of v0; None if it tells neither a price nor a charge.

    Raises:
        ValidationError: An amount does not match the schema; its path begins in the item.
    """
    if _V0_NAMES.isdisjoint(item):
        return () if has_amount(item.get("ItemPrice")) else None
    fields = _V0Charges.model_validate(item)
    amounts = [money for money in vars(fields).values() if money is not None]
    if not any(money.amount for money in amounts):
        return () if amounts or has_amount(item.get("ItemPrice")) else None
    return sum_charges(
        charge
        for kind, amount, tax in (
            (ChargeKind.SHIPPING, fields.shipping, fields.shipping_tax),
            (ChargeKind.GIFT_WRAP, fields.gift_wrap, fields.gift_wrap_tax),
            (ChargeKind.COD, fields.cod, None),
            (ChargeKind.DISCOUNT, fields.promotion, fields.promotion_tax),
            (ChargeKind.DISCOUNT, fields.shipping_discount, fields.shipping_discount_tax),
            (ChargeKind.DISCOUNT, fields.cod_discount, None),
        )
        if (charge := _charge(kind, amount, tax)) is not None
    )


_V0_MODELS: Final = {"MarketplaceFacilitator": "MARKETPLACE_FACILITATOR"}
_V0_TAX: Final = frozenset({"TaxCollection", "IossNumber", "DeemedResellerCategory"})


def read_v0_tax_collection(item: Object) -> TaxCollection | None:
    """Return who collects the tax of an item of v0; None if that is not proceeds."""
    if _V0_TAX.isdisjoint(item):
        return None
    model = _text(item, "TaxCollection", "Model")
    return _tax_collection(
        None if model is None else _V0_MODELS.get(model, model),
        _text(item, "TaxCollection", "ResponsibleParty"),
        _text(item, "DeemedResellerCategory"),
        _text(item, "IossNumber"),
    )


_ITEM, _TAX = "ITEM", "TAX"
_KINDS: Final = {
    "SHIPPING": ChargeKind.SHIPPING,
    "GIFT_WRAP": ChargeKind.GIFT_WRAP,
    "COD_FEE": ChargeKind.COD,
    "DISCOUNT": ChargeKind.DISCOUNT,
}
"""The types of proceeds by kind. Every other type but `ITEM` and `TAX` is another charge."""
_OF_ITEMS: Final = frozenset({_ITEM, _TAX, "OTHER", *_KINDS})
"""The types of an order's proceeds that are sums over its items. Others belong to no item."""


class _Proceeds(Value):
    """Subtotals by type, and the parts of the tax by the type that is taxed."""

    model_config = named(
        subtotals="proceeds.breakdowns", taxes="proceeds.breakdowns.TAX.detailedBreakdowns"
    )
    subtotals: dict[str, Price2026]
    taxes: dict[str, Price2026]


class Proceeds(NamedTuple):
    """The charges of an item of 2026-01-01, and the tax on its price."""

    charges: tuple[Charge, ...]
    tax: Money | None


def find_subtotals(proceeds: object) -> Object:
    """Return the subtotals of proceeds by type, not yet validated."""
    return dict(_amounts(_breakdowns(proceeds), "type", "subtotal"))


def read_2026_charges(item: Object, subtotals: Object) -> Proceeds | None:
    """Return the charges of an item of 2026-01-01; None if it has none.

    The item's `subtotals` are by type. What Amazon assigns to no charge is tax on the price.

    Raises:
        ValidationError: An amount does not match the schema; its path begins in the item.
    """
    if subtotals.keys() <= {_ITEM, _TAX}:
        return None
    others = {name: subtotals[name] for name in subtotals if name != _ITEM}
    proceeds = _validate(others, _find_taxes(item["proceeds"]))
    tax = proceeds.subtotals.get(_TAX)
    charges = tuple(_charges_2026(proceeds, {} if tax is None else proceeds.taxes))
    taxes = [charge.tax for charge in charges if charge.tax is not None]
    if tax is None or not taxes:
        return Proceeds(sum_charges(charges), tax)
    on_price = exact_sum([tax.amount, *(part.amount.copy_negate() for part in taxes)])
    if not is_storable(on_price) or any(part.currency != tax.currency for part in taxes):
        return Proceeds(sum_charges(_charges_2026(proceeds, {})), tax)
    return Proceeds(sum_charges(charges), tax.model_copy(update={"amount": on_price}))


def _find_taxes(proceeds: Object) -> Object:
    """Return the parts of the tax by the type that is taxed, not yet validated."""
    for part in _breakdowns(proceeds):
        if part.get("type") == _TAX and "detailedBreakdowns" in part:
            return dict(_amounts(_parts(part["detailedBreakdowns"]), "subtype", "value"))
    return {}


def read_2026_order_charges(order: Object) -> tuple[Charge, ...]:
    """Return the charges of an order of 2026-01-01 that belong to no item, such as a tip.

    Raises:
        ValidationError: An amount does not match the schema; its path begins in the order.
    """
    proceeds = order.get("proceeds")
    if not isinstance(proceeds, dict) or "breakdowns" not in proceeds:
        return ()
    subtotals = find_subtotals(proceeds)
    if subtotals.keys() <= _OF_ITEMS:
        return ()
    others = {name: subtotals[name] for name in subtotals if name not in _OF_ITEMS}
    return sum_charges(_charges_2026(_validate(others, {}), {}))


def read_2026_tax_collection(item: Object) -> TaxCollection | None:
    """Return who collects the tax of an item of 2026-01-01; None if that is not proceeds."""
    tax, fulfillment, ioss_number = item.get("tax"), item.get("fulfillment"), None
    if isinstance(fulfillment, dict) and "shipping" in fulfillment:
        ioss_number = _text(fulfillment, "shipping", "internationalShipping", "iossNumber")
    if tax is None and ioss_number is None:
        return None
    return _tax_collection(
        _text(tax, "taxCollections", 0, "model"),
        _text(tax, "taxCollections", 0, "responsibleParty"),
        _text(tax, "taxCalculationBreakdowns", 0, "reportingScheme"),
        ioss_number,
    )


def _charge(kind: ChargeKind, amount: Money | None, tax: Money | None) -> Charge | None:
    if amount is None:
        if tax is None:
            return None
        amount = tax.model_copy(update={"amount": tax.amount - tax.amount})
    if kind is ChargeKind.DISCOUNT:
        amount, tax = negative(amount), None if tax is None else negative(tax)
    return Charge.model_construct(kind=kind, amount=amount, tax=tax)


def _charges_2026(proceeds: _Proceeds, taxes: Mapping[str, Money | None]) -> Iterator[Charge]:
    for name, amount in proceeds.subtotals.items():
        if name not in {_ITEM, _TAX} and amount is not None:
            charge = _charge(_KINDS.get(name, ChargeKind.OTHER), amount, taxes.get(name))
            if charge is not None:
                yield charge


def _validate(subtotals: Object, taxes: Object) -> _Proceeds:
    return _Proceeds.model_validate(
        {
            "proceeds.breakdowns": subtotals,
            "proceeds.breakdowns.TAX.detailedBreakdowns": taxes,
        }
    )


def _breakdowns(proceeds: object) -> Iterator[Object]:
    return _parts(proceeds.get("breakdowns") if isinstance(proceeds, dict) else None)


def _parts(values: object) -> Iterator[Object]:
    return (part for part in (values if isinstance(values, list) else ()) if isinstance(part, dict))


def _amounts(parts: Iterator[Object], name: str, amount: str) -> Iterator[tuple[str, object]]:
    for part in parts:
        kind = part.get(name)
        if isinstance(kind, str) and has_amount(part.get(amount)):
            yield kind, part[amount]


def _tax_collection(
    model: str | None, responsible_party: str | None, scheme: str | None, ioss_number: str | None
) -> TaxCollection | None:
    if model is responsible_party is scheme is ioss_number is None:
        return None
    return TaxCollection.model_construct(
        model=model, responsible_party=responsible_party, scheme=scheme, ioss_number=ioss_number
    )


def _text(value: Any, *path: str | int) -> str | None:
    """Return the text at a path, cut off; None if there is none, or it is no text."""
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value.strip()[:CODE_LENGTH] or None if isinstance(value, str) else None
