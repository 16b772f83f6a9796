"""Kafka's twin: partitions of messages, a producer and a consumer as the publisher uses them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from zlib import crc32

from aiokafka.errors import KafkaError, OutOfOrderSequenceNumber, ProducerClosed

from models.messages import TopicPartition
from models.topics import READ_TOPICS, TOPICS, TopicName
from tests.builders import Message
from tests.simulation import clock
from tests.simulation.power import Power

Headers = Sequence[tuple[str, bytes]]
PARTITIONS: Mapping[str, int] = {
    **dict.fromkeys(READ_TOPICS, 2),
    TopicName.STORES: 1,
    TopicName.COMMANDS: 1,
}


class Log:
    """All topics. What is in it stays, whoever crashes."""

    def __init__(
        self, counts: Mapping[str, int] = PARTITIONS, now: Callable[[], datetime] = clock.now
    ) -> None:
        self.partitions: dict[TopicPartition, list[Message]] = {
            TopicPartition(topic.name, number): []
            for topic in TOPICS
            for number in range(counts.get(topic.name, 1))
        }
        self._counts = counts
        self._now = now
        self._waiting: list[asyncio.Future[None]] = []

    def place(self, topic: str, key: bytes | None) -> TopicPartition:
        """Give the partition of a key."""
        return TopicPartition(topic, crc32(key or b"") % self._counts.get(topic, 1))

    def append(self, topic: str, message: Message) -> None:
        """Add a message at the end of its key's partition."""
        source = self.place(topic, message.key)
        partition, at = self.partitions[source], int(self._now().timestamp() * 1000)
        offset = len(partition)
        placed = message._replace(partition=source.partition, offset=offset, last_offset=offset)
        partition.append(placed._replace(timestamp=at))
        self.wake()

    def wake(self) -> None:
        """Have everybody look again who waits for news."""
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            if not one.done():
                one.set_result(None)

    async def news(self) -> None:
        """Wait for the next message."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        await future


class Sent(NamedTuple):
    """A message on its way, and whom to tell."""

    topic: str
    message: Message
    told: "asyncio.Future[None]"


class Producer:
    """An idempotent producer: after a gap in a partition, that partition takes no more of it."""

    def __init__(self, log: Log, power: Power) -> None:
        self._log = log
        self._power = power
        self._on_the_way: asyncio.Queue[Sent] = asyncio.Queue()
        self._pending: dict[asyncio.Future[None], None] = {}
        self._gaps: set[TopicPartition] = set()
        self._is_closed = False
        self._task: asyncio.Task[None] | None = None
        power.on_cut.append(self._forget)

    async def start(self) -> None:
        """Connect."""
        await self._power.step("kafka.start")
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Send what is buffered, and close."""
        self._is_closed = True
        while self._pending and not self._power.is_cut:
            await asyncio.wait(list(self._pending))
        if self._task is not None:
            self._task.cancel()

    async def send(
        self, topic: str, *, key: bytes | None, value: bytes | None, headers: Headers
    ) -> "asyncio.Future[None]":
        """Buffer a message; what is given is told when the broker has it."""
        await self._power.step("kafka.send")
        if self._is_closed:
            raise ProducerClosed
        told = asyncio.get_running_loop().create_future()
        self._pending[told] = None
        told.add_done_callback(lambda done: self._pending.pop(done, None))
        message = Message(0, value, key, tuple(headers))
        self._on_the_way.put_nowait(Sent(topic, message, told))
        return told

    async def _run(self) -> None:
        while True:
            sent = await self._on_the_way.get()
            source = self._log.place(sent.topic, sent.message.key)
            try:
                if source in self._gaps:
                    raise OutOfOrderSequenceNumber
                try:
                    await self._power.step("kafka.append")
                except KafkaError:
                    self._gaps.add(source)
                    raise
                self._log.append(sent.topic, sent.message)
                await self._power.step("kafka.acknowledged")
            except KafkaError as error:
                sent.told.set_exception(error)
            else:
                sent.told.set_result(None)

    def _forget(self) -> None:
        for told in list(self._pending):
            told.cancel()


class Found(NamedTuple):
    """Where a partition is at a time."""

    offset: int


class Consumer:
    """A consumer of whole topics that belongs to no group."""

    def __init__(self, log: Log, power: Power, topics: Sequence[str]) -> None:
        self._log = log
        self._power = power
        self._at = {source: 0 for source in log.partitions if source.topic in set(topics)}

    async def start(self) -> None:
        """Connect."""
        await self._power.step("kafka.consumer")

    async def stop(self) -> None:
        """Close."""

    def assignment(self) -> list[TopicPartition]:
        """Give all partitions."""
        return list(self._at)

    async def end_offsets(
        self, partitions: Sequence[TopicPartition]
    ) -> Mapping[TopicPartition, int]:
        """Give where they end."""
        await self._power.step("kafka.ends")
        return {one: len(self._log.partitions[one]) for one in partitions}

    async def offsets_for_times(
        self, times: Mapping[TopicPartition, int]
    ) -> Mapping[TopicPartition, Found | None]:
        """Give the first message since each time."""
        await self._power.step("kafka.times")
        found: dict[TopicPartition, Found | None] = {}
        for source, since in times.items():
            later = [one.offset for one in self._log.partitions[source] if one.timestamp >= since]
            found[source] = Found(later[0]) if later else None
        return found

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Read on from there."""
        self._at[partition] = offset

    async def position(self, partition: TopicPartition) -> int:
        """Give what is read next."""
        await asyncio.sleep(0)
        return self._at[partition]

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int
    ) -> dict[TopicPartition, list[Message]]:
        """Read some of what there is."""
        await self._power.step("kafka.read")
        del timeout_ms  # what is asked for is there
        found: dict[TopicPartition, list[Message]] = {}
        for one in partitions:
            found[one] = self._log.partitions[one][self._at[one] :][:3]
            self._at[one] += len(found[one])
        return found


def connect(log: Log, power: Power) -> tuple[Any, Any]:
    """Give what a publisher makes its producers and consumers with."""
    return lambda: Producer(log, power), lambda topics: Consumer(log, power, topics)
