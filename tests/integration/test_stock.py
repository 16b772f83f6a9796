"""Rule 10: no unit is promised twice, whatever runs in parallel.

`STOCK_ROUNDS=10000 pytest -s tests/integration/test_stock.py` is the long form.
"""

import asyncio
import os
import random
from collections.abc import Sequence

import pytest

from handlers.import_policy import ImportPolicyHandler
from handlers.unit_of_work import UnitOfWork
from models.change_set import ChangeSet
from models.checkpoint import Checkpoint
from models.messages import TopicPartition
from models.topics import TopicName
from order_import.devtools.embedded.servers import Addresses
from storage.mongo.driver import Driver
from storage.mongo.storage import open_storage
from storage.port import Storage, Transaction
from tests.builders import NOW, STORE, a_message, a_product, a_store
from tests.fakes.memory import MemoryStorage
from tests.integration.kit import System
from tests.integration.wire import item, key, order, product, store

ROUNDS = int(os.environ.get("STOCK_ROUNDS", "40"))
"""How often units are fought for on a server; in memory, ten times as often."""
SEED = 20_261_123
HOT = {"HOT-1": 120, "HOT-2": 75, "HOT-3": 0}
ORDERS = 600
pytestmark = pytest.mark.timeout(1800 + ROUNDS)


async def test_rule_10_the_last_pieces_are_promised_once_in_memory() -> None:
    source = random.Random(SEED)
    for number in range(10 * ROUNDS):
        await _claim([MemoryStorage()], number, source)


@pytest.mark.parametrize("driver", list(Driver))
async def test_rule_10_parallel_claimants_never_get_the_same_piece(
    addresses: Addresses, driver: Driver
) -> None:
    source = random.Random(SEED)
    url = addresses.mongo_url or ""
    database = f"claims_{driver.value}"
    # Two clients share no lock of this process: they are to each other as two workers are.
    async with (
        open_storage(url, database, driver) as one,
        open_storage(url, database, driver) as other,
    ):
        await one.prepare()
        for number in range(ROUNDS):
            await _claim([one, other], number, source)
            if (number + 1) % 500 == 0:
                met = one.conflicts + other.conflicts
                print(f"{driver.value}: {number + 1} rounds, {met} met another", flush=True)  # noqa: T201
        assert one.conflicts + other.conflicts > 0, "no two transactions met: nothing was tried"


async def test_rule_10_two_workers_never_hold_more_of_a_hot_product_than_was_told(
    system: System,
) -> None:
    await system.publish(TopicName.STORES, store())
    await system.publish(
        TopicName.PRODUCTS,
        product("PLENTY"),
        *(product(sku, salable_quantity=units) for sku, units in HOT.items()),
    )
    async with system.worker(), system.worker():
        await system.eventually(lambda: _count_is(system, "products", 4), "the products are told")
        await system.eventually(lambda: _count_is(system, "stores", 1), "the store is told")
        for document in _hot_orders():
            await system.publish(TopicName.ORDERS, document)
        samples = 0
        while not await _all_judged(system):
            samples += 1
            await _assert_not_oversold(system)
        assert samples > 1
    await _assert_not_oversold(system)
    needed = [
        {line["seller_sku"]: line["quantity"] for line in blocked["items"]}
        async for blocked in system.db.amazon_orders.find({"import.state": "blocked"})
    ]
    free = {sku: units - (await _held(system))[sku] for sku, units in HOT.items()}
    assert needed, "stock was never scarce: nothing was tried"
    for lines in needed:
        assert any(free.get(sku, 1_000_000) < units for sku, units in lines.items()), lines


async def _claim(storages: Sequence[Storage], number: int, source: random.Random) -> None:
    """Two to eight judgments at once, for fewer units: as many orders as units are created."""
    claimants = source.randint(2, 8)
    units = source.randint(0, claimants - 1)
    sku = f"SKU-{number}"
    documents = [
        order(10 * number + n, items=[item(sku)]) | {"store_id": STORE} for n in range(claimants)
    ]

    async def tell(transaction: Transaction) -> None:
        await transaction.lock()
        product = a_product(sku=sku, salable_quantity=units)
        await transaction.write(ChangeSet(stores=[a_store()], products=[product]))

    await storages[0].transact(tell)
    await asyncio.gather(
        *(_decide(storages[n % len(storages)], number, n, one) for n, one in enumerate(documents))
    )

    async def look(transaction: Transaction) -> tuple[int, int]:
        after = await transaction.orders([key(one) for one in documents])
        ids = [getattr(one.outcome, "commerce_order_id", "") for one in after.values()]
        created = await transaction.commerce_orders([one for one in ids if one])
        return len(created), (await transaction.products([sku]))[sku].reserved

    assert await storages[0].transact(look) == (units, units), f"round {number}, seed {SEED}"


async def _decide(
    storage: Storage, number: int, claimant: int, document: dict[str, object]
) -> None:
    """One order, decided as a processor does it: checkpoint, outbox and all."""
    handler = ImportPolicyHandler()
    read = handler.parse([a_message(document)])
    before = Checkpoint(TopicPartition(f"{TopicName.ORDERS}.{number}", claimant), 0)

    async def work(transaction: Transaction) -> None:
        unit_of_work = UnitOfWork(before.source.topic, NOW)
        await handler.handle(read, unit_of_work, transaction)
        await transaction.write(
            unit_of_work.take_changes(), [(before, before.moved(1, tuple(unit_of_work.outgoing)))]
        )

    await storage.transact(work)


def _hot_orders() -> list[dict[str, object]]:
    source = random.Random(SEED)
    documents: list[dict[str, object]] = []
    for number in range(ORDERS):
        skus = source.sample([*HOT, "PLENTY", "PLENTY-TOO"], 2)
        lines = [item(sku, source.randint(1, 3)) for sku in skus if sku != "PLENTY-TOO"]
        documents.append(order(number, items=lines))
    return documents


async def _held(system: System) -> dict[str, int]:
    return {one["_id"]: one.get("reserved", 0) async for one in system.db.products.find({})}


async def _assert_not_oversold(system: System) -> None:
    """Look at what the Commerce orders hold, and at the counters. Nothing is freed meanwhile."""
    pipeline = [{"$unwind": "$reservations"}, {"$project": {"reservations": 1}}]
    reserved: dict[str, int] = dict.fromkeys(HOT, 0)
    async for one in await system.db.commerce_orders.aggregate(pipeline):
        reserved[one["reservations"]["sku"]] = (
            reserved.get(one["reservations"]["sku"], 0) + one["reservations"]["quantity"]
        )
    for sku, units in HOT.items():
        assert reserved[sku] <= units, f"{sku}: {reserved[sku]} held of {units}"
        assert (await _held(system))[sku] <= units


async def _count_is(system: System, collection: str, count: int) -> bool:
    return bool(await system.db[collection].count_documents({}) == count)


async def _all_judged(system: System) -> bool:
    states = await system.states()
    return sum(states.values()) == ORDERS and set(states) <= {"created", "blocked"}
