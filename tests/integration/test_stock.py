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
from models.outcome import Created
from models.reference_data import Component
from models.topics import TopicName
from order_import.devtools.embedded.servers import Addresses
from storage.mongo.driver import Driver
from storage.port import Storage, Transaction
from tests.builders import (
    NOW,
    STORE,
    a_listing,
    a_message,
    a_product,
    a_stock_item,
    a_store,
)
from tests.fakes.memory import MemoryStorage
from tests.integration.kit import System
from tests.integration.wire import item, key, order, product, store
from tests.keys import KEYS
from tests.storages import open_storage

ROUNDS = int(os.environ.get("STOCK_ROUNDS", "40"))
"""How often units are fought for on a server; in memory, ten times as often."""
SEED = 20_261_123
NORTH = "store-2"
STOCKS = {"default": STORE, "north": NORTH}
"""The store of each stock."""
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
        open_storage(url, database, driver, keys=KEYS) as one,
        open_storage(url, database, driver, keys=KEYS) as other,
    ):
        await one.prepare()
        for number in range(ROUNDS):
            await _claim([one, other], number, source)
            if (number + 1) % 500 == 0:
                met = one.conflicts + other.conflicts
                print(f"{driver.value}: {number + 1} rounds, {met} met another", flush=True)  # noqa: T201
        assert one.conflicts + other.conflicts > 0, "no two transactions met: nothing was tried"


@pytest.mark.parametrize(
    ("stocks", "meet"), [(("default", "north"), False), (("north",) * 2, True)]
)
async def test_rule_23_two_workers_on_two_stocks_never_meet(
    addresses: Addresses, stocks: Sequence[str], *, meet: bool
) -> None:
    """Half of all lines are for one hot product. On one stock, the control, they do meet."""
    url, database = addresses.mongo_url or "", f"stocks_{len(set(stocks))}"
    async with (
        open_storage(url, database, keys=KEYS) as one,
        open_storage(url, database, keys=KEYS) as other,
    ):
        await one.prepare()
        await one.transact(_tell_of_two_stores)
        # To begin with, nobody knows the stocks, and the server's collections have no pages.
        for worker, storage in enumerate((one, other)):
            first = order(9_000 + worker, items=[item("SKU-0")]) | {"store_id": STORE}
            await _decide(storage, worker, 9_999, first)
        before = one.conflicts, other.conflicts
        await asyncio.gather(
            *(
                _judge_all(storage, worker, STOCKS[stock])
                for worker, (storage, stock) in enumerate(zip((one, other), stocks, strict=True))
            )
        )
        conflicts = one.conflicts + other.conflicts - sum(before)
    assert bool(conflicts) is meet, conflicts


async def _tell_of_two_stores(transaction: Transaction) -> None:
    await transaction.lock(STOCKS)
    skus = ("HOT", *(f"SKU-{n}" for n in range(ROUNDS)))
    counts = [
        a_stock_item(stock_id=stock, sku=sku, salable_quantity=ROUNDS)
        for stock in STOCKS
        for sku in skus
    ]
    products = [a_product(sku=sku, salable_quantity=None) for sku in skus]
    stores = [a_store(), a_store(store_id=NORTH, seller_id="A2", stock_id="north")]
    await transaction.write(ChangeSet(stores=stores, products=products, stock_items=counts))


async def _judge_all(storage: Storage, worker: int, store_id: str) -> None:
    for number in range(2 * ROUNDS):
        sku = "HOT" if number % 2 else f"SKU-{number // 2}"
        claimant = 10_000 * worker + number
        document = order(claimant, items=[item(sku)]) | {"store_id": store_id}
        await _decide(storage, worker, claimant, document)


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
        # Look on while they come: the last one may be judged as soon as it is sent.
        sending = asyncio.create_task(_send(system, _hot_orders()))
        samples = 0
        while not (sending.done() and await _all_judged(system)):
            samples += 1
            await _assert_not_oversold(system)
        await sending
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
    """Two to eight judgments at once, for fewer units, in two stocks: as many as units allow.

    Half of the orders are for a kit, of two units of the product and one of another. An order is
    blocked only if what is left is too little for it.
    """
    sku, other = f"SKU-{number}", f"PART-{number}"
    claims = [
        (source.choice((STORE, NORTH)), source.choice((sku, f"KIT-{number}")))
        for _ in range(source.randint(2, 8))
    ]
    units = {
        stock: source.randint(0, 2 * sum(store == each for each, _ in claims))
        for stock, store in STOCKS.items()
    }
    documents = [
        order(10 * number + n, items=[item(seller_sku)]) | {"store_id": store}
        for n, (store, seller_sku) in enumerate(claims)
    ]

    async def tell(transaction: Transaction) -> None:
        await transaction.lock(STOCKS)
        products = [a_product(sku=each, salable_quantity=None) for each in (sku, other)]
        counts = [
            a_stock_item(stock_id=stock, sku=each, salable_quantity=left)
            for stock, left in units.items()
            for each in (sku, other)
        ]
        parts = (Component(sku=sku, quantity=2), Component(sku=other, quantity=1))
        kits = [
            a_listing(store_id=store, seller_sku=f"KIT-{number}", sku=None, components=parts)
            for store in STOCKS.values()
        ]
        stores = [a_store(), a_store(store_id=NORTH, seller_id="A2", stock_id="north")]
        await transaction.write(
            ChangeSet(stores=stores, products=products, stock_items=counts, listings=kits)
        )

    await storages[0].transact(tell)
    await asyncio.gather(
        *(_decide(storages[n % len(storages)], number, n, one) for n, one in enumerate(documents))
    )

    async def look(transaction: Transaction) -> None:
        names = [key(one) for one in documents]
        after = await transaction.orders(names)
        made = [isinstance(after[name].outcome, Created) for name in names]
        for stock, owner in STOCKS.items():
            products = await transaction.products([sku, other], stock)
            mine = [
                (2 if seller_sku != sku else 1, is_made)
                for (each, seller_sku), is_made in zip(claims, made, strict=True)
                if each == owner
            ]
            where = f"round {number}, stock {stock}, seed {SEED}"
            taken = sum(needed for needed, is_made in mine if is_made)
            kits = sum(needed == 2 for needed, is_made in mine if is_made)
            assert (products[sku].reserved, products[other].reserved) == (taken, kits), where
            assert taken <= units[stock], where
            left = units[stock] - taken
            assert all(is_made or needed > left for needed, is_made in mine), where

    await storages[0].transact(look)


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


async def _send(system: System, documents: Sequence[dict[str, object]]) -> None:
    for document in documents:
        await system.publish(TopicName.ORDERS, document)


async def _held(system: System) -> dict[str, int]:
    return {one["sku"]: one.get("reserved", 0) async for one in system.db.stock_items.find({})}


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
