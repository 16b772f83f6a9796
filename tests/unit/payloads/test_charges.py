"""Charges, and who collects the tax, in each form that has them."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from handlers.payloads import read_payload
from models.amazon_order import AmazonOrder
from models.charges import Charge, ChargeKind, TaxCollection
from models.messages import DeadLetterCode
from models.money import Money

from .support import AMAZONS, ROOT, SAMPLES, item_of, order_of, refused, sample

CASES = sorted((ROOT / "tests" / "samples" / "field_cases").glob("*-orders.json"))


def eur(amount: str) -> Money:
    return Money(amount=Decimal(amount), currency="EUR")


def charge(kind: str, amount: str, tax: str | None = None) -> Charge:
    return Charge(kind=ChargeKind(kind), amount=eur(amount), tax=None if tax is None else eur(tax))


def v0(**amounts: Any) -> dict[str, Any]:
    """An order of one item with these amounts in euros, and other fields as they are."""
    item: dict[str, Any] = {"OrderItemId": "1", "QuantityOrdered": 2, "ItemPrice": v0_eur("40.00")}
    for name, amount in amounts.items():
        item[name] = v0_eur(amount) if isinstance(amount, str) else amount
    return {"payload": {"AmazonOrderId": "1-2-3", "OrderItems": [item]}}


def v0_eur(amount: str) -> dict[str, str]:
    return {"CurrencyCode": "EUR", "Amount": amount}


def part(kind: str, amount: str, **taxes: str) -> dict[str, Any]:
    details = [{"subtype": name, "value": eur_2026(tax)} for name, tax in taxes.items()]
    more = {"detailedBreakdowns": details} if details else {}
    return {"type": kind, "subtotal": eur_2026(amount), **more}


def eur_2026(amount: str) -> dict[str, str]:
    return {"amount": amount, "currencyCode": "EUR"}


def api_2026(*parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    item = {"orderItemId": "1", "quantityOrdered": 2, "product": {}, **more}
    item["proceeds"] = {"breakdowns": list(parts)}
    return {"order": {"orderId": "1-2-3", "createdTime": "2026-11-20T09:00:00Z"} | of(item)}


def of(item: dict[str, Any]) -> dict[str, Any]:
    return {"orderItems": [item]}


def test_v0_all_charges_of_an_item_are_read_discounts_as_negative() -> None:
    body = v0(
        ShippingPrice="5.99",
        ShippingTax="0.96",
        ShippingDiscount="1.00",
        ShippingDiscountTax="0.16",
        PromotionDiscount="2.00",
        PromotionDiscountTax="0.32",
        CODFee="3.00",
        CODFeeDiscount="0.50",
        BuyerInfo={"GiftWrapPrice": v0_eur("4.47"), "GiftWrapTax": v0_eur("0.71")},
    )
    assert item_of(body).charges == (
        charge("shipping", "5.99", "0.96"),
        charge("gift-wrap", "4.47", "0.71"),
        charge("cod", "3.00"),
        charge("discount", "-3.50", "-0.48"),
    )


def test_v0_a_charge_of_nothing_is_none_and_a_tax_without_its_charge_is_kept() -> None:
    assert item_of(v0(ShippingPrice="0.00", PromotionDiscount="0")).charges == ()
    assert item_of(v0(ShippingTax="0.50")).charges == (charge("shipping", "0.00", "0.50"),)


def test_v0_without_prices_the_charges_are_unknown() -> None:
    pending = v0(BuyerInfo={"GiftWrapLevel": "Classic"})
    del pending["payload"]["OrderItems"][0]["ItemPrice"]
    assert item_of(pending).charges is None
    assert item_of(v0()).charges == ()


def test_v0_charges_in_two_currencies_stay_apart() -> None:
    body = v0(PromotionDiscount="2.00", ShippingDiscount={"CurrencyCode": "GBP", "Amount": "1"})
    amounts = [one.amount for one in item_of(body).charges or ()]
    assert amounts == [eur("-2.00"), Money(amount=Decimal(-1), currency="GBP")]


def test_amounts_of_more_digits_than_can_be_stored_are_not_summed_up() -> None:
    most = "99999999999999999999.99999999999999"
    body = v0(PromotionDiscount=most, ShippingDiscount=most)
    assert [str(one.amount.amount) for one in item_of(body).charges or ()] == [f"-{most}"] * 2


def test_a_wrong_charge_is_named_at_its_place() -> None:
    wrong = v0(ShippingPrice={"CurrencyCode": "EUR", "Amount": "a lot"})
    at = "payload.OrderItems[0].ShippingPrice.Amount: expected a decimal string"
    assert refused(wrong) == (DeadLetterCode.INVALID_ORDER, at)
    gift = v0(BuyerInfo={"GiftWrapPrice": {"CurrencyCode": "EUR", "Amount": "a lot"}})
    at = "payload.OrderItems[0].BuyerInfo.GiftWrapPrice.Amount: expected a decimal string"
    assert refused(gift) == (DeadLetterCode.INVALID_ORDER, at)
    of_2026 = api_2026(part("ITEM", "1"), part("SHIPPING", "a lot"))
    at = "order.orderItems[0].proceeds.breakdowns.SHIPPING.amount: expected a decimal string"
    assert refused(of_2026) == (DeadLetterCode.INVALID_ORDER, at)


def test_a_charge_without_a_currency_has_the_one_of_its_order() -> None:
    assert item_of(v0(ShippingPrice={"Amount": "5.99"})).charges == (charge("shipping", "5.99"),)


def test_v0_who_collects_the_tax_is_named() -> None:
    item = item_of(
        v0(
            TaxCollection={
                "Model": "MarketplaceFacilitator",
                "ResponsibleParty": "Amazon Services, Inc.",
            },
            DeemedResellerCategory={"not": "a text"},
            IossNumber=["IM0000000000"],
        )
    )
    assert item.tax_collection == TaxCollection(
        model="MARKETPLACE_FACILITATOR", responsible_party="Amazon Services, Inc."
    )
    body = v0()
    body["payload"]["OrderItems"][0] |= {"IossNumber": " IM1 ", "DeemedResellerCategory": "IOSS"}
    assert item_of(body).tax_collection == TaxCollection(scheme="IOSS", ioss_number="IM1")
    body["payload"]["OrderItems"][0] |= {"IossNumber": "", "DeemedResellerCategory": None}
    assert item_of(body).tax_collection is None


def test_2026_who_collects_the_tax_is_named() -> None:
    item = item_of(
        api_2026(
            tax={
                "taxCalculationBreakdowns": [{"reportingScheme": "IOSS"}],
                "taxCollections": [
                    {"model": "MARKETPLACE_FACILITATOR", "responsibleParty": "Amazon Services"}
                ],
            },
            fulfillment={"shipping": {"internationalShipping": {"iossNumber": "IM1"}}},
        )
    )
    assert item.tax_collection == TaxCollection(
        model="MARKETPLACE_FACILITATOR",
        responsible_party="Amazon Services",
        scheme="IOSS",
        ioss_number="IM1",
    )
    assert item_of(api_2026(fulfillment={"shipping": None}, tax=[])).tax_collection is None


def test_2026_all_types_of_proceeds_are_read() -> None:
    item = item_of(
        api_2026(
            part("ITEM", "40.00"),
            part("SHIPPING", "5.99"),
            part("GIFT_WRAP", "4.47"),
            part("COD_FEE", "3.00"),
            part("DISCOUNT", "2.00"),
            part("OTHER", "1.00"),
            part("OF_TOMORROW", "0.10"),
            part("TAX", "8.00"),
        )
    )
    assert (item.price, item.tax) == (eur("40.00"), eur("8.00"))
    assert item.charges == (
        charge("shipping", "5.99"),
        charge("gift-wrap", "4.47"),
        charge("cod", "3.00"),
        charge("discount", "-2.00"),
        charge("other", "1.10"),
    )


def test_2026_the_tax_on_a_charge_is_not_that_on_the_price() -> None:
    item = item_of(
        api_2026(
            part("ITEM", "89.97"),
            part("SHIPPING", "10.00"),
            part("DISCOUNT", "-2.00"),
            part("TAX", "4.00", ITEM="3.20", SHIPPING="1.00", DISCOUNT="-0.20"),
        )
    )
    assert item.tax == eur("3.20")
    assert item.charges == (charge("shipping", "10.00", "1.00"), charge("discount", "-2", "-0.20"))


def test_2026_the_tax_stays_whole_if_its_parts_do_not_add_up() -> None:
    item = item_of(api_2026(part("SHIPPING", "10.00"), part("TAX", "4.00", ITEM="1", SHIPPING="1")))
    taxes = [item.tax, *(one.tax for one in item.charges or ())]
    assert sum(tax.amount for tax in taxes if tax is not None) == Decimal("4.00")


def test_2026_without_proceeds_the_charges_are_unknown() -> None:
    assert item_of(api_2026()).charges is None
    assert item_of(api_2026(part("ITEM", "1"))).charges == ()


def test_2026_only_what_belongs_to_no_item_is_a_charge_of_the_order() -> None:
    body = api_2026(part("ITEM", "40.00"))
    tip = {"type": "DELIVERY_TIP", "status": "FINALIZED", "subtotal": eur_2026("5.00")}
    body["order"]["proceeds"] = {"breakdowns": [part("ITEM", "40.00"), part("TAX", "1.00"), tip]}
    assert order_of(body).charges == (charge("other", "5.00"),)


def test_the_document_has_charges_of_lines_and_of_the_order() -> None:
    shipping = {"kind": "shipping", "amount": {"amount": "5.99", "currency": "EUR"}}
    off = {"kind": "discount", "amount": {"amount": "2.00", "currency": "EUR"}}
    body = sample("document") | {
        "charges": [off],
        "purchase_order_number": "PO-4711",
        "programs": ["business"],
        "shipping_service": "Standard",
    }
    body["items"][0] |= {"charges": [shipping], "tax_collection": {"scheme": "IOSS"}}
    order = order_of(body)
    assert order.charges == (charge("discount", "-2.00"),)
    assert order.items[0].charges == (charge("shipping", "5.99"),)
    assert order.items[0].tax_collection == TaxCollection(scheme="IOSS")
    assert order.items[1].charges is None
    body["items"][1] |= {"charges": []}
    assert order_of(body).items[1].charges == ()
    assert (order.purchase_order_number, order.programs) == ("PO-4711", ("BUSINESS",))
    wrong = body | {"charges": [{"kind": "gold", "amount": {"amount": "1", "currency": "EUR"}}]}
    assert refused(wrong)[1].startswith("charges[0].kind: ")


def test_a_purchase_order_number_is_read_wherever_amazon_writes_it() -> None:
    assert order_of(sample("v0_order_buyer_info")).purchase_order_number == "PO-1"
    alone = {"AmazonOrderId": "1-2-3", "PurchaseOrderNumber": "PO-2"}
    assert order_of({"payload": alone}).purchase_order_number == "PO-2"
    inside = {"AmazonOrderId": "1-2-3", "BuyerInfo": {"PurchaseOrderNumber": "PO-3"}}
    assert order_of(inside).purchase_order_number == "PO-3"
    body = api_2026()
    body["order"]["buyer"] = {"buyerPurchaseOrderNumber": "PO-4"}
    assert order_of(body).purchase_order_number == "PO-4"


def orders_in(path: Path) -> tuple[AmazonOrder, ...]:
    return read_payload(path.read_bytes()).orders


@pytest.mark.parametrize("path", [*SAMPLES, *AMAZONS, *CASES], ids=lambda path: path.stem)
def test_every_sample_adds_up_to_its_total(path: Path) -> None:
    """Whatever a body has; Amazon's own examples leave nothing unexplained but missing lines."""
    for order in orders_in(path):
        rest = order.balance.unexplained
        if order.total is None:
            assert rest is None
            continue
        includes_tax = order.balance.prices_include_tax
        charges = [one for one, _ in order.all_charges]
        items = [item for item in order.items if item.quantity]
        amounts = [*(item.price for item in items), *(one.amount for one in charges)]
        taxes = [*(item.tax for item in items), *(one.tax for one in charges)]
        taxes = [] if includes_tax else taxes
        every = [money.amount for money in (*amounts, *taxes) if money is not None]
        assert sum(every, rest or Decimal(0)) == order.total.amount
        if path not in CASES and order.items:
            assert rest is None


def test_field_case_14_a_european_order_adds_up_with_its_tax_inside() -> None:
    (order,) = orders_in(next(path for path in CASES if path.name.startswith("14-")))
    assert order.balance == (True, None)
    assert order.items[0].charges == (
        charge("shipping", "5.99", "0.96"),
        charge("gift-wrap", "4.47", "0.71"),
        charge("discount", "-2.00"),
    )
    assert order.items[0].tax_collection == TaxCollection(
        model="MARKETPLACE_FACILITATOR",
        responsible_party="Amazon Services, Inc.",
        scheme="IOSS",
        ioss_number="IM0000000000",
    )


def test_names_of_ours_in_amazons_bodies_are_not_read() -> None:
    body = v0(charges=[{"kind": "gold"}])
    body["payload"]["charges"] = [{"kind": "gold"}]
    order = order_of(body)
    assert (order.charges, order.items[0].charges) == ((), ())
    body = api_2026(charges=[{"kind": "gold"}], tax_collection={"scheme": "X"})
    body["order"]["charges"] = [{"kind": "gold"}]
    order = order_of(body)
    assert (order.charges, order.items[0].charges) == ((), None)
    assert order.items[0].tax_collection is None
