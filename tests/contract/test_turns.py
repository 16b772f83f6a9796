"""A fact and an order that waits for it cannot pass each other, whoever is first (rule 12).

One transaction is held between its reads and its commit while the other one tries. Afterwards no
order waits on a fact that would free it without a `Recheck` in an outbox: it cannot be lost.
The last test takes the turns away, and the wake-up is lost: so the tests can fail.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, NamedTuple

import pytest
from typing_extensions import override

from models.commands import Recheck
from models.ledger import Changes, CommandMessage, OrderChange, Position, Source
from models.outcomes import Created
from models.records import OrderRecord
from storage.driver import Driver
from storage.memory import MemoryStorage
from storage.mongo import MongoStorage, open_storage
from storage.port import Storage, Transaction, Turn
from storage.transaction import MongoTransaction
from streams.agents import STAGES
from streams.page import Page
from streams.topics import TopicName
from tests.builders import KEY, NOW, Message, a_document, a_message, a_product, a_record, a_store
from tests.waiting import until

IMPLEMENTATIONS = ("memory", *Driver)
TICKS = 50


class Pair(NamedTuple):
    """A fact and the judgement that may miss it, and what is there before both."""

    before: Changes
    fact: tuple[TopicName, Message]
    judgement: tuple[TopicName, Message]
    waits_on: str


def _pair(name: str) -> Pair:
    admitted = OrderChange(a_record(), (), is_new=True, details=False)
    judgement = (TopicName.ADMITTED, a_message(b"{}", key=KEY.encode()))
    if name == "product":
        disabled = a_product(enabled=False)
        fact = a_message(a_product(name="Lamp, now on sale").model_dump(mode="json"))
        return Pair(
            Changes(stores=[a_store()], products=[disabled], orders=[admitted]),
            (TopicName.PRODUCTS, fact),
            judgement,
            "product:SKU-1",
        )
    return Pair(
        Changes(),
        (TopicName.STORES, a_message(a_store().model_dump(mode="json"))),
        (TopicName.ORDERS, a_message(a_document())),
        "store:store-1",
    )


@dataclass
class Party:
    """One of the two: a lane's transaction on a storage of its own, that can be held."""

    storage: Storage
    position: Position
    topic: TopicName
    message: Message
    has_read: asyncio.Event = field(default_factory=asyncio.Event)
    may_commit: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        stage: Any = STAGES[self.topic]
        read = stage.read([self.message])
        before = self.position

        async def work(transaction: Transaction) -> None:
            page = Page(before.source.topic, NOW)
            await stage.decide(read, page, transaction)
            self.has_read.set()
            await self.may_commit.wait()
            moves = [(before, before.moved(1, tuple(page.outgoing)))]
            await transaction.write(page.to_changes(), moves)

        await self.storage.transact(work)

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
                open_storage(mongo_url, database_name, Driver(request.param))
            )
            for _ in range(2)
        ]
        await opened[0].prepare()
        yield opened


@pytest.mark.parametrize("name", ["product", "store"])
@pytest.mark.parametrize("first", ["fact", "judgement"])
async def test_one_after_the_other_no_wake_up_is_lost(
    storages: list[Storage], name: str, first: str
) -> None:
    pair, fact, judgement = await _meet(storages, name)
    fact.may_commit.set()
    judgement.may_commit.set()
    for party in (fact, judgement) if first == "fact" else (judgement, fact):
        await party.run()
    await _assert_no_wake_up_is_lost(storages[0], pair)


@pytest.mark.parametrize("name", ["product", "store"])
@pytest.mark.parametrize("first", ["fact", "judgement"])
async def test_at_the_same_time_no_wake_up_is_lost(
    storages: list[Storage], name: str, first: str
) -> None:
    pair, fact, judgement = await _meet(storages, name)
    holds, comes = (fact, judgement) if first == "fact" else (judgement, fact)
    async with asyncio.TaskGroup() as both:
        both.create_task(holds.run())
        await holds.has_read.wait()
        both.create_task(comes.run())
        await comes.is_kept_out()
        assert not comes.has_read.is_set(), "it read what another one is about to change"
        comes.may_commit.set()
        holds.may_commit.set()
    await _assert_no_wake_up_is_lost(storages[0], pair)


@pytest.mark.parametrize("name", ["product", "store"])
@pytest.mark.parametrize("first", ["fact", "judgement"])
async def test_without_turns_the_wake_up_is_lost(
    mongo_url: str,
    database_name: str,
    name: str,
    first: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(MongoTransaction, "take_turn", _TurnlessTransaction.take_turn)
    async with (
        open_storage(mongo_url, database_name) as one,
        open_storage(mongo_url, database_name) as other,
    ):
        await one.prepare()
        pair, fact, judgement = await _meet([one, other], name)
        holds, comes = (fact, judgement) if first == "fact" else (judgement, fact)
        async with asyncio.TaskGroup() as both:
            commits = both.create_task(holds.run())
            await holds.has_read.wait()
            both.create_task(comes.run())
            await comes.has_read.wait()
            holds.may_commit.set()
            await commits
            comes.may_commit.set()
        with pytest.raises(AssertionError, match="and nothing wakes it"):
            await _assert_no_wake_up_is_lost(one, pair)


async def test_who_needs_both_turns_is_not_overtaken_for_ever_by_who_needs_one(
    mongo_url: str, database_name: str
) -> None:
    """Its transaction began before another's end each time it waited, so it never got on."""
    tries, others = 0, 6
    async with open_storage(mongo_url, database_name) as storage, asyncio.TaskGroup() as group:
        await storage.prepare()
        # The first who has a turn inserts it, and a server may let others wait for its end.
        await storage.transact(_take_all)
        locks: Any = storage._turns.locks
        stock = locks[Turn.STOCK] = WatchedLock()

        async def both(transaction: Transaction) -> None:
            nonlocal tries
            tries += 1
            await transaction.take_turn(Turn.POLICY)
            await transaction.orders([KEY])
            await transaction.take_turn(Turn.STOCK)

        def one() -> tuple[asyncio.Event, asyncio.Event]:
            has_turn, may_end = asyncio.Event(), asyncio.Event()

            async def work(transaction: Transaction) -> None:
                await transaction.take_turn(Turn.STOCK)
                has_turn.set()
                await may_end.wait()

            group.create_task(storage.transact(work))
            return has_turn, may_end

        async def waiting(count: int) -> bool:
            return waits.done() or stock.waiting == count

        has_turn, may_end = one()
        await has_turn.wait()
        waits = group.create_task(storage.transact(both))
        for _ in range(others):
            # Whoever ends, there is one who waits, and behind it another one who needs one turn.
            await until(partial(waiting, 1), 0)
            next_one = one()
            await until(partial(waiting, 2), 0)
            may_end.set()
            has_turn, may_end = next_one
            await has_turn.wait()
        may_end.set()
        await waits
    assert tries < others


async def _take_all(transaction: Transaction) -> None:
    for turn in Turn:
        await transaction.take_turn(turn)


class WatchedLock(asyncio.Lock):
    """A lock that says how many wait for it."""

    waiting = 0

    @override
    async def acquire(self) -> Literal[True]:
        self.waiting += 1
        try:
            return await super().acquire()
        finally:
            self.waiting -= 1


class _TurnlessTransaction(MongoTransaction):
    @override
    async def take_turn(self, turn: Turn) -> int:
        # The embedded server begins a transaction only with a read.
        await self.stores()
        return 0


async def _meet(storages: Sequence[Storage], name: str) -> tuple[Pair, Party, Party]:
    pair = _pair(name)

    async def work(transaction: Transaction) -> None:
        await transaction.take_turn(Turn.STOCK)
        await transaction.write(pair.before)

    await storages[0].transact(work)
    fact, judgement = [
        Party(storage, (await storage.take_up([Source(told[0], 0)]))[0], *told)
        for storage, told in zip(storages, (pair.fact, pair.judgement), strict=True)
    ]
    return pair, fact, judgement


async def _assert_no_wake_up_is_lost(storage: Storage, pair: Pair) -> None:
    """The fact is free by now: the order is through, or its waking is in an outbox."""
    order = await _read(storage, lambda transaction: transaction.orders({KEY}))
    record: OrderRecord = order[KEY]
    outboxes = [
        (await storage.position(Source(topic, 0))).outbox
        for topic in (pair.fact[0], pair.judgement[0])
    ]
    asked = CommandMessage(pair.waits_on, Recheck(fact=pair.waits_on))
    through = isinstance(record.outcome, Created) or record.admitted
    assert through or any(asked in outbox for outbox in outboxes), (
        f"{record.outcome} waits on {record.waits_on}, and nothing wakes it"
    )


async def _read(storage: Storage, ask: Callable[[Transaction], Awaitable[Any]]) -> Any:
    return await storage.transact(ask)
