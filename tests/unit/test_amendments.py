"""After creation: amendments and cancellation requests, told and reserved (rules 6, 10, 16)."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from handlers.rules.amendments import products_to_grow_by
from models.events import Event
from models.messages import CommandMessage
from models.outcome import Blocked, Created
from models.topics import TopicName
from tests.builders import (
    ORDER,
    STORE,
    a_commerce_order,
    a_document,
    a_listing,
    a_message,
    a_product,
    a_store,
    an_item,
    an_order,
    an_update,
    later,
)
from tests.unit.kit import World

ORDERS, STORES, PRODUCTS = TopicName.ORDERS, TopicName.STORES, TopicName.PRODUCTS
LISTINGS, UPDATES = TopicName.LISTINGS, TopicName.ORDER_UPDATES
CREATED, AMENDED = "CommerceOrderCreated", "CommerceOrderAmended"
REQUESTED, MOVED = "CommerceOrderCancellationRequested", "CommerceOrderStatusChanged"
USD = {"currency": "USD"}


def encoded(fact: Any) -> Any:
    return a_message(fact.model_dump_json().encode())


def line(item: str = "1", quantity: int = 1, **fields: Any) -> dict[str, Any]:
    amount = f"{10 * quantity}.00"
    return {
        "order_item_id": item,
        "seller_sku": "SKU-1",
        "quantity": quantity,
        "price": USD | {"amount": amount},
    } | fields


def a_body(hours: float, *lines: dict[str, Any], **fields: Any) -> dict[str, Any]:
    total = USD | {"amount": f"{sum(10 * one['quantity'] for one in lines)}.00"}
    return a_document(
        last_update_date=later(hours), **{"items": list(lines), "total": total} | fields
    )


async def a_world(*skus: str, stock: int = 10) -> World:
    world = World()
    await world.tell(STORES, encoded(a_store()))
    for sku in skus or ("SKU-1",):
        await world.tell(PRODUCTS, encoded(a_product(sku=sku, salable_quantity=stock)))
    return world


def bodies(world: World, event_type: str = AMENDED) -> list[dict[str, Any]]:
    return [
        json.loads(one.body)
        for one in world.out
        if isinstance(one, Event) and one.event_type == event_type
    ]


def changes(world: World) -> list[tuple[str, str | None, Any, Any]]:
    return [
        (one["field"], one["order_item_id"], one["from"], one["to"])
        for one in bodies(world)[-1]["changes"]
    ]


def entry(world: World) -> str:
    return world.storage.contents.histories[f"{STORE}/{ORDER}"][-1].what


def units(world: World) -> dict[str, int]:
    return {one.item.order_item_id: one.item.quantity for one in world.commerce_order().lines}


def woken(out: Sequence[Any]) -> list[str]:
    return [one.key for one in out if isinstance(one, CommandMessage)]


async def test_rule_16_a_partial_cancellation_is_told_and_frees_what_others_wait_for() -> None:
    world = await a_world(stock=4)
    await world.tell(ORDERS, a_body(1, line("1", 3), line("2")))
    await world.tell(ORDERS, a_body(1, line("9", 2), amazon_order_id="other"))
    assert isinstance(world.order(f"{STORE}/other").outcome, Blocked)
    out = await world.tell(ORDERS, a_body(2, line("1", 1), line("2", 0)))
    assert woken(out) == ["product:SKU-1"]
    assert isinstance(world.order(f"{STORE}/other").outcome, Created)
    assert world.reserved() == 3
    [amended] = bodies(world)
    assert amended["total"] == "10.00"
    assert [(one["order_item_id"], one["quantity"]) for one in amended["lines"]] == [("1", 1)]
    assert changes(world) == [
        ("total", None, "40.00", "10.00"),
        ("quantity", "1", 3, 1),
        ("price", "1", {"amount": "30.00"} | USD, {"amount": "10.00"} | USD),
        ("quantity", "2", 1, 0),
    ]
    assert units(world) == {"1": 1, "2": 0}
    assert entry(world) == "amended"


async def test_rule_16_the_same_news_again_tells_nothing_again() -> None:
    world = await a_world()
    fewer = a_body(2, line("1", 1))
    await world.tell(ORDERS, a_body(1, line("1", 3)), fewer)
    await world.tell(ORDERS, fewer, fewer, a_body(3, line("1", 1)), a_body(1, line("1", 3)))
    assert world.events == [CREATED, AMENDED]
    await world.tell(ORDERS, a_body(4, line("1", 0)))
    assert world.events == [CREATED, AMENDED, AMENDED]
    assert [one["sequence"] for one in bodies(world)] == [2, 3]


async def test_rule_16_a_line_that_is_gone_is_dropped_and_one_that_is_not_named_is_not() -> None:
    world = await a_world()
    await world.tell(ORDERS, a_body(1, line("1"), line("2")))
    page = {
        "AmazonOrderId": ORDER,
        "OrderItems": [{"OrderItemId": "2", "QuantityOrdered": 1}],
    }
    await world.tell(ORDERS, a_message({"payload": page}))
    await world.tell(ORDERS, a_change(2, ("2", 1)))
    assert world.events == [CREATED]
    await world.tell(ORDERS, a_body(3, line("2")))
    assert units(world) == {"1": 0, "2": 1}
    assert world.reserved() == 1


async def test_rule_16_news_of_one_thing_alone_is_enough() -> None:
    world = await a_world()
    await world.tell(ORDERS, a_body(1, line("1"), line("2")))
    await world.tell(ORDERS, a_body(2, line("2"), total=None))
    assert changes(world) == [("quantity", "1", 1, 0)]
    await world.tell(ORDERS, a_body(3, items=None, total=USD | {"amount": "7.00"}))
    assert changes(world) == [("total", None, "20.00", "7.00")]
    await world.tell(ORDERS, a_change(4, ("2", 1), IsBuyerRequestedCancel=True))
    assert world.events == [CREATED, AMENDED, AMENDED, REQUESTED]


async def test_rule_16_an_empty_list_of_lines_drops_none() -> None:
    world = await a_world()
    await world.tell(ORDERS, a_body(1, line("1", 3)))
    order = {
        "AmazonOrderId": ORDER,
        "OrderStatus": "Unshipped",
        "LastUpdateDate": later(2).isoformat(),
        "OrderItems": [],
    }
    await world.tell(ORDERS, order, {"payload": order})
    assert world.events == [CREATED]
    assert world.reserved() == 3


def a_change(hours: float, *items: tuple[str, int], **fields: Any) -> dict[str, Any]:
    """An `ORDER_CHANGE`; `fields` are of every item."""
    status = fields.pop("status", "Unshipped")
    return {
        "NotificationType": "ORDER_CHANGE",
        "Payload": {
            "OrderChangeNotification": {
                "NotificationLevel": "OrderItemLevel" if len(items) == 1 else "OrderLevel",
                "AmazonOrderId": ORDER,
                "OrderChangeType": "OrderStatusChange",
                "OrderChangeTrigger": {"TimeOfOrderChange": later(hours).isoformat()},
                "Summary": {
                    "MarketplaceId": "ATVPDKIKX0DER",
                    "OrderStatus": status,
                    "FulfillmentType": "MFN",
                    "OrderItems": [
                        {"OrderItemId": item, "SellerSKU": "SKU-1", "Quantity": quantity} | fields
                        for item, quantity in items
                    ],
                },
            }
        },
    }


async def test_rule_16_a_notification_of_one_item_amends_that_item() -> None:
    world = await a_world()
    await world.tell(ORDERS, a_body(1, line("1", 2), line("2", 2)))
    await world.tell(ORDERS, a_change(2, ("2", 1)))
    assert changes(world) == [("quantity", "2", 2, 1)]
    assert world.reserved() == 3


async def test_rule_16_lines_of_one_product_shrink_and_grow_together() -> None:
    world = await a_world()
    await world.tell(ORDERS, a_body(1, line("1", 3), line("2", 1)))
    await world.tell(ORDERS, a_body(2, line("1", 1), line("2", 2)))
    assert world.reserved() == 3
    assert units(world) == {"1": 1, "2": 2}


async def test_rule_16_partly_canceled_then_canceled_frees_every_piece_once() -> None:
    world = await a_world()
    await world.tell(
        ORDERS, a_body(1, line("1", 3)), a_body(1, line("1", 5), amazon_order_id="other")
    )
    await world.tell(ORDERS, a_body(2, line("1", 1)))
    assert world.reserved() == 6
    await world.tell(ORDERS, a_body(3, line("1", 0), status="Canceled", total=None))
    assert world.events == [CREATED, CREATED, AMENDED, MOVED]
    assert world.reserved() == 5


async def test_rule_16_a_cancellation_after_commerce_has_shipped_amends_nothing() -> None:
    world = await a_world()
    await world.tell(ORDERS, a_body(1, line("1", 3)))
    await world.tell(UPDATES, encoded(an_update("shipped", at=later(2))))
    await world.tell(ORDERS, a_body(3, line("1", 0), status="Canceled"))
    assert world.events == [CREATED, MOVED]
    assert (units(world), world.reserved()) == ({"1": 3}, 3)


async def test_rule_16_another_currency_is_told_as_such() -> None:
    world = await a_world()
    await world.tell(ORDERS, a_body(1, line()))
    await world.tell(ORDERS, a_body(2, line(), total={"amount": "10.00", "currency": "EUR"}))
    assert changes(world) == [("currency", None, "USD", "EUR")]
    assert bodies(world)[0]["total"] == "10.00"


async def test_rule_16_a_cancellation_tells_no_amendment_of_what_it_cancels() -> None:
    world = await a_world()
    await world.tell(ORDERS, a_body(1, line("1", 3)))
    nothing = line("1", 0, price=USD | {"amount": "0.00"}, buyer_requested_cancel=True)
    await world.tell(ORDERS, a_body(2, nothing, status="Canceled"))
    still = line("1", 3, buyer_requested_cancel=True)
    await world.tell(ORDERS, a_body(3, still, status="Canceled"))
    assert world.events == [CREATED, MOVED]
    assert world.reserved() == 0
    assert units(world) == {"1": 3}


@pytest.mark.parametrize("shipped", [{"quantity": 2}, {"quantity_shipped": 2}])
async def test_rule_16_a_short_shipment_is_amended_first_then_complete(
    shipped: dict[str, int],
) -> None:
    world = await a_world()
    await world.tell(ORDERS, a_body(1, line("1", 3), line("2", 1)))
    lines = [line("1", 3) | shipped, line("2", 1, quantity_shipped=1)]
    await world.tell(ORDERS, a_body(2, *lines, status="Shipped"))
    assert world.events == [CREATED, AMENDED, MOVED]
    assert bodies(world)[0]["status"] == "processing"
    assert ("quantity", "1", 3, 2) in changes(world)
    assert world.reserved() == 3
    await world.tell(ORDERS, a_body(3, *lines, status="Shipped"))
    assert len(world.events) == 3


async def test_rule_16_a_shipment_that_counts_no_piece_as_shipped_is_not_short() -> None:
    world = await a_world()
    await world.tell(ORDERS, a_body(1, line("1", 3, quantity_shipped=0)))
    await world.tell(ORDERS, a_body(2, line("1", 3, quantity_shipped=0), status="Shipped"))
    assert world.events == [CREATED, MOVED]
    assert units(world) == {"1": 3}


async def test_rule_16_a_shipment_with_a_line_that_was_not_shipped_drops_it() -> None:
    world = await a_world()
    await world.tell(ORDERS, a_body(1, line("1", 3), line("2", 1)))
    lines = [line("1", 3, quantity_shipped=3), line("2", 1, quantity_shipped=0)]
    await world.tell(ORDERS, a_body(2, *lines, status="Shipped"))
    assert units(world) == {"1": 3, "2": 0}


async def test_rule_16_once_commerce_has_shipped_pieces_are_amended_and_none_is_freed() -> None:
    world = await a_world()
    await world.tell(ORDERS, a_body(1, line("1", 3)))
    await world.tell(UPDATES, encoded(an_update("shipped", at=later(2))))
    out = await world.tell(ORDERS, a_body(3, line("1", 1)))
    assert world.events == [CREATED, MOVED, AMENDED]
    assert (world.reserved(), woken(out)) == (3, [])
    await world.tell(PRODUCTS, encoded(a_product(as_of=later(4))))
    assert world.reserved() == 0


@pytest.mark.parametrize("status", ["complete", "canceled"])
async def test_rule_16_after_the_end_only_late_details_are_amended(status: str) -> None:
    world = await a_world()
    plain = line("1", 3) | {"price": None}
    await world.tell(ORDERS, a_body(1, plain, total=None))
    await world.tell(UPDATES, encoded(an_update(status, at=later(2))))
    reserved = world.reserved()
    late = line("1", 1, tax=USD | {"amount": "1.00"}, buyer_requested_cancel=False)
    await world.tell(ORDERS, a_body(3, late, line("2"), ship_to={"lines": ["1 Test St"]}))
    assert changes(world) == [
        ("total", None, None, "20.00"),
        ("currency", None, None, "USD"),
        ("price", "1", None, {"amount": "10.00"} | USD),
        ("tax", "1", None, {"amount": "1.00"} | USD),
    ]
    assert units(world) == {"1": 3}
    assert (world.reserved(), world.commerce_order().address_known) == (reserved, False)
    await world.tell(ORDERS, a_body(4, line("1", 3)))
    changed = [("total", None, "20.00", "30.00")] if status == "complete" else []
    assert len(bodies(world)) == 1 + len(changed)
    assert changed == [one for one in changes(world) if one in changed]


async def test_rule_16_amazons_own_orders_get_prices_that_come_later() -> None:
    world = await a_world()
    bare = {"fulfillment_channel": "AFN", "status": "Shipped"}
    await world.tell(ORDERS, a_body(1, line("1", 3) | {"price": None}, total=None, **bare))
    await world.tell(ORDERS, a_body(2, line("1", 3), **bare))
    assert [one[0] for one in changes(world)] == ["total", "currency", "price"]
    assert world.events == [CREATED, AMENDED]
    assert world.reserved() == 0


def shipping(amount: str, **tax: Any) -> dict[str, Any]:
    return {"kind": "shipping", "amount": USD | {"amount": amount}} | tax


async def test_rule_16_charges_are_amended_as_prices_are() -> None:
    world = await a_world()
    await world.tell(ORDERS, a_body(1, line("1", charges=[shipping("5.00")])))
    taxed = shipping("4.00", tax=USD | {"amount": "0.40"})
    tip = {"kind": "other", "amount": USD | {"amount": "2.00"}}
    await world.tell(ORDERS, a_body(2, line("1", charges=[taxed]), charges=[tip]))
    assert changes(world) == [
        ("charges.other", None, None, {"amount": "2.00"} | USD),
        ("charges.shipping", "1", {"amount": "5.00"} | USD, {"amount": "4.00"} | USD),
        ("charges.shipping.tax", "1", None, {"amount": "0.40"} | USD),
    ]
    [amended] = bodies(world)
    assert [(one["kind"], one["order_item_id"]) for one in amended["charges"]] == [
        ("shipping", "1"),
        ("other", None),
    ]
    assert (amended["total"], amended["unexplained"]) == ("10.00", "-6.00")
    await world.tell(ORDERS, a_body(3, line("1", charges=[])))
    assert [one[:2] for one in changes(world)] == [
        ("charges.shipping", "1"),
        ("charges.shipping.tax", "1"),
    ]
    assert world.commerce_order().lines[0].item.charges == ()
    assert len(world.commerce_order().charges) == 1
    await world.tell(ORDERS, a_body(4, line("1")))
    assert len(bodies(world)) == 2, "a body without charges says nothing of them"


async def test_rule_16_what_belongs_to_an_order_and_comes_later_is_amended() -> None:
    world = await a_world()
    await world.tell(ORDERS, a_body(1, line("1"), latest_ship_date=later(24), programs=["PRIME"]))
    more = {"purchase_order_number": "PO-1", "shipping_service": "Expedited"}
    ship_by = {"latest_ship_date": later(12), "programs": ["BUSINESS"]}
    await world.tell(ORDERS, a_body(2, line("1"), **more, **ship_by))
    assert changes(world) == [
        ("purchase_order_number", None, None, "PO-1"),
        ("latest_ship_date", None, "2026-07-02T12:00:00Z", "2026-07-02T00:00:00Z"),
        ("shipping_service", None, None, "Expedited"),
        ("programs", None, None, "BUSINESS"),
    ]
    [amended] = bodies(world)
    assert amended["programs"] == ["PRIME", "BUSINESS"]
    assert amended["latest_ship_date"] == "2026-07-02T00:00:00Z"
    await world.tell(ORDERS, a_body(2, line("1"), **more, **ship_by))
    assert len(bodies(world)) == 1


async def test_rule_16_once_an_order_is_complete_only_its_money_and_number_are_amended() -> None:
    world = await a_world()
    await world.tell(ORDERS, a_body(1, line("1"), status="Shipped"))
    more = {"purchase_order_number": "PO-1", "shipping_service": "Expedited", "programs": ["PRIME"]}
    charged = line("1", charges=[shipping("5.00")])
    await world.tell(ORDERS, a_body(2, charged, status="Shipped", **more))
    assert [one[0] for one in changes(world)] == ["purchase_order_number", "charges.shipping"]


async def test_rule_16_of_a_canceled_order_only_the_first_charges_are_amended() -> None:
    world = await a_world()
    await world.tell(ORDERS, a_body(1, line("1"), line("2", charges=[shipping("5.00")])))
    await world.tell(UPDATES, encoded(an_update("canceled")))
    news = (line("1", charges=[shipping("1.00")]), line("2", charges=[shipping("4.00")]))
    await world.tell(ORDERS, a_body(2, *news))
    assert [one[:2] for one in changes(world)] == [("charges.shipping", "1")]


async def test_rule_16_an_address_that_comes_later_is_told_and_nothing_of_its_text() -> None:
    world = await a_world()
    await world.tell(ORDERS, a_body(1, line(), ship_to={"city": "Testville", "country": "US"}))
    assert bodies(world, CREATED)[0]["address_known"] is False
    address = {"AddressLine1": "1 Test St", "City": "Testville", "CountryCode": "US"}
    body = {"payload": {"AmazonOrderId": ORDER, "ShippingAddress": address}}
    await world.tell(ORDERS, body, body)
    assert changes(world) == [("address_known", None, False, True)]
    assert bodies(world)[0]["address_known"] is True
    address["AddressLine1"] = "2 Test St"
    await world.tell(ORDERS, body, body)
    assert changes(world) == [("address", None, "known", "changed")]
    assert len(bodies(world)) == 2
    assert not any(b"Test" in one.body for one in world.out if isinstance(one, Event))
    histories = world.storage.contents.histories[f"{STORE}/{ORDER}"]
    assert "Test" not in str([one.facts for one in histories])


async def test_rule_16_an_address_known_at_creation_is_not_told_again() -> None:
    world = await a_world()
    to = {"lines": ["1 Test St"], "city": "Testville"}
    await world.tell(ORDERS, a_body(1, line(), ship_to=to))
    await world.tell(ORDERS, a_body(2, line(), ship_to=to), a_body(3, line()))
    assert bodies(world, CREATED)[0]["address_known"] is True
    assert world.events == [CREATED]


async def test_rule_16_while_an_order_is_blocked_its_news_is_no_amendment() -> None:
    world = await a_world(stock=2)
    await world.tell(ORDERS, a_body(1, line("1", 3)))
    await world.tell(ORDERS, a_body(2, line("1", 2)))
    assert world.events == ["OrderImportBlocked", CREATED, "OrderImportReleased"]


async def test_rule_16_what_a_replay_created_is_amended_like_any_other() -> None:
    world = await a_world(stock=2)
    await world.tell(STORES, encoded(a_store(import_amazon_orders=False, updated_at=later(-2))))
    await world.tell(ORDERS, a_body(1, line("1", 2)))
    await world.tell(STORES, encoded(a_store(updated_at=later(-1))))
    await world.replay(f"{STORE}/{ORDER}")
    await world.tell(ORDERS, a_body(2, line("1", 1)))
    assert world.events == ["OrderImportSkipped", CREATED, AMENDED]


async def test_rule_16_what_was_reserved_at_creation_counts_whatever_is_matched_since() -> None:
    world = await a_world("SKU-1", "SKU-2")
    await world.tell(ORDERS, a_body(1, line("1", 3)))
    await world.tell(LISTINGS, encoded(a_listing(seller_sku="SKU-1", sku="SKU-2")))
    await world.tell(ORDERS, a_body(2, line("1", 1)))
    assert (world.reserved("SKU-1"), world.reserved("SKU-2")) == (1, 0)
    assert [one["sku"] for one in bodies(world)[0]["lines"]] == ["SKU-1"]
    await world.tell(ORDERS, a_body(3, line("1", 2), line("2", 4)))
    assert (world.reserved("SKU-1"), world.reserved("SKU-2")) == (2, 4)


@pytest.mark.parametrize(
    ("stock", "reserved", "what"), [(5, 5, "amended-up"), (4, 2, "amended-short")]
)
async def test_rule_16_more_pieces_are_told_with_a_warning_and_reserved_if_available(
    stock: int, reserved: int, what: str
) -> None:
    world = await a_world(stock=stock)
    await world.tell(ORDERS, a_body(1, line("1", 2)))
    await world.tell(ORDERS, a_body(2, line("1", 5)))
    assert ("quantity", "1", 2, 5) in changes(world)
    assert (world.reserved(), entry(world)) == (reserved, what)


async def test_rule_16_a_new_line_is_told_with_a_warning_once_it_says_what_was_bought() -> None:
    world = await a_world("SKU-1", "SKU-2")
    await world.tell(ORDERS, a_body(1, line()))
    unnamed = line("2", 2) | {"seller_sku": None}
    await world.tell(ORDERS, a_body(2, line(), unnamed))
    assert [one[0] for one in changes(world)] == ["total"]
    await world.tell(ORDERS, a_body(3, line(), unnamed | {"seller_sku": "SKU-2"}))
    assert changes(world) == [
        ("quantity", "2", 0, 2),
        ("price", "2", None, {"amount": "20.00"} | USD),
    ]
    assert (world.reserved("SKU-2"), entry(world)) == (2, "amended-up")


async def test_rule_16_a_new_line_of_no_product_is_told_and_reserves_nothing() -> None:
    world = await a_world()
    await world.tell(ORDERS, a_body(1, line()))
    await world.tell(ORDERS, a_body(2, line(), line("2", seller_sku="NOWHERE")))
    assert units(world) == {"1": 1, "2": 1}
    assert entry(world) == "amended-short"
    await world.tell(ORDERS, a_body(3, line(), line("2", 0)), a_body(4, line(), status="Canceled"))
    assert world.reserved() == 0


async def test_rule_16_more_pieces_in_one_batch_are_not_promised_to_two_orders() -> None:
    world = await a_world(stock=6)
    both = ("1", "2")
    await world.tell(ORDERS, *[a_body(1, line("1", 2), amazon_order_id=one) for one in both])
    await world.tell(ORDERS, *[a_body(2, line("1", 4), amazon_order_id=one) for one in both])
    assert world.reserved() == 6
    await world.tell(
        ORDERS,
        a_body(3, line("1", 1), amazon_order_id="1"),
        a_body(3, line("1", 5), amazon_order_id="2"),
    )
    assert world.reserved() == 1 + 3, "the second has one unit more, and two that it never got"


async def test_rule_10_what_commerce_has_counted_is_not_freed_a_second_time() -> None:
    world = await a_world(stock=5)
    await world.tell(ORDERS, a_body(1, line("1", 3)))
    await world.tell(UPDATES, encoded(an_update("processing", at=later(2))))
    await world.tell(PRODUCTS, encoded(a_product(salable_quantity=2, as_of=later(3))))
    assert world.reserved() == 0
    out = await world.tell(ORDERS, a_body(4, line("1", 1)))
    assert (world.reserved(), woken(out)) == (0, [])
    await world.tell(ORDERS, a_body(5, line("1", 0), status="Canceled"))
    assert world.reserved() == 0


async def test_rule_10_an_order_that_has_grown_is_reserved_until_it_is_acknowledged_again() -> None:
    world = await a_world(stock=5)
    await world.tell(ORDERS, a_body(1, line("1", 2)))
    await world.tell(UPDATES, encoded(an_update("processing", at=later(-2))))
    world.now = later(0)
    await world.tell(ORDERS, a_body(2, line("1", 4)))
    await world.tell(PRODUCTS, encoded(a_product(salable_quantity=3, as_of=later(1))))
    assert world.reserved() == 4, "Commerce may not know yet that it has grown"
    await world.tell(UPDATES, encoded(an_update("processing", at=later(-1))))
    assert world.reserved() == 4, "said before it has grown"
    await world.tell(UPDATES, encoded(an_update("processing", at=later(1))))
    assert world.reserved() == 0


async def test_rule_6_a_request_after_the_creation_is_passed_on_once() -> None:
    world = await a_world()
    await world.tell(ORDERS, a_body(1, line("1"), line("2")))
    await world.tell(ORDERS, a_change(2, ("1", 1), IsBuyerRequestedCancel=True))
    [request] = bodies(world, REQUESTED)
    assert (request["order_item_ids"], request["requested_by"]) == (["1"], "buyer")
    assert request["commerce_order_id"] == world.commerce_order().commerce_order_id
    assert entry(world) == "cancellation-requested"
    request = {"IsBuyerRequestedCancel": "true", "BuyerCancelReason": "Found cheaper"}
    items = {
        "AmazonOrderId": ORDER,
        "OrderItems": [
            {"OrderItemId": one, "QuantityOrdered": 1, "BuyerRequestedCancel": request}
            for one in ("1", "2")
        ],
    }
    await world.tell(ORDERS, items, items, {"payload": items})
    assert world.events == [CREATED, REQUESTED, REQUESTED]
    second = bodies(world, REQUESTED)[1]
    assert (second["order_item_ids"], second["reason"]) == (["2"], "Found cheaper")
    assert world.commerce_order().buyer_requested_cancel


async def test_rule_6_a_request_at_order_level_is_one_for_all_lines() -> None:
    world = await a_world()
    await world.tell(ORDERS, a_body(1, line("1"), line("2")))
    bare = {"store_id": STORE, "amazon_order_id": ORDER, "last_update_date": later(2).isoformat()}
    await world.tell(ORDERS, bare | {"buyer_requested_cancel": True})
    assert [one["order_item_ids"] for one in bodies(world, REQUESTED)] == [["1", "2"]]
    await world.tell(ORDERS, a_change(3, ("1", 1), IsBuyerRequestedCancel=True))
    assert world.events == [CREATED, REQUESTED]


async def test_rule_6_a_request_known_at_creation_is_not_told_again() -> None:
    world = await a_world()
    await world.tell(ORDERS, a_body(1, line("1", buyer_requested_cancel=True), line("2")))
    await world.tell(ORDERS, a_body(2, line("1", buyer_requested_cancel=True), line("2")))
    assert bodies(world, CREATED)[0]["buyer_requested_cancel"] is True
    assert world.events == [CREATED]


async def test_rule_6_a_request_that_is_taken_back_is_amended_and_may_come_again() -> None:
    world = await a_world()
    await world.tell(ORDERS, a_body(1, line("1", buyer_requested_cancel=True)))
    await world.tell(ORDERS, a_change(2, ("1", 1)))
    assert world.events == [CREATED], "nothing said is not taken back"
    await world.tell(ORDERS, a_change(3, ("1", 1), IsBuyerRequestedCancel=False))
    assert changes(world) == [("buyer_requested_cancel", "1", True, False)]
    assert bodies(world)[0]["buyer_requested_cancel"] is False
    assert not world.commerce_order().buyer_requested_cancel
    await world.tell(ORDERS, a_change(4, ("1", 1), IsBuyerRequestedCancel=True))
    assert world.events == [CREATED, AMENDED, REQUESTED]


async def test_rule_6_a_request_taken_back_before_the_creation_clears_the_flag() -> None:
    world = await a_world(stock=0)
    await world.tell(ORDERS, a_body(1, line("1", buyer_requested_cancel=True)))
    await world.tell(ORDERS, a_change(2, ("1", 1), IsBuyerRequestedCancel=False))
    await world.tell(PRODUCTS, encoded(a_product(as_of=later(1))))
    assert bodies(world, CREATED)[0]["buyer_requested_cancel"] is False


async def test_rule_6_a_request_for_a_line_that_is_canceled_with_it_is_not_told() -> None:
    world = await a_world()
    await world.tell(ORDERS, a_body(1, line("1"), line("2")))
    await world.tell(ORDERS, a_body(2, line("1", 0, buyer_requested_cancel=True), line("2")))
    assert world.events == [CREATED, AMENDED]


async def test_rule_6_a_request_in_the_form_of_2026_is_passed_on_and_taken_back() -> None:
    world = await a_world()

    def order(hours: int, cancellation: Any) -> dict[str, Any]:
        item = {"orderItemId": "1", "quantityOrdered": 1, "product": {"sellerSku": "SKU-1"}}
        return {
            "order": {
                "orderId": ORDER,
                "createdTime": "2026-06-15T09:30:00Z",
                "lastUpdatedTime": later(hours).isoformat(),
                "salesChannel": {"channelName": "AMAZON", "marketplaceId": "ATVPDKIKX0DER"},
                "fulfillment": {"fulfillmentStatus": "UNSHIPPED", "fulfilledBy": "MERCHANT"},
                "orderItems": [item | {"cancellation": cancellation}],
            }
        }

    request = {"cancellationRequest": {"requester": "BUYER", "cancelReason": "By mistake"}}
    await world.tell(ORDERS, order(1, None))
    await world.tell(ORDERS, order(2, request), order(3, request))
    assert [one["reason"] for one in bodies(world, REQUESTED)] == ["By mistake"]
    await world.tell(ORDERS, order(4, None))
    assert world.events[-1] == REQUESTED
    await world.tell(ORDERS, order(5, {}))
    assert world.events[-1] == AMENDED


def test_rule_16_the_sku_of_a_new_line_and_its_units_may_come_apart() -> None:
    named = an_order(items=[an_item(order_item_id="new", seller_sku="ANOTHER", quantity=0)])
    counted = an_order(items=[an_item(order_item_id="new", seller_sku=None, quantity=2)])
    for stored, incoming in ((named, counted), (counted, named)):
        assert products_to_grow_by(a_commerce_order(), stored, incoming) == (set(), {"ANOTHER"})
