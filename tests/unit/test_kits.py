"""Rule 24: a listing may stand for several units or products."""

import json
from typing import Any

import pytest

from models.events import Event
from models.messages import DeadLetterCode
from models.outcome import Blocked, Created
from models.reference_data import Component
from models.topics import TopicName
from tests.builders import STORE, a_document, a_listing, a_product, a_store, later
from tests.unit.kit import World

KIT = [{"sku": "MUG", "quantity": 2}, {"sku": "LID", "quantity": 1}]


def told(value: Any) -> dict[str, Any]:
    body: dict[str, Any] = value.model_dump(mode="json", exclude_none=True)
    return body


def a_kit(*components: dict[str, Any], seller_sku: str = "SET", **fields: Any) -> dict[str, Any]:
    return told(a_listing(seller_sku=seller_sku, sku=None, components=components, **fields))


def an_order_of(*lines: tuple[str, int], **fields: Any) -> dict[str, Any]:
    items = [
        {"order_item_id": str(n), "seller_sku": sku, "quantity": quantity}
        for n, (sku, quantity) in enumerate(lines, 1)
    ]
    return a_document(items=items, **fields)


async def a_world(*kits: dict[str, Any], **stock: int) -> World:
    world = World()
    await world.tell(TopicName.STORES, told(a_store()))
    products = (a_product(sku=sku, salable_quantity=units) for sku, units in stock.items())
    await world.tell(TopicName.PRODUCTS, *map(told, products))
    await world.tell(TopicName.LISTINGS, *kits)
    return world


def causes(world: World) -> list[tuple[str, str | None, int, float | None]]:
    outcome = world.order().outcome
    assert isinstance(outcome, Blocked)
    return [(one.code, one.sku, one.required, one.available) for one in outcome.blockers]


async def test_rule_24_a_six_pack_needs_six() -> None:
    world = await a_world(a_kit({"sku": "MUG", "quantity": 6}), MUG=3)
    await world.tell(TopicName.ORDERS, an_order_of(("SET", 1)))
    assert causes(world) == [("out-of-stock", "MUG", 6, 3)]
    fix = a_product(sku="MUG", salable_quantity=6, as_of=later(0))
    await world.tell(TopicName.PRODUCTS, told(fix))
    assert isinstance(world.order().outcome, Created)
    assert world.reserved("MUG") == 6


async def test_rule_24_an_order_needs_the_sum_over_its_lines_and_components() -> None:
    world = await a_world(a_kit(*KIT), MUG=6, LID=2)
    await world.tell(TopicName.ORDERS, an_order_of(("SET", 2), ("MUG", 3)))
    assert causes(world) == [("out-of-stock", "MUG", 7, 6)]
    blockers = getattr(world.order().outcome, "blockers", ())
    assert [one.order_item_ids for one in blockers] == [("1", "2")]
    assert world.reserved("LID") == 0


async def test_rule_24_blockers_name_the_component_and_the_seller_sku_of_the_kit() -> None:
    world = await a_world(a_kit(*KIT), MUG=2)
    await world.tell(TopicName.ORDERS, an_order_of(("SET", 1)))
    assert causes(world) == [("not-in-catalog", "LID", 1, None)]
    blockers = getattr(world.order().outcome, "blockers", ())
    assert [one.seller_sku for one in blockers] == ["SET"]
    await world.tell(TopicName.PRODUCTS, told(a_product(sku="LID", salable_quantity=1)))
    assert isinstance(world.order().outcome, Created)


async def test_rule_24_a_created_line_keeps_its_components() -> None:
    world = await a_world(a_kit(*KIT), MUG=9, LID=9)
    await world.tell(TopicName.ORDERS, an_order_of(("SET", 3), ("MUG", 1)))
    changed = a_kit({"sku": "LID", "quantity": 5}, updated_at=later(1))
    await world.tell(TopicName.LISTINGS, changed)
    fewer = an_order_of(("SET", 1), ("MUG", 1), last_update_date=later(1))
    await world.tell(TopicName.ORDERS, fewer)
    assert (world.reserved("MUG"), world.reserved("LID")) == (3, 1)
    bodies = [json.loads(one.body) for one in world.out if isinstance(one, Event)]
    lines = [[(line["sku"], line["components"]) for line in body["lines"]] for body in bodies]
    assert lines == [[(None, KIT), ("MUG", [])]] * 2
    parts = [line.components for line in world.commerce_order().lines]
    assert parts == [tuple(Component(**part) for part in KIT), ()]


async def test_rule_24_a_new_listing_releases_who_waits_for_the_old_one() -> None:
    world = await a_world(a_kit({"sku": "MUG", "quantity": 6}), MUG=4)
    await world.tell(TopicName.ORDERS, an_order_of(("SET", 1)))
    assert isinstance(world.order().outcome, Blocked)
    fixed = a_kit({"sku": "MUG", "quantity": 4}, updated_at=later(1))
    await world.tell(TopicName.LISTINGS, fixed)
    assert isinstance(world.order().outcome, Created)


async def test_rule_24_components_count_before_a_sku_and_those_of_one_sku_add_up() -> None:
    parts = [*KIT, {"sku": "MUG", "quantity": 1}]
    world = await a_world(told(a_listing(seller_sku="SET", components=parts)), MUG=3, LID=1)
    await world.tell(TopicName.ORDERS, an_order_of(("SET", 1)))
    assert (world.reserved("MUG"), world.reserved("LID")) == (3, 1)


@pytest.mark.parametrize(
    ("match", "wrong"),
    [
        ({}, "sku or components must be given"),
        ({"components": []}, "components"),
        ({"components": [{"sku": "MUG", "quantity": 0}]}, "components.0.quantity"),
        ({"components": [{"sku": f"MUG-{n}", "quantity": 1} for n in range(21)]}, "components"),
    ],
)
async def test_rule_24_a_listing_that_stands_for_nothing_clear_is_a_dead_letter(
    match: dict[str, Any], wrong: str
) -> None:
    world = await a_world(MUG=1)
    listing = {"store_id": STORE, "seller_sku": "SET", "updated_at": "2026-06-01T00:00:00Z"}
    await world.tell(TopicName.LISTINGS, listing | match)
    [dead_letter] = world.dead_letters
    assert dead_letter.code is DeadLetterCode.INVALID_MESSAGE
    assert wrong in dead_letter.message
