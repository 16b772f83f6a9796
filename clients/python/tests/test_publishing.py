"""What is published: the topic, key, value and headers of each kind of message."""

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from pydantic import ValidationError

from order_import_client import (
    CommerceStatus,
    Count,
    Listing,
    Message,
    OrderDocument,
    OrderItem,
    OrderUpdate,
    Price,
    Product,
    Store,
    delete_product,
    order_message,
    remove_listing,
)

AT = datetime(2026, 11, 23, 9, 20, tzinfo=UTC)
PRICE = Price(amount=Decimal("38.00"), currency="USD")


def test_each_fact_has_its_topic_and_key() -> None:
    store = Store(store_id="us", name="Harbor", marketplace_id="M", integrated_at=AT, updated_at=AT)
    facts = [
        store,
        Product(sku="MUG/BLUE", enabled=True, salable_quantity=3, as_of=AT),
        Listing(store_id="us", seller_sku="A/B", sku="MUG", updated_at=AT),
        OrderUpdate(commerce_order_id="c-1", status=CommerceStatus.SHIPPED, at=AT),
    ]
    assert [(fact.message().topic, fact.message().key) for fact in facts] == [
        ("commerce.stores", b"us"),
        ("commerce.products", b"MUG/BLUE"),
        ("commerce.listings", b"us/A/B"),
        ("commerce.order-updates", b"c-1"),
    ]
    assert json.loads(facts[3].message().value or b"") == {
        "commerce_order_id": "c-1",
        "status": "shipped",
        "at": "2026-11-23T09:20:00Z",
    }


def test_a_deletion_has_no_value() -> None:
    assert delete_product("MUG") == Message("commerce.products", b"MUG", None)
    assert remove_listing("us", "A") == Message("commerce.listings", b"us/A", None)


def test_a_count_is_as_of_the_time_before_the_reading() -> None:
    before = datetime.now(UTC)  # noqa: TID251 - compared with the client's own clock
    count = Count()
    after = datetime.now(UTC)  # noqa: TID251 - the same
    products = [count.product(sku, 5, enabled=True) for sku in ("A", "B")]
    millisecond = timedelta(milliseconds=1)
    assert {product.as_of for product in products} == {products[0].as_of}
    assert before - millisecond < products[0].as_of <= after


def test_a_time_is_in_utc_to_the_millisecond_and_never_without_an_offset() -> None:
    moment = datetime(2026, 11, 23, 10, 20, 0, 123456, timezone(timedelta(hours=1)))
    product = Product(sku="A", enabled=True, salable_quantity=1, as_of=moment)
    assert product.as_of == datetime(2026, 11, 23, 9, 20, 0, 123000, UTC)
    naive = moment.replace(tzinfo=None)
    with pytest.raises(ValidationError, match="as_of"):
        Product(sku="A", enabled=True, salable_quantity=1, as_of=naive)


def test_a_mistyped_field_is_an_error() -> None:
    with pytest.raises(ValidationError, match="enabeld"):
        Product.model_validate({"sku": "A", "enabeld": True, "salable_quantity": 1, "as_of": AT})


def test_a_body_of_amazons_is_sent_as_it_is() -> None:
    body = b'\xef\xbb\xbf{"payload": {"AmazonOrderId": "1"} }'
    message = order_message(body, amazon_order_id="1", store_id="us")
    assert message == Message("amazon.orders", b"1", body, (("store-id", b"us"),))
    assert order_message("{}") == Message("amazon.orders", None, b"{}")
    assert (
        order_message({"order": {"orderId": "é"}}).value == '{"order": {"orderId": "é"}}'.encode()
    )


def test_the_order_document_says_only_what_is_known() -> None:
    order = OrderDocument(
        amazon_order_id="1",
        store_id="us",
        status="Unshipped",
        total=PRICE,
        items=(OrderItem(order_item_id="1", quantity=2, price=PRICE),),
    )
    message = order.message()
    assert (message.topic, message.key, message.headers) == ("amazon.orders", b"1", ())
    assert json.loads(message.value or b"") == {
        "amazon_order_id": "1",
        "store_id": "us",
        "status": "Unshipped",
        "total": {"amount": "38.00", "currency": "USD"},
        "items": [
            {
                "order_item_id": "1",
                "quantity": 2,
                "price": {"amount": "38.00", "currency": "USD"},
            }
        ],
    }


def test_a_trace_travels_in_the_headers() -> None:
    message = order_message(b"{}", store_id="us").with_trace("00-a-b-01", "x=1")
    assert message.headers == (
        ("store-id", b"us"),
        ("traceparent", b"00-a-b-01"),
        ("tracestate", b"x=1"),
    )
