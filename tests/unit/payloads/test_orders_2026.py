"""Orders API 2026-01-01."""

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
    Package,
    SalesChannel,
)
from models.charges import Charge, ChargeKind
from models.messages import DeadLetterCode
from models.money import Money

from .support import item_of, order_of, read, refused, sample


def order(**changes: Any) -> dict[str, Any]:
    return {"order": sample("2026_order")["order"] | changes}


def one_item(**changes: Any) -> dict[str, Any]:
    return order(orderItems=[sample("2026_order")["order"]["orderItems"][0] | changes])


def part(kind: str, amount: str) -> dict[str, Any]:
    return {"type": kind, "subtotal": {"amount": amount, "currencyCode": "GBP"}}


def gbp(amount: str) -> Money:
    return Money(amount=Decimal(amount), currency="GBP")


def test_an_order_is_read_whole() -> None:
    assert order_of(order()) == AmazonOrder(
        amazon_order_id="202-5555555-6666666",
        marketplace_id="A1F83G8C2ARO7P",
        status=AmazonStatus.PARTIALLY_SHIPPED,
        fulfillment_channel=FulfillmentChannel.MFN,
        sales_channel=SalesChannel.AMAZON,
        purchase_date=datetime(2026, 11, 18, 9, 15, tzinfo=UTC),
        last_update_date=datetime(2026, 11, 18, 16, 30, 0, 125_000, tzinfo=UTC),
        latest_ship_date=datetime(2026, 11, 20, 23, 59, 59, tzinfo=UTC),
        total=gbp("63.97"),
        buyer=Buyer(name="Sam Specimen", email="sam@example.com"),
        ship_to=Address(
            name="Sam Specimen",
            lines=("2 Sample Street", "Flat 3"),
            city="Leeds",
            region="England",
            postal_code="LS1 1AA",
            country="GB",
            phone="+44 113 000 0000",
        ),
        items=(
            OrderItem(
                order_item_id="30000000000001",
                seller_sku="MUG-BLUE",
                asin="B0EXAMPLE1",
                title="Mug, blue",
                quantity=3,
                quantity_shipped=2,
                price=gbp("29.97"),
                tax=gbp("5.00"),
                charges=(Charge(kind=ChargeKind.SHIPPING, amount=gbp("4.00")),),
            ),
            OrderItem(
                order_item_id="30000000000002",
                seller_sku="POT-1L",
                asin="B0EXAMPLE2",
                title="Tea pot, 1 l",
                quantity=2,
                quantity_shipped=0,
                price=gbp("25.00"),
            ),
        ),
        items_complete=True,
        shipping_service="STANDARD",
        programs=("PRIME", "BUSINESS"),
        packages=(
            Package(
                carrier="Royal Mail",
                tracking_number="XX000000000GB",
                shipped_at=datetime(2026, 11, 18, 16, 10, tzinfo=UTC),
            ),
        ),
    )


def test_a_bare_order_is_read_as_a_wrapped_one() -> None:
    assert order_of(order()["order"]) == order_of(order())


def test_a_page_has_many_orders_in_its_order() -> None:
    reading = read(sample("2026_orders_page"))

    assert reading.refusal is None
    assert [(each.amazon_order_id, len(each.packages)) for each in reading.orders] == [
        ("202-5555555-0000001", 1),
        ("202-5555555-0000002", 0),
    ]
    assert all(each.items_complete for each in reading.orders)


def test_an_order_without_the_fulfillment_block_has_no_status_and_no_channel() -> None:
    body = order()
    del body["order"]["fulfillment"]

    bare = order_of(body)

    assert (bare.status, bare.fulfillment_channel, bare.latest_ship_date) == (None, None, None)


@pytest.mark.parametrize(
    ("written", "status"),
    [
        ("PENDING_AVAILABILITY", AmazonStatus.PENDING_AVAILABILITY),
        ("PENDING", AmazonStatus.PENDING),
        ("UNSHIPPED", AmazonStatus.UNSHIPPED),
        ("SHIPPED", AmazonStatus.SHIPPED),
        ("CANCELLED", AmazonStatus.CANCELED),
        ("UNFULFILLABLE", AmazonStatus.UNFULFILLABLE),
        ("IN_LIMBO", AmazonStatus.UNKNOWN),
    ],
)
def test_a_status_is_that_of_v0(written: str, status: AmazonStatus) -> None:
    body = order(fulfillment={"fulfillmentStatus": written, "fulfilledBy": "AMAZON"})

    read_order = order_of(body)

    assert read_order.status is status
    assert read_order.fulfillment_channel is FulfillmentChannel.AFN


def test_the_price_is_the_subtotal_of_the_items_else_the_unit_price_times_the_quantity() -> None:
    told = {"breakdowns": [part("SHIPPING", "4.00"), part("ITEM", "28.00")]}
    untold = {"breakdowns": [part("SHIPPING", "4.00")]}

    assert item_of(one_item(proceeds=told)).price == gbp("28.00")
    assert item_of(one_item(proceeds=untold)).price == gbp("29.97")
    assert item_of(one_item(proceeds=None)).price == gbp("29.97")


def test_the_tax_is_the_subtotal_of_the_taxes_else_not_told() -> None:
    assert item_of(one_item(proceeds={"breakdowns": [part("TAX", "1.23")]})).tax == gbp("1.23")
    assert item_of(one_item(proceeds={"breakdowns": []})).tax is None


def test_a_pending_order_has_no_prices() -> None:
    product = {"asin": "B0EXAMPLE1", "sellerSku": "MUG-BLUE"}

    item = item_of(one_item(product=product, proceeds=None))

    assert (item.price, item.tax, item.title) == (None, None, None)


def test_an_item_without_sku_or_without_product_has_none() -> None:
    assert item_of(one_item(product={"asin": "B0EXAMPLE1"})).seller_sku is None
    assert item_of(one_item(product={"sellerSku": ""})).seller_sku is None
    assert item_of(one_item(product=None)).seller_sku is None


def test_an_item_of_quantity_zero_is_kept() -> None:
    item = item_of(one_item(quantityOrdered=0, proceeds=None))

    assert (item.quantity, item.price) == (0, gbp("0.00"))


@pytest.mark.parametrize(("who", "requested"), [("BUYER", True), ("SOMEONE", False)])
def test_only_the_buyer_requests_a_cancel(who: str, *, requested: bool) -> None:
    canceled = order_of(one_item(cancellation={"cancellationRequest": {"requester": who}}))

    assert canceled.items[0].buyer_requested_cancel is requested
    assert canceled.items[0].cancel_reason is None
    assert canceled.buyer_requested_cancel is requested


@pytest.mark.parametrize(
    ("cancellation", "requested"),
    [(None, None), ({}, False), ({"cancellationRequest": None}, False)],
)
def test_rule_6_without_its_block_nothing_is_said_of_a_request(
    cancellation: object, *, requested: bool | None
) -> None:
    order = order_of(one_item(cancellation=cancellation))

    assert order.items[0].buyer_requested_cancel is requested
    assert order.buyer_requested_cancel is requested


@pytest.mark.parametrize(
    ("executed", "counts", "left"),
    [
        ({"cancelledBy": "BUYER"}, {"quantityFulfilled": 0, "quantityUnfulfilled": 1}, 1),
        ({"cancelledBy": "MERCHANT"}, {"quantityFulfilled": 0, "quantityUnfulfilled": 0}, 0),
        ({"cancelledBy": "AMAZON"}, {"quantityFulfilled": 2, "quantityUnfulfilled": 2}, 3),
        ({"cancelledBy": "BUYER"}, {"quantityFulfilled": 0}, 3),
        ({"cancelledBy": "BUYER"}, None, 3),
        (None, {"quantityFulfilled": 0, "quantityUnfulfilled": 1}, 3),
        ({"cancelledBy": "BUYER"}, {"quantityFulfilled": "x", "quantityUnfulfilled": True}, None),
    ],
)
def test_an_item_of_which_some_pieces_were_canceled_has_those_that_are_left(
    executed: object, counts: object, left: int | None
) -> None:
    body = one_item(
        quantityOrdered=3, cancellation={"cancellationExecution": executed}, fulfillment=counts
    )
    if left is None:
        assert read(body).refusal is not None
    else:
        assert item_of(body).quantity == left


def test_a_replacement_is_known_by_the_order_it_replaces() -> None:
    original = {"orderId": "202-1", "associationType": "REPLACEMENT_ORIGINAL_ID"}
    exchange = {"orderId": "202-1", "associationType": "EXCHANGE_ORIGINAL_ID"}

    assert order_of(order(associatedOrders=[original])).programs == (
        "PRIME",
        "BUSINESS",
        "REPLACEMENT",
    )
    assert order_of(order(associatedOrders=[exchange])).programs == ("PRIME", "BUSINESS")
    assert order_of(order(associatedOrders=[original], programs=None)).programs == ("REPLACEMENT",)


def test_an_order_without_buyer_address_packages_and_dates_is_read() -> None:
    names = ("buyer", "recipient", "packages", "createdTime", "lastUpdatedTime", "proceeds")

    bare = order_of(order(**dict.fromkeys(names)))

    assert (bare.buyer, bare.ship_to, bare.packages) == (None, None, ())
    assert (bare.purchase_date, bare.last_update_date, bare.total) == (None, None, None)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"orderId": 7}, "orderId: expected a string"),
        ({"createdTime": "x"}, "createdTime: expected an ISO 8601 date-time"),
        (
            {"fulfillment": {"fulfilledBy": "DRONE"}},
            "fulfillment.fulfilledBy: expected MFN or AFN",
        ),
        ({"programs": "PRIME"}, "programs: expected a list of strings"),
        ({"orderItems": [{"quantityOrdered": 1}]}, "orderItems[0].orderItemId: required"),
        ({"orderItems": [1]}, "orderItems[0]: expected an object"),
        ({"packages": [{"shipTime": 5}]}, "packages[0].shipTime: expected an ISO 8601 date-time"),
        (
            {"proceeds": {"grandTotal": {"amount": 1.5, "currencyCode": "GBP"}}},
            "proceeds.grandTotal.amount: expected a decimal string",
        ),
    ],
)
def test_a_wrong_field_is_named_by_its_path(changes: dict[str, Any], problem: str) -> None:
    assert refused(order(**changes)) == (DeadLetterCode.INVALID_ORDER, f"order.{problem}")


def test_a_wrong_subtotal_is_named_by_its_type() -> None:
    assert refused(one_item(proceeds={"breakdowns": [part("ITEM", "NaN")]})) == (
        DeadLetterCode.INVALID_ORDER,
        "order.orderItems[0].proceeds.breakdowns.ITEM.amount: expected a decimal string",
    )


def test_a_program_told_twice_is_named_once() -> None:
    programs = ["PRIME", "AMAZON_BUSINESS", "PRIME", "AMAZON_HAUL"]

    assert order_of(order(programs=programs)).programs == ("PRIME", "BUSINESS", "AMAZON_HAUL")


@pytest.mark.parametrize("money", [{}, {"currencyCode": "GBP"}, {"amount": " "}, "", None])
def test_money_without_an_amount_is_not_told(money: object) -> None:
    body = order()["order"]
    body["proceeds"]["grandTotal"] = money
    (item,) = body["orderItems"] = body["orderItems"][:1]
    for part in item["proceeds"]["breakdowns"]:
        part["subtotal"] = money
    unit_price = item["product"].pop("price", None)

    told = order_of(body)

    assert (told.total, told.items[0].price, told.items[0].tax) == (None, None, None)
    item["product"]["price"] = unit_price or {"unitPrice": {"amount": "2", "currencyCode": "GBP"}}
    assert item_of(body).price is not None, "the unit price is told all the same"


@pytest.mark.parametrize("blank", ["", "  "])
def test_blank_dates_and_objects_are_not_told(blank: str) -> None:
    body = order()["order"] | {"createdTime": blank, "lastUpdatedTime": blank, "buyer": blank}
    body["recipient"] = {"deliveryAddress": blank}
    body["fulfillment"]["shipByWindow"] = {"latestDateTime": blank}

    told = order_of(body)

    assert (told.purchase_date, told.last_update_date, told.latest_ship_date) == (None,) * 3
    assert (told.buyer, told.ship_to) == (None, None)
