"""Gift wrap and gift texts join the lines of their order, whichever body comes first (rule 15)."""

import itertools
import json
from typing import Any

import pytest

from models.amazon_order import ChargesTold, Gift
from models.charges import ChargeKind
from models.events import Event
from models.order_record import OrderRecord
from models.outcome import Created, Waiting
from models.reasons import WaitingReason
from models.topics import TopicName
from tests.builders import ORDER, STORE, a_message, a_product, a_store
from tests.unit.kit import World

ORDERS = TopicName.ORDERS
TEXTS = (Gift(order_item_id="1", message="Enjoy!", wrapping="Classic"),)
AMENDED = "CommerceOrderAmended"


def usd(amount: str) -> dict[str, str]:
    return {"CurrencyCode": "USD", "Amount": amount}


def item(number: str = "1", **fields: Any) -> dict[str, Any]:
    return {
        "OrderItemId": number,
        "SellerSKU": "SKU-1",
        "QuantityOrdered": 1,
        "ItemPrice": usd("10.00"),
        "ShippingPrice": usd("5.00"),
        "PromotionDiscount": usd("1.00"),
    } | fields


def wrapped(number: str = "1", price: str = "3.00", **fields: Any) -> dict[str, Any]:
    texts = {"GiftMessageText": "Enjoy!", "GiftWrapLevel": "Classic"}
    return {"OrderItemId": number, "GiftWrapPrice": usd(price), **texts} | fields


def body(*items: dict[str, Any], **fields: Any) -> Any:
    payload = {"AmazonOrderId": ORDER, "OrderItems": items, **fields}
    return a_message(json.dumps({"payload": payload}).encode(), headers=store())


def store() -> tuple[tuple[str, bytes], ...]:
    return (("store-id", STORE.encode()),)


HEAD = a_message(
    json.dumps(
        {
            "AmazonOrderId": ORDER,
            "OrderStatus": "Unshipped",
            "FulfillmentChannel": "MFN",
            "PurchaseDate": "2026-11-20T09:00:00Z",
            "LastUpdateDate": "2026-11-20T09:30:00Z",
            "OrderTotal": usd("17.00"),
        }
    ).encode(),
    headers=store(),
)
ITEMS = body(item())
GIFTS = body(wrapped())


async def a_world() -> World:
    world = World()
    await world.tell(TopicName.STORES, a_store().model_dump(mode="json", exclude_none=True))
    await world.tell(TopicName.PRODUCTS, a_product().model_dump(mode="json", exclude_none=True))
    return world


def charges(record: OrderRecord) -> list[tuple[str, str]]:
    return [(one.kind.value, str(one.amount.amount)) for one, _ in record.order.all_charges]


def bodies_of(world: World, kind: str) -> list[dict[str, Any]]:
    events = [one for one in world.out if isinstance(one, Event) and one.event_type == kind]
    return [json.loads(event.body) for event in events]


ALL = [("shipping", "5.00"), ("gift-wrap", "3.00"), ("discount", "-1.00")]


@pytest.mark.parametrize("bodies", [*itertools.permutations([HEAD, ITEMS, GIFTS])])
async def test_rule_15_gifts_join_their_lines_whichever_body_comes_first(
    bodies: tuple[Any, ...],
) -> None:
    world = await a_world()
    for one in bodies:
        await world.tell(ORDERS, one)
    record = world.order()
    assert isinstance(record.outcome, Created)
    assert (charges(record), record.order.gifts) == (ALL, TEXTS)
    assert record.order.charges_told is ChargesTold.ALL, "that is said of a body"
    assert record.order.unexplained is None, "prices and charges add up to the total"
    assert [one.kind for one, _ in world.commerce_order().all_charges] == [
        ChargeKind.SHIPPING,
        ChargeKind.GIFT_WRAP,
        ChargeKind.DISCOUNT,
    ]
    published = len(world.out)
    for one in (*bodies, *reversed(bodies)):
        await world.tell(ORDERS, one)
    assert (world.order().ignored, len(world.out)) == (6, published), "the same again is ignored"
    now = world.order().order
    assert now.model_copy(update={"clocks": record.order.clocks}) == record.order


async def test_rule_16_gift_wrap_that_comes_after_the_creation_amends_the_order() -> None:
    world = await a_world()
    await world.tell(ORDERS, HEAD, ITEMS)
    await world.tell(ORDERS, GIFTS)
    (amended,) = bodies_of(world, AMENDED)
    assert amended["changes"] == [
        {
            "field": "charges.gift-wrap",
            "order_item_id": "1",
            "from": None,
            "to": {"amount": "3.00", "currency": "USD"},
        }
    ]
    assert amended["unexplained"] is None
    await world.tell(ORDERS, body(wrapped(price="2.00")))
    await world.tell(ORDERS, body(wrapped(price="0.00")))
    changes = [one for each in bodies_of(world, AMENDED) for one in each["changes"]]
    assert [one["to"] and one["to"]["amount"] for one in changes] == ["3.00", "2.00", None]


async def test_rule_15_items_without_gift_wrap_do_not_take_it_back() -> None:
    """Amazon leaves it out if the program may not see the buyer."""
    world = await a_world()
    await world.tell(ORDERS, HEAD, body(item(BuyerInfo=wrapped())), ITEMS)
    assert charges(world.order()) == ALL
    older = body(item(), OrderStatus="Unshipped", LastUpdateDate="2026-11-19T09:00:00Z")
    await world.tell(ORDERS, older)
    assert charges(world.order()) == ALL
    told = {
        "amazon_order_id": ORDER,
        "store_id": STORE,
        "last_update_date": "2026-11-21T09:00:00Z",
        "items": [{"order_item_id": "1", "quantity": 1, "charges": []}],
    }
    await world.tell(ORDERS, told)
    assert charges(world.order()) == [], "a document says what there is"


async def test_rule_15_gift_wrap_that_only_an_older_body_has_is_taken() -> None:
    world = await a_world()
    await world.tell(ORDERS, HEAD, ITEMS)
    older = {"OrderStatus": "Unshipped", "LastUpdateDate": "2026-11-19T09:00:00Z"}
    await world.tell(ORDERS, body(item(BuyerInfo=wrapped()), **older))
    assert charges(world.order()) == ALL


async def test_rule_5_gifts_alone_are_no_lines_and_an_unknown_item_adds_none() -> None:
    world = await a_world()
    await world.tell(ORDERS, GIFTS)
    assert world.order().outcome == Waiting(WaitingReason.PURCHASE_DATE_UNKNOWN)
    await world.tell(ORDERS, HEAD)
    outcome = world.order().outcome
    assert isinstance(outcome, Waiting)
    assert outcome.missing == ("lines",)
    await world.tell(ORDERS, ITEMS)
    before = world.commerce_order()
    await world.tell(ORDERS, body(wrapped("9", price="7.00"), {"OrderItemId": "8"}))
    record = world.order()
    assert [(each.order_item_id, each.quantity) for each in record.order.items] == [
        ("1", 1),
        ("9", 0),
    ]
    assert (charges(record), world.commerce_order()) == (ALL, before)
    assert bodies_of(world, AMENDED) == []


async def test_rule_15_pages_of_gifts_add_up_and_newer_texts_replace_older_ones() -> None:
    world = await a_world()
    await world.tell(ORDERS, HEAD, body(item("1"), item("2")))
    await world.tell(ORDERS, body(wrapped("2"), NextToken="t"), body(wrapped("1")))
    assert [gift.order_item_id for gift in world.order().order.gifts] == ["1", "2"]
    again = {"OrderItemId": "2", "GiftMessageText": "Much joy!"}
    await world.tell(ORDERS, body(again))
    assert world.order().order.gifts[1] == Gift(
        order_item_id="2", message="Much joy!", wrapping="Classic"
    )
    older = {"OrderStatus": "Unshipped", "LastUpdateDate": "2026-11-19T09:00:00Z"}
    stale = item("2", BuyerInfo={"GiftMessageText": "Too late"})
    await world.tell(ORDERS, body(stale, **older))
    assert world.order().order.gifts[1].message == "Much joy!"


async def test_rule_27_gift_texts_are_buyer_data() -> None:
    world = await a_world()
    await world.tell(ORDERS, HEAD, ITEMS, GIFTS)
    assert world.order().buyer_data is not None, "they have an end"
    assert "Enjoy!" not in repr([one.body for one in world.out if isinstance(one, Event)])
