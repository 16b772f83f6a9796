"""Rule 23: stock is Commerce's stock. Each store sells from one, and each counts for itself."""

import json
from collections.abc import Collection, Mapping
from typing import Any

import pytest

from models.events import Event
from models.outcome import Blocked, Created
from models.replay import ReplayResult, Selection
from models.topics import TopicName
from order_import.operations.assumptions import parse_assumptions
from order_import.operations.dry_run import dry_run
from tests.builders import (
    NOW,
    ORDER,
    a_document,
    a_listing,
    a_message,
    a_product,
    a_stock_item,
    a_store,
    an_update,
    later,
)
from tests.fakes.memory_transaction import MemoryTransaction
from tests.unit.kit import World

NORTH = "store-2"


def told(value: Any) -> dict[str, Any]:
    body: dict[str, Any] = value.model_dump(mode="json", exclude_none=True)
    return body


def an_order_of(store: str, order: str, units: int = 1, **fields: Any) -> dict[str, Any]:
    item = {"order_item_id": "1", "seller_sku": "SKU-1", "quantity": units}
    return a_document(store_id=store, amazon_order_id=order, items=[item], **fields)


async def a_world(quantity: int | None = 5, north: int | None = 2, **product: Any) -> World:
    """Two stores: the first sells from `default`, the second from `north`."""
    world = World()
    await world.tell(
        TopicName.STORES,
        told(a_store(seller_id="A1")),
        told(a_store(store_id=NORTH, seller_id="A2", stock_id="north")),
    )
    fields = {"salable_quantity": quantity} | product
    await world.tell(TopicName.PRODUCTS, told(a_product(**fields)))
    if north is not None:
        await world.tell(TopicName.STOCK, told(a_stock_item(salable_quantity=north)))
    return world


def created(world: World) -> list[tuple[str, str]]:
    """The number and the stock of each Commerce order, in the order of their creation."""
    bodies = [
        json.loads(one.body)
        for one in world.out
        if isinstance(one, Event) and one.event_type == "CommerceOrderCreated"
    ]
    return [(body["order_number"], body["stock_id"]) for body in bodies]


async def test_rule_23_an_event_names_the_stock_and_each_stock_counts_its_numbers() -> None:
    world = await a_world()
    await world.tell(TopicName.ORDERS, an_order_of("store-1", "1"), an_order_of(NORTH, "2"))
    await world.tell(TopicName.ORDERS, an_order_of(NORTH, "3"), an_order_of("store-1", "4"))
    assert sorted(created(world)) == [
        ("000000001", "default"),
        ("000000002", "default"),
        ("north-000000001", "north"),
        ("north-000000002", "north"),
    ]
    assert (world.reserved(), world.reserved(stock_id="north")) == (2, 2)


async def test_rule_23_a_blocker_names_the_stock_that_has_not_enough() -> None:
    world = await a_world()
    await world.tell(TopicName.ORDERS, an_order_of(NORTH, "1", units=3))
    outcome = world.order(f"{NORTH}/1").outcome
    assert isinstance(outcome, Blocked)
    assert [(one.stock_id, one.available) for one in outcome.blockers] == [("north", 2)]
    await world.tell(TopicName.STORES, told(a_store(store_id=NORTH, updated_at=later(0))))
    assert created(world) == [("000000001", "default")]


async def test_rule_23_units_released_in_one_stock_wake_who_waits_there() -> None:
    world = await a_world(north=1)
    await world.tell(TopicName.ORDERS, an_order_of(NORTH, "1"))
    await world.tell(TopicName.ORDERS, an_order_of(NORTH, "2"))
    assert isinstance(world.order(f"{NORTH}/2").outcome, Blocked)
    canceled = an_order_of(NORTH, "1", status="Canceled", last_update_date=later(1))
    await world.tell(TopicName.ORDERS, canceled)
    assert isinstance(world.order(f"{NORTH}/2").outcome, Created)
    assert world.reserved(stock_id="north") == 1


async def test_rule_23_a_product_without_a_quantity_keeps_the_last_count() -> None:
    world = await a_world(quantity=3)
    await world.tell(
        TopicName.PRODUCTS, told(a_product(name="New", salable_quantity=None, as_of=later(0)))
    )
    stocked = world.storage.contents.stocked("SKU-1")
    assert (stocked.product.name, stocked.salable_quantity) == ("New", 3)


async def test_rule_23_a_count_in_a_batch_is_taken_though_a_later_product_has_none() -> None:
    world = await a_world(quantity=3)
    await world.tell(
        TopicName.PRODUCTS,
        told(a_product(salable_quantity=7, as_of=later(0))),
        told(a_product(salable_quantity=None, as_of=later(1))),
    )
    assert world.storage.contents.stocked("SKU-1").salable_quantity == 7


@pytest.mark.parametrize(("hours", "quantity"), [(-1, 9), (0, 4), (1, 4)])
async def test_rule_23_of_a_product_and_a_count_of_default_the_newer_counts(
    hours: float, quantity: float
) -> None:
    world = await a_world(quantity=9, as_of=later(0))
    item = a_stock_item(stock_id="default", salable_quantity=4, as_of=later(hours))
    await world.tell(TopicName.STOCK, told(item))
    assert world.storage.contents.stocked("SKU-1").salable_quantity == quantity


async def test_rule_23_a_count_may_come_before_its_product() -> None:
    world = World()
    await world.tell(TopicName.STORES, told(a_store(stock_id="north")))
    await world.tell(TopicName.STOCK, told(a_stock_item()))
    await world.tell(TopicName.ORDERS, a_document())
    assert isinstance(world.order().outcome, Blocked)
    await world.tell(TopicName.PRODUCTS, told(a_product(salable_quantity=None)))
    assert isinstance(world.order().outcome, Created)


async def test_rule_23_a_forgotten_count_wakes_nobody_and_an_older_one_does_not_come_back() -> None:
    world = await a_world(north=2)
    await world.tell(TopicName.STOCK, a_message(None, key=b"north/SKU-1"))
    await world.tell(TopicName.STOCK, told(a_stock_item(as_of=later(-10_000))))
    assert world.storage.contents.stocked("SKU-1", "north").salable_quantity == 0
    await world.tell(TopicName.STOCK, told(a_stock_item(as_of=later(1))))
    assert world.storage.contents.stocked("SKU-1", "north").salable_quantity == 10


@pytest.mark.parametrize("key", [b"SKU-1", b"/SKU-1", b"north/"])
async def test_a_null_value_on_stock_needs_a_stock_and_a_sku(key: bytes) -> None:
    world = World()
    await world.tell(TopicName.STOCK, a_message(None, key=key))
    (refused,) = world.dead_letters
    assert (refused.code, refused.message.partition(":")[0]) == ("invalid-message", "key")


async def test_rule_8_a_product_may_be_disabled_for_single_stores() -> None:
    world = await a_world(disabled_for=[NORTH])
    await world.tell(TopicName.ORDERS, an_order_of("store-1", "1"), an_order_of(NORTH, "2"))
    assert isinstance(world.order("store-1/1").outcome, Created)
    outcome = world.order(f"{NORTH}/2").outcome
    assert isinstance(outcome, Blocked)
    assert [one.code.value for one in outcome.blockers] == ["disabled"]
    await world.tell(TopicName.PRODUCTS, told(a_product(as_of=later(1))))
    assert isinstance(world.order(f"{NORTH}/2").outcome, Created)


async def test_rule_23_units_that_are_added_later_are_reserved_in_the_order_s_own_stock() -> None:
    world = await a_world(quantity=9, north=3)
    await world.tell(TopicName.ORDERS, an_order_of(NORTH, "1"))
    await world.tell(TopicName.STORES, told(a_store(store_id=NORTH, updated_at=later(0))))
    more = an_order_of(NORTH, "1", units=3, last_update_date=later(1))
    await world.tell(TopicName.ORDERS, more)
    assert (world.reserved(), world.reserved(stock_id="north")) == (0, 3)


async def test_rule_23_a_managed_product_has_nothing_where_it_was_never_counted() -> None:
    world = await a_world(north=None)
    await world.tell(TopicName.ORDERS, an_order_of(NORTH, "1"))
    assert isinstance(world.order(f"{NORTH}/1").outcome, Blocked)
    await world.tell(TopicName.PRODUCTS, told(a_product(manage_stock=False, as_of=later(1))))
    assert isinstance(world.order(f"{NORTH}/1").outcome, Created)
    assert world.reserved(stock_id="north") == 1


@pytest.mark.parametrize(
    ("assumed", "result"),
    [
        (["stock:north/SKU-1:quantity=3"], ReplayResult.CREATED),
        (["stock:north/SKU-1:quantity=2"], ReplayResult.BLOCKED),
        (["stock:default/SKU-1:quantity=9"], ReplayResult.BLOCKED),
        (["product:SKU-1:salable_quantity=9"], ReplayResult.BLOCKED),
        (["store:store-2:stock_id=default"], ReplayResult.CREATED),
    ],
)
async def test_rule_23_what_if_asks_about_one_stock(
    assumed: list[str], result: ReplayResult
) -> None:
    world = await a_world(north=0)
    await world.tell(TopicName.ORDERS, an_order_of(NORTH, "1", units=3))
    summary = await dry_run(world.storage, Selection(), NOW, parse_assumptions(assumed))
    assert dict(summary.orders) == {result: 1}


@pytest.fixture
def locked(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The stocks that were locked since the set was last cleared."""
    stocks: set[str] = set()
    lock = MemoryTransaction.lock

    async def noted(transaction: MemoryTransaction, wanted: Collection[str]) -> Mapping[str, int]:
        stocks.update(wanted)
        return await lock(transaction, wanted)

    monkeypatch.setattr(MemoryTransaction, "lock", noted)
    return stocks


_ITEM = {"OrderItemId": "1", "SellerSKU": "SKU-1", "QuantityOrdered": 1}
DETAILS = {"payload": {"AmazonOrderId": "9", "OrderItems": [_ITEM]}}


@pytest.mark.parametrize(
    ("topic", "message", "stocks"),
    [
        (TopicName.ORDERS, an_order_of("store-1", "2"), {"default"}),
        (TopicName.ORDERS, an_order_of(NORTH, "2"), {"north"}),
        (TopicName.ORDERS, an_order_of("not-known", "2"), {"default"}),
        (TopicName.ORDERS, DETAILS, {"default", "north"}),
        (TopicName.STOCK, told(a_stock_item()), {"north"}),
        (TopicName.LISTINGS, told(a_listing(store_id=NORTH)), {"north"}),
        (TopicName.ORDER_UPDATES, told(an_update("shipped", store_id=NORTH)), {"north"}),
        (TopicName.PRODUCTS, told(a_product(as_of=later(1))), {"default", "north"}),
        (
            TopicName.STORES,
            told(a_store(stock_id="south", updated_at=later(1))),
            {"default", "north", "south"},
        ),
        (TopicName.COMMANDS, {"command": "recheck", "fact": "stock:north/SKU-1"}, {"north"}),
        (TopicName.COMMANDS, {"command": "recheck", "fact": f"store:{NORTH}"}, {"north"}),
        (
            TopicName.COMMANDS,
            {"command": "sync", "store_id": NORTH, "requested_at": "2026-07-01T00:00:00Z"},
            {"north"},
        ),
    ],
)
async def test_rule_23_a_transaction_locks_the_stocks_that_it_needs(
    topic: TopicName, message: dict[str, Any], stocks: set[str], locked: set[str]
) -> None:
    world = await a_world()
    await world.tell(TopicName.ORDERS, an_order_of(NORTH, ORDER))
    locked.clear()
    await world.tell(topic, message)
    assert locked == stocks


async def test_rule_23_an_order_is_amended_under_the_lock_of_its_own_stock_too(
    locked: set[str],
) -> None:
    world = await a_world()
    await world.tell(TopicName.ORDERS, an_order_of(NORTH, "1", units=2))
    await world.tell(TopicName.STORES, told(a_store(store_id=NORTH, updated_at=later(0))))
    locked.clear()
    fewer = an_order_of(NORTH, "1", last_update_date=later(1))
    await world.tell(TopicName.ORDERS, fewer)
    assert locked == {"default", "north"}
    assert world.reserved(stock_id="north") == 1
