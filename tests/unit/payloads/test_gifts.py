"""Gift wrap and gift texts: a body of their own in Orders API v0, a block of an item elsewhere."""

from decimal import Decimal
from typing import Any

import pytest

from models.amazon_order import AmazonOrder, ChargesTold, Gift, OrderItem
from models.charges import Charge, ChargeKind
from models.messages import DeadLetterCode
from models.money import Money

from .support import order_of, refused, sample

ORDER_ID = "112-3333333-4444444"
FIRST, SECOND = "20000000000001", "20000000000002"


def usd(amount: str) -> Money:
    return Money(amount=Decimal(amount), currency="USD")


def body(*items: Any, **fields: Any) -> dict[str, Any]:
    return {"payload": {"AmazonOrderId": ORDER_ID, "OrderItems": items, **fields}}


def test_a_body_of_the_gifts_has_wrap_and_texts_of_lines_and_nothing_else() -> None:
    wrap = Charge(kind=ChargeKind.GIFT_WRAP, amount=usd("3.99"), tax=usd("0.32"))
    assert order_of(sample("v0_order_items_buyer_info")) == AmazonOrder(
        amazon_order_id=ORDER_ID,
        items=(
            OrderItem(order_item_id=FIRST, quantity=0, charges=(wrap,)),
            OrderItem(order_item_id=SECOND, quantity=0, charges=()),
        ),
        gifts=(Gift(order_item_id=FIRST, message="Enjoy your tea!\nPat", wrapping="Classic"),),
        charges_told=ChargesTold.GIFT_WRAP,
    )


def test_a_page_of_the_gifts_and_a_store_beside_it_are_read() -> None:
    page = order_of(body({"OrderItemId": "1"}, NextToken="t", store_id="us"))
    assert (page.store_id, page.items_complete, page.charges_told) == (
        "us",
        False,
        ChargesTold.GIFT_WRAP,
    )


def test_that_no_line_is_a_gift_is_an_answer() -> None:
    nothing = {"GiftMessageText": None, "GiftWrapLevel": " ", "GiftWrapPrice": None}
    for item in ({}, {"BuyerCustomizedInfo": {"CustomizedURL": "x"}}, nothing):
        told = order_of(body({"OrderItemId": "1"} | item))
        assert (told.gifts, [line.charges for line in told.items]) == ((), [None])


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (
            body({"OrderItemId": "1", "GiftWrapPrice": {"CurrencyCode": "USD", "Amount": "x"}}),
            "payload.OrderItems[0].GiftWrapPrice.Amount: expected a decimal string",
        ),
        (
            body({"OrderItemId": "1", "GiftWrapPrice": {"Amount": "1"}}),
            "payload.OrderItems[0].GiftWrapPrice.CurrencyCode: required",
        ),
        (
            body({"OrderItemId": "1"}, {"GiftWrapLevel": "Classic"}),
            "payload.OrderItems[1].OrderItemId: required",
        ),
        (
            body({"OrderItemId": "1", "GiftWrapLevel": "Classic"}, OrderStatus="Unshipped"),
            "payload.OrderItems[0].QuantityOrdered: required",
        ),
        (body([]), "payload.OrderItems[0]: expected an object"),
        (body({"OrderItemId": ""}), "payload.OrderItems[0].OrderItemId: expected a string that"),
        (body({"OrderItemId": 1}), "payload.OrderItems[0].OrderItemId: expected a string"),
    ],
)
def test_a_wrong_field_of_the_gifts_is_named_at_its_place(message: Any, told: str) -> None:
    code, problem = refused(message)
    assert (code, problem[: len(told)]) == (DeadLetterCode.INVALID_ORDER, told)


def test_gifts_in_another_spelling_are_refused() -> None:
    code, _ = refused(body({"order_item_id": "1", "gift_wrap_level": "Classic"}))
    assert code is DeadLetterCode.UNKNOWN_PAYLOAD


def test_the_gift_texts_of_a_whole_item_are_read() -> None:
    order = sample("v0_order")
    first, second = order["payload"]["OrderItems"]
    first["BuyerInfo"] = {"GiftMessageText": "x" * 1001, "GiftWrapLevel": ""}
    second["BuyerInfo"] = {"GiftMessageText": ["no text"], "GiftWrapLevel": "Classic"}
    assert order_of(order).gifts == (
        Gift(order_item_id=FIRST, message="x" * 1000),
        Gift(order_item_id=SECOND, wrapping="Classic"),
    )
    second["BuyerInfo"] = {}
    del first["BuyerInfo"]
    assert order_of(order).gifts == ()


def test_the_gift_texts_of_2026_are_read() -> None:
    order = sample("2026_order")
    item = order["order"]["orderItems"][0]
    option = {"giftMessage": "Enjoy!", "giftWrapLevel": "PREMIUM"}
    item["fulfillment"] = {"packing": {"giftOption": option}}
    told = order_of(order)
    name = item["orderItemId"]
    assert told.gifts == (Gift(order_item_id=name, message="Enjoy!", wrapping="PREMIUM"),)
    assert told.charges_told is ChargesTold.ALL
    blocks: list[Any] = [{}, {"packing": []}, {"packing": {"giftOption": "x"}}, None]
    for block in blocks:
        item["fulfillment"] = block
        assert order_of(order).gifts == ()


def test_the_gifts_of_a_document_are_read() -> None:
    order = sample("document") | {"gifts": [{"order_item_id": "1", "message": "Enjoy!"}]}
    assert order_of(order).gifts == (Gift(order_item_id="1", message="Enjoy!"),)
    assert order_of(order | {"gifts": None}).gifts == ()
    order["gifts"] = [{"message": "Enjoy!"}]
    assert refused(order)[1] == "gifts[0].order_item_id: required"
