"""A fact and an order that waits for it cannot pass each other, whoever is first (rule 12).

One transaction is held between its reads and its commit while the other one tries. Afterwards no
order waits on a fact that would free it without a `Recheck` in an outbox: it cannot be lost.
One test takes the locks away, and the wake-up is lost: so the tests can fail.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import pytest
from typing_extensions import override

from handlers.unit_of_work import UnitOfWork
from models.change_set import ChangeSet
from models.checkpoint import Checkpoint
from models.commands import Recheck
from models.keys import DEFAULT_STOCK
from models.messages import CommandMessage, TopicPartition
from models.order_record import OrderRecord
from models.outcome import Created
from models.topics import TopicName
from storage.mongo.driver import Driver
from storage.mongo.storage import MongoStorage
from storage.mongo.transaction import MongoTransaction
from storage.port import Storage, Transaction
from streams.app import HANDLERS
from tests.builders import (
    KEY,
    NOW,
    Message,
    a_commerce_order,
    a_document,
    a_message,
    a_product,
    a_stock_item,
    a_store,
    an_event,
    stocked,
)
from tests.contract.queries import Listening, Query
from tests.fakes.memory import MemoryStorage
from tests.keys import KEYS
from tests.storages import open_storage

IMPLEMENTATIONS = ("memory", *Driver)
TICKS = 50


class Pair(NamedTuple):
    """A fact and the judgment that may miss it, and what is there before both."""

    before: ChangeSet
    fact: tuple[TopicName, Message]
    judgment: tuple[TopicName, Message]
    depends_on: str


def _pair(name: str) -> Pair:
    judgment = (TopicName.ORDERS, a_message(a_document()))
    if name == "product":
        disabled = a_product(enabled=False)
        fact = a_message(a_product(name="Lamp, now on sale").model_dump(mode="json"))
        return Pair(
            ChangeSet(stores=[a_store()], **stocked(disabled)),
            (TopicName.PRODUCTS, fact),
            judgment,
            "product:SKU-1",
        )
    return Pair(
        ChangeSet(**stocked(a_product())),
        (TopicName.STORES, a_message(a_store().model_dump(mode="json"))),
        judgment,
        "store:store-1",
    )


@dataclass
class Party:
    """One of the two: a processor's transaction on a storage of its own, that can be held."""

    storage: Storage
    checkpoint: Checkpoint
    topic: TopicName
    message: Message
    has_read: asyncio.Event = field(default_factory=asyncio.Event)
    may_commit: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        handler: Any = HANDLERS[self.topic]
        read = handler.parse([self.message])
        before = self.checkpoint

        async def work(transaction: Transaction) -> None:
            page = UnitOfWork(before.source.topic, NOW)
            await handler.handle(read, page, transaction)
            self.has_read.set()
            await self.may_commit.wait()
            moves = [(before, before.moved(1, tuple(page.outgoing)))]
            await transaction.write(page.take_changes(), moves)

        await self.storage.transact(work)

    async def through(self) -> None:
        self.may_commit.set()
        await self.run()

    async def is_kept_out(self) -> None:
        """Wait until it has met the other one and has not read. Memory meets in a lock."""
        if isinstance(self.storage, MongoStorage):
            storage = self.storage
            while not storage.conflicts and not self.has_read.is_set():  # noqa: ASYNC110 - a count
                await asyncio.sleep(0.001)
            return
        for _ in range(TICKS):
            await asyncio.sleep(0)


@pytest.fixture(params=IMPLEMENTATIONS)
async def storages(
    request: pytest.FixtureRequest, mongo_url: str, database_name: str
) -> AsyncIterator[list[Storage]]:
    """Two of one database, as two workers have; in memory there is only one."""
    if request.param == "memory":
        memory = MemoryStorage()
        yield [memory, memory]
        return
    async with AsyncExitStack() as stack:
        opened: list[Storage] = [
            await stack.enter_async_context(
                open_storage(mongo_url, database_name, Driver(request.param), keys=KEYS)
            )
            for _ in range(2)
        ]
        await opened[0].prepare()
        yield opened


@pytest.mark.parametrize("name", ["product", "store"])
@pytest.mark.parametrize("first", ["fact", "judgment"])
async def test_one_after_the_other_no_wake_up_is_lost(
    storages: list[Storage], name: str, first: str
) -> None:
    pair, fact, judgment = await _meet(storages, name)
    fact.may_commit.set()
    judgment.may_commit.set()
    for party in (fact, judgment) if first == "fact" else (judgment, fact):
        await party.run()
    await _assert_no_wake_up_is_lost(storages[0], pair)


@pytest.mark.parametrize("name", ["product", "store"])
@pytest.mark.parametrize("first", ["fact", "judgment"])
async def test_at_the_same_time_no_wake_up_is_lost(
    storages: list[Storage], name: str, first: str
) -> None:
    pair, fact, judgment = await _meet(storages, name)
    first_one, comes = (fact, judgment) if first == "fact" else (judgment, fact)
    async with asyncio.TaskGroup() as both:
        both.create_task(first_one.run())
        await first_one.has_read.wait()
        both.create_task(comes.run())
        await comes.is_kept_out()
        assert not comes.has_read.is_set(), "it read what another one is about to change"
        comes.may_commit.set()
        first_one.may_commit.set()
    await _assert_no_wake_up_is_lost(storages[0], pair)


@pytest.mark.parametrize("name", ["product", "store"])
@pytest.mark.parametrize("first", ["fact", "judgment"])
async def test_without_locks_the_wake_up_is_lost(
    mongo_url: str,
    database_name: str,
    name: str,
    first: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(MongoTransaction, "lock", _LocklessTransaction.lock)
    async with (
        open_storage(mongo_url, database_name, keys=KEYS) as one,
        open_storage(mongo_url, database_name, keys=KEYS) as other,
    ):
        await one.prepare()
        pair, fact, judgment = await _meet([one, other], name)
        first_one, comes = (fact, judgment) if first == "fact" else (judgment, fact)
        async with asyncio.TaskGroup() as both:
            commits = both.create_task(first_one.run())
            await first_one.has_read.wait()
            both.create_task(comes.run())
            await comes.has_read.wait()
            first_one.may_commit.set()
            await commits
            comes.may_commit.set()
        with pytest.raises(AssertionError, match="and nothing wakes it"):
            await _assert_no_wake_up_is_lost(one, pair)


async def test_who_locks_one_stock_does_not_wait_for_another(
    mongo_url: str, database_name: str
) -> None:
    has_lock, may_end = asyncio.Event(), asyncio.Event()

    async def reservation(transaction: Transaction) -> None:
        await transaction.lock({"one"})
        has_lock.set()
        await may_end.wait()

    async with (
        open_storage(mongo_url, database_name, keys=KEYS) as storage,
        open_storage(mongo_url, database_name, keys=KEYS) as elsewhere,
        asyncio.TaskGroup() as group,
    ):
        # The first who has a lock inserts it, and a server may let others wait for its end.
        await storage.transact(lambda transaction: transaction.lock({"one", "other"}))
        group.create_task(storage.transact(reservation))
        await has_lock.wait()
        for worker in (storage, elsewhere):
            await worker.transact(lambda transaction: transaction.lock({"other"}))
            assert not worker.conflicts
        may_end.set()


async def test_a_transaction_that_needs_another_stock_later_starts_over_with_both(
    mongo_url: str, database_name: str
) -> None:
    begun = []

    async def work(transaction: Transaction) -> None:
        begun.append(await transaction.lock({"south"}))
        await transaction.stores()
        await transaction.lock({"north"})

    async with open_storage(mongo_url, database_name, keys=KEYS) as storage:
        await storage.transact(work)
        taken = {one["_id"]: one["version"] async for one in storage._database.locks.find({})}
    assert begun == [{"south": 0}, {"north": 0, "south": 0}]
    assert taken == {"north": 1, "south": 1}


async def test_orders_of_two_stocks_are_decided_at_the_same_time(
    mongo_url: str, database_name: str
) -> None:
    """One is held before its commit; the other is decided and stored meanwhile."""
    stores = [a_store(), a_store(store_id="store-2", stock_id="north")]
    before = ChangeSet(stores=stores, **stocked(a_product()))
    # The first documents create a collection, and make an index one of lists: once, with conflicts.
    before.events.append(an_event())
    before.new_commerce_orders.append(a_commerce_order(amazon_order_id="902-3"))
    before.stock_items.append(a_stock_item())
    south = a_message(a_document())
    north = a_message(a_document(store_id="store-2", amazon_order_id="902-2"))

    async def prepare(transaction: Transaction) -> None:
        await transaction.lock({DEFAULT_STOCK, "north"})
        await transaction.write(before)

    async with (
        open_storage(mongo_url, database_name, keys=KEYS) as one,
        open_storage(mongo_url, database_name, keys=KEYS) as other,
        asyncio.TaskGroup() as group,
    ):
        await one.prepare()
        await one.transact(prepare)
        sources = [TopicPartition(TopicName.ORDERS, partition) for partition in range(2)]
        held, free = [
            Party(storage, (await storage.claim([source]))[0], TopicName.ORDERS, message)
            for storage, source, message in zip((one, other), sources, (south, north), strict=True)
        ]
        for storage in (one, other):
            await storage.snapshot(lambda view: view.stores())
        conflicts = one.conflicts + other.conflicts
        group.create_task(held.run())
        await held.has_read.wait()
        await free.through()
        assert not held.may_commit.is_set()
        held.may_commit.set()
    async with open_storage(mongo_url, database_name, keys=KEYS) as storage:
        created = await storage.transact(lambda t: t.orders({KEY, "store-2/902-2"}))
        assert [type(order.outcome) for order in created.values()] == [Created, Created]
    assert one.conflicts + other.conflicts == conflicts


async def test_who_locks_several_stocks_never_waits_in_a_circle(
    mongo_url: str, database_name: str
) -> None:
    """They are taken in one order, whatever the order they are named in."""

    async def work(stocks: Sequence[str], transaction: Transaction) -> None:
        await transaction.lock(stocks)
        await transaction.stores()

    async with (
        open_storage(mongo_url, database_name, keys=KEYS) as one,
        open_storage(mongo_url, database_name, keys=KEYS) as other,
        asyncio.TaskGroup() as group,
    ):
        for storage in (one, other):
            for stocks in (("a", "b"), ("b", "a"), ("b", "c"), ("c", "a")) * 3:
                group.create_task(storage.transact(partial(work, stocks)))
    async with open_storage(mongo_url, database_name, keys=KEYS) as storage:
        taken = {one["_id"]: one["version"] async for one in storage._database.locks.find({})}
    assert taken == {"a": 18, "b": 18, "c": 12}


@pytest.mark.parametrize("topic", HANDLERS)
async def test_a_stage_locks_the_stock_before_it_reads_anything(
    mongo_url: str, database_name: str, topic: TopicName
) -> None:
    listening = Listening()
    async with open_storage(
        mongo_url, database_name, event_listeners=[listening], keys=KEYS
    ) as storage:
        told = {TopicName.STORES: a_store(), TopicName.PRODUCTS: a_product()}.get(topic)
        message = a_message(a_document() if told is None else told.model_dump(mode="json"))
        listening.heard.clear()
        await Party(storage, Checkpoint(TopicPartition(topic, 0), 0), topic, message).through()
    assert listening.heard[0] == Query("locks", {"_id": DEFAULT_STOCK})
    assert [one.collection for one in listening.heard].count("locks") == 1


class _LocklessTransaction(MongoTransaction):
    @override
    async def lock(self, stocks: Collection[str] = ()) -> Mapping[str, int]:
        # The embedded server begins a transaction only with a read.
        await self.stores()
        return {}


async def _meet(storages: Sequence[Storage], name: str) -> tuple[Pair, Party, Party]:
    pair = _pair(name)

    async def work(transaction: Transaction) -> None:
        await transaction.lock()
        await transaction.write(pair.before)

    await storages[0].transact(work)
    fact, judgment = [
        Party(storage, (await storage.claim([TopicPartition(told[0], 0)]))[0], *told)
        for storage, told in zip(storages, (pair.fact, pair.judgment), strict=True)
    ]
    return pair, fact, judgment


async def _assert_no_wake_up_is_lost(storage: Storage, pair: Pair) -> None:
    """The fact is free by now: the order is through, or its waking is in an outbox."""
    order = await _read(storage, lambda transaction: transaction.orders({KEY}))
    record: OrderRecord = order[KEY]
    outboxes = [
        (await storage.checkpoint(TopicPartition(topic, 0))).outbox
        for topic in (pair.fact[0], pair.judgment[0])
    ]
    asked = CommandMessage(pair.depends_on, Recheck(fact=pair.depends_on))
    through = isinstance(record.outcome, Created)
    assert through or any(asked in outbox for outbox in outboxes), (
        f"{record.outcome} waits on {record.depends_on}, and nothing wakes it"
    )


async def _read(storage: Storage, ask: Callable[[Transaction], Awaitable[Any]]) -> Any:
    return await storage.transact(ask)
