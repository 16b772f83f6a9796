"""Orders API v0."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from models.amazon_order import (
    Address,
    AmazonOrder,
    AmazonStatus,
    Buyer,
    ChargesTold,
    FulfillmentChannel,
    OrderItem,
    SalesChannel,
)
from models.messages import DeadLetterCode
from models.money import Money

from .support import item_of, order_of, read, refused, sample


def order(**changes: Any) -> dict[str, Any]:
    return {"payload": sample("v0_order")["payload"] | changes}


def one_item(**changes: Any) -> dict[str, Any]:
    return order(OrderItems=[sample("v0_order")["payload"]["OrderItems"][0] | changes])


def without(*names: str) -> dict[str, Any]:
    body = sample("v0_order")["payload"]
    return {"payload": {name: body[name] for name in body if name not in names}}


def usd(amount: str) -> Money:
    return Money(amount=Decimal(amount), currency="USD")


ORDER_ID = "112-3333333-4444444"

ITEMS = (
    OrderItem(
        order_item_id="20000000000001",
        seller_sku="MUG-BLUE",
        asin="B0EXAMPLE1",
        title="Mug, blue",
        quantity=2,
        quantity_shipped=0,
        price=usd("19.98"),
        tax=usd("1.60"),
        charges=(),
        buyer_requested_cancel=False,
    ),
    OrderItem(
        order_item_id="20000000000002",
        seller_sku="POT-1L",
        asin="B0EXAMPLE2",
        title="Tea pot, 1 qt",
        quantity=1,
        quantity_shipped=0,
        price=usd("24.50"),
        tax=usd("1.96"),
        charges=(),
    ),
)

ADDRESS = Address(
    name="Pat Sample",
    lines=("1 Example Road", "Dock 4"),
    city="Springfield",
    region="IL",
    postal_code="62701",
    country="US",
    phone="+1 217 555 0100",
)

BUYER = Buyer(name="Pat Sample", email="pat@example.com")


def test_an_order_with_its_items_beside_is_read_whole() -> None:
    assert order_of(order()) == AmazonOrder(
        amazon_order_id=ORDER_ID,
        marketplace_id="ATVPDKIKX0DER",
        status=AmazonStatus.UNSHIPPED,
        fulfillment_channel=FulfillmentChannel.MFN,
        sales_channel=SalesChannel.AMAZON,
        purchase_date=datetime(2026, 11, 19, 17, 1, 2, 345_000, tzinfo=UTC),
        last_update_date=datetime(2026, 11, 19, 17, 31, 2, tzinfo=UTC),
        latest_ship_date=datetime(2026, 11, 21, 7, 59, 59, tzinfo=UTC),
        total=usd("48.04"),
        buyer=BUYER,
        ship_to=ADDRESS,
        items=ITEMS,
        items_complete=True,
        items_expected=3,
        buyer_requested_cancel=False,
        shipping_service="Std US D2D Dom",
        purchase_order_number="PO-1",
        programs=("PRIME",),
        charges_told=ChargesTold.GIFT_WRAP_OPTIONAL,
    )


def test_rule_27_the_end_of_the_delivery_window_is_read() -> None:
    body = order()
    body["payload"]["LatestDeliveryDate"] = "2026-11-25T07:59:59Z"
    due = datetime(2026, 11, 25, 7, 59, 59, tzinfo=UTC)
    assert order_of(body).latest_delivery_date == due


def test_a_bare_order_is_read_as_one_in_a_payload() -> None:
    assert order_of(order()["payload"]) == order_of(order())


def test_a_store_id_beside_or_in_the_payload_names_the_store() -> None:
    assert order_of(order() | {"store_id": "us-main"}).store_id == "us-main"
    assert order_of(order(store_id="us-main")).store_id == "us-main"


def test_an_order_without_items_is_not_complete() -> None:
    assert not order_of(without("OrderItems")).items_complete
    assert not order_of(order(OrderItems=None)).items_complete


def test_rule_5_an_empty_list_of_items_says_nothing() -> None:
    assert not order_of(order(OrderItems=[])).items_complete


def test_a_body_of_items_completes_its_order_and_tells_nothing_else() -> None:
    assert order_of(sample("v0_order_items")) == AmazonOrder(
        amazon_order_id=ORDER_ID,
        items=ITEMS,
        items_complete=True,
        buyer_requested_cancel=False,
        charges_told=ChargesTold.GIFT_WRAP_OPTIONAL,
    )


def test_a_page_of_items_with_a_next_token_is_not_complete() -> None:
    page = sample("v0_order_items")
    page["payload"]["NextToken"] = "token"

    read_page = order_of(page)

    assert (read_page.items, read_page.items_complete) == (ITEMS, False)


@pytest.mark.parametrize("token", [None, ""])
def test_an_empty_next_token_says_that_nothing_follows(token: str | None) -> None:
    assert order_of(order(NextToken=token)).items_complete


def test_a_body_of_the_address_completes_its_order_and_tells_nothing_else() -> None:
    assert order_of(sample("v0_order_address")) == AmazonOrder(
        amazon_order_id=ORDER_ID,
        ship_to=ADDRESS,
        charges_told=ChargesTold.GIFT_WRAP_OPTIONAL,
    )


def test_a_body_of_the_buyer_completes_its_order_and_tells_nothing_else() -> None:
    assert order_of(sample("v0_order_buyer_info")) == AmazonOrder(
        amazon_order_id=ORDER_ID,
        buyer=BUYER,
        purchase_order_number="PO-1",
        charges_told=ChargesTold.GIFT_WRAP_OPTIONAL,
    )


def test_a_wrong_field_of_a_buyer_body_is_named_at_its_place() -> None:
    body = sample("v0_order_buyer_info")
    body["payload"]["BuyerEmail"] = 1

    assert refused(body) == (
        DeadLetterCode.INVALID_ORDER,
        "payload.BuyerEmail: expected a string",
    )


def test_an_order_of_amazons_has_neither_buyer_nor_address() -> None:
    body = without("BuyerInfo", "ShippingAddress")
    body["payload"]["FulfillmentChannel"] = "AFN"

    afn = order_of(body)

    assert afn.fulfillment_channel is FulfillmentChannel.AFN
    assert (afn.buyer, afn.ship_to) == (None, None)


def test_an_empty_buyer_or_address_is_not_told() -> None:
    blank = order_of(order(BuyerInfo={"BuyerEmail": ""}, ShippingAddress={"Name": None}))

    assert (blank.buyer, blank.ship_to) == (None, None)


def test_a_pending_order_has_no_prices() -> None:
    item = sample("v0_order")["payload"]["OrderItems"][0]
    del item["ItemPrice"], item["ItemTax"]
    body = without("OrderTotal")
    body["payload"] |= {"OrderStatus": "Pending", "OrderItems": [item]}

    pending = order_of(body)

    assert pending.status is AmazonStatus.PENDING
    assert pending.total is None
    assert (pending.items[0].price, pending.items[0].tax) == (None, None)
    assert pending.items_complete


@pytest.mark.parametrize(
    "money",
    [
        {},
        {"CurrencyCode": "USD"},
        {"CurrencyCode": "USD", "Amount": None},
        {"CurrencyCode": "", "Amount": " "},
        "",
    ],
)
def test_money_without_an_amount_is_not_told(money: object) -> None:
    told = order_of(one_item(ItemPrice=money, ItemTax=money)["payload"] | {"OrderTotal": money})

    assert (told.total, told.items[0].price, told.items[0].tax) == (None, None, None)


@pytest.mark.parametrize("currency", [{}, {"CurrencyCode": None}, {"CurrencyCode": " "}])
def test_an_amount_without_a_currency_is_in_the_one_currency_of_its_order(
    currency: dict[str, Any],
) -> None:
    body = one_item(ItemTax={"Amount": "0.10"} | currency, ItemPrice={"Amount": "1"} | currency)
    page = {"Orders": [body["payload"], one_item()["payload"]]}

    first, second = read(page).orders

    assert (first.items[0].tax, first.items[0].price) == (usd("0.10"), usd("1"))
    assert second == order_of(one_item())


@pytest.mark.parametrize("total", [{"Amount": "1"}, {"Amount": "1", "CurrencyCode": "EUR"}])
def test_which_of_several_currencies_or_of_none_is_not_guessed(total: dict[str, str]) -> None:
    price = {"Amount": "1"} | ({"CurrencyCode": "USD"} if "CurrencyCode" in total else {})
    item = {"OrderItemId": "1", "QuantityOrdered": 1, "ItemPrice": price}
    item["ItemTax"] = {"Amount": "0.10"}
    body = {"AmazonOrderId": ORDER_ID, "OrderTotal": total, "OrderItems": [item]}

    code, problem = refused(body)

    assert code is DeadLetterCode.INVALID_ORDER
    assert problem.endswith("OrderItems[0].ItemTax.CurrencyCode: required")


def test_blank_dates_and_objects_are_not_told() -> None:
    names = ("PurchaseDate", "LastUpdateDate", "LatestShipDate", "BuyerInfo", "ShippingAddress")
    for blank in ("", "  "):
        told = order_of(order(**dict.fromkeys(names, blank)))
        assert (told.purchase_date, told.last_update_date, told.latest_ship_date) == (None,) * 3
        assert (told.buyer, told.ship_to) == (None, None)


def test_the_price_of_an_item_is_that_of_the_line() -> None:
    assert item_of(one_item(QuantityOrdered=2)).price == usd("19.98")


@pytest.mark.parametrize("written", ["true", "True", "TRUE", " true ", True])
def test_a_cancel_request_as_a_string_or_a_boolean_marks_item_and_order(written: object) -> None:
    canceled = order_of(one_item(BuyerRequestedCancel={"IsBuyerRequestedCancel": written}))

    assert canceled.items[0].buyer_requested_cancel
    assert canceled.buyer_requested_cancel


def test_the_reason_of_a_cancel_request_is_kept() -> None:
    told = {"IsBuyerRequestedCancel": "true", "BuyerCancelReason": "Found cheaper"}

    assert item_of(one_item(BuyerRequestedCancel=told)).cancel_reason == "Found cheaper"


@pytest.mark.parametrize("written", ["false", "FALSE", False])
def test_a_cancel_request_of_false_is_told_to_be_none(written: object) -> None:
    kept = order_of(one_item(BuyerRequestedCancel={"IsBuyerRequestedCancel": written}))

    assert kept.items[0].buyer_requested_cancel is False
    assert kept.buyer_requested_cancel is False


@pytest.mark.parametrize("told", [None, {}, {"IsBuyerRequestedCancel": ""}])
def test_rule_6_a_cancel_request_that_is_absent_or_blank_says_nothing(told: object) -> None:
    kept = order_of(one_item(BuyerRequestedCancel=told))

    assert kept.items[0].buyer_requested_cancel is None
    assert kept.buyer_requested_cancel is None


def test_any_line_with_a_cancel_request_marks_the_order() -> None:
    body = order()
    body["payload"]["OrderItems"][1]["BuyerRequestedCancel"] = {"IsBuyerRequestedCancel": "true"}

    canceled = order_of(body)

    assert [item.buyer_requested_cancel for item in canceled.items] == [False, True]
    assert canceled.buyer_requested_cancel


def test_an_item_may_have_no_sku() -> None:
    body = one_item()
    del body["payload"]["OrderItems"][0]["SellerSKU"]

    item = item_of(body)

    assert (item.seller_sku, item.asin) == (None, "B0EXAMPLE1")


def test_an_item_of_quantity_zero_is_kept() -> None:
    assert item_of(one_item(QuantityOrdered=0)).quantity == 0


def test_the_same_sku_twice_stays_two_lines() -> None:
    first, second = sample("v0_order")["payload"]["OrderItems"]
    twice = order_of(order(OrderItems=[first, second | {"SellerSKU": "MUG-BLUE"}]))

    assert [(item.order_item_id, item.seller_sku) for item in twice.items] == [
        ("20000000000001", "MUG-BLUE"),
        ("20000000000002", "MUG-BLUE"),
    ]


@pytest.mark.parametrize(
    ("shipped", "unshipped", "expected"),
    [(1, 2, 3), (0, 2, 2), (0, 0, None), (None, 2, None), ("1", 2, None), (-1, 2, None)],
)
def test_the_pieces_expected_are_those_shipped_and_not_shipped(
    shipped: object, unshipped: object, expected: int | None
) -> None:
    body = order(NumberOfItemsShipped=shipped, NumberOfItemsUnshipped=unshipped)

    assert order_of(body).items_expected == expected


def test_programs_come_from_flags_as_booleans_or_strings() -> None:
    body = order(
        IsPrime=True, IsPremiumOrder="TRUE", IsBusinessOrder=True, IsReplacementOrder="true"
    )

    assert order_of(body).programs == ("PRIME", "PREMIUM", "BUSINESS", "REPLACEMENT")


def test_an_order_of_1970_is_read_as_it_stands() -> None:
    old = order_of(order(PurchaseDate="1970-01-19T03:58:30Z"))

    assert old.purchase_date == datetime(1970, 1, 19, 3, 58, 30, tzinfo=UTC)


def test_a_null_purchase_date_is_not_told() -> None:
    assert order_of(order(PurchaseDate=None)).purchase_date is None


def test_an_unknown_status_is_unknown_and_an_unknown_channel_is_refused() -> None:
    assert order_of(order(OrderStatus="Vanished")).status is AmazonStatus.UNKNOWN
    assert refused(order(FulfillmentChannel="Drone")) == (
        DeadLetterCode.INVALID_ORDER,
        "payload.FulfillmentChannel: expected MFN or AFN",
    )


def test_total_item_and_payment_may_be_of_three_currencies() -> None:
    body = one_item(ItemPrice={"CurrencyCode": "JPY", "Amount": "2599"})
    body["payload"]["OrderTotal"] = {"CurrencyCode": "EUR", "Amount": "16.00"}
    body["payload"]["PaymentExecutionDetail"] = [
        {"Payment": {"CurrencyCode": "BRL", "Amount": "20.00"}, "PaymentMethod": "Pix"}
    ]

    mixed = order_of(body)

    assert mixed.total == Money(amount=Decimal("16.00"), currency="EUR")
    assert mixed.items[0].price == Money(amount=Decimal(2599), currency="JPY")


def test_a_page_has_many_orders_in_its_order() -> None:
    reading = read(sample("v0_orders_page"))

    assert reading.refusal is None
    assert [
        (each.amazon_order_id, each.status, each.fulfillment_channel) for each in reading.orders
    ] == [
        ("112-3333333-0000001", AmazonStatus.UNSHIPPED, FulfillmentChannel.MFN),
        ("112-3333333-0000002", AmazonStatus.CANCELED, FulfillmentChannel.MFN),
        ("S01-1234567-1234567", AmazonStatus.SHIPPED, FulfillmentChannel.AFN),
    ]


def test_a_bare_page_is_read_as_one_in_a_payload() -> None:
    page = sample("v0_orders_page")

    assert read(page["payload"]) == read(page)


def test_the_token_of_a_page_of_orders_says_nothing_of_an_orders_items() -> None:
    page = sample("v0_orders_page")
    page["payload"]["Orders"][0]["OrderItems"] = sample("v0_order_items")["payload"]["OrderItems"]

    assert read(page).orders[0].items_complete


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"AmazonOrderId": "1/2"}, "AmazonOrderId: expected text that matches"),
        ({"LastUpdateDate": "soon"}, "LastUpdateDate: expected an ISO 8601 date-time"),
        (
            {"OrderTotal": {"CurrencyCode": "USD", "amount": "11.01"}},
            "OrderTotal.Amount: required",
        ),
        (
            {"OrderTotal": {"CurrencyCode": "USD", "Amount": 11.01}},
            "OrderTotal.Amount: expected a decimal string",
        ),
        ({"OrderItems": "none"}, "OrderItems: expected a list"),
        ({"OrderItems": [{"OrderItemId": "1"}]}, "OrderItems[0].QuantityOrdered: required"),
        ({"OrderItems": [[]]}, "OrderItems[0]: expected an object"),
        ({"ShippingAddress": "x"}, "ShippingAddress: expected an object"),
        (
            {"ShippingAddress": {"AddressLine1": "x", "AddressLine2": 2}},
            "ShippingAddress.AddressLine[1]: expected a string",
        ),
    ],
)
def test_a_wrong_field_is_named_by_its_path(changes: dict[str, Any], problem: str) -> None:
    code, message = refused(order(**changes))

    assert code is DeadLetterCode.INVALID_ORDER
    assert message.startswith(f"payload.{problem}")


def test_an_order_without_its_id_is_told_so() -> None:
    assert refused(without("AmazonOrderId")) == (
        DeadLetterCode.INVALID_ORDER,
        "payload.AmazonOrderId: required",
    )
