"""The shadow run: what other settings would have made of the orders that are stored."""

import random
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from models.buyer_data import Erased
from models.replay import Selection
from models.topics import TopicName
from order_import.operations import shadow as shadow_module
from order_import.operations.assumptions import BadAssumption, parse_assumptions
from order_import.operations.shadow import ShadowSummary, causes, shadow
from tests.builders import (
    NOW,
    STORE,
    a_document,
    a_product,
    a_store,
    an_update,
    later,
    money,
)
from tests.unit.kit import World

ITEM = {"order_item_id": "item-1", "price": {"amount": "10.00", "currency": "USD"}}


def told(number: int, sku: str = "SKU-1", quantity: int = 1, **fields: Any) -> dict[str, Any]:
    item = ITEM | {"seller_sku": sku, "quantity": quantity}
    purchased = later(number).isoformat()
    return a_document(amazon_order_id=str(number), items=[item], purchase_date=purchased, **fields)


async def a_world(*products: Any, store: Any = None) -> World:
    world = World()
    await world.tell(TopicName.STORES, (store or a_store()).model_dump(mode="json"))
    await tell_products(world, *(products or (a_product(),)))
    return world


async def tell_products(world: World, *products: Any) -> None:
    await world.tell(TopicName.PRODUCTS, *(one.model_dump(mode="json") for one in products))


async def judged(world: World, *assumed: str, selection: Selection | None = None) -> ShadowSummary:
    return await shadow(world.storage, selection or Selection(), NOW, parse_assumptions(assumed))


def differing(summary: ShadowSummary) -> dict[str, tuple[str, Sequence[str]]]:
    """The orders that differ: what would become of each, and why."""
    return {
        order.key.partition("/")[2]: (difference.after, causes(order.after))
        for difference in summary.differences
        for order in difference.first
    }


async def test_other_settings_show_which_orders_they_would_have_changed() -> None:
    world = await a_world(a_product(salable_quantity=5), a_product(sku="SKU-2", enabled=False))
    await world.tell(TopicName.ORDERS, told(1), told(2, "SKU-2"), told(3), told(4, "SKU-9"))
    off = await judged(world, f"store:{STORE}:import_amazon_orders=false")
    assert off.compared == 4
    assert {key: after for key, (after, _) in differing(off).items()} == dict.fromkeys(
        "1234", "skipped: import-disabled"
    )
    assert [(one.before, one.orders) for one in off.differences] == [
        ("created", 2),
        ("blocked: disabled", 1),
        ("blocked: not-in-catalog", 1),
    ]
    assert off.differences[0].money == [money("21.60")]
    disabled = await judged(world, "product:SKU-1:enabled=false", "listing:store-1/SKU-9:sku=SKU-1")
    assert differing(disabled) == {
        "1": ("blocked: disabled", ("disabled SKU-1",)),
        "3": ("blocked: disabled", ("disabled SKU-1",)),
        "4": ("blocked: disabled", ("disabled SKU-1",)),
    }
    enabled = await judged(world, "product:SKU-2:enabled=true,salable_quantity=1")
    assert differing(enabled) == {"2": ("created", ())}


async def test_a_created_order_is_decided_by_the_facts_of_its_own_time() -> None:
    """Since then the product has been disabled, sold out, matched to another and counted."""
    world = await a_world(a_product(salable_quantity=3))
    await world.tell(TopicName.ORDERS, told(1, quantity=2), told(2))
    done = [an_update("shipped", commerce_order_id=None, store_id=STORE, amazon_order_id="1")]
    await world.tell(TopicName.ORDER_UPDATES, *(one.model_dump(mode="json") for one in done))
    listing = {"store_id": STORE, "seller_sku": "SKU-1", "sku": "SKU-7"}
    await world.tell(TopicName.LISTINGS, listing | {"updated_at": later(1).isoformat()})
    await tell_products(world, a_product(enabled=False, salable_quantity=0, as_of=later(2)))
    assert (await judged(world)).differing == 0
    short = await judged(world, "product:SKU-1:salable_quantity=2")
    assert differing(short) == {"2": ("blocked: out-of-stock", ("out-of-stock SKU-1",))}


async def test_rule_27_a_created_order_whose_address_was_erased_since_has_not_changed() -> None:
    world = await a_world()
    since: dict[str, Any] = {"ship_to": {"city": "Springfield"}}
    await world.tell(TopicName.ORDERS, told(1, **since), told(2, "SKU-9", **since))
    orders = world.storage.contents.orders
    for key, record in list(orders.items()):
        orders[key] = replace(record, buyer_data=Erased(NOW))
    summary = await judged(world, "product:SKU-9:enabled=true,salable_quantity=1")
    assert differing(summary) == {"2": ("blocked: address-erased", ("address-erased no SKU",))}


async def test_units_that_an_order_would_leave_or_take_count_for_those_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shadow_module, "CHUNK", 1)
    world = await a_world(a_product(salable_quantity=2), a_product(sku="SKU-2", salable_quantity=0))
    await world.tell(TopicName.ORDERS, told(1), told(2), told(3), told(4))
    assert {order.order.amazon_order_id for order in world.storage.contents.orders.values()} == {
        *"1234"
    }
    # Orders 1 and 2 have the two units. Without order 1, order 3 gets one.
    early = f"store:{STORE}:integrated_at={later(1.5).isoformat()}"
    assert differing(await judged(world, early)) == {
        "1": ("skipped: before-integration", ("before-integration",)),
        "3": ("created", ()),
    }
    # Of one unit, order 1 gets it; order 2 is too late, and so are the others.
    assert differing(await judged(world, "product:SKU-1:salable_quantity=1")) == {
        "2": ("blocked: out-of-stock", ("out-of-stock SKU-1",))
    }
    assert differing(await judged(world, f"listing:{STORE}/SKU-1:sku=SKU-2")) == {
        str(number): ("blocked: out-of-stock", ("out-of-stock SKU-2",)) for number in range(1, 5)
    }


async def test_orders_that_amazon_canceled_after_creation_are_not_compared() -> None:
    world = await a_world()
    await world.tell(TopicName.ORDERS, told(1), told(2), told(3))
    since = later(99).isoformat()
    await world.tell(TopicName.ORDERS, told(1, status="Canceled", last_update_date=since))
    await world.tell(TopicName.ORDERS, told(2, status="Pending", last_update_date=since))
    summary = await judged(world, "product:SKU-1:enabled=false")
    assert (summary.compared, summary.not_compared, summary.differing) == (1, 2, 1)


async def test_only_the_orders_of_the_time_and_the_store_are_compared() -> None:
    world = await a_world()
    await world.tell(TopicName.STORES, a_store(store_id="store-2").model_dump(mode="json"))
    await world.tell(TopicName.ORDERS, *(told(n) for n in range(5)), told(7, store_id="store-2"))
    wanted = Selection(STORE, since=later(1), until=later(3))
    off = "product:SKU-1:enabled=false"
    assert differing(await judged(world, off, selection=wanted)).keys() == {*"123"}


async def test_a_shadow_run_writes_nothing_and_names_an_unknown_store() -> None:
    world = await a_world()
    await world.tell(TopicName.ORDERS, told(1), told(2, "SKU-9"))
    before, published = deepcopy(world.storage.contents), len(world.out)
    await judged(world, f"store:{STORE}:import_amazon_orders=false", "product:SKU-9:enabled=true")
    assert world.storage.contents == before
    assert len(world.out) == published
    with pytest.raises(BadAssumption, match="store s9: not known; known stores: store-1"):
        await judged(world, "store:s9:import_amazon_orders=false")


async def test_nothing_differs_if_nothing_is_assumed_whatever_has_happened() -> None:
    """The control: a difference here would be one of the shadow run, not of any setting."""
    chance = random.Random(20_261_127)
    compared = 0
    for _ in range(12):
        world = await a_world(*(a_product(sku=sku, salable_quantity=3) for sku in "ABC"))
        for at in range(25):
            await _something_happens(world, chance, at)
        summary = await judged(world)
        assert differing(summary) == {}
        compared += summary.compared
    assert compared > 100


async def _something_happens(world: World, chance: random.Random, at: int) -> None:
    sku, other = chance.choice("ABCD"), chance.choice("ABCD")
    match chance.randrange(8):
        case 0:
            salable, enabled = chance.randrange(6), chance.random() < 0.7
            product = a_product(sku=sku, enabled=enabled, salable_quantity=salable, as_of=later(at))
            await tell_products(world, product)
        case 1:
            listing = {"store_id": STORE, "seller_sku": sku, "sku": other}
            await world.tell(TopicName.LISTINGS, listing | {"updated_at": later(at).isoformat()})
        case 2:
            update = an_update(
                chance.choice(("processing", "shipped", "complete")),
                commerce_order_id=None,
                store_id=STORE,
                amazon_order_id=str(chance.randrange(at + 1)),
                at=later(at),
            )
            await world.tell(TopicName.ORDER_UPDATES, update.model_dump(mode="json"))
        case 3:
            number = chance.randrange(at + 1)
            status = chance.choice(("Canceled", "Shipped", "Pending"))
            changed = later(at).isoformat()
            await world.tell(
                TopicName.ORDERS, told(number, sku, status=status, last_update_date=changed)
            )
        case _:
            order = told(at, sku, chance.randrange(1, 3), fulfillment_channel=_channel(chance))
            await world.tell(TopicName.ORDERS, order)


def _channel(chance: random.Random) -> str:
    return "AFN" if chance.random() < 0.2 else "MFN"


async def test_in_another_stock_only_todays_counts_are_known_and_kits_stay_what_they_were() -> None:
    world = await a_world(a_product(salable_quantity=4), a_product(sku="SKU-2", salable_quantity=9))
    components = [{"sku": "SKU-1", "quantity": 2}, {"sku": "SKU-2", "quantity": 1}]
    kit = {"store_id": STORE, "seller_sku": "KIT", "components": components}
    await world.tell(TopicName.LISTINGS, kit | {"updated_at": later(1).isoformat()})
    await world.tell(TopicName.ORDERS, told(1, "KIT"), told(2, "KIT"), told(3, "KIT"))
    single = {"store_id": STORE, "seller_sku": "KIT", "sku": "SKU-2"}
    await world.tell(TopicName.LISTINGS, single | {"updated_at": later(2).isoformat()})
    assert differing(await judged(world)) == {}  # order 3 was released by the new listing
    # A kit less is two units more of SKU-1, but each of the two needs its own.
    short = await judged(world, "product:SKU-1:salable_quantity=3")
    assert differing(short) == {"2": ("blocked: out-of-stock", ("out-of-stock SKU-1",))}
    south = {"stock_id": "south", "sku": "SKU-1", "salable_quantity": 2, "as_of": NOW.isoformat()}
    await world.tell(TopicName.STOCK, south)
    moved = differing(await judged(world, f"store:{STORE}:stock_id=south"))
    assert {number: causes for number, (_, causes) in moved.items()} == {
        "1": ("out-of-stock SKU-2",),
        "2": ("out-of-stock SKU-2",),
        "3": ("out-of-stock SKU-2",),
    }
