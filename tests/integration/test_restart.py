"""Kills, restarts and second workers: nothing lost, nothing twice."""

import asyncio
import json
from collections import Counter
from functools import partial

from models.topics import TopicName
from tests.integration.kit import OUT, System
from tests.integration.wire import item, order, product, store

ORDERS = 200
BATCH = 9
"""Small, so that a worker is in the middle of its work when something happens to it."""
SCARCE = 25


async def test_a_worker_killed_in_the_middle_loses_and_doubles_nothing(system: System) -> None:
    await _prepare(system)
    for share in (0.15, 0.4, 0.7):
        worker = await system.start_worker(batch_size=BATCH)
        decided = partial(_decided, system, int(ORDERS * share))
        await system.eventually(decided, f"{share:.0%} is done")
        await worker.kill()
    async with system.worker():
        await system.eventually(lambda: _all_decided(system), "all orders are decided")
    await _check(system)


async def test_two_workers_share_the_work_and_one_survives_the_other(system: System) -> None:
    await _prepare(system)
    first, second = [await system.start_worker(batch_size=BATCH) for _ in range(2)]
    await system.eventually(lambda: _decided(system, ORDERS // 3), "a third is done")
    await first.kill()
    await system.eventually(lambda: _all_decided(system), "all orders are decided")
    assert await second.stop() == 0, second.log.read_text()
    await _check(system)


async def test_a_worker_that_is_told_to_stop_leaves_nothing_unpublished(system: System) -> None:
    await _prepare(system)
    worker = await system.start_worker(batch_size=BATCH)
    await system.eventually(lambda: _decided(system, ORDERS // 4), "a quarter is done")
    assert await worker.stop() == 0, worker.log.read_text()
    kept = {event["_id"] async for event in system.db.events.find({}, {"_id": 1})}
    sent = [json.loads(record.value)["event_id"] for record in await system.read(*OUT)]
    assert sorted(sent) == sorted(kept)
    async with system.worker():
        await system.eventually(lambda: _all_decided(system), "all orders are decided")
    await _check(system)


async def _prepare(system: System) -> None:
    """Tell a store and products, one of them scarce, and publish the orders, some of them twice."""
    await system.publish(TopicName.STORES, store())
    await system.publish(
        TopicName.PRODUCTS, product("LAMP"), product("SCARCE", salable_quantity=SCARCE)
    )
    async with system.worker():
        await system.eventually(lambda: _told(system), "the facts are told")
    for number in range(ORDERS):
        sku = "SCARCE" if number % 5 == 0 else "NOWHERE" if number % 7 == 0 else "LAMP"
        copies = 2 if number % 3 == 0 else 1
        document = order(number, items=[item(sku)])
        await system.publish(
            TopicName.ORDERS, *[document] * copies, key=document["amazon_order_id"]
        )


async def _check(system: System) -> None:
    assert await system.db.amazon_orders.count_documents({}) == ORDERS
    states = await system.states()
    scarce = len(range(0, ORDERS, 5))
    nowhere = len([n for n in range(0, ORDERS, 7) if n % 5])
    assert states == {
        "created": ORDERS - (scarce - SCARCE) - nowhere,
        "blocked": scarce - SCARCE + nowhere,
    }
    assert (await system.db.stock_items.find_one({"sku": "SCARCE"}))["reserved"] == SCARCE
    records = await system.read(*OUT)
    ids = Counter(json.loads(record.value)["event_id"] for record in records)
    kept = {event["_id"] async for event in system.db.events.find({}, {"_id": 1})}
    assert ids.keys() == kept
    assert max(ids.values()) == 1, f"{sum(ids.values()) - len(ids)} copies"
    by_order = Counter(record.key for record in records)
    assert len(by_order) == ORDERS
    assert max(by_order.values()) == 1
    for checkpoint in [p async for p in system.db.checkpoints.find({})]:
        assert checkpoint["outbox"] == []


async def _told(system: System) -> bool:
    counts = await asyncio.gather(
        system.db.stores.count_documents({}), system.db.products.count_documents({})
    )
    return list(counts) == [1, 2]


async def _decided(system: System, count: int) -> bool:
    return bool(await system.db.events.count_documents({}) >= count)


async def _all_decided(system: System) -> bool:
    states = await system.states()
    return sum(states.values()) == ORDERS and set(states) <= {"created", "blocked"}
