"""Rule 25: pending orders may reserve."""

from datetime import timedelta
from typing import Any

import pytest

from models.outcome import Blocked, Created, Skipped, Waiting, Withdrawn
from models.topics import TopicName
from tests.builders import (
    KEY,
    NOW,
    STORE,
    a_document,
    a_product,
    a_stock_item,
    a_store,
    later,
)
from tests.unit.kit import World

OTHER = "902-1111111-0000002"
DAY = 24.0


def told(value: Any) -> dict[str, Any]:
    body: dict[str, Any] = value.model_dump(mode="json", exclude_none=True)
    return body


def pending(units: int = 2, **fields: Any) -> dict[str, Any]:
    item = {"order_item_id": "1", "seller_sku": "SKU-1", "quantity": units}
    return a_document(status="Pending", items=[item]) | fields


def paid(at: float = 1, units: int = 2, **fields: Any) -> dict[str, Any]:
    return pending(units, status="Unshipped", last_update_date=later(at)) | fields


async def a_world(units: int = 3, **settings: Any) -> World:
    world = World()
    await world.tell(TopicName.STORES, told(a_store(**({"reserve_pending": True} | settings))))
    await world.tell(TopicName.PRODUCTS, told(a_product(salable_quantity=units)))
    return world


async def sync(world: World, store: str | None = None) -> None:
    body = {"command": "sync", "store_id": store, "requested_at": world.now.isoformat()}
    await world.tell(TopicName.COMMANDS, body)


async def test_rule_25_units_are_reserved_while_pending_and_taken_over_by_the_creation() -> None:
    world = await a_world()
    await world.tell(TopicName.ORDERS, pending())
    assert isinstance(world.order().outcome, Waiting)
    assert world.reserved() == 2
    await world.tell(TopicName.ORDERS, pending(amazon_order_id=OTHER))
    assert world.order(f"{STORE}/{OTHER}").pending_reservation is None
    before = len(world.out)
    await world.tell(TopicName.ORDERS, paid())
    assert isinstance(world.order().outcome, Created)
    assert world.order().pending_reservation is None
    assert (world.reserved(), len(world.out)) == (2, before + 1), "nobody is woken"


async def test_rule_25_it_is_off_by_default() -> None:
    world = await a_world(reserve_pending=False)
    await world.tell(TopicName.ORDERS, pending())
    assert world.reserved() == 0


async def test_rule_25_an_order_that_waits_for_prices_keeps_its_units() -> None:
    world = await a_world()
    await world.tell(TopicName.ORDERS, pending())
    unpriced = paid()
    del unpriced["items"]
    await world.tell(TopicName.ORDERS, unpriced)
    assert isinstance(world.order().outcome, Waiting)
    assert world.reserved() == 2


@pytest.mark.parametrize(
    ("fields", "settings"),
    [
        ({"fulfillment_channel": "AFN"}, {}),
        ({"items": None}, {}),
        ({"items": []}, {}),
        ({"status": "Unfulfillable"}, {}),
        ({"purchase_date": None}, {}),
        ({}, {"import_amazon_orders": False}),
        ({"sales_channel": "Non-Amazon"}, {}),
    ],
)
async def test_rule_25_what_the_policy_would_not_admit_reserves_nothing(
    fields: dict[str, Any], settings: dict[str, Any]
) -> None:
    world = await a_world(**settings)
    await world.tell(TopicName.ORDERS, pending(**fields))
    assert world.order().pending_reservation is None
    assert world.reserved() == 0


async def test_rule_25_all_units_are_reserved_or_none_and_the_next_message_tries_again() -> None:
    world = await a_world(units=1)
    await world.tell(TopicName.ORDERS, pending())
    assert world.reserved() == 0
    await world.tell(TopicName.PRODUCTS, told(a_product(salable_quantity=2, as_of=NOW)))
    assert world.reserved() == 0
    await world.tell(TopicName.ORDERS, pending())
    assert world.reserved() == 2
    assert world.order().ignored == 1


async def test_rule_25_fewer_units_release_the_others_and_more_are_reserved_if_available() -> None:
    world = await a_world()
    await world.tell(TopicName.ORDERS, pending())
    for at, units, reserved in ((1, 1, 1), (2, 3, 3), (3, 4, 3)):
        await world.tell(TopicName.ORDERS, pending(units, last_update_date=later(at)))
        assert world.reserved() == reserved


async def test_rule_25_units_that_are_reserved_stay_though_the_count_is_lower_now() -> None:
    world = await a_world()
    await world.tell(TopicName.ORDERS, pending())
    await world.tell(TopicName.PRODUCTS, told(a_product(salable_quantity=1, as_of=NOW)))
    await world.tell(TopicName.ORDERS, pending())
    assert world.reserved() == 2


async def test_rule_25_a_cancellation_releases_and_wakes_who_waits() -> None:
    world = await a_world()
    await world.tell(TopicName.ORDERS, pending())
    await world.tell(TopicName.ORDERS, paid(amazon_order_id=OTHER))
    assert isinstance(world.order(f"{STORE}/{OTHER}").outcome, Blocked)
    await world.tell(TopicName.ORDERS, pending(status="Canceled", last_update_date=later(1)))
    assert isinstance(world.order().outcome, Withdrawn)
    assert isinstance(world.order(f"{STORE}/{OTHER}").outcome, Created)
    assert world.reserved() == 2


async def test_rule_25_a_blocked_order_reserves_nothing() -> None:
    world = await a_world()
    await world.tell(TopicName.ORDERS, pending())
    await world.tell(TopicName.PRODUCTS, told(a_product(enabled=False, as_of=NOW)))
    await world.tell(TopicName.ORDERS, paid())
    assert isinstance(world.order().outcome, Blocked)
    assert world.reserved() == 0


async def test_rule_25_the_setting_is_read_with_each_message() -> None:
    world = await a_world()
    await world.tell(TopicName.ORDERS, pending())
    await world.tell(TopicName.STORES, told(a_store(updated_at=NOW)))
    assert world.reserved() == 2
    await world.tell(TopicName.ORDERS, pending())
    assert world.reserved() == 0


async def test_rule_25_import_that_is_off_by_then_releases() -> None:
    world = await a_world()
    await world.tell(TopicName.ORDERS, pending())
    off = a_store(reserve_pending=True, import_amazon_orders=False, updated_at=NOW)
    await world.tell(TopicName.STORES, told(off))
    await world.tell(TopicName.ORDERS, paid())
    assert isinstance(world.order().outcome, Skipped)
    assert world.reserved() == 0


async def test_rule_25_the_units_of_another_stock_are_released_by_the_creation() -> None:
    world = await a_world()
    await world.tell(TopicName.ORDERS, pending())
    north = a_store(reserve_pending=True, stock_id="north", updated_at=NOW)
    await world.tell(TopicName.STORES, told(north))
    await world.tell(TopicName.STOCK, told(a_stock_item(salable_quantity=1)))
    await world.tell(TopicName.ORDERS, pending())
    assert (world.reserved(), world.reserved(stock_id="north")) == (2, 0)
    await world.tell(TopicName.STOCK, told(a_stock_item(salable_quantity=2, as_of=NOW)))
    await world.tell(TopicName.ORDERS, paid())
    assert isinstance(world.order().outcome, Created)
    assert (world.reserved(), world.reserved(stock_id="north")) == (0, 2)


@pytest.mark.parametrize("store", [None, STORE])
async def test_rule_25_without_news_a_sync_ends_it_after_21_days(store: str | None) -> None:
    world = await a_world()
    await world.tell(TopicName.ORDERS, pending())
    world.now = later(DAY)
    await world.tell(TopicName.ORDERS, pending())
    await world.tell(TopicName.ORDERS, paid(amazon_order_id=OTHER))
    world.now = later(22 * DAY)
    await sync(world, store)
    assert world.reserved() == 2
    world.now = later(22 * DAY) + timedelta(milliseconds=1)
    await sync(world, "store-9")
    assert world.reserved() == 2
    await sync(world, store)
    assert world.order().pending_reservation is None
    assert isinstance(world.order(f"{STORE}/{OTHER}").outcome, Created)
    history = world.storage.contents.histories[KEY]
    assert history[-1].what == "pending-reservation-lapsed"
