"""The shadow run on real servers: what would differ, and that nothing is written."""

from functools import partial

from models.topics import TopicName
from tests.integration.kit import System
from tests.integration.test_replay import count, everything, refused, start, told
from tests.integration.wire import item, key, order, product, store


async def test_a_shadow_run_shows_what_would_differ_and_writes_nothing_anywhere(
    system: System,
) -> None:
    async with system.worker():
        await system.publish(TopicName.STORES, store())
        await system.publish(TopicName.PRODUCTS, product("LAMP", salable_quantity=3))
        await system.eventually(partial(count, system, "stores", 1), "the store is known")
        await system.eventually(partial(count, system, "products", 1), "the product is known")
        short = order(7, items=[item("LAMP", 2)])
        await system.publish(TopicName.ORDERS, *(order(n) for n in range(3)))
        there = partial(count, system, "commerce_orders", 3)
        await system.eventually(there, "the orders are created")
        await system.publish(TopicName.ORDERS, short)
        await system.becomes(key(short), "blocked")
    before = await everything(system)
    unchanged = await told(system, "shadow", "--since", "2026-01-01")
    assert (unchanged["compared"], unchanged["differing"]) == (4, 0)
    store_id = key(short).partition("/")[0]
    off = await told(
        system,
        "shadow",
        "--since",
        "2026-01-01",
        "--set",
        f"store:{store_id}:import_amazon_orders=false",
    )
    assert {one["before"]: (one["after"], one["orders"]) for one in off["differences"]} == {
        "created": ("skipped: import-disabled", 3),
        "blocked: out-of-stock": ("skipped: import-disabled", 1),
    }
    fixed = ("--since", "2026-01-01", "--assume", "product:LAMP:salable_quantity=2")
    out, _ = await start(system, "shadow", *fixed).ended(0)
    lines = out.splitlines()
    assert lines[0] == "Shadow run: 1 order of 4 would differ. Nothing changed."
    assert "  assumed: product:LAMP:salable_quantity=2" in lines
    assert "created → blocked: out-of-stock" in lines
    assert any(line.endswith("out-of-stock LAMP") for line in lines)
    assert "The same: 3 orders." in lines
    none = await refused(system, "shadow", "--since", "2999-01-01")
    assert none == "order-import: no orders match; nothing to compare\n"
    assert await everything(system) == before
