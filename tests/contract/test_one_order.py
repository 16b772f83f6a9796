"""Rule 22 in the database: one order of an Amazon id, and one Commerce order, by construction.

The transactions here take no locks: what they promise may not depend on that.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid5

import pytest

from handlers.unit_of_work import UnitOfWork
from models import keys
from models.amazon_order import AmazonOrder, Buyer
from models.buyer_data import Retained, RetentionReason
from models.change_set import ChangeSet, OrderWrite
from models.errors import DuplicateKey, StorageBusy
from models.messages import DeadLetterCode, TopicPartition
from models.order_record import OrderRecord
from models.outcome import Created, Waiting
from models.reasons import WaitingReason
from models.topics import TopicName
from storage.mongo.bulk_write import HISTORY_LENGTH
from storage.mongo.driver import Driver
from storage.mongo.storage import MongoStorage
from storage.mongo.transaction import MongoTransaction
from storage.port import Transaction
from streams.app import HANDLERS
from tests.builders import (
    KEY,
    NOW,
    ORDER,
    STORE,
    a_commerce_order,
    a_document,
    a_history_entry,
    a_message,
    a_product,
    a_record,
    a_store,
    an_order,
    later,
    stocked,
)
from tests.contract.test_storage import stored_order, stored_story
from tests.fakes.memory import MemoryStorage
from tests.keys import KEYS
from tests.storages import open_storage

Tested = MemoryStorage | MongoStorage
TYPO = f"typo/{ORDER}"
WAITS = Waiting(WaitingReason.STORE_UNKNOWN)


@pytest.fixture(params=("memory", *Driver))
async def workers(
    request: pytest.FixtureRequest, mongo_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Tested, Tested]]:
    """Two workers' storages of one database, which never wait for each other's lock."""
    if request.param == "memory":
        storage = MemoryStorage()
        yield storage, storage
        return

    async def no_lock(self: MongoTransaction, _stocks: object = ()) -> Mapping[str, int]:
        # The embedded server takes no bulk write as a first command.
        await self.orders({"nobody/nothing"})
        return {}

    monkeypatch.setattr(MongoTransaction, "lock", no_lock)
    name = f"t{uuid5(keys._NAMESPACE, request.node.nodeid).hex}"
    async with AsyncExitStack() as opened:
        parts = [
            await opened.enter_async_context(
                open_storage(mongo_url, name, request.param, keys=KEYS)
            )
            for _ in range(2)
        ]
        await parts[0].prepare()
        yield parts[0], parts[1]


@dataclass
class Worker:
    """Decides one message of `amazon.orders`; another one may be quicker, once it has read."""

    storage: Tested
    partition: int
    document: dict[str, Any]
    has_read: asyncio.Event = field(default_factory=asyncio.Event)
    may_write: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        source = TopicPartition(TopicName.ORDERS, self.partition)
        [before] = await self.storage.claim([source])
        handler = HANDLERS[TopicName.ORDERS]
        read: Any = handler.parse([a_message(self.document, partition=self.partition)])

        async def work(transaction: Transaction) -> None:
            page = UnitOfWork(source.topic, NOW)
            await handler.handle(read, page, transaction)
            self.has_read.set()
            await self.may_write.wait()
            moves = [(before, before.moved(1, tuple(page.outgoing)))]
            await transaction.write(page.take_changes(), moves)

        while True:
            with contextlib.suppress(StorageBusy, DuplicateKey):  # as a processor: again at once
                return await self.storage.transact(work, source)


async def one_overtakes(quick: Worker, slow: Worker) -> None:
    """Have the slow one read first and write last. In memory they come one after the other."""
    quick.may_write.set()
    if isinstance(slow.storage, MemoryStorage):
        slow.may_write.set()
        await quick.run()
        await slow.run()
        return
    running = asyncio.create_task(slow.run())
    await slow.has_read.wait()
    await quick.run()
    slow.may_write.set()
    await running


async def at_once(*workers: Worker) -> None:
    """Have all read before any writes. In memory they come one after the other."""
    for worker in workers:
        if isinstance(worker.storage, MemoryStorage):
            worker.may_write.set()
    running = [asyncio.create_task(worker.run()) for worker in workers]
    if not workers[0].may_write.is_set():
        for worker in workers:
            await worker.has_read.wait()
        for worker in workers:
            worker.may_write.set()
    await asyncio.gather(*running)


async def write(storage: Tested, **changes: Any) -> None:
    async def work(transaction: Transaction) -> None:
        await transaction.lock()
        await transaction.write(ChangeSet(**changes))

    await storage.transact(work, TopicPartition("amazon.orders", 9))


async def orders(storage: Tested) -> dict[str, OrderRecord]:
    async def work(transaction: Transaction) -> dict[str, OrderRecord]:
        return dict(await transaction.orders({KEY, TYPO, f"store-2/{ORDER}"}))

    return await storage.transact(work)


async def refusals(storage: Tested) -> list[tuple[str, str]]:
    if isinstance(storage, MemoryStorage):
        kept = storage.contents.dead_letters.values()
        return [(one.code.value, one.message) for one in kept]
    found = await storage._database.dead_letters.find({}).to_list(None)
    return [(one["code"], one["message"]) for one in found]


def new(record: OrderRecord, **told: Any) -> OrderWrite:
    return OrderWrite(record, (a_history_entry(),), is_new=True, details=True, **told)


def waiting(store_id: str = "typo", **order: Any) -> OrderRecord:
    return a_record(
        order=an_order(store_id=store_id, **order), outcome=WAITS, depends_on=(f"store:{store_id}",)
    )


STORES = {"stores": [a_store(), a_store(store_id="store-2")], **stocked(a_product())}


@pytest.mark.parametrize("meet", [one_overtakes, at_once])
async def test_rule_22_two_workers_that_take_an_order_for_two_stores_make_one_of_it(
    workers: tuple[Tested, Tested], meet: Any
) -> None:
    one, other = workers
    await write(one, **STORES)
    await meet(
        Worker(one, 0, a_document()),
        Worker(other, 1, a_document(store_id="store-2")),
    )
    [(key, record)] = (await orders(one)).items()
    assert record.received == 1
    holder = record.store_id
    refused = ({STORE, "store-2"} - {holder}).pop()
    assert key == f"{holder}/{ORDER}"
    assert await refusals(one) == [
        (
            DeadLetterCode.STORE_MISMATCH,
            f"order {ORDER}: store {holder} has it, and it was sent for store {refused}",
        )
    ]
    assert holder == STORE or meet is at_once


@pytest.mark.parametrize("meet", [one_overtakes, at_once])
async def test_rule_22_two_workers_that_move_an_order_to_two_stores_move_it_once(
    workers: tuple[Tested, Tested], meet: Any
) -> None:
    one, other = workers
    await write(one, **STORES, orders=[new(waiting())])
    await meet(
        Worker(one, 0, a_document(last_update_date=later(1))),
        Worker(other, 1, a_document(last_update_date=later(1), store_id="store-2")),
    )
    [(key, record)] = (await orders(one)).items()
    assert (record.received, type(record.outcome)) == (2, Created)
    assert [entry.what for entry in await stored_story(one, key)] == [
        *("received", "moved-to-store", "created")
    ]
    assert [code for code, _ in await refusals(one)] == [DeadLetterCode.STORE_MISMATCH]


@pytest.mark.parametrize("meet", [one_overtakes, at_once])
async def test_rule_22_news_of_the_mistyped_store_is_not_lost_while_the_order_moves(
    workers: tuple[Tested, Tested], meet: Any
) -> None:
    """Whoever is first: the order ends with its store, or it waits with all that was told."""
    one, other = workers
    await write(one, **STORES, orders=[new(waiting())])
    await meet(
        Worker(one, 0, a_document(last_update_date=later(1))),
        Worker(other, 1, a_document(last_update_date=later(2), store_id="typo", status="Shipped")),
    )
    assert list(await orders(one)) == [KEY]
    record = (await orders(one))[KEY]
    refused = [code for code, _ in await refusals(one)]
    assert record.received + len(refused) == 3
    assert set(refused) <= {DeadLetterCode.STORE_MISMATCH}


async def test_rule_22_what_is_made_of_an_order_that_moved_meanwhile_is_thrown_away(
    workers: tuple[Tested, Tested],
) -> None:
    """A replay of the old key had read it before it moved."""
    one, other = workers
    await write(one, **STORES, orders=[new(waiting())])
    mover = Worker(other, 1, a_document(last_update_date=later(1)))
    mover.may_write.set()
    tries = 0

    async def replay(transaction: Transaction) -> None:
        nonlocal tries
        tries += 1
        await transaction.lock()
        known = await transaction.orders({TYPO})
        if tries == 1 and isinstance(one, MongoStorage):
            await mover.run()
        again = [OrderWrite(one, (), is_new=False, details=True) for one in known.values()]
        await transaction.write(ChangeSet(orders=again))

    await one.transact(replay, TopicPartition("order-import.commands", 0))
    if isinstance(one, MemoryStorage):
        await mover.run()
    assert [(key, one.received) for key, one in (await orders(one)).items()] == [(KEY, 2)]


async def test_rule_22_a_second_record_of_an_amazon_order_is_not_stored(
    workers: tuple[Tested, Tested],
) -> None:
    one, _ = workers
    await write(one, orders=[new(a_record())])
    with pytest.raises(DuplicateKey, match="amazon_orders: store-2/"):
        await write(one, orders=[new(a_record(order=an_order(store_id="store-2")))])
    assert list(await orders(one)) == [KEY]


async def test_rule_22_a_second_commerce_order_of_an_amazon_order_is_not_stored(
    workers: tuple[Tested, Tested],
) -> None:
    one, _ = workers
    await write(one, new_commerce_orders=[a_commerce_order()])
    with pytest.raises(DuplicateKey, match="commerce_orders: "):
        await write(one, new_commerce_orders=[a_commerce_order(store_id="store-2")])


async def test_rule_22_a_moved_order_is_stored_whole_and_its_old_key_is_gone(
    workers: tuple[Tested, Tested],
) -> None:
    one, _ = workers
    told = a_history_entry(what="waiting")
    kept = Retained(later(1), RetentionReason.OPEN)
    buyer = Buyer(name="Dana Muster")
    was = replace(waiting(buyer=buyer, marketplace_id="MX"), buyer_data=kept)
    await write(one, orders=[replace(new(was), history=(told,) * HISTORY_LENGTH)])
    order: AmazonOrder = was.order.model_copy(update={"store_id": STORE})
    moved = replace(
        was, store_id=STORE, order=order, outcome=Created("c"), depends_on=(), received=2
    )
    entries = (a_history_entry(what="moved-to-store"), a_history_entry())
    await write(one, orders=[replace(new(moved, moved_from=TYPO), history=entries)])
    assert await orders(one) == {KEY: moved}
    history = await stored_story(one)
    assert [entry.what for entry in history[-3:]] == ["waiting", "moved-to-store", "received"]
    assert len(history) == HISTORY_LENGTH

    async def ask(transaction: Transaction) -> tuple[Any, Any]:
        by_id = await transaction.orders_of({ORDER})
        return by_id, await transaction.facts_depended_on({"store:typo", f"store:{STORE}"})

    by_id, waited = await one.transact(ask)
    assert by_id == {ORDER: moved}
    assert not waited


async def test_rule_22_an_order_may_go_away_and_come_back_in_one_transaction(
    workers: tuple[Tested, Tested],
) -> None:
    one, _ = workers
    await write(one, orders=[new(waiting())])
    await write(one, orders=[new(replace(waiting(), received=3), moved_from=TYPO)])
    assert await stored_order(one, TYPO) == replace(waiting(), received=3)
    assert len(await stored_story(one, TYPO)) == 2
