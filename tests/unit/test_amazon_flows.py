"""Amazon's documented flows, as pollers and listeners send them on (rules 5 and 15)."""

from collections.abc import Sequence
from itertools import permutations
from typing import Any

import pytest

from models.amazon_order import Completeness
from models.outcome import Created, MissingDetail, Waiting
from models.reasons import WaitingReason
from models.reference_data import CommerceStatus
from models.topics import TopicName
from tests.builders import KEY, ORDER, STORE, a_message, a_product, a_store, money
from tests.unit.kit import World

Body = dict[str, Any]
DAY = "2026-07-01T"
MARKET = "ATVPDKIKX0DER"
WAITS = Waiting(WaitingReason.DETAILS_PENDING)


async def a_world() -> World:
    world = World()
    for topic, fact in ((TopicName.STORES, a_store()), (TopicName.PRODUCTS, a_product())):
        await world.tell(topic, a_message(fact.model_dump_json().encode()))
    return world


def v0(status: str, at: str, **told: Any) -> Body:
    return {
        "AmazonOrderId": ORDER,
        "PurchaseDate": f"{DAY}09:00:00Z",
        "LastUpdateDate": f"{DAY}{at}Z",
        "OrderStatus": status,
        "FulfillmentChannel": "MFN",
        "MarketplaceId": MARKET,
    } | told


def v0_line(*, priced: bool) -> Body:
    amounts = {"ItemPrice": "12.00", "ItemTax": "1.00"} if priced else {}
    return {
        "OrderItemId": "1",
        "ASIN": "B000000001",
        "SellerSKU": "SKU-1",
        "QuantityOrdered": 1,
    } | {name: {"Amount": amount, "CurrencyCode": "USD"} for name, amount in amounts.items()}


def v0_items(*lines: Body, **told: Any) -> Body:
    return {"payload": {"AmazonOrderId": ORDER, "OrderItems": list(lines)} | told}


HEAD: Body = {
    "OrderTotal": {"Amount": "12.00", "CurrencyCode": "USD"},
    "NumberOfItemsShipped": 0,
    "NumberOfItemsUnshipped": 1,
}
PERSONAL: Body = {
    "BuyerInfo": {"BuyerEmail": "b@example.org"},
    "ShippingAddress": {"AddressLine1": "1 Street", "City": "Town"},
}
PENDING_PAGE: Body = {"payload": {"Orders": [v0("Pending", "09:05:00")]}}
PENDING_ITEMS = v0_items(v0_line(priced=False))
ITEMS = v0_items(v0_line(priced=True))


def change(status: str, at: str | None, event: str = "09:30:02.511", **summary: Any) -> Body:
    told = {
        "NotificationLevel": "OrderLevel",
        "SellerId": "SELLER",
        "AmazonOrderId": ORDER,
        "OrderChangeType": "OrderStatusChange",
        "OrderChangeTrigger": {"TimeOfOrderChange": at and f"{DAY}{at}Z", "ChangeReason": "status"},
        "Summary": {
            "MarketplaceId": MARKET,
            "OrderStatus": status,
            "PurchaseDate": f"{DAY}09:00:00.000Z",
            "FulfillmentType": "MFN",
            "OrderItems": [{"OrderItemId": "1", "SellerSKU": "SKU-1", "Quantity": 1}],
        }
        | summary,
    }
    return {
        "NotificationType": "ORDER_CHANGE",
        "EventTime": f"{DAY}{event}Z",
        "Payload": {"OrderChangeNotification": told},
    }


def v2026(status: str, at: str, *, priced: bool, channel: str = "MERCHANT") -> Body:
    def amount(value: str) -> Body:
        return {"amount": value, "currencyCode": "USD"}

    line: Body = {
        "orderItemId": "1",
        "quantityOrdered": 1,
        "product": {"sellerSku": "SKU-1", "asin": "B000000001"},
    }
    if priced:
        parts = {"ITEM": "12.00", "TAX": "1.00"}
        line["proceeds"] = {
            "breakdowns": [{"type": kind, "subtotal": amount(parts[kind])} for kind in parts]
        }
    return {
        "order": {
            "orderId": ORDER,
            "createdTime": f"{DAY}09:00:00Z",
            "lastUpdatedTime": f"{DAY}{at}Z",
            "salesChannel": {"channelName": "AMAZON", "marketplaceId": MARKET},
            "fulfillment": {"fulfillmentStatus": status, "fulfilledBy": channel},
            "orderItems": [line],
        }
        | (
            {
                "proceeds": {"grandTotal": amount("12.00")},
                "buyer": {"buyerEmail": "b@example.org"},
                "recipient": {"deliveryAddress": {"addressLine1": "1 Street", "city": "Town"}},
            }
            if priced
            else {}
        )
    }


def is_whole(world: World) -> None:
    """Total, line prices, taxes, buyer and address: all that was told is known in the end."""
    made, known = world.commerce_order(), world.order().order
    assert isinstance(world.order().outcome, Created)
    for order in (made, known):
        assert order.total == money("12.00")
    for [line] in ([one.item for one in made.lines], known.items):
        assert (line.price, line.tax, line.quantity) == (money("12.00"), money("1.00"), 1)
    assert known.buyer is not None
    assert known.ship_to is not None
    assert made.address_known or made.status is CommerceStatus.COMPLETE  # rule 16: too late to ship


FLOWS: dict[str, Sequence[Body]] = {
    "a v0 poller": [
        PENDING_PAGE,
        PENDING_ITEMS,
        {"payload": {"Orders": [v0("Unshipped", "09:30:05", **HEAD, **PERSONAL)]}},
        ITEMS,
    ],
    "a v0 poller with items in the order": [
        {"payload": v0("Pending", "09:05:00", OrderItems=[v0_line(priced=False)])},
        {"payload": v0("Unshipped", "09:30:05", **HEAD, **PERSONAL)},
        {
            "payload": v0(
                "Unshipped", "09:30:05", **HEAD, **PERSONAL, OrderItems=[v0_line(priced=True)]
            )
        },
    ],
    "a v0 listener": [
        change("Pending", "09:05:00.100"),
        PENDING_ITEMS,
        change("Unshipped", "09:30:00.284"),
        {"payload": v0("Unshipped", "09:30:00", **HEAD, **PERSONAL)},
        ITEMS,
    ],
    "a 2026-01-01 poller": [
        v2026("PENDING", "09:05:00", priced=False),
        v2026("UNSHIPPED", "09:30:05", priced=True),
    ],
    "a 2026-01-01 listener": [
        change("Pending", "09:05:00.100"),
        v2026("PENDING", "09:05:00", priced=False),
        change("Unshipped", "09:30:00.284"),
        v2026("UNSHIPPED", "09:30:00", priced=True),
    ],
}


@pytest.mark.parametrize("flow", FLOWS)
async def test_rule_5_each_flow_creates_with_total_prices_and_taxes(flow: str) -> None:
    world = await a_world()
    for body in FLOWS[flow][:-1]:
        await world.tell(TopicName.ORDERS, body)
        assert isinstance(world.order().outcome, Waiting)
    assert world.order().outcome == WAITS or flow == "a 2026-01-01 poller"
    await world.tell(TopicName.ORDERS, FLOWS[flow][-1])
    is_whole(world)
    assert world.events == ["CommerceOrderCreated"]
    assert world.order().ignored == 0


async def test_rule_5_an_order_says_that_it_waits_for_prices_told_after_pending() -> None:
    world = await a_world()
    await world.tell(TopicName.ORDERS, *FLOWS["a v0 poller"][:3])
    outcome = world.order().outcome
    assert isinstance(outcome, Waiting)
    assert outcome.missing == (MissingDetail.PRICES,)


ARRIVALS: dict[str, Sequence[Body]] = {
    "items inline": [
        change("Unshipped", "09:30:00.284"),
        {
            "payload": v0(
                "Unshipped", "09:30:00", **HEAD, **PERSONAL, OrderItems=[v0_line(priced=True)]
            )
        },
        change("Pending", "09:05:00.100"),
    ],
    "items apart": [
        change("Unshipped", "09:30:00.284"),
        {"payload": v0("Unshipped", "09:30:00", **HEAD, **PERSONAL)},
        ITEMS,
        change("Pending", "09:05:00.100"),
    ],
    "details apart": [
        change("Unshipped", "09:30:00.284"),
        {"payload": v0("Unshipped", "09:30:00", **HEAD)},
        ITEMS,
        {"payload": {"AmazonOrderId": ORDER, **PERSONAL}},
    ],
    "time of change null": [
        change("Unshipped", None),
        {"payload": v0("Unshipped", "09:30:00", **HEAD, **PERSONAL)},
        ITEMS,
    ],
    "2026-01-01": [
        change("Unshipped", "09:30:00.284"),
        v2026("UNSHIPPED", "09:30:00.125", priced=True),
        change("Pending", None, event="09:05:03.000"),
    ],
    "fulfilled by Amazon": [
        change("Shipped", "09:30:00.284", FulfillmentType="AFN"),
        {"payload": v0("Shipped", "09:30:00", **HEAD, **PERSONAL) | {"FulfillmentChannel": "AFN"}},
        ITEMS,
        change("Pending", "09:05:00.100", FulfillmentType="AFN"),
    ],
    "fulfilled by Amazon, 2026-01-01": [
        change("Shipped", "09:30:00.284", FulfillmentType="AFN"),
        v2026("SHIPPED", "09:30:00", priced=True, channel="AMAZON"),
        change("Unshipped", "09:10:00.100", FulfillmentType="AFN"),
    ],
    "pages of items": [
        {"payload": v0("Unshipped", "09:30:00", **HEAD, **PERSONAL)},
        change("Unshipped", "09:30:00.284"),
        v0_items(v0_line(priced=True), NextToken="more"),
    ],
}


@pytest.mark.parametrize("name", ARRIVALS)
async def test_rule_15_all_is_known_in_every_order_of_arrival(name: str) -> None:
    for bodies in permutations(ARRIVALS[name]):
        world = await a_world()
        for body in bodies:
            await world.tell(
                TopicName.ORDERS, a_message(body, headers=(("store-id", STORE.encode()),))
            )
        is_whole(world)
        assert world.order().order.status in {"Unshipped", "Shipped"}
        assert world.events.count("CommerceOrderCreated") == 1


@pytest.mark.parametrize("counts", [HEAD, {}], ids=["counted", "not counted"])
async def test_rule_5_an_empty_list_of_items_says_nothing(counts: Body) -> None:
    world = await a_world()
    bodies = [{"payload": v0("Unshipped", "09:30:00", **counts)}, v0_items()]
    await world.tell(TopicName.ORDERS, *bodies)
    outcome = world.order().outcome
    assert isinstance(outcome, Waiting)
    assert outcome.missing == (MissingDetail.LINES,)
    await world.tell(TopicName.ORDERS, ITEMS)
    assert world.events == ["CommerceOrderCreated"]
    await world.tell(TopicName.ORDERS, v0_items())
    assert world.events == ["CommerceOrderCreated"]


@pytest.mark.parametrize("arrival", list(permutations(range(3))))
async def test_rule_5_pages_of_items_may_come_in_any_order_where_amazon_counts(
    arrival: tuple[int, ...],
) -> None:
    lines = [v0_line(priced=True) | {"OrderItemId": str(number)} for number in range(3)]
    pages = [
        v0_items(line, **({"NextToken": "t"} if at < 2 else {})) for at, line in enumerate(lines)
    ]
    world = await a_world()
    head = v0("Unshipped", "09:30:00", **HEAD | {"NumberOfItemsUnshipped": 3})
    await world.tell(TopicName.ORDERS, {"payload": head})
    for at in arrival:
        assert world.events == []
        await world.tell(TopicName.ORDERS, pages[at])
    assert world.events == ["CommerceOrderCreated"]
    assert len(world.commerce_order().lines) == 3


@pytest.mark.parametrize("counts", [{"NumberOfItemsShipped": 0, "NumberOfItemsUnshipped": 2}, {}])
async def test_rule_5_a_partial_cancellation_before_the_items_waits_for_no_other_order(
    counts: Body,
) -> None:
    world = await a_world()
    gone = v0_line(priced=True) | {"OrderItemId": "2", "QuantityOrdered": 0}
    left = v0_line(priced=True) | {"QuantityOrdered": 2}
    head = v0("Unshipped", "09:30:00", **HEAD | {"NumberOfItemsUnshipped": 3})
    await world.tell(TopicName.ORDERS, {"payload": head}, v0_items(left, gone))
    assert world.order().outcome == WAITS
    items = [
        {"OrderItemId": str(n), "SellerSKU": "SKU-1", "Quantity": q} for n, q in ((1, 2), (2, 0))
    ]
    await world.tell(
        TopicName.ORDERS, change("Unshipped", "09:45:00.000", OrderItems=items, **counts)
    )
    assert world.events == ["CommerceOrderCreated"]
    assert [line.item.quantity for line in world.commerce_order().lines] == [2]


async def test_rule_5_a_blocking_line_that_a_notification_cancels_blocks_no_more() -> None:
    world = await a_world()
    unknown = v0_line(priced=True) | {"OrderItemId": "2", "SellerSKU": "NOWHERE"}
    head = v0("Unshipped", "09:30:00", **HEAD | {"NumberOfItemsUnshipped": 2})
    await world.tell(TopicName.ORDERS, {"payload": head}, v0_items(v0_line(priced=True), unknown))
    assert world.events == ["OrderImportBlocked"]
    items = [
        {"OrderItemId": "1", "SellerSKU": "SKU-1", "Quantity": 1},
        {"OrderItemId": "2", "SellerSKU": "NOWHERE", "Quantity": 0},
    ]
    await world.tell(TopicName.ORDERS, change("Unshipped", "09:45:00.000", OrderItems=items))
    assert "CommerceOrderCreated" in world.events


async def test_rule_5_a_notification_never_completes_an_order() -> None:
    world = await a_world()
    for body in (PENDING_PAGE, PENDING_ITEMS, change("Unshipped", "09:30:00.284")):
        await world.tell(TopicName.ORDERS, body)
    record = world.order(KEY)
    assert isinstance(record.outcome, Waiting)
    assert record.outcome.missing == (MissingDetail.PRICES,)
    assert record.order.line_clock("1").completeness is Completeness.PROVISIONAL
    alone = await a_world()
    await alone.tell(TopicName.ORDERS, change("Unshipped", "09:30:00.284"))
    outcome = alone.order().outcome
    assert isinstance(outcome, Waiting)
    assert outcome.missing == (MissingDetail.LINES,)


@pytest.mark.parametrize(
    "lines", [[v0_line(priced=False)], [v0_line(priced=True) | {"QuantityOrdered": 1}]]
)
async def test_rule_5_lines_told_after_pending_are_complete_as_they_are(lines: list[Body]) -> None:
    """A free replacement has no price, and an order does not wait for what never comes."""
    world = await a_world()
    await world.tell(TopicName.ORDERS, {"payload": v0("Unshipped", "09:30:00")}, v0_items(*lines))
    assert world.events == ["CommerceOrderCreated"]


@pytest.mark.parametrize(
    ("first_status", "missing"), [("Pending", (MissingDetail.PRICES,)), ("Unshipped", None)]
)
async def test_rule_5_lines_that_come_before_any_status_are_settled_by_the_first_one(
    first_status: str, missing: tuple[MissingDetail, ...] | None
) -> None:
    world = await a_world()
    store = (("store-id", STORE.encode()),)
    bodies = [
        PENDING_ITEMS,
        {"payload": v0(first_status, "09:05:00")},
        {"payload": v0("Unshipped", "09:30:05")},
    ]
    await world.tell(TopicName.ORDERS, *(a_message(body, headers=store) for body in bodies))
    assert getattr(world.order().outcome, "missing", None) == missing


async def test_rule_5_a_newer_list_of_all_lines_beats_an_older_count() -> None:
    counted = v0("Unshipped", "09:30:00", **HEAD | {"NumberOfItemsUnshipped": 3})
    listed = v0("Unshipped", "09:31:00", OrderItems=[v0_line(priced=True)])
    for bodies in ((counted, listed), (listed, counted)):
        world = await a_world()
        await world.tell(TopicName.ORDERS, *({"payload": body} for body in bodies))
        assert world.events[0] == "CommerceOrderCreated"
        assert [line.item.quantity for line in world.commerce_order().lines] == [1]


async def test_rule_5_provisional_lines_that_have_all_their_prices_count() -> None:
    world = await a_world()
    for body in (PENDING_PAGE, ITEMS, {"payload": v0("Unshipped", "09:30:05", **HEAD)}):
        await world.tell(TopicName.ORDERS, body)
    assert world.events == ["CommerceOrderCreated"]
