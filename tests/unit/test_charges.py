"""Lines, charges and what is unexplained: of every created order they add up to the total."""

import json
from decimal import Context, Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from handlers.payloads import read_payload
from handlers.rules.check_order import check_order
from handlers.rules.decision_builder import MAX_CHARGES, DecisionBuilder
from models.charges import Charge, ChargeKind, sum_charges
from models.commerce_order import CommerceLine
from storage.documents.commerce_order import (
    commerce_order_from_document,
    commerce_order_to_document,
)
from tests.builders import (
    ORDER,
    STORE,
    a_catalog,
    a_commerce_order,
    a_message,
    a_product,
    a_record,
    a_store,
    an_item,
    an_occasion,
    money,
)

EXACT = Context(prec=200)
AMOUNTS = st.one_of(
    st.sampled_from(["0", "0.00", "1980", "10.00", "9.99", "12.345", "-1.00"]),
    st.decimals(0, 99, places=2).map(str),
    st.from_regex(r"\A[0-9]{1,20}\.[0-9]{1,14}\Z"),
)
CURRENCIES = st.sampled_from(["USD"] * 9 + ["GBP"])


def amounts_of(name: str, currency: str) -> st.SearchStrategy[Any]:
    money = st.fixed_dictionaries({name: AMOUNTS, currency: CURRENCIES})
    return st.one_of(st.none(), money)


V0_NAMES = (
    *("ItemPrice", "ItemTax", "ShippingPrice", "ShippingTax", "ShippingDiscount"),
    *("ShippingDiscountTax", "PromotionDiscount", "PromotionDiscountTax", "CODFee"),
    "CODFeeDiscount",
)
V0_AMOUNT = amounts_of("Amount", "CurrencyCode")
v0_items = st.fixed_dictionaries(
    dict.fromkeys(V0_NAMES, V0_AMOUNT)
    | {"BuyerInfo": st.fixed_dictionaries({"GiftWrapPrice": V0_AMOUNT, "GiftWrapTax": V0_AMOUNT})}
)
TYPES = st.sampled_from(
    ["ITEM", "SHIPPING", "GIFT_WRAP", "COD_FEE", "OTHER", "TAX", "DISCOUNT", "OF_TOMORROW"]
)
AMOUNT_2026 = amounts_of("amount", "currencyCode")
breakdowns = st.lists(
    st.fixed_dictionaries(
        {
            "type": TYPES,
            "subtotal": AMOUNT_2026,
            "detailedBreakdowns": st.lists(
                st.fixed_dictionaries({"subtype": TYPES, "value": AMOUNT_2026}), max_size=4
            ),
        }
    ),
    max_size=6,
)


@st.composite
def v0_bodies(draw: st.DrawFn) -> dict[str, Any]:
    items = draw(st.lists(v0_items, min_size=1, max_size=3))
    return {
        "AmazonOrderId": ORDER,
        "PurchaseDate": "2026-06-15T09:30:00Z",
        "LastUpdateDate": "2026-07-01T12:00:00Z",
        "OrderStatus": "Unshipped",
        "FulfillmentChannel": "MFN",
        "OrderTotal": draw(V0_AMOUNT),
        "OrderItems": [
            item | {"OrderItemId": str(number), "QuantityOrdered": 1, "SellerSKU": "SKU-1"}
            for number, item in enumerate(items)
        ],
    }


@st.composite
def bodies_2026(draw: st.DrawFn) -> dict[str, Any]:
    proceeds = draw(st.lists(breakdowns, min_size=1, max_size=3))
    tip = {"type": "DELIVERY_TIP", "subtotal": draw(AMOUNT_2026)}
    return {
        "orderId": ORDER,
        "createdTime": "2026-06-15T09:30:00Z",
        "lastUpdatedTime": "2026-07-01T12:00:00Z",
        "fulfillment": {"fulfillmentStatus": "UNSHIPPED", "fulfilledBy": "MERCHANT"},
        "proceeds": {"grandTotal": draw(AMOUNT_2026), "breakdowns": [tip]},
        "orderItems": [
            {
                "orderItemId": str(number),
                "quantityOrdered": 1,
                "product": {"sellerSku": "SKU-1"},
                "proceeds": {"breakdowns": parts},
            }
            for number, parts in enumerate(proceeds)
        ],
    }


def created_from(body: dict[str, Any]) -> dict[str, Any]:
    """Return the created event of an order, which is also stored and read again."""
    reading = read_payload(a_message(body).value)
    assert reading.refusal is None
    record = a_record(order=reading.orders[0].model_copy(update={"store_id": STORE}))
    catalog = a_catalog(a_product())
    decision = check_order(record, a_store(), catalog, 1, an_occasion())
    assert decision is not None
    order = decision.commerce_order
    assert order is not None
    assert commerce_order_from_document(commerce_order_to_document(order)) == order
    event: dict[str, Any] = json.loads(decision.events[0].body)
    return event


def total_of(event: dict[str, Any]) -> Decimal:
    """Rebuild the total as anyone downstream does."""
    rest = Decimal(event["unexplained"] or 0)
    for part in (*event["lines"], *event["charges"]):
        amounts = [part["price"] if "price" in part else part["amount"]]
        if not event["prices_include_tax"]:
            amounts.append(part["tax"])
        for amount in amounts:
            if amount is not None and amount["currency"] == event["currency"]:
                rest = EXACT.add(rest, Decimal(amount["amount"]))
    return rest


@given(st.one_of(v0_bodies(), bodies_2026()))
def test_lines_charges_and_unexplained_are_the_total_to_the_last_digit(
    body: dict[str, Any],
) -> None:
    event = created_from(body)
    if event["total"] is None:
        assert (event["unexplained"], event["prices_include_tax"]) == (None, None)
    else:
        assert total_of(event) == Decimal(event["total"])
    for charge in event["charges"]:
        if charge["kind"] == "discount":
            assert Decimal(charge["amount"]["amount"]) <= 0


cents = st.decimals(0, 999, places=2)


@given(cents, cents, cents, cents, cents, st.booleans())
def test_nothing_is_unexplained_if_amazon_tells_everything(
    price: Decimal, tax: Decimal, shipping: Decimal, on_it: Decimal, off: Decimal, inside: bool
) -> None:
    total = price + shipping - off + (0 if inside else tax + on_it)
    fields = {
        "ItemPrice": price,
        "ItemTax": tax,
        "ShippingPrice": shipping,
        "ShippingTax": on_it,
        "PromotionDiscount": off,
    }
    body = {
        "AmazonOrderId": ORDER,
        "PurchaseDate": "2026-06-15T09:30:00Z",
        "LastUpdateDate": "2026-07-01T12:00:00Z",
        "OrderStatus": "Unshipped",
        "FulfillmentChannel": "MFN",
        "OrderTotal": {"CurrencyCode": "EUR", "Amount": str(total)},
        "OrderItems": [
            {"OrderItemId": "1", "QuantityOrdered": 1, "SellerSKU": "SKU-1"}
            | {name: {"CurrencyCode": "EUR", "Amount": str(one)} for name, one in fields.items()}
        ],
    }
    event = created_from(body)
    assert event["unexplained"] is None
    assert event["prices_include_tax"] == (inside if tax + on_it else None)
    assert total_of(event) == total


def test_what_amazon_does_not_explain_is_told() -> None:
    order = a_commerce_order(total=money("12.30"))
    assert order.balance == (False, Decimal("1.50"))
    assert a_commerce_order(total=money("9.50")).balance == (True, Decimal("-0.50"))
    assert a_commerce_order(total=None).balance == (None, None)


def test_amounts_in_another_currency_explain_nothing() -> None:
    line = CommerceLine(an_item(price=money("10.00", "GBP"), tax=None), "SKU-1")
    assert a_commerce_order(lines=(line,)).balance == (None, Decimal("10.80"))


def test_a_line_that_is_gone_has_no_charges_any_more() -> None:
    shipping = Charge(kind=ChargeKind.SHIPPING, amount=money("5.00"))
    gone = an_item(order_item_id="2", quantity=0, charges=(shipping,))
    order = a_commerce_order(lines=(*a_commerce_order().lines, CommerceLine(gone, "SKU-1")))
    assert (order.all_charges, order.balance) == ((), (False, None))


def test_charges_of_one_kind_are_summed_up() -> None:
    def off(amount: str, tax: str | None = None) -> Charge:
        more = None if tax is None else money(tax)
        return Charge(kind=ChargeKind.DISCOUNT, amount=money(amount), tax=more)

    assert sum_charges([off("-1"), off("-2", "-0.2"), off("0"), off("-3")]) == (off("-6", "-0.2"),)


def test_more_charges_than_an_event_may_have_are_summed_up_over_its_lines() -> None:
    shipping = Charge(kind=ChargeKind.SHIPPING, amount=money("1.00"), tax=money("0.10"))
    gift = Charge(kind=ChargeKind.GIFT_WRAP, amount=money("2.00"))
    lines = tuple(
        CommerceLine(an_item(order_item_id=str(number), charges=(shipping, gift)), "SKU-1")
        for number in range(MAX_CHARGES // 2 + 1)
    )
    builder = DecisionBuilder(a_record(), an_occasion())
    builder.created(a_commerce_order(lines=lines[1:]))
    builder.created(a_commerce_order(lines=lines))
    apart, summed = (json.loads(event.body) for event in builder.decide("created").events)
    assert len(apart["charges"]) == MAX_CHARGES
    assert apart["charges"][0]["order_item_id"] == "1"
    assert summed["charges"] == [
        {
            "kind": "shipping",
            "amount": {"amount": "251.00", "currency": "USD"},
            "tax": {"amount": "25.10", "currency": "USD"},
            "order_item_id": None,
        },
        {
            "kind": "gift-wrap",
            "amount": {"amount": "502.00", "currency": "USD"},
            "tax": None,
            "order_item_id": None,
        },
    ]
    assert total_of(summed) == Decimal(summed["total"])
