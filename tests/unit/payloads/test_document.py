"""The project's own order document."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from models.amazon_order import (
    Address,
    AmazonOrder,
    AmazonStatus,
    Buyer,
    FulfillmentChannel,
    OrderItem,
    SalesChannel,
)
from models.messages import DeadLetterCode
from models.money import Money

from .support import item_of, order_of, refused, sample


def document(**changes: Any) -> dict[str, Any]:
    return sample("document") | changes


def one_line(**changes: Any) -> dict[str, Any]:
    return document(items=[sample("document")["items"][0] | changes])


def eur(amount: str) -> Money:
    return Money(amount=Decimal(amount), currency="EUR")


def test_every_field_of_the_document_is_read() -> None:
    assert order_of(document()) == AmazonOrder(
        amazon_order_id="302-1111111-2222222",
        store_id="eu-main",
        status=AmazonStatus.UNSHIPPED,
        fulfillment_channel=FulfillmentChannel.MFN,
        sales_channel=SalesChannel.AMAZON,
        purchase_date=datetime(2026, 11, 20, 8, 15, 30, tzinfo=UTC),
        last_update_date=datetime(2026, 11, 20, 8, 20, 0, 250_000, tzinfo=UTC),
        latest_ship_date=datetime(2026, 11, 23, 22, 59, 59, tzinfo=UTC),
        total=eur("54.97"),
        buyer=Buyer(name="Erika Muster", email="erika@example.com"),
        ship_to=Address(
            name="Erika Muster",
            lines=("Beispielweg 7", "Hinterhaus"),
            city="Musterstadt",
            region="Hessen",
            postal_code="34117",
            country="DE",
            phone="+49 561 000000",
        ),
        items=(
            OrderItem(
                order_item_id="10000000000001",
                seller_sku="MUG-BLUE",
                asin="B0EXAMPLE1",
                title="Mug, blue",
                quantity=2,
                quantity_shipped=0,
                price=eur("25.98"),
                tax=eur("4.15"),
            ),
            OrderItem(
                order_item_id="10000000000002",
                seller_sku="POT-1L",
                asin="B0EXAMPLE2",
                title="Tea pot, 1 l",
                quantity=1,
                quantity_shipped=0,
                price=eur("28.99"),
                tax=eur("4.63"),
            ),
        ),
        items_complete=True,
    )


@pytest.mark.parametrize("says", [{"status": "Pending"}, {"store_id": "de"}, {"items": []}])
def test_an_order_of_which_one_thing_is_told_is_a_document(says: dict[str, Any]) -> None:
    assert order_of({"amazon_order_id": "302-1"} | says) == AmazonOrder(
        amazon_order_id="302-1",
        status=AmazonStatus.PENDING if "status" in says else None,
        store_id=says.get("store_id"),
        items_complete="items" in says,
    )


@pytest.mark.parametrize("says", [{}, {"purchase_date": "2026-11-20T08:15:30Z"}, {"status": " "}])
def test_a_document_that_says_nothing_is_refused(says: dict[str, Any]) -> None:
    assert refused({"amazon_order_id": "302-1"} | says) == (
        DeadLetterCode.UNKNOWN_PAYLOAD,
        "expected at least one of store_id, status, items",
    )


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_null_and_blank_fields_are_fields_not_told(blank: str | None) -> None:
    names = document().keys() - {"amazon_order_id", "status", "buyer_requested_cancel"}

    assert order_of(document(**dict.fromkeys(names, blank))) == AmazonOrder(
        amazon_order_id="302-1111111-2222222",
        status=AmazonStatus.UNSHIPPED,
    )


@pytest.mark.parametrize("money", [{}, None, "", {"currency": "EUR"}, {"amount": " "}])
def test_money_without_an_amount_is_not_told(money: object) -> None:
    order = order_of(one_line(price=money) | {"total": money})

    assert (order.total, order.items[0].price) == (None, None)


def test_a_document_with_an_empty_list_of_items_has_all_of_its_items() -> None:
    order = order_of(document(items=[]))

    assert (order.items, order.items_complete) == ((), True)


def test_a_document_without_items_does_not_have_all_of_them() -> None:
    without = document()
    del without["items"]

    assert not order_of(without).items_complete
    assert not order_of(document(items=None)).items_complete


def test_a_blank_store_id_names_no_store() -> None:
    assert order_of(document(store_id="")).store_id is None


def test_fields_the_contract_does_not_have_are_ignored() -> None:
    strange = document(packages="x", items_expected=-1, color="red")

    assert order_of(strange) == order_of(document())


@pytest.mark.parametrize(
    ("written", "status"),
    [
        ("PartiallyShipped", AmazonStatus.PARTIALLY_SHIPPED),
        ("PARTIALLY_SHIPPED", AmazonStatus.PARTIALLY_SHIPPED),
        ("UNSHIPPED", AmazonStatus.UNSHIPPED),
        ("CANCELLED", AmazonStatus.CANCELED),
        ("Canceled", AmazonStatus.CANCELED),
        ("PENDING_AVAILABILITY", AmazonStatus.PENDING_AVAILABILITY),
        ("InvoiceUnconfirmed", AmazonStatus.INVOICE_UNCONFIRMED),
        ("Unfulfillable", AmazonStatus.UNFULFILLABLE),
        ("Teleported", AmazonStatus.UNKNOWN),
        ("", None),
    ],
)
def test_a_status_is_known_in_either_spelling_and_else_unknown(
    written: str, status: AmazonStatus | None
) -> None:
    assert order_of(document(status=written)).status is status


@pytest.mark.parametrize(
    ("written", "channel"),
    [("MFN", "MFN"), ("AFN", "AFN"), ("MERCHANT", "MFN"), ("AMAZON", "AFN"), ("afn", "AFN")],
)
def test_a_channel_is_known_in_either_spelling(written: str, channel: str) -> None:
    assert order_of(document(fulfillment_channel=written)).fulfillment_channel == channel


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-11-20T08:15:30Z", datetime(2026, 11, 20, 8, 15, 30, tzinfo=UTC)),
        ("2026-11-20t08:15:30z", datetime(2026, 11, 20, 8, 15, 30, tzinfo=UTC)),
        ("2026-11-20T08:15:30", datetime(2026, 11, 20, 8, 15, 30, tzinfo=UTC)),
        ("2026-11-20 08:15:30", datetime(2026, 11, 20, 8, 15, 30, tzinfo=UTC)),
        ("2026-11-20T08:15:30.9Z", datetime(2026, 11, 20, 8, 15, 30, 900_000, tzinfo=UTC)),
        ("2026-11-20T08:15:30.123999Z", datetime(2026, 11, 20, 8, 15, 30, 123_000, tzinfo=UTC)),
        ("2026-11-20T08:15:30.123456789Z", datetime(2026, 11, 20, 8, 15, 30, 123_000, tzinfo=UTC)),
        ("2026-11-20T08:15:30+02:00", datetime(2026, 11, 20, 6, 15, 30, tzinfo=UTC)),
        ("2026-11-19T23:15:30.5-09:00", datetime(2026, 11, 20, 8, 15, 30, 500_000, tzinfo=UTC)),
        ("1970-01-19T03:58:30Z", datetime(1970, 1, 19, 3, 58, 30, tzinfo=UTC)),
        ("1969-12-31T23:59:59Z", datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_a_time_is_utc_in_milliseconds_with_or_without_offset(
    written: str, moment: datetime
) -> None:
    read = order_of(document(purchase_date=written)).purchase_date

    assert read == moment
    assert read is not None
    assert read.tzinfo is UTC


@pytest.mark.parametrize(
    "written",
    [
        "yesterday",
        "2026-11-20",
        "20261120",
        "2026-13-20T08:15:30Z",
        "1.569521782042E9",
        "1595882000633",
        "0001-01-01T00:00:00+10:00",
        "9999-12-31T23:59:59-10:00",
        1595882000633,
        1.5,
        True,
        [],
        {},
    ],
)
def test_a_time_that_is_none_is_refused(written: object) -> None:
    assert refused(document(purchase_date=written)) == (
        DeadLetterCode.INVALID_ORDER,
        "purchase_date: expected an ISO 8601 date-time",
    )


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ("25.98", "25.98"),
        ("25.980", "25.980"),
        ("0", "0"),
        ("-1.50", "-1.50"),
        (5980, "5980"),
        ("12345678901234567890.12345678901234", "12345678901234567890.12345678901234"),
    ],
)
def test_an_amount_keeps_all_of_its_digits(written: str | int, amount: str) -> None:
    item = item_of(one_line(price={"amount": written, "currency": "JPY"}))

    assert item.price is not None
    assert str(item.price.amount) == amount


@pytest.mark.parametrize(
    "written",
    [
        11.01,
        float("1e300"),
        10**30,
        -(10**30),
        True,
        "NaN",
        "-Infinity",
        "1e5",
        "1_000",
        "1,000.00",
        " 1",
        "1\n",
        "\uff11\uff12",
        "123456789012345678901",
        [],
        {},
    ],
)
def test_an_amount_that_is_no_decimal_string_is_refused(written: object) -> None:
    assert refused(one_line(price={"amount": written, "currency": "EUR"})) == (
        DeadLetterCode.INVALID_ORDER,
        "items[0].price.amount: expected a decimal string",
    )


def test_several_currencies_in_one_order_are_kept_apart() -> None:
    first, second = sample("document")["items"]
    first["tax"] = {"amount": "1.00", "currency": "USD"}
    second["price"] = {"amount": "4000", "currency": "JPY"}

    order = order_of(document(items=[first, second]))

    assert order.total == eur("54.97")
    assert [item.price for item in order.items] == [
        eur("25.98"),
        Money(amount=Decimal(4000), currency="JPY"),
    ]
    assert order.items[0].tax == Money(amount=Decimal("1.00"), currency="USD")


def test_a_line_of_quantity_zero_is_kept() -> None:
    assert item_of(one_line(quantity=0)).quantity == 0


@pytest.mark.parametrize("sku", [None, "", "   "])
def test_a_line_without_sku_is_kept_without_one(sku: str | None) -> None:
    assert item_of(one_line(seller_sku=sku)).seller_sku is None


def test_a_very_long_title_is_cut_off_and_its_order_taken() -> None:
    assert item_of(one_line(title="é" * 1_000)).title == "é" * 1_000
    assert item_of(one_line(title="é" * 100_000)).title == "é" * 1_000


def test_an_order_of_too_many_lines_is_none() -> None:
    (line,) = one_line()["items"]
    lines = [line | {"order_item_id": str(number)} for number in range(1_001)]
    assert refused(document(items=lines)) == (
        DeadLetterCode.INVALID_ORDER,
        "items: expected at most 1000 items",
    )


def test_a_line_the_buyer_wants_canceled_marks_the_order() -> None:
    order = order_of(one_line(buyer_requested_cancel="TRUE"))

    assert order.items[0].buyer_requested_cancel
    assert order.buyer_requested_cancel


def test_a_buyer_and_an_address_of_which_nothing_is_told_are_none() -> None:
    order = order_of(document(buyer={}, ship_to={"lines": None, "name": None}))

    assert (order.buyer, order.ship_to) == (None, None)


@pytest.mark.parametrize("order_id", ["S01-1234567-1234567", "x", "a b", "ä" * 128, "302-1:2"])
def test_an_order_id_need_not_be_three_seven_seven(order_id: str) -> None:
    assert order_of(document(amazon_order_id=order_id)).amazon_order_id == order_id


@pytest.mark.parametrize("order_id", ["302/1", "302\x001", "302\n1", "302\x1f"])
def test_an_order_id_with_a_slash_or_a_control_character_is_refused(order_id: str) -> None:
    code, message = refused(document(amazon_order_id=order_id))

    assert code is DeadLetterCode.INVALID_ORDER
    assert message.startswith("amazon_order_id: expected text that matches ")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"amazon_order_id": None}, "amazon_order_id: expected a string"),
        ({"amazon_order_id": 302}, "amazon_order_id: expected a string"),
        ({"amazon_order_id": ""}, "amazon_order_id: expected a string that is not empty"),
        ({"amazon_order_id": "1" * 129}, "amazon_order_id: expected at most 128 characters"),
        ({"store_id": 7}, "store_id: expected a string"),
        ({"status": 3}, "status: expected a string"),
        ({"fulfillment_channel": "FBX"}, "fulfillment_channel: expected MFN or AFN"),
        ({"total": "54.97"}, "total: expected an object"),
        (
            {"total": {"amount": "1", "currency": "eur"}},
            "total.currency: expected text that matches ^[A-Z]{3}$",
        ),
        ({"buyer": []}, "buyer: expected an object"),
        ({"buyer": {"name": 1}}, "buyer.name: expected a string"),
        ({"ship_to": {"lines": "x"}}, "ship_to.lines: expected a list"),
        ({"ship_to": {"lines": ["x", 1, 2]}}, "ship_to.lines[1]: expected a string"),
        ({"items": {}}, "items: expected a list"),
        ({"items": ["x"]}, "items[0]: expected an object"),
        ({"buyer_requested_cancel": "maybe"}, "buyer_requested_cancel: expected true or false"),
    ],
)
def test_a_wrong_field_is_named_with_what_was_expected(
    changes: dict[str, Any], problem: str
) -> None:
    assert refused(document(**changes)) == (DeadLetterCode.INVALID_ORDER, problem)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"quantity": -1}, "quantity: expected at least 0"),
        ({"quantity": 10**400}, "quantity: expected at most 1000000"),
        ({"quantity": 1.0}, "quantity: expected a whole number"),
        ({"quantity": "2"}, "quantity: expected a whole number"),
        ({"quantity": True}, "quantity: expected a whole number"),
        ({"quantity": None}, "quantity: expected a whole number"),
        ({"quantity_shipped": -1}, "quantity_shipped: expected at least 0"),
        ({"quantity_shipped": 2**70}, "quantity_shipped: expected at most 1000000"),
        ({"order_item_id": None}, "order_item_id: expected a string"),
        ({"order_item_id": ""}, "order_item_id: expected a string that is not empty"),
        ({"seller_sku": 5}, "seller_sku: expected a string"),
        ({"seller_sku": "s" * 129}, "seller_sku: expected at most 128 characters"),
    ],
)
def test_a_wrong_line_is_named_by_its_place(changes: dict[str, Any], problem: str) -> None:
    assert refused(one_line(**changes)) == (DeadLetterCode.INVALID_ORDER, f"items[0].{problem}")


def test_a_document_without_its_order_id_is_told_so() -> None:
    without = document()
    del without["amazon_order_id"]

    assert refused(without) == (DeadLetterCode.INVALID_ORDER, "amazon_order_id: required")


def test_several_wrong_fields_are_named_in_one_line_and_the_rest_counted() -> None:
    wrong = document(status=1, purchase_date=1, last_update_date=1, total=1, buyer=1)

    _, message = refused(wrong)

    assert message == (
        "status: expected a string; purchase_date: expected an ISO 8601 date-time; "
        "last_update_date: expected an ISO 8601 date-time; and 2 more"
    )
