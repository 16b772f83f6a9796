"""Amazon's bodies in another spelling, and bodies that say nothing: refused, never half taken."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from handlers.payloads import read_payload
from models.messages import DeadLetterCode

from .support import AMAZONS, SAMPLES, read, refused, sample

Spelling = Callable[[str], str]


def snake(name: str) -> str:
    return re.sub("(?<=[a-z])(?=[A-Z])", "_", name).lower()


def kebab(name: str) -> str:
    return snake(name).replace("_", "-")


def camel(name: str) -> str:
    return name[:1].lower() + name[1:]


def pascal(name: str) -> str:
    return name[:1].upper() + name[1:]


SPELLINGS: dict[str, list[Spelling]] = {
    "v0": [snake, kebab, camel, str.lower, str.upper],
    "2026": [snake, kebab, pascal, str.lower, str.upper],
}
BODIES = [
    (path, spelling)
    for path in [*SAMPLES, *AMAZONS]
    for spelling in SPELLINGS.get(path.stem.partition("_")[0], [])
]


def spelled(value: Any, spelling: Spelling) -> Any:
    if isinstance(value, dict):
        return {spelling(name): spelled(part, spelling) for name, part in value.items()}
    return [spelled(part, spelling) for part in value] if isinstance(value, list) else value


def unwrapped(message: dict[str, Any]) -> Any:
    """Give what the API's wrapper holds."""
    return next(iter(message.values())) if len(message) == 1 else message


@pytest.mark.parametrize(
    ("path", "spelling"), BODIES, ids=[f"{path.stem}-{how.__name__}" for path, how in BODIES]
)
def test_a_body_of_amazons_in_another_spelling_is_unknown(path: Any, spelling: Spelling) -> None:
    message = json.loads(path.read_bytes())
    for body in (message, unwrapped(message)):
        code, told = refused(spelled(body, spelling))
        assert code is DeadLetterCode.UNKNOWN_PAYLOAD
        assert "expected " in told


def test_the_names_in_another_spelling_are_said_as_amazon_spells_them() -> None:
    body = {
        "amazon_order_id": "111-4100001-0000001",
        "purchase_date": "2026-11-20T09:00:00Z",
        "order_status": "Unshipped",
        "marketplace_id": "ATVPDKIKX0DER",
        "order_total": {"currency_code": "USD", "amount": "10.00"},
        "items": [{"order_item_id": "1", "quantity": 1, "item_price": {"amount": "10.00"}}],
        "ship_to": {"country_code": "US"},
        "buyer": {"buyer_name": "Jane"},
    }

    assert refused(body) == (
        DeadLetterCode.UNKNOWN_PAYLOAD,
        "expected Amazon's own spelling of OrderStatus, OrderTotal, BuyerName, and 2 more",
    )


def test_an_order_of_another_spelling_in_a_page_costs_the_others_nothing() -> None:
    page = sample("v0_orders_page")
    page["payload"]["Orders"][1] = spelled(page["payload"]["Orders"][1], camel)

    reading = read(page)

    assert len(reading.orders) == 2
    assert reading.refusal is not None
    assert reading.refusal.code is DeadLetterCode.UNKNOWN_PAYLOAD
    assert reading.refusal.message.startswith(
        "payload.Orders[1]: expected Amazon's own spelling of AmazonOrderId, "
    )


@pytest.mark.parametrize(
    ("item", "name"), [({"SellerSku": "A"}, "SellerSKU"), ({"item_price": {}}, "ItemPrice")]
)
def test_a_line_with_a_name_in_another_spelling_is_not_read_without_it(
    item: dict[str, Any], name: str
) -> None:
    body = sample("v0_order")
    line = body["payload"]["OrderItems"][0]
    del line[name]
    line |= item

    assert refused(body) == (
        DeadLetterCode.UNKNOWN_PAYLOAD,
        f"payload: expected Amazon's own spelling of {name}",
    )


def test_fields_that_nobody_knows_and_amazons_own_in_other_places_are_ignored() -> None:
    for name in ("document", "v0_order", "2026_order"):
        message = sample(name)
        unwrapped(message).update({"new_field": 1, "x-y": {}, "county": "", "": None})
        assert read(message) == read(sample(name))
    both = sample("v0_order")
    both["payload"] |= {"order_status": "Pending", "marketplace_id": "X"}
    assert read(both) == read(sample("v0_order")), "what is told in the right spelling counts"
    new = sample("2026_order")
    new["order"] |= {"orderStatus": "NEW", "orderType": "B2B"}
    assert read(new) == read(sample("2026_order")), "Amazon may add fields to its newest API"


ORDER_ID = "902-1845936-5435065"


@pytest.mark.parametrize(
    "body",
    [
        {"AmazonOrderId": ORDER_ID},
        {"AmazonOrderId": ORDER_ID, "BuyerName": "", "BuyerInfo": {}, "ShippingAddress": None},
        {
            "AmazonOrderId": ORDER_ID,
            "RegulatedInformation": {"Fields": []},
            "RequiresDosageLabel": False,
            "RegulatedOrderVerificationStatus": {"Status": "Pending"},
        },
        {"AmazonOrderId": ORDER_ID, "PurchaseOrderNumber": "", "BuyerCounty": "Kent"},
        {"AmazonOrderId": ORDER_ID, "MarketplaceId": "ATVPDKIKX0DER", "NumberOfItemsShipped": 1},
        {"orderId": ORDER_ID, "orderItems": None},
        {"amazon_order_id": ORDER_ID},
    ],
)
@pytest.mark.parametrize("wrapped", [True, False])
def test_a_body_that_names_an_order_and_says_nothing_is_unknown(
    body: dict[str, Any], *, wrapped: bool
) -> None:
    wrapper = "order" if "orderId" in body else "payload"
    code, told = refused({wrapper: body} if wrapped else body)

    assert code is DeadLetterCode.UNKNOWN_PAYLOAD
    assert "expected " in told
    assert ORDER_ID not in told


def test_an_answer_without_items_is_an_answer() -> None:
    (order,) = read({"payload": {"AmazonOrderId": ORDER_ID, "OrderItems": []}}).orders
    assert (order.amazon_order_id, order.items) == (ORDER_ID, ())


def test_the_same_bytes_give_the_same_words() -> None:
    value = json.dumps(spelled(sample("v0_order")["payload"], snake)).encode()
    assert len({str(read_payload(value)) for _ in range(5)}) == 1
