"""Lag: how far the ledger is behind the ends of the topics, and since when."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, KafkaError

from models.errors import BrokerUnavailable
from models.ledger import Source
from order_import.clients import kafka_options
from order_import.error_text import describe
from order_import.settings import Settings
from storage.reader import Standing
from streams.topics import READ_TOPICS

_ANSWERS_WITHIN = 10.0
_RECORD_WITHIN_MS = 2_000


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
        self._consumer = AIOKafkaConsumer(
            **kafka_options(settings),
            client_id="order-import-lag",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )

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
        self, standings: Mapping[Source, Standing], *, ages: bool = False
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
                return [
                    await self._of_topic(topic, there.get(topic, ()), standings, ages)
                    for topic in self._topics
                ]

    async def _of_topic(
        self,
        topic: str,
        numbers: Sequence[int],
        standings: Mapping[Source, Standing],
        ages: bool,
    ) -> TopicLag:
        partitions = [TopicPartition(topic, number) for number in numbers]
        if not partitions:
            return TopicLag(topic, exists=False, undecided=0, unpublished=0)
        starts = await self._consumer.beginning_offsets(partitions)
        ends = await self._consumer.end_offsets(partitions)
        undecided: dict[TopicPartition, int] = {}
        behind = unpublished = 0
        for partition in partitions:
            standing = standings.get(Source(topic, partition.partition), Standing(0, 0))
            start, end = starts[partition], ends[partition]
            # A position outside the log is one of an older topic: the worker begins anew.
            inside = start <= standing.decided_to <= end
            decided_to = standing.decided_to if inside else start
            unpublished += standing.unpublished
            if decided_to < end:
                behind += end - decided_to
                undecided[partition] = decided_to
        oldest = await self._oldest(undecided) if ages and undecided else None
        return TopicLag(topic, True, behind, unpublished, oldest)

    async def _oldest(self, offsets: Mapping[TopicPartition, int]) -> datetime | None:
        self._consumer.assign(list(offsets))
        times: list[int] = []
        for partition, offset in offsets.items():
            self._consumer.seek(partition, offset)
        for partition in offsets:
            found: Mapping[TopicPartition, Sequence[Any]] = {}
            try:
                found = await self._consumer.getmany(
                    partition, timeout_ms=_RECORD_WITHIN_MS, max_records=1
                )
            except TimeoutError:
                raise
            except Exception:  # noqa: BLE001, S110 - what the client cannot decode has no age
                pass
            times += [record.timestamp for records in found.values() for record in records]
        return datetime.fromtimestamp(min(times) / 1000, UTC) if times else None


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
