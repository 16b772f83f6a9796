"""Rule 21: orders that were not sold on Amazon, from the payload to what becomes of them."""

from typing import Any

import pytest

from models.outcome import Blocked, Created, Skipped, Waiting, Withdrawn
from models.reasons import SkipReason, WaitingReason
from models.replay import Selection
from models.topics import TopicName
from order_import.operations.dry_run import select_keys
from tests.builders import (
    KEY,
    ORDER,
    a_document,
    a_message,
    a_product,
    a_store,
    later,
)
from tests.unit.kit import World

ORDERS, STORES, PRODUCTS = TopicName.ORDERS, TopicName.STORES, TopicName.PRODUCTS
COMMANDS = TopicName.COMMANDS
NOT_SOLD = Skipped(SkipReason.NOT_SOLD_ON_AMAZON)
SYNC = {"command": "sync", "requested_at": "2026-07-01T12:00:00Z"}


def told(fact: Any) -> Any:
    return a_message(fact.model_dump_json().encode())


def allowing(hours: float = 1, **fields: Any) -> Any:
    return told(a_store(import_non_amazon_orders=True, updated_at=later(hours), **fields))


def forbidding(hours: float) -> Any:
    return told(a_store(updated_at=later(hours)))


def shop_order(hours: float = 0, **fields: Any) -> dict[str, Any]:
    return a_document(last_update_date=later(hours), sales_channel="Non-Amazon", **fields)


async def a_world(**product: Any) -> World:
    world = World()
    await world.tell(STORES, told(a_store()))
    await world.tell(PRODUCTS, told(a_product(**product)))
    return world


async def test_rule_21_an_order_not_sold_on_amazon_is_skipped_and_told_so_once() -> None:
    world = await a_world()
    await world.tell(ORDERS, shop_order())
    await world.tell(ORDERS, shop_order(1))
    assert world.order().outcome == NOT_SOLD
    assert world.events == ["OrderImportSkipped"]
    [history] = world.storage.contents.histories[KEY][:1]
    assert history.reasons == ("not-sold-on-amazon",)
    assert history.facts["import_non_amazon_orders"] is False


@pytest.mark.parametrize("marketplace", [None, "ATVPDKIKX0DER", "AZMDEXL2RVFNN"])
async def test_rule_21_whatever_marketplace_it_names_or_none(marketplace: str | None) -> None:
    world = await a_world()
    body = {
        "AmazonOrderId": ORDER,
        "OrderStatus": "Shipped",
        "FulfillmentChannel": "AFN",
        "PurchaseDate": "2026-06-15T09:30:00Z",
        "LastUpdateDate": "2026-07-01T12:00:00Z",
        "SalesChannel": "Non-Amazon US",
        "MarketplaceId": marketplace,
    }
    by_header = a_message({"payload": body}, headers=(("store-id", b"store-1"),))
    await world.tell(ORDERS, by_header)
    assert world.order().outcome == NOT_SOLD


async def test_rule_21_a_canceled_one_is_canceled() -> None:
    world = await a_world()
    await world.tell(ORDERS, shop_order(status="Canceled"))
    assert world.order().outcome == Skipped(SkipReason.CANCELED)


async def test_rule_21_a_store_that_allows_it_imports_it() -> None:
    world = await a_world()
    await world.tell(STORES, allowing())
    await world.tell(ORDERS, shop_order())
    assert isinstance(world.order().outcome, Created)


async def test_rule_21_turning_it_on_brings_nothing_in_but_a_replay_does() -> None:
    world = await a_world()
    await world.tell(ORDERS, shop_order())
    await world.replay(KEY)
    assert world.order().outcome == NOT_SOLD
    await world.tell(STORES, allowing())
    await world.tell(COMMANDS, SYNC)
    await world.tell(ORDERS, shop_order(1))
    assert world.order().outcome == NOT_SOLD
    await world.replay(KEY)
    assert isinstance(world.order().outcome, Created)
    assert world.commerce_order().replayed


async def test_rule_21_while_import_is_off_a_replay_says_so() -> None:
    world = await a_world()
    await world.tell(ORDERS, shop_order())
    await world.tell(STORES, allowing(import_amazon_orders=False))
    await world.replay(KEY)
    [recorded] = world.storage.contents.kept_replays.answers.values()
    [answer] = recorded.answers
    assert [reason.code for reason in answer.reasons] == ["import-disabled"]


async def test_rule_21_a_blocked_one_stays_blocked_while_it_is_off_and_is_freed_when_on() -> None:
    world = await a_world(salable_quantity=0)
    await world.tell(STORES, allowing())
    await world.tell(ORDERS, shop_order())
    was = world.order().outcome
    assert isinstance(was, Blocked)
    await world.tell(STORES, forbidding(2))
    await world.tell(PRODUCTS, told(a_product()))
    await world.tell(COMMANDS, SYNC)
    await world.tell(ORDERS, shop_order(1))
    assert world.order().outcome == was
    await world.tell(STORES, allowing(3))
    assert isinstance(world.order().outcome, Created)


@pytest.mark.parametrize(
    ("first", "before", "after", "events"),
    [
        ({"items": None}, Waiting(WaitingReason.DETAILS_PENDING), NOT_SOLD, "OrderImportSkipped"),
        ({}, None, Withdrawn(SkipReason.NOT_SOLD_ON_AMAZON), "OrderImportWithdrawn"),
    ],
)
async def test_rule_21_told_later_it_skips_what_waits_and_withdraws_what_is_blocked(
    first: dict[str, Any], before: Any, after: Any, events: str
) -> None:
    world = await a_world(salable_quantity=0)
    await world.tell(ORDERS, a_document(**first))
    assert before in (None, world.order().outcome)
    await world.tell(ORDERS, shop_order(1))
    assert world.order().outcome == after
    assert world.events[-1] == events


async def test_rule_21_told_after_the_creation_it_changes_nothing() -> None:
    world = await a_world()
    await world.tell(ORDERS, a_document(), shop_order(1))
    assert isinstance(world.order().outcome, Created)


async def test_rule_21_an_order_that_was_sold_on_amazon_after_all_goes_on() -> None:
    world = await a_world()
    await world.tell(ORDERS, shop_order())
    await world.tell(ORDERS, a_document(last_update_date=later(1), sales_channel="Amazon"))
    assert isinstance(world.order().outcome, Created)


async def test_rule_21_a_replay_of_all_takes_in_the_skipped_orders_of_stores_that_allow_it() -> (
    None
):
    world = await a_world()
    await world.tell(STORES, told(a_store(store_id="store-2")))
    await world.tell(ORDERS, shop_order())
    await world.tell(ORDERS, shop_order(store_id="store-2", amazon_order_id="902-2"))
    assert await select_keys(world.storage, Selection()) == []
    await world.tell(STORES, allowing())
    assert await select_keys(world.storage, Selection()) == [KEY]
    by_reason = Selection(reason="not-sold-on-amazon")
    assert await select_keys(world.storage, by_reason) == [KEY, "store-2/902-2"]
