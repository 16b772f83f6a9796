"""The rules, each by its number. The details are in the tests of the parts."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from handlers.rules.import_policy import apply_import_policy
from models.amazon_order import AmazonStatus
from models.events import Event
from models.messages import CommandMessage
from models.outcome import Admitted, Blocked, Created, Skipped, Waiting, Withdrawn
from models.reasons import BlockerCode, SkipReason, WaitingReason
from models.reference_data import CommerceStatus
from models.topics import TopicName
from tests.builders import (
    INTEGRATED,
    KEY,
    STORE,
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
UPDATES, COMMANDS = TopicName.ORDER_UPDATES, TopicName.COMMANDS
OFF = Skipped(SkipReason.IMPORT_DISABLED)
SYNC = {"command": "sync", "requested_at": "2026-07-01T12:00:00Z"}


def told(fact: Any) -> Any:
    return a_message(fact.model_dump_json().encode())


async def a_world(**product: Any) -> World:
    world = World()
    await world.tell(STORES, told(a_store()))
    await world.tell(PRODUCTS, told(a_product(**product)))
    return world


def news(hours: float = 1, **fields: Any) -> dict[str, Any]:
    return a_document(last_update_date=later(hours), **fields)


async def test_rule_1_import_is_on_unless_the_settings_say_otherwise() -> None:
    plain = {"store_id": STORE, "name": "N", "marketplace_id": "M"}
    world = await a_world()
    await world.tell(STORES, plain | {"integrated_at": INTEGRATED, "updated_at": later(0)})
    await world.tell(ORDERS, a_document())
    assert isinstance(world.order().outcome, Created)


async def test_rule_1_the_setting_is_read_when_the_decision_is_taken() -> None:
    world = await a_world()
    await world.tell(ORDERS, a_document(status="Pending"))
    await world.tell(STORES, told(a_store(import_amazon_orders=False)))
    await world.tell(ORDERS, news())
    assert world.order().outcome == OFF


async def test_rule_2_every_order_received_is_recorded_whatever_the_setting() -> None:
    world = await a_world()
    await world.tell(STORES, told(a_store(import_amazon_orders=False)))
    statuses = list(AmazonStatus)
    await world.tell(ORDERS, *[a_document(amazon_order_id=one, status=one) for one in statuses])
    assert len(world.storage.contents.orders) == len(statuses)


def test_rule_3_purchased_at_the_very_instant_of_integration_is_imported() -> None:
    assert apply_import_policy(an_order(purchase_date=INTEGRATED), a_store()) == Admitted()


def test_rule_3_purchased_a_moment_before_the_integration_is_never_imported() -> None:
    order = an_order(purchase_date=INTEGRATED - timedelta(milliseconds=1))
    for setting in (True, False):
        store = a_store(import_amazon_orders=setting)
        assert apply_import_policy(order, store) == Skipped(SkipReason.BEFORE_INTEGRATION)


async def test_rule_3_not_even_a_replay_imports_what_was_bought_before_the_integration() -> None:
    world = await a_world()
    await world.tell(ORDERS, a_document(purchase_date="2026-05-31T23:59:59Z"))
    await world.replay(KEY)
    assert world.order().outcome == Skipped(SkipReason.BEFORE_INTEGRATION)
    assert world.events == ["OrderImportSkipped"]


async def test_rule_3_without_a_purchase_date_an_order_waits() -> None:
    world = await a_world()
    await world.tell(ORDERS, a_document(purchase_date=None))
    assert world.order().outcome == Waiting(WaitingReason.PURCHASE_DATE_UNKNOWN)
    await world.tell(ORDERS, news())
    assert isinstance(world.order().outcome, Created)


async def test_rule_4_turning_import_on_does_not_import_what_was_skipped_but_a_replay_does() -> (
    None
):
    world = await a_world()
    await world.tell(STORES, told(a_store(import_amazon_orders=False)))
    await world.tell(ORDERS, a_document())
    await world.replay(KEY)
    assert world.order().outcome == OFF
    await world.tell(STORES, told(a_store()))
    await world.tell(COMMANDS, SYNC)
    await world.tell(ORDERS, news())
    assert world.order().outcome == OFF
    await world.replay(KEY)
    assert isinstance(world.order().outcome, Created)
    assert world.commerce_order().replayed


async def test_rule_4_a_blocked_order_is_released_only_when_import_is_on_again() -> None:
    world = await a_world(salable_quantity=0)
    await world.tell(ORDERS, a_document())
    was = world.order().outcome
    await world.tell(STORES, told(a_store(import_amazon_orders=False)))
    await world.tell(PRODUCTS, told(a_product()))
    await world.tell(COMMANDS, SYNC)
    await world.tell(ORDERS, news())
    assert world.order().outcome == was
    await world.tell(STORES, told(a_store()))
    assert isinstance(world.order().outcome, Created)


async def test_rule_5_lines_of_no_pieces_are_ignored() -> None:
    world = await a_world()
    empty = {"order_item_id": "2", "seller_sku": "MISSING", "quantity": 0}
    await world.tell(ORDERS, a_document(items=[*a_document()["items"], empty]))
    assert [line.sku for line in world.commerce_order().lines] == ["SKU-1"]
    await world.tell(ORDERS, a_document(amazon_order_id="2", items=[empty]))
    assert world.order(f"{STORE}/2").outcome == Skipped(SkipReason.NOTHING_TO_IMPORT)


@pytest.mark.parametrize("missing", ["items", "status", "fulfillment_channel"])
async def test_rule_5_an_order_whose_details_are_not_known_waits(missing: str) -> None:
    world = await a_world()
    await world.tell(ORDERS, a_document() | {missing: None})
    assert world.order().outcome == Waiting(WaitingReason.DETAILS_PENDING)
    await world.tell(ORDERS, news())
    assert isinstance(world.order().outcome, Created)


async def test_rule_6_a_wish_to_cancel_is_passed_on_and_stops_nothing() -> None:
    world = await a_world()
    await world.tell(ORDERS, a_document(buyer_requested_cancel=True))
    assert world.commerce_order().buyer_requested_cancel


@pytest.mark.parametrize("sku", [None, "MISSING"])
async def test_rule_7_a_line_of_an_unknown_product_or_without_a_sku_blocks(sku: str | None) -> None:
    world = await a_world()
    item = {"order_item_id": "1", "seller_sku": sku, "quantity": 1}
    await world.tell(ORDERS, a_document(items=[item]))
    outcome = world.order().outcome
    assert isinstance(outcome, Blocked)
    assert [one.code for one in outcome.blockers] == ["not-in-catalog"]


@pytest.mark.parametrize("seller_sku", ["sku-1", "SKU-1 ", "SKU - 1", "\uff33KU-1"])
async def test_rule_7_a_sku_that_looks_alike_is_blocked_and_the_block_says_what_the_catalog_has(
    seller_sku: str,
) -> None:
    world = await a_world()
    item = {"order_item_id": "1", "seller_sku": seller_sku, "quantity": 1}
    await world.tell(ORDERS, a_document(items=[item]))
    outcome = world.order().outcome
    assert isinstance(outcome, Blocked)
    [blocker] = outcome.blockers
    assert (blocker.code, blocker.sku, blocker.similar_sku) == (
        BlockerCode.NOT_IN_CATALOG,
        seller_sku,
        "SKU-1",
    )
    [event] = [json.loads(one.body) for one in world.out if isinstance(one, Event)]
    assert event["blockers"][0]["similar_sku"] == "SKU-1"
    # Matched by hand, it is free.
    await world.tell(TopicName.LISTINGS, told(a_listing(seller_sku=seller_sku)))
    assert isinstance(world.order().outcome, Created)


async def test_rule_7_what_the_catalog_has_is_looked_up_again_and_is_no_other_block() -> None:
    world = await a_world(sku="OTHER")
    await world.tell(ORDERS, a_document())
    for hours, (product, similar) in enumerate(
        ((told(a_product(sku="sku-1")), "sku-1"), (a_message(None, key=b"sku-1"), None))
    ):
        await world.tell(PRODUCTS, product)
        await world.tell(COMMANDS, SYNC | {"requested_at": later(hours)})
        outcome = world.order().outcome
        assert isinstance(outcome, Blocked)
        assert [one.similar_sku for one in outcome.blockers] == [similar]
    assert world.events == ["OrderImportBlocked"]


async def test_rule_8_a_disabled_product_blocks() -> None:
    world = await a_world(enabled=False)
    await world.tell(ORDERS, a_document())
    outcome = world.order().outcome
    assert isinstance(outcome, Blocked)
    assert [one.code for one in outcome.blockers] == ["disabled"]


async def test_rule_9_a_product_disabled_and_out_of_stock_gives_both() -> None:
    world = await a_world(enabled=False, salable_quantity=0)
    await world.tell(ORDERS, a_document())
    outcome = world.order().outcome
    assert isinstance(outcome, Blocked)
    assert [one.code for one in outcome.blockers] == ["disabled", "out-of-stock"]


async def test_rule_10_what_commerce_has_counted_is_not_held_a_second_time() -> None:
    world = await a_world(salable_quantity=10)
    await world.tell(ORDERS, a_document(items=[a_document()["items"][0] | {"quantity": 4}]))
    assert world.reserved() == 4
    # A count before the acknowledgement may or may not have the order in it: it is held.
    await world.tell(PRODUCTS, told(a_product(salable_quantity=10, as_of=later(1))))
    assert world.reserved() == 4
    await world.tell(UPDATES, told(an_update("processing", at=later(2))))
    assert world.reserved() == 4
    await world.tell(PRODUCTS, told(a_product(salable_quantity=9, as_of=later(1.9))))
    assert world.reserved() == 4
    # Counted at the very moment of the acknowledgement: it is in the count.
    await world.tell(PRODUCTS, told(a_product(salable_quantity=6, as_of=later(2))))
    assert world.reserved() == 0
    assert world.commerce_order().reservations == ()
    await world.tell(PRODUCTS, told(a_product(salable_quantity=6, as_of=later(3))))
    assert world.reserved() == 0


async def test_rule_10_an_acknowledgement_that_comes_after_its_count_frees_at_once() -> None:
    world = await a_world(salable_quantity=1)
    await world.tell(ORDERS, a_document(), a_document(amazon_order_id="2"))
    await world.tell(PRODUCTS, told(a_product(salable_quantity=1, as_of=later(3))))
    assert isinstance(world.order(f"{STORE}/2").outcome, Blocked)
    await world.tell(UPDATES, told(an_update("processing", at=later(2))))
    assert isinstance(world.order(f"{STORE}/2").outcome, Created)
    assert world.reserved() == 1


async def test_rule_11_an_order_with_one_blocked_line_creates_and_reserves_nothing() -> None:
    world = await a_world()
    items = [*a_document()["items"], {"order_item_id": "2", "seller_sku": "X", "quantity": 1}]
    await world.tell(ORDERS, a_document(items=items))
    assert world.events == ["OrderImportBlocked"]
    assert world.reserved() == 0
    assert world.storage.contents.commerce_orders == {}


async def test_rule_12_a_change_wakes_exactly_those_who_wait_on_it_oldest_purchase_first() -> None:
    world = await a_world(salable_quantity=0)
    for day in (20, 10, 15):
        order = a_document(amazon_order_id=str(day), purchase_date=f"2026-06-{day}T00:00:00Z")
        await world.tell(ORDERS, order)
    other = [{"order_item_id": "1", "seller_sku": "OTHER", "quantity": 1}]
    await world.tell(ORDERS, a_document(amazon_order_id="other", items=other))
    before = world.order(f"{STORE}/other")
    out = await world.tell(PRODUCTS, told(a_product(salable_quantity=2)))
    assert [one.key for one in out if isinstance(one, CommandMessage)] == ["product:SKU-1"]
    outcomes = {day: type(world.order(f"{STORE}/{day}").outcome) for day in (10, 15, 20)}
    assert outcomes == {10: Created, 15: Created, 20: Blocked}
    assert world.order(f"{STORE}/other") == before


async def test_rule_12_the_next_sync_judges_all_blocked_orders_again() -> None:
    world = await a_world(salable_quantity=0)
    await world.tell(ORDERS, a_document())
    there = (await a_world()).storage.contents.stock_items
    world.storage.contents.stock_items.update(there)  # a change nobody was woken for
    await world.tell(COMMANDS, SYNC | {"store_id": "store-2"})
    assert isinstance(world.order().outcome, Blocked)
    await world.tell(COMMANDS, SYNC)
    assert isinstance(world.order().outcome, Created)


async def test_rule_13_other_causes_are_told_and_the_same_are_not() -> None:
    world = await a_world(salable_quantity=0)
    await world.tell(ORDERS, a_document())
    await world.tell(COMMANDS, SYNC, SYNC)
    assert world.events == ["OrderImportBlocked"]
    await world.tell(PRODUCTS, told(a_product(salable_quantity=0, enabled=False)))
    assert world.events == ["OrderImportBlocked"] * 2
    assert world.order().sequence == 2


async def test_rule_14_replaying_twice_does_nothing_more() -> None:
    world = await a_world()
    await world.tell(STORES, told(a_store(import_amazon_orders=False)))
    await world.tell(ORDERS, a_document())
    await world.tell(STORES, told(a_store()))
    await world.replay(KEY)
    await world.replay(KEY)
    assert world.events == ["OrderImportSkipped", "CommerceOrderCreated"]


async def test_rule_14_a_canceled_order_is_refused() -> None:
    world = await a_world()
    await world.tell(ORDERS, a_document(status="Canceled"))
    before = world.order()
    await world.replay(KEY)
    assert world.order() == before


async def test_rule_15_older_news_is_counted_and_changes_nothing() -> None:
    world = await a_world()
    await world.tell(ORDERS, a_document(status="Pending"))
    before = world.order()
    await world.tell(ORDERS, news(-1), a_document(status="PendingAvailability"))
    after = world.order()
    assert after.outcome == before.outcome
    assert after.order.model_copy(update={"clocks": before.order.clocks}) == before.order
    assert (after.received, after.ignored) == (3, 2)


async def test_rule_15_canceled_is_final() -> None:
    world = await a_world()
    await world.tell(ORDERS, a_document(status="Canceled"))
    await world.tell(ORDERS, news(5), news(6, status="Shipped"))
    assert world.order().order.status is AmazonStatus.CANCELED
    assert world.order().outcome == Skipped(SkipReason.CANCELED)
    assert world.order().ignored == 2


async def test_rule_16_canceled_while_blocked_is_withdrawn_and_told() -> None:
    world = await a_world(salable_quantity=0)
    await world.tell(ORDERS, a_document())
    await world.tell(ORDERS, news(status="Canceled"))
    assert world.order().outcome == Withdrawn(SkipReason.CANCELED)
    assert world.order().depends_on == ()
    assert world.events == ["OrderImportBlocked", "OrderImportWithdrawn"]


async def test_rule_16_canceled_while_waiting_is_withdrawn_and_not_told() -> None:
    world = await a_world()
    await world.tell(ORDERS, a_document(status="Pending"))
    await world.tell(ORDERS, news(status="Canceled"))
    assert world.order().outcome == Withdrawn(SkipReason.CANCELED)
    assert world.events == []


async def test_rule_16_canceled_after_creation_cancels_and_frees() -> None:
    world = await a_world()
    await world.tell(ORDERS, a_document())
    await world.tell(ORDERS, news(status="Canceled"), news(2, status="Canceled"))
    assert world.commerce_order().status is CommerceStatus.CANCELED
    assert world.commerce_order().reservations == ()
    assert world.reserved() == 0
    assert world.events == ["CommerceOrderCreated", "CommerceOrderStatusChanged"]


@pytest.mark.parametrize("status", ["shipped", "complete"])
async def test_rule_16_what_commerce_has_shipped_is_not_canceled(status: str) -> None:
    world = await a_world()
    await world.tell(ORDERS, a_document())
    await world.tell(UPDATES, told(an_update(status)))
    await world.tell(ORDERS, news(status="Canceled"))
    assert world.commerce_order().status == status
    assert world.reserved() == 1


async def test_rule_17_amazon_says_shipped_and_the_commerce_order_is_complete() -> None:
    world = await a_world()
    await world.tell(ORDERS, a_document())
    await world.tell(ORDERS, news(status="Shipped"))
    assert world.commerce_order().status is CommerceStatus.COMPLETE
    assert world.reserved() == 1


async def test_rule_17_commerce_says_shipped_and_the_next_sync_completes_it() -> None:
    world = await a_world()
    await world.tell(ORDERS, a_document())
    await world.tell(UPDATES, told(an_update("shipped")))
    assert world.order().order.status is AmazonStatus.SHIPPED
    assert world.commerce_order().status is CommerceStatus.SHIPPED
    await world.tell(COMMANDS, SYNC | {"store_id": "store-2"})
    assert world.commerce_order().status is CommerceStatus.SHIPPED
    await world.tell(COMMANDS, SYNC)
    await world.tell(COMMANDS, SYNC)
    assert world.commerce_order().status is CommerceStatus.COMPLETE
    assert world.events == ["CommerceOrderCreated"] + ["CommerceOrderStatusChanged"] * 2


async def test_rule_17_a_commerce_order_never_goes_backwards() -> None:
    world = await a_world()
    await world.tell(ORDERS, a_document())
    await world.tell(UPDATES, told(an_update("complete")))
    for hours, status in enumerate(("processing", "shipped", "canceled"), start=1):
        await world.tell(UPDATES, told(an_update(status, at=later(hours))))
    assert world.commerce_order().status is CommerceStatus.COMPLETE
    assert world.events == ["CommerceOrderCreated", "CommerceOrderStatusChanged"]


async def test_rule_18_one_commerce_order_for_ever_however_often_it_comes() -> None:
    world = await a_world()
    for hours in range(3):
        await world.tell(ORDERS, news(hours), news(hours))
    assert len(world.storage.contents.commerce_orders) == 1
    assert world.events == ["CommerceOrderCreated"]


async def test_rule_18_later_details_are_added_and_what_was_created_is_not_created_again() -> None:
    world = await a_world()
    await world.tell(ORDERS, a_document())
    made = world.commerce_order()
    await world.tell(
        ORDERS, news(ship_to={"city": "Paris"}, total={"amount": "1", "currency": "EUR"})
    )
    stored = world.order().order
    assert stored.ship_to is not None
    assert stored.ship_to.city == "Paris"
    assert stored.items[0].price == an_item().price
    assert world.commerce_order() == replace(made, total=stored.total)
    assert world.events == ["CommerceOrderCreated", "CommerceOrderAmended"]
