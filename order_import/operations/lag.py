"""Lag: how far the ledger is behind the ends of the topics, and since when."""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from aiokafka import TopicPartition as KafkaPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, KafkaError

from models.errors import BrokerUnavailable
from models.messages import TopicPartition
from models.topics import READ_TOPICS
from order_import.bootstrap import kafka_options, new_consumer
from order_import.errors import describe
from order_import.settings import Settings
from storage.queries import Standing
from streams.decoding import Record

_ANSWERS_WITHIN = 10.0
_RECORDS_WITHIN = 2.0
_LOOK_EVERY_MS = 200
_LAST_MOMENT_MS = 253_402_300_799_999
"""The end of the year 9999."""


@dataclass(frozen=True, slots=True)
class TopicLag:
    """One topic that is read: messages `undecided`, and messages decided but `unpublished`.

    `oldest` is when the oldest undecided message was sent; `exists` is false where the topic was
    never created.
    """

    topic: str
    exists: bool
    undecided: int
    unpublished: int
    oldest: datetime | None = None

    @property
    def total(self) -> int:
        """Messages that are not finished."""
        return self.undecided + self.unpublished


class LagMeter:
    """Reads the ends of the topics; connected as long as its context lasts."""

    def __init__(self, settings: Settings) -> None:
        self._topics = [settings.topic_prefix + name for name in READ_TOPICS]
        self._admin = AIOKafkaAdminClient(**kafka_options(settings), client_id="order-import-lag")
        # On its own: it joins no group, and what it is asked does not move anything.
        self._consumer = new_consumer(settings, ())

    async def __aenter__(self) -> Self:
        try:
            with broker_errors():
                async with asyncio.timeout(_ANSWERS_WITHIN):
                    await self._admin.start()
                    await self._consumer.start()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._close()

    async def _close(self) -> None:
        await self._consumer.stop()
        await self._admin.close()

    async def ping(self) -> None:
        """Return when Kafka has told its topics.

        Raises:
            BrokerUnavailable: It did not answer, or not in time.
        """
        with broker_errors():
            async with asyncio.timeout(_ANSWERS_WITHIN):
                await self._admin.list_topics()

    async def measure(
        self, standings: Mapping[TopicPartition, Standing], *, ages: bool = False
    ) -> Sequence[TopicLag]:
        """Give the lag of every topic that is read, against where the ledger stands.

        Args:
            standings: Where every partition stands; one that is missing has not been begun.
            ages: Whether to fetch the oldest undecided message, for its age.

        Raises:
            BrokerUnavailable: Kafka did not answer, or not in time.
        """
        with broker_errors():
            async with asyncio.timeout(_ANSWERS_WITHIN):
                there = {
                    found["topic"]: [one["partition"] for one in found["partitions"]]
                    for found in await self._admin.describe_topics(self._topics)
                    if not found["error_code"]
                }
                partitions = [KafkaPartition(topic, one) for topic in there for one in there[topic]]
                undecided = await self._undecided(partitions, standings)
                oldest = await self._oldest(undecided) if ages else {}
                return [
                    _of_topic(topic, topic in there, undecided, oldest, standings)
                    for topic in self._topics
                ]

    async def _undecided(
        self, partitions: Sequence[KafkaPartition], standings: Mapping[TopicPartition, Standing]
    ) -> dict[KafkaPartition, range]:
        """Give the offsets that are not decided yet, of partitions that have any."""
        starts = await self._consumer.beginning_offsets(partitions)
        ends = await self._consumer.end_offsets(partitions)
        undecided: dict[KafkaPartition, range] = {}
        for partition in partitions:
            standing = standings.get(TopicPartition(*partition), Standing(0, 0))
            start, end = starts[partition], ends[partition]
            # A checkpoint outside the log is one of an older topic: the worker begins anew.
            inside = start <= standing.committed_offset <= end
            offsets = range(standing.committed_offset if inside else start, end)
            if offsets:
                undecided[partition] = offsets
        return undecided

    async def _oldest(
        self, undecided: dict[KafkaPartition, range]
    ) -> Mapping[KafkaPartition, datetime]:
        """Give when the first undecided message of each partition was sent, as far as it says so.

        A partition that holds none, but marks of transactions, is taken from what is undecided.
        """
        if not undecided:
            return {}
        self._consumer.assign(list(undecided))
        for partition, offsets in undecided.items():
            self._consumer.seek(partition, offsets.start)
        oldest: dict[KafkaPartition, datetime] = {}
        unread = set(undecided)
        deadline = time.monotonic() + _RECORDS_WITHIN
        while unread and (left := deadline - time.monotonic()) > 0:
            # One at a time: of all partitions together, one could fill every answer.
            found = await self._consumer.getmany(
                *unread, timeout_ms=min(1000 * left, _LOOK_EVERY_MS), max_records=1
            )
            for partition, (record,) in found.items():
                unread.discard(partition)
                if (sent_at := _sent_at(record)) is not None:
                    oldest[partition] = sent_at
            for partition in list(unread):
                if (self._consumer.next_offset(partition) or 0) >= undecided[partition].stop:
                    unread.discard(partition)
                    del undecided[partition]
        # Or it would go on fetching, and the next question wait behind that.
        self._consumer.unsubscribe()
        return oldest


def _of_topic(
    topic: str,
    exists: bool,
    undecided: Mapping[KafkaPartition, range],
    oldest: Mapping[KafkaPartition, datetime],
    standings: Mapping[TopicPartition, Standing],
) -> TopicLag:
    return TopicLag(
        topic,
        exists,
        sum(len(offsets) for partition, offsets in undecided.items() if partition.topic == topic),
        sum(
            standing.unpublished for source, standing in standings.items() if source.topic == topic
        ),
        min((at for partition, at in oldest.items() if partition.topic == topic), default=None),
    )


def _sent_at(record: Record) -> datetime | None:
    """Return when a record says it was sent; None where that is no time, or it is unreadable."""
    if record.refusal is not None or not 0 <= record.timestamp <= _LAST_MOMENT_MS:
        return None
    return datetime.fromtimestamp(record.timestamp / 1000, UTC)


@contextmanager
def broker_errors() -> Iterator[None]:
    """Turn the client's errors of a broker that does not answer into one of ours."""
    try:
        yield
    except TimeoutError as error:
        raise BrokerUnavailable("no answer in time") from error
    except KafkaConnectionError as error:
        raise BrokerUnavailable("cannot connect") from error
    except (KafkaError, OSError) as error:
        raise BrokerUnavailable(describe(error)) from error
