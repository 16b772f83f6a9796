"""A Kafka consumer that reads committed messages only, and gets past any unreadable bytes.

It is aiokafka's consumer with another record decoder. If a header name is not UTF-8, aiokafka's own
decoder fails for the whole batch at every attempt, and it decompresses a batch to any size.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as KafkaPartition
from aiokafka.consumer.fetcher import Fetcher, FetchResult, OffsetResetStrategy
from aiokafka.errors import (
    CorruptRecordException,
    KafkaError,
    NotLeaderForPartitionError,
    OffsetOutOfRangeError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    for_code,
)
from aiokafka.protocol.fetch import FetchRequest
from typing_extensions import override

from models.messages import Incoming, TopicPartition
from streams.decoding import FetchedRecords, begins_with
from streams.topic_metadata import fetch_topic_ids

log = structlog.get_logger(__name__)

METADATA_SECONDS = 30
"""Maximum age of the topic metadata; a refresh detects new and recreated partitions."""
MAX_FETCH_BYTES = 16 * 1024 * 1024
"""Maximum size of a fetch response, unless a single batch is larger."""
UNSERVED_SECONDS = 20.0
"""How long a broker may fail to serve an offset before the reader skips it."""
_METADATA_TIMEOUT = 5.0
"""Seconds for additional metadata requests; reading waits meanwhile."""


class Consumer(AIOKafkaConsumer):  # type: ignore[misc]  # aiokafka has no types
    """Reads committed messages. Unreadable bytes become an `Incoming` with a refusal.

    An offset outside the log is reset to the oldest message. Other options are aiokafka's.
    """

    def __init__(self, *topics: str, **options: Any) -> None:
        super().__init__(
            *topics,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            metadata_max_age_ms=METADATA_SECONDS * 1000,
            fetch_max_bytes=MAX_FETCH_BYTES,
            **options,
        )

    @property
    def _fetcher(self) -> Any:
        return self._committed_fetcher

    @_fetcher.setter
    def _fetcher(self, fetcher: Any) -> None:
        # aiokafka creates it in `start`, and has no other place to set the class.
        if fetcher is not None:
            fetcher.__class__ = CommittedFetcher
            fetcher.prepare()
        self._committed_fetcher: CommittedFetcher | None = fetcher

    @override
    def seek(self, partition: KafkaPartition, offset: int) -> None:
        if self._fetcher is not None:
            self._fetcher.forget(partition)
        super().seek(partition, offset)

    def next_offset(self, partition: KafkaPartition) -> int | None:
        """Return the offset that is read next of a partition; None while it is not known."""
        subscription = self._subscription.subscription
        assignment = None if subscription is None else subscription.assignment
        state = None if assignment is None else assignment.state_value(partition)
        return state.position if state is not None and state.has_valid_position else None

    def take_reset(self, partition: KafkaPartition) -> tuple[int, int] | None:
        """Return, once, the expected offset that left the log and the one to continue from."""
        resets: dict[KafkaPartition, tuple[int, int | None]] = self._fetcher.resets
        expected, actual = resets.get(partition, (0, None))
        if actual is None:
            return None  # there was no reset, or the offset to continue from is not known yet
        del resets[partition]
        return expected, actual

    def has(self, partition: KafkaPartition) -> bool:
        """Return whether the partition exists, according to the cached metadata."""
        return self._client.cluster.leader_for_partition(partition) is not None

    async def refresh(self) -> None:
        """Fetch from a broker which partitions exist."""
        await self._client.force_metadata_update()

    def rejoin(self) -> None:
        """Trigger a rebalance, so that the partitions are claimed again."""
        self._coordinator.request_rejoin()

    async def topic_ids(self, topics: Collection[str]) -> Mapping[str, str]:
        """Return Kafka's ids of topics, as far as Kafka reports them."""
        try:
            async with asyncio.timeout(_METADATA_TIMEOUT):
                return await fetch_topic_ids(self._client, topics)
        except (KafkaError, TimeoutError, NotImplementedError):
            return {}  # no broker answers, or the brokers' version does not report ids


class CommittedFetcher(Fetcher):  # type: ignore[misc]  # aiokafka has no types
    """aiokafka's fetcher, which stores fetched bytes as `FetchedRecords`."""

    def prepare(self) -> None:
        """Initialize the state of all partitions."""
        self.resets: dict[KafkaPartition, tuple[int, int | None]] = {}
        """Per partition, the expected offset that left the log and the one to continue from."""
        self._doubts: dict[TopicPartition, int] = {}
        self._refused: dict[KafkaPartition, type[Exception]] = {}
        self._unserved: dict[KafkaPartition, tuple[int, float]] = {}
        """Offsets that the broker has but fails to serve, and since when."""

    def forget(self, partition: KafkaPartition) -> None:
        """Forget the state of a partition, before reading moves to another offset."""
        self.resets.pop(partition, None)
        self._unserved.pop(partition, None)

    @override
    async def _proc_fetch_request(self, assignment: Any, node_id: int, request: Any) -> bool:
        """Fetch from a broker, and return whether there is something for the reader."""
        try:
            response = await self._client.send(node_id, request)
        except asyncio.CancelledError:
            return False  # the partitions were released, or the consumer stops
        except KafkaError:
            await asyncio.sleep(self._retry_backoff)
            return False
        if not assignment.active:
            return False
        offsets = {
            KafkaPartition(topic, part[0]): part[1]
            for topic, parts in request.topics
            for part in parts
        }
        results = [
            self._receive(assignment, partition, offsets[partition], part)
            for topic, parts in response.topics
            for part in parts
            for partition in (KafkaPartition(topic, part[0]),)
        ]
        if None in results:
            await asyncio.sleep(self._retry_backoff)
        now = time.monotonic()
        for partition, offset in offsets.items():
            unserved, since = self._unserved.get(partition, (None, now))
            if unserved == offset and now - since >= UNSERVED_SECONDS:
                self._unserved[partition] = offset, now
                results.append(await self._skip_damage(assignment, node_id, partition, offset))
        return any(results)

    def _receive(
        self, assignment: Any, partition: KafkaPartition, offset: int, part: Sequence[Any]
    ) -> bool | None:
        """Store what was fetched of a partition from an offset.

        Returns:
            Whether there is something for the reader; None if the broker returned an error.
        """
        _, code, end, stable, _, aborted, _, data = part
        state = assignment.state_value(partition)
        if not state.has_valid_position or state.position != offset:
            return False  # a seek happened meanwhile
        if code:
            return self._handle_error(partition, offset, state, for_code(code))
        self._refused.pop(partition, None)
        self._note_unserved(partition, offset, is_served=bool(data) or offset >= stable)
        if (reset := self.resets.get(partition)) is not None and reset[1] is None:
            self.resets[partition] = reset[0], offset
        state.highwater, state.lso = end, stable
        state.timestamp = int(time.time() * 1000)
        if data:
            source = TopicPartition(*partition)
            records = FetchedRecords(source, data, offset, end, aborted or (), self._doubts)
            self._keep(assignment, partition, records)
        return bool(data)

    def _handle_error(
        self, partition: KafkaPartition, offset: int, state: Any, error: type[Exception]
    ) -> bool | None:
        """Handle a broker's error code; return the same as `_receive`."""
        if error is OffsetOutOfRangeError:
            expected, _ = self.resets.get(partition, (offset, None))
            self.resets[partition] = expected, None
            state.await_reset(OffsetResetStrategy.EARLIEST)
        elif error is TopicAuthorizationFailedError:
            self._set_error(partition, error(partition.topic))
            return True
        elif error in {NotLeaderForPartitionError, UnknownTopicOrPartitionError}:
            self._client.force_metadata_update()
        else:
            if error is CorruptRecordException:
                self._note_unserved(partition, offset, is_served=False)
            if self._refused.get(partition) is not error:
                self._refused[partition] = error
                log.warning(
                    "fetch-refused",
                    topic=partition.topic,
                    partition=partition.partition,
                    offset=offset,
                    error=error.__name__,
                )
        return None

    def _note_unserved(self, partition: KafkaPartition, offset: int, *, is_served: bool) -> None:
        unserved, _ = self._unserved.get(partition, (None, 0.0))
        if is_served:
            self._unserved.pop(partition, None)
        elif unserved != offset:
            self._unserved[partition] = offset, time.monotonic()

    async def _skip_damage(
        self, assignment: Any, node_id: int, partition: KafkaPartition, offset: int
    ) -> bool:
        """Skip to the next offset that the broker can serve; return whether there is one.

        If a damaged batch on its disk hides its own end, the broker cannot find the next batches.
        """

        async def is_served(at: int) -> bool:
            topics = [(partition.topic, [(partition.partition, at, 1)])]
            request = FetchRequest(0, 1, 1, self._isolation_level, topics)
            response = await self._client.send(node_id, request)
            ((_, ((_, code, *_, data),)),) = response.topics
            return not code and begins_with(data, at)

        try:
            if await is_served(offset):
                return False
            ends = await self.end_offsets([partition], int(_METADATA_TIMEOUT * 1000))
            served = await first_served(is_served, offset, ends[partition])
        except KafkaError:
            return False
        state = assignment.state_value(partition)
        is_current = assignment.active and state.has_valid_position and state.position == offset
        if served is None or not is_current or partition in self._records:
            return False
        records = FetchedRecords.unserved(TopicPartition(*partition), offset, served - 1)
        self._keep(assignment, partition, records)
        return True

    def _keep(self, assignment: Any, partition: KafkaPartition, records: FetchedRecords) -> None:
        self._records[partition] = FetchResult(
            partition,
            assignment=assignment,
            partition_records=records,
            backoff=self._prefetch_backoff,
        )


async def first_served(
    is_served: Callable[[int], Awaitable[bool]], offset: int, end: int
) -> int | None:
    """Return the first served offset between an unserved one and the end; None if there is none."""
    unserved, step, served = offset, 1, None
    while served is None:
        if unserved >= end - 1:
            return None
        at = min(unserved + step, end - 1)
        if await is_served(at):
            served = at
        else:
            unserved, step = at, 2 * step
    while served - unserved > 1:
        middle = (unserved + served) // 2
        if await is_served(middle):
            served = middle
        else:
            unserved = middle
    return served


async def read_between(
    consumer: Any, since: datetime | None = None, until: datetime | None = None
) -> AsyncIterator[Incoming]:
    """Yield the messages of the assigned partitions, up to where these end at the moment.

    Args:
        consumer: A consumer that has started.
        since: Only messages sent since then.
        until: Only messages before the first one sent since then.

    Raises:
        KafkaError: No broker answers.
    """
    partitions = list(consumer.assignment())
    ends = await consumer.end_offsets(partitions)
    if since is None:
        starts = await consumer.beginning_offsets(partitions)
    else:
        starts = ends | await _offsets_at(consumer, partitions, since)
    if until is not None:
        ends |= await _offsets_at(consumer, partitions, until)
    unread = {partition for partition in partitions if starts[partition] < ends[partition]}
    for partition in unread:
        consumer.seek(partition, starts[partition])
    while unread:
        for partition, records in (await consumer.getmany(*unread, timeout_ms=500)).items():
            for record in records:
                if until is None or record.offset < ends[partition]:
                    yield record
        unread = {part for part in unread if await consumer.position(part) < ends[part]}


async def _offsets_at(
    consumer: Any, partitions: Sequence[KafkaPartition], at: datetime
) -> dict[KafkaPartition, int]:
    """Return the offset of the first message since a time, of partitions that have one."""
    # Rounded down: Kafka's time of a message sent in the same millisecond is.
    timestamp = max((at - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1), 0)
    offsets = await consumer.offsets_for_times(dict.fromkeys(partitions, timestamp))
    return {partition: start.offset for partition, start in offsets.items() if start is not None}
