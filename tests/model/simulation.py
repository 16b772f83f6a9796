"""The program itself, on a log in memory instead of Kafka: its processors, its stages, its ledger.

What the processors publish goes back onto the log. Batches begin and end anywhere, messages are
read again, processors are cut off at any moment and taken up from the ledger, some by two owners at
once.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random
from zlib import crc32

from typing_extensions import override

from models.checkpoint import Outgoing
from models.errors import Fenced
from models.events import Event
from models.messages import TopicPartition
from models.outcome import Blocked, Skipped, Waiting, Withdrawn
from models.topics import READ_TOPICS, TopicName
from storage.port import R, Transaction
from streams.app import HANDLERS
from streams.messages import encode
from streams.processor import Batch, TopicProcessor
from streams.publisher import Publisher
from tests.builders import NOW, Message, a_message
from tests.fakes.memory import MemoryStorage
from tests.fakes.memory_contents import Contents
from tests.fakes.memory_transaction import MemoryTransaction
from tests.model.end import End, events_by_order
from tests.model.invariants import check_taken
from tests.model.messages import AnyMessage, ReplayAsked, begun, wire

PARTITIONS = dict.fromkeys(READ_TOPICS, 2) | {TopicName.STORES: 1, TopicName.COMMANDS: 1}


SOON = 500
"""Turns of the event loop after which whatever can happen without another partition has."""


class WatchedStorage(MemoryStorage):
    """Looks at every transaction as it commits."""

    @override
    async def transact(
        self, work: Callable[[Transaction], Awaitable[R]], source: TopicPartition | None = None
    ) -> R:
        async def watched(transaction: Transaction) -> R:
            before = self.contents.products
            result = await work(transaction)
            assert isinstance(transaction, MemoryTransaction)
            check_taken(before, transaction._draft.products)
            return result

        return await super().transact(watched, source)


class LogPublisher(Publisher):
    """Puts what goes out onto the log, where a processor may be cut off before each message.

    With `copies`, what stays inside the program may come twice, as on Kafka after a crash.
    """

    def __init__(self, *, copies: bool) -> None:
        self.log: dict[TopicPartition, list[Message]] = {
            TopicPartition(topic, number): []
            for topic, count in PARTITIONS.items()
            for number in range(count)
        }
        self.events: list[Event] = []
        self._copies = copies
        self._sent: dict[int, Outgoing] = {}

    @override
    async def publish(self, outgoing: Sequence[Outgoing], *, resumed: bool = False) -> None:
        for one in outgoing:
            await asyncio.sleep(0)
            inside = self._copies and not isinstance(one, Event)
            if self.is_sent(one) and not inside:
                continue
            self._sent[id(one)] = one
            if isinstance(one, Event):
                self.events.append(one)
            else:
                message = encode(one)
                if message.topic in PARTITIONS:
                    self.append(TopicName(message.topic), message.key or b"", message.value)

    def is_sent(self, one: Outgoing) -> bool:
        return id(one) in self._sent

    def append(
        self, topic: TopicName, key: bytes, value: bytes | None, store: str | None = None
    ) -> None:
        number = crc32(key) % PARTITIONS[topic]
        partition = self.log[TopicPartition(topic, number)]
        headers = (("store-id", store.encode()),) if store else ()
        partition.append(Message(len(partition), value, key, headers, number))


@dataclass
class Owned:
    processor: TopicProcessor
    task: asyncio.Task[None]
    read_to: int

    def cut_off(self) -> None:
        self.task.cancel()
        if self.processor._outbox._publishing is not None:
            self.processor._outbox._publishing.cancel()


class Simulation:
    """`steady` keeps from it what the model cannot follow: nothing of its own comes twice."""

    def __init__(self, source: Random, *, steady: bool = True, restarts: float = 0.1) -> None:
        self.storage = WatchedStorage()
        self.publisher = LogPublisher(copies=not steady)
        self.met = Counter[str]()
        self._random = source
        self._restarts = restarts
        self._owned: dict[TopicPartition, Owned] = {}
        self._past: list[Owned] = []

    async def publish(self, told: AnyMessage) -> None:
        if isinstance(told, ReplayAsked):
            await self.storage.transact(lambda transaction: transaction.write(begun(told)))
        topic, key, value, store = wire(told)
        body = None if value is None else a_message(value).value
        self.publisher.append(topic, key.encode(), body, store)

    async def settle(self) -> None:
        """Let everything happen that follows, until every processor is at its end."""
        while unfinished := [one for one in self.publisher.log if not self._is_done(one)]:
            await self.work_on(self._random.choice(unfinished))

    async def work_on(self, source: TopicPartition, *, wait: bool = True) -> None:
        owned = self._owned.get(source) or await self._take_up(source)
        log = self.publisher.log[source]
        if owned.read_to < len(log):
            end = self._random.randint(owned.read_to + 1, len(log))
            start = self._random.randint(max(0, owned.read_to - 2), owned.read_to)
            owned.processor.enqueue(source, Batch(start, log[start:end], end))
            owned.read_to = end
        if self._random.random() < self._restarts:
            await self._restart(source, owned)
        elif wait:
            await self._until_published(source, owned)

    async def close(self) -> None:
        """Stop. Only an owner that was followed by another may have failed, by losing its place."""
        everyone = [*self._past, *self._owned.values()]
        for owned in everyone:
            owned.cut_off()
        for result in await asyncio.gather(
            *(owned.task for owned in everyone), return_exceptions=True
        ):
            if isinstance(result, Fenced):
                self.met["fenced off"] += 1
            elif isinstance(result, Exception):
                raise result

    def some_source(self) -> TopicPartition:
        return self._random.choice(list(self.publisher.log))

    def end(self) -> End:
        return end_of(self.storage.contents, [event.body for event in self.publisher.events])

    async def _take_up(self, source: TopicPartition) -> Owned:
        [checkpoint] = await self.storage.claim([source])
        processor = TopicProcessor(
            [checkpoint], HANDLERS[TopicName(source.topic)], self.storage, self.publisher, _now
        )
        owned = Owned(processor, asyncio.create_task(processor.run()), checkpoint.committed_offset)
        self._owned[source] = owned
        return owned

    async def _restart(self, source: TopicPartition, owned: Owned) -> None:
        how = self._random.choice(("crash", "crash", "crash", "drain", "usurp"))
        self.met[how] += 1
        del self._owned[source]
        for _ in range(self._random.randint(0, 8)):
            await asyncio.sleep(0)
        match how:
            case "crash":
                owned.cut_off()
                self._past.append(owned)
            case "drain":
                owned.processor.drain()
                await owned.task
            case _:
                # The next owner is there before this one knows: the ledger must fence it off.
                self._past.append(owned)
                await self._take_up(source)

    async def _until_published(self, source: TopicPartition, owned: Owned) -> None:
        steps = 0
        while not self._is_at_end(source, owned):
            if owned.task.done():
                owned.task.result()
                raise AssertionError(f"the processor of {source} ended by itself")
            steps += 1
            if steps % SOON == 0:
                # It may wait for an earlier event of a partition whose owner was cut off.
                await self._take_up_the_abandoned()
            await asyncio.sleep(0)

    async def _take_up_the_abandoned(self) -> None:
        for source, checkpoint in list(self.storage.contents.checkpoints.items()):
            if checkpoint.outbox and source not in self._owned:
                await self._take_up(source)

    def _is_at_end(self, source: TopicPartition, owned: Owned) -> bool:
        stored = self.storage.contents.checkpoints.get(source)
        return (
            owned.processor.checkpoints[source].committed_offset >= owned.read_to
            and stored is not None
            and all(self.publisher.is_sent(one) for one in stored.outbox)
        )

    def _is_done(self, source: TopicPartition) -> bool:
        """Say whether all is read, decided and published; a processor that is cut off is not
        done."""
        log, owned = self.publisher.log[source], self._owned.get(source)
        if owned is None:
            return not log and source not in self.storage.contents.checkpoints
        return owned.read_to == len(log) and self._is_at_end(source, owned)


def _now() -> datetime:
    return NOW


def end_of(contents: Contents, told: Sequence[bytes | str]) -> End:
    """Say how it ended, by what is stored and the bodies of the events that were told."""
    orders = {}
    for key, record in contents.orders.items():
        outcome = record.outcome
        reasons: frozenset[object] = frozenset()
        if isinstance(outcome, Blocked):
            reasons = frozenset((one.code.value, one.sku) for one in outcome.blockers)
        elif isinstance(outcome, Waiting | Skipped | Withdrawn):
            missing = outcome.missing if isinstance(outcome, Waiting) else ()
            reasons = frozenset({outcome.reason.value, *(detail.value for detail in missing)})
        made = [one.status.value for one in contents.commerce_orders.values() if one.key == key]
        status = record.order.status
        orders[key] = (
            type(outcome).__name__.lower(),
            reasons,
            None if status is None else status.value,
            made[0] if made else None,
            record.ignored,
        )
    reserved = {sku: one.reserved for sku, one in contents.products.items() if one.reserved}
    kept = events_by_order(event.body for event in contents.events.values())
    assert events_by_order(told) == kept, "what is kept is what was told"
    return End(orders, reserved, kept)
