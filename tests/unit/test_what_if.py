"""What if: dry runs and shadow runs under assumptions about stocks, kits and pending orders."""

from collections.abc import Mapping
from typing import Any

import pytest

from models.replay import ReplayAnswer, Selection
from models.topics import TopicName
from order_import.operations.assumptions import parse_assumptions
from order_import.operations.dry_run import dry_run
from order_import.operations.shadow import shadow
from tests.builders import NOW, STORE, a_document, a_product, a_store, an_update, later
from tests.unit.kit import World

PAID, PENDING = "902-1", "902-2"


def told(value: Any) -> dict[str, Any]:
    body: dict[str, Any] = value.model_dump(mode="json", exclude_none=True)
    return body


def an_order_of(number: str, units: int, sku: str = "SKU-1", **fields: Any) -> dict[str, Any]:
    price = {"amount": "10.00", "currency": "USD"}
    item = {"order_item_id": "1", "seller_sku": sku, "quantity": units, "price": price}
    return a_document(amazon_order_id=number, items=[item]) | fields


PAID_2 = an_order_of(PAID, 2, purchase_date=later(1).isoformat())


async def a_world(product: Any = None, **settings: Any) -> World:
    world = World()
    await world.tell(TopicName.STORES, told(a_store(**settings)))
    await world.tell(TopicName.PRODUCTS, told(product or a_product(salable_quantity=3)))
    return world


async def planned(
    world: World, *assumed: str, selection: Selection | None = None
) -> Mapping[str, str]:
    """Return what a replay would make of each order."""
    answers: list[ReplayAnswer] = []
    assumptions = parse_assumptions(assumed)
    await dry_run(world.storage, selection or Selection(), NOW, assumptions, answers.append)
    return {
        answer.key.partition("/")[2]: " ".join(
            [answer.result.value, *(reason.code for reason in answer.reasons)]
        )
        for answer in answers
    }


async def judged(world: World, *assumed: str) -> Mapping[str, str]:
    """Return what would become of the orders that would have another outcome."""
    summary = await shadow(world.storage, Selection(), NOW, parse_assumptions(assumed))
    return {
        order.key.partition("/")[2]: difference.after
        for difference in summary.differences
        for order in difference.first
    }


async def test_rule_24_what_if_a_listing_stood_for_a_kit() -> None:
    world = await a_world(a_product(sku="MUG", salable_quantity=5))
    await world.tell(TopicName.PRODUCTS, told(a_product(sku="LID", salable_quantity=1)))
    await world.tell(TopicName.ORDERS, an_order_of(PAID, 1, "SET"))
    assert await planned(world) == {PAID: "blocked not-in-catalog"}
    listing = f"listing:{STORE}/SET:components"
    assert await planned(world, f"{listing}=6*MUG") == {PAID: "blocked out-of-stock"}
    assert await planned(world, f"{listing}=5*MUG,1*LID") == {PAID: "created"}
    assert await planned(world, f"{listing}=5*MUG,2*LID") == {PAID: "blocked out-of-stock"}
    assert await judged(world, f"{listing}=5*MUG,1*LID") == {PAID: "created"}
    assert await judged(world, f"{listing}=6*MUG") == {PAID: "blocked: out-of-stock"}


async def test_rule_24_a_shadow_run_decides_a_created_order_as_a_kit() -> None:
    world = await a_world(a_product(sku="MUG", salable_quantity=5))
    await world.tell(TopicName.ORDERS, an_order_of(PAID, 1, "MUG"))
    listing = f"listing:{STORE}/MUG:components"
    assert await judged(world, f"{listing}=5*MUG") == {}
    assert await judged(world, f"{listing}=6*MUG") == {PAID: "blocked: out-of-stock"}


@pytest.mark.parametrize("purchased", [-1, 1])
async def test_rule_25_what_if_pending_orders_reserved_nothing(purchased: float) -> None:
    world = await a_world(reserve_pending=True)
    await world.tell(TopicName.ORDERS, an_order_of(PENDING, 2, status="Pending"))
    paid = an_order_of(PAID, 2, purchase_date=later(purchased).isoformat())
    await world.tell(TopicName.ORDERS, paid)
    assert await planned(world) == {PAID: "blocked out-of-stock"}
    off = f"store:{STORE}:reserve_pending=false"
    assert await planned(world, off) == {PAID: "created"}
    assert await judged(world) == {}
    assert await judged(world, off) == {PAID: "created"}


@pytest.mark.parametrize("purchased", [-1, 1])
async def test_rule_25_what_if_pending_orders_reserved(purchased: float) -> None:
    world = await a_world(a_product(salable_quantity=3, enabled=False))
    await world.tell(TopicName.ORDERS, an_order_of(PENDING, 2, status="Pending"))
    paid = an_order_of(PAID, 2, purchase_date=later(purchased).isoformat())
    await world.tell(TopicName.ORDERS, paid)
    enabled = "product:SKU-1:enabled=true"
    on = f"store:{STORE}:reserve_pending=true"
    assert await planned(world, enabled) == {PAID: "created"}
    assert await planned(world, enabled, on) == {PAID: "blocked out-of-stock"}
    assert await judged(world, enabled) == {PAID: "created"}
    assert await judged(world, enabled, on) == {PAID: "blocked: out-of-stock"}


async def test_rule_25_what_if_counts_the_units_of_a_selected_pending_order_once() -> None:
    world = await a_world(a_product(salable_quantity=4, enabled=False))
    await world.tell(TopicName.ORDERS, an_order_of(PENDING, 2, status="Pending"), PAID_2)
    both = Selection(keys=(f"{STORE}/{PENDING}", f"{STORE}/{PAID}"))
    assumed = "product:SKU-1:enabled=true", f"store:{STORE}:reserve_pending=true"
    assert await planned(world, *assumed, selection=both) == {
        PENDING: "refused status-not-importable",
        PAID: "created",
    }


@pytest.mark.parametrize(
    ("status", "counts_from", "result"),
    [
        ("processing", None, "created"),
        ("processing", "acknowledged", "created"),
        ("processing", "shipped", "blocked out-of-stock"),
        ("shipped", "shipped", "created"),
        ("shipped", "never", "blocked out-of-stock"),
    ],
)
async def test_rule_26_what_if_an_assumed_count_left_out_orders_only_from_then_on(
    status: str, counts_from: str | None, result: str
) -> None:
    world = await a_world()
    await world.tell(TopicName.ORDERS, an_order_of("902-3", 2), PAID_2)
    update = an_update(status, amazon_order_id="902-3", at=NOW)
    await world.tell(TopicName.ORDER_UPDATES, told(update))
    assert await planned(world) == {PAID: "blocked out-of-stock"}
    assumed = [f"store:{STORE}:commerce_counts_orders_from={counts_from}"] if counts_from else []
    assert await planned(world, *assumed, "product:SKU-1:salable_quantity=3") == {PAID: result}
