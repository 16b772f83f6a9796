"""Measure the lag: how far the checkpoints are behind the ends of the topics, and since when."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from aiokafka import TopicPartition as KafkaPartition
from aiokafka.admin import AIOKafkaAdminClient

from models.messages import Incoming, TopicPartition
from models.topics import READ_TOPICS
from order_import.bootstrap import broker_errors, connect_admin, new_consumer
from order_import.settings import Settings
from storage.queries import Standing
from streams.consumer import Consumer

_TIMEOUT = 10.0
_RECORDS_TIMEOUT = 2.0
_POLL_MS = 200
_MAX_TIMESTAMP_MS = 253_402_300_799_999
"""The end of the year 9999."""


@dataclass(frozen=True, slots=True)
class TopicLag:
    """The lag of an input topic: messages `undecided`, and messages decided but `unpublished`.

    `oldest` is when the oldest undecided message was sent; `exists` is false if the topic was
    never created.
    """

    topic: str
    exists: bool
    undecided: int
    unpublished: int
    oldest: datetime | None = None

    @property
    def total(self) -> int:
        """The number of unfinished messages."""
        return self.undecided + self.unpublished


@asynccontextmanager
async def open_lag_meter(settings: Settings) -> AsyncIterator["LagMeter"]:
    """Connect to Kafka, and close the connections at the end.

    Raises:
        BrokerUnavailable: Kafka does not answer in time.
    """
    # Without a group, so that reading moves nothing.
    consumer = new_consumer(settings, ())
    async with AsyncExitStack() as connections:
        connections.push_async_callback(consumer.stop)
        with broker_errors():
            async with asyncio.timeout(_TIMEOUT):
                admin = await connections.enter_async_context(connect_admin(settings))
                await consumer.start()
        yield LagMeter([settings.topic_prefix + name for name in READ_TOPICS], admin, consumer)


class LagMeter:
    """Reads the ends of the topics.

    Raises:
        BrokerUnavailable: From every method: Kafka does not answer in time.
    """

    def __init__(
        self, topics: Sequence[str], admin: AIOKafkaAdminClient, consumer: Consumer
    ) -> None:
        self._topics = topics
        self._admin = admin
        self._consumer = consumer

    async def ping(self) -> None:
        """Return once Kafka has listed its topics."""
        with broker_errors():
            async with asyncio.timeout(_TIMEOUT):
                await self._admin.list_topics()

    async def measure(
        self, standings: Mapping[TopicPartition, Standing], *, ages: bool = False
    ) -> Sequence[TopicLag]:
        """Return the lag of every input topic against the stored checkpoints.

        Args:
            standings: The progress of every partition; a missing one has not been started.
            ages: Whether to fetch the oldest undecided messages for their age.
        """
        with broker_errors():
            async with asyncio.timeout(_TIMEOUT):
                existing = {
                    topic["topic"]: [partition["partition"] for partition in topic["partitions"]]
                    for topic in await self._admin.describe_topics(self._topics)
                    if not topic["error_code"]
                }
                partitions = [
                    KafkaPartition(topic, number)
                    for topic, numbers in existing.items()
                    for number in numbers
                ]
                undecided = await self._undecided(partitions, standings)
                oldest = await self._oldest(undecided) if ages else {}
        return [
            TopicLag(
                topic,
                topic in existing,
                sum(len(undecided[part]) for part in undecided if part.topic == topic),
                sum(standings[part].unpublished for part in standings if part.topic == topic),
                min((oldest[part] for part in oldest if part.topic == topic), default=None),
            )
            for topic in self._topics
        ]

    async def _undecided(
        self, partitions: Sequence[KafkaPartition], standings: Mapping[TopicPartition, Standing]
    ) -> dict[KafkaPartition, range]:
        starts = await self._consumer.beginning_offsets(partitions)
        ends = await self._consumer.end_offsets(partitions)
        undecided: dict[KafkaPartition, range] = {}
        for partition in partitions:
            standing = standings.get(TopicPartition(*partition), Standing(0, 0))
            start, end = starts[partition], ends[partition]
            # A checkpoint outside the log is of an older topic: the worker will start over.
            is_inside = start <= standing.committed_offset <= end
            offsets = range(standing.committed_offset if is_inside else start, end)
            if offsets:
                undecided[partition] = offsets
        return undecided

    async def _oldest(
        self, undecided: dict[KafkaPartition, range]
    ) -> Mapping[KafkaPartition, datetime]:
        """Return when the first undecided message of each partition was sent, if it says so.

        A partition that has only control records of transactions is removed from `undecided`.
        """
        if not undecided:
            return {}
        self._consumer.assign(list(undecided))
        for partition, offsets in undecided.items():
            self._consumer.seek(partition, offsets.start)
        oldest: dict[KafkaPartition, datetime] = {}
        unread = set(undecided)
        deadline = time.monotonic() + _RECORDS_TIMEOUT
        while unread and (left := deadline - time.monotonic()) > 0:
            # One record at a time: otherwise one partition could fill every response.
            batches = await self._consumer.getmany(
                *unread, timeout_ms=min(1000 * left, _POLL_MS), max_records=1
            )
            for partition, (record,) in batches.items():
                unread.discard(partition)
                if (sent_at := _sent_at(record)) is not None:
                    oldest[partition] = sent_at
            for partition in list(unread):
                if (self._consumer.next_offset(partition) or 0) >= undecided[partition].stop:
                    unread.discard(partition)
                    del undecided[partition]
        # Otherwise it would keep fetching, and delay the next request.
        self._consumer.unsubscribe()
        return oldest


def _sent_at(record: Incoming) -> datetime | None:
    """Return when a record was sent; None if its timestamp is invalid or it is unreadable."""
    if record.refusal is not None or not 0 <= record.timestamp <= _MAX_TIMESTAMP_MS:
        return None
    return datetime.fromtimestamp(record.timestamp / 1000, UTC)
