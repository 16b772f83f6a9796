"""Whole messages: bytes that are no JSON, JSON that is no order, and pages."""

from pathlib import Path

import pytest

from handlers.payloads import MAX_BYTES, ParseResult, read_payload
from models.amazon_order import AmazonOrder
from models.messages import DeadLetterCode

from .support import AMAZONS, SAMPLES, as_bytes, read, refused, sample


def code_of(value: bytes | None) -> DeadLetterCode | None:
    reading = read_payload(value)
    assert reading.orders == ()
    return reading.refusal.code if reading.refusal else None


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"  ",
        b"{",
        b"order",
        b'{"amazon_order_id": "1"} x',
        b'{"amazon_order_id": NaN}',
        b'{"amazon_order_id": -Infinity}',
        b'{"amazon_order_id": "\xff"}',
        b'{"amazon_order_id": "\x00"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"9" * 100_000,
        b'"{"',
    ],
)
def test_what_is_no_json_is_malformed(value: bytes | None) -> None:
    assert code_of(value) is DeadLetterCode.MALFORMED_JSON


@pytest.mark.parametrize(
    "message",
    [
        None,
        7,
        "text",
        "",
        [],
        [sample("document")],
        {},
        {"payload": {}},
        {"payload": None},
        {"payload": "x"},
        {"payload": []},
        {"order": {}},
        {"orderId": "of some other shop"},
        {"a": {"amazon_order_id": "302-1"}},
    ],
)
def test_json_that_is_no_order_is_unknown_and_told_what_is_accepted(message: object) -> None:
    code, told = refused(message)

    assert code is DeadLetterCode.UNKNOWN_PAYLOAD
    assert told == (
        "expected an order document, an Orders API v0 order, page or detail body, "
        "an Orders API 2026-01-01 order or page, or an ORDER_CHANGE notification"
    )


@pytest.mark.parametrize("wrapped", [{}, {"payload": None}])
def test_an_error_response_of_amazon_is_unknown_and_told_so(wrapped: dict[str, object]) -> None:
    errors = [{"code": "QuotaExceeded", "message": "x"}]
    code, message = refused(wrapped | {"errors": errors})

    assert code is DeadLetterCode.UNKNOWN_PAYLOAD
    assert message.endswith(", not an error response of Amazon")


def test_a_message_is_too_large_from_the_first_byte_beyond_the_limit() -> None:
    order = as_bytes(sample("document"))

    assert read_payload(order.ljust(MAX_BYTES)).refusal is None
    assert read_payload(order.ljust(MAX_BYTES + 1)) == ParseResult.model_validate(
        {"refusal": {"code": "too-large", "message": "expected at most 1000000 bytes"}}
    )


def test_of_a_name_given_twice_the_last_counts() -> None:
    reading = read_payload(b'{"amazon_order_id": "1", "store_id": "a", "amazon_order_id": "2"}')

    assert reading == ParseResult(orders=(AmazonOrder(amazon_order_id="2", store_id="a"),))


@pytest.mark.parametrize(
    "page", [{"payload": {"Orders": []}}, {"Orders": []}, {"orders": [], "pagination": {}}]
)
def test_an_empty_page_is_understood_and_says_nothing(page: dict[str, object]) -> None:
    assert read(page) == ParseResult()


@pytest.mark.parametrize(
    ("page", "problem"),
    [
        ({"payload": {"Orders": None}}, "payload.Orders: expected a list"),
        ({"Orders": {}}, "Orders: expected a list"),
        ({"orders": "x"}, "orders: expected a list"),
    ],
)
def test_a_page_that_is_no_list_is_refused(page: dict[str, object], problem: str) -> None:
    assert refused(page) == (DeadLetterCode.INVALID_ORDER, problem)


def test_a_page_with_one_bad_order_gives_the_good_ones_and_names_the_bad_one() -> None:
    page = sample("v0_orders_page")
    page["payload"]["Orders"][1]["PurchaseDate"] = "the day before yesterday"

    reading = read(page)

    assert [order.amazon_order_id for order in reading.orders] == [
        "112-3333333-0000001",
        "S01-1234567-1234567",
    ]
    assert reading.refusal is not None
    assert reading.refusal.code is DeadLetterCode.INVALID_ORDER
    assert reading.refusal.message == (
        "payload.Orders[1].PurchaseDate: expected an ISO 8601 date-time (order 112-3333333-0000002)"
    )


def test_a_page_of_2026_with_a_bad_order_and_no_order_gives_the_good_one() -> None:
    page = sample("2026_orders_page")
    page["orders"][:0] = [page["orders"][0] | {"orderId": "a/b"}, "no order"]

    reading = read(page)

    assert [order.amazon_order_id for order in reading.orders] == [
        "202-5555555-0000001",
        "202-5555555-0000002",
    ]
    assert reading.refusal is not None
    first, second = reading.refusal.message.split("; ")
    assert first.startswith("orders[0].orderId: expected text that matches ")
    assert second == "orders[1]: expected an object"


def test_a_page_of_three_bad_orders_names_them_all() -> None:
    _, message = refused({"orders": [{}] * 3})

    assert message == (
        "orders[0].orderId: required; orders[1].orderId: required; orders[2].orderId: required"
    )


def test_a_page_of_many_bad_orders_names_three_and_counts_the_rest() -> None:
    _, message = refused({"orders": [{}] * 500})

    assert message == (
        "orders[0].orderId: required; orders[1].orderId: required; "
        "orders[2].orderId: required; and 497 more"
    )


@pytest.mark.parametrize(
    "path", [*SAMPLES, *AMAZONS], ids=[path.stem for path in [*SAMPLES, *AMAZONS]]
)
def test_every_sample_is_understood_as_orders_that_validate_again_to_themselves(
    path: Path,
) -> None:
    reading = read_payload(path.read_bytes())

    assert reading.refusal is None
    assert reading.orders
    for order in reading.orders:
        assert type(order) is AmazonOrder
        assert AmazonOrder.model_validate(order.model_dump()) == order
        assert AmazonOrder.model_validate_json(order.model_dump_json()) == order


def test_no_sample_of_a_real_kind_is_missing() -> None:
    assert {path.stem for path in SAMPLES} == {
        "2026_order",
        "2026_orders_page",
        "document",
        "order_change",
        "order_status_change",
        "v0_order",
        "v0_order_address",
        "v0_order_buyer_info",
        "v0_order_items",
        "v0_order_items_buyer_info",
        "v0_orders_page",
    }
