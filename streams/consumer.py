"""A Kafka consumer that reads committed messages only, whatever bytes stand between them.

It is aiokafka's, with the part replaced that makes records of what was fetched: aiokafka's own
fails for a whole batch, again and again, where one header's name is no UTF-8, and unpacks a batch
to any size.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
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

from models.messages import TopicPartition
from streams.decoding import FetchedRecords, begins_with
from streams.topic_ids import fetch_topic_ids

log = structlog.get_logger(__name__)

METADATA_SECONDS = 30
"""How old the knowledge of topics may be: after that, new and recreated partitions are seen."""
MAX_FETCH_BYTES = 16 * 1024 * 1024
"""The most that a broker sends in one answer, but for a single larger batch."""
UNSERVED_SECONDS = 20.0
"""How long a broker may fail to read what it has, before reading goes on behind it."""
_TOLD_WITHIN = 5.0
"""Seconds that reading waits for what it also wants to know."""


class Consumer(AIOKafkaConsumer):  # type: ignore[misc]  # aiokafka has no types
    """Reads what is committed. What cannot be read is a `decoding.Record` with a refusal.

    A checkpoint outside its log goes to the oldest message there is. Other options are aiokafka's.
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
        # aiokafka makes one in `start`, and has no other place to say of which class.
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
        """Return what is read next of a partition; None while that is not known."""
        subscription = self._subscription.subscription
        assignment = None if subscription is None else subscription.assignment
        state = None if assignment is None else assignment.state_value(partition)
        return state.position if state is not None and state.has_valid_position else None

    def take_reset(self, partition: KafkaPartition) -> tuple[int, int] | None:
        """Return, once, what was to be read and is not in the log any more, and what is instead."""
        resets: dict[KafkaPartition, tuple[int, int | None]] = self._fetcher.resets
        expected, found = resets.get(partition, (0, None))
        if found is None:
            return None  # there is none, or it is not known yet where reading goes on
        del resets[partition]
        return expected, found

    def has(self, partition: KafkaPartition) -> bool:
        """Say whether there is such a partition, as far as is known."""
        return self._client.cluster.leader_for_partition(partition) is not None

    async def refresh(self) -> None:
        """Ask a broker which partitions there are."""
        await self._client.force_metadata_update()

    def rejoin(self) -> None:
        """Have the group give out its partitions again, so that they are taken up anew."""
        self._coordinator.request_rejoin()

    async def topic_ids(self, topics: Collection[str]) -> Mapping[str, str]:
        """Return Kafka's ids of topics, as far as it tells them."""
        try:
            async with asyncio.timeout(_TOLD_WITHIN):
                return await fetch_topic_ids(self._client, topics)
        except (KafkaError, TimeoutError, NotImplementedError):
            return {}  # no broker answers, or they are of a version that tells none


class CommittedFetcher(Fetcher):  # type: ignore[misc]  # aiokafka has no types
    """aiokafka's fetcher, which keeps what it fetched as `FetchedRecords`."""

    def prepare(self) -> None:
        """Begin with nothing known of any partition."""
        self.resets: dict[KafkaPartition, tuple[int, int | None]] = {}
        """What was to be read of partitions that have it no more, and where reading goes on."""
        self._doubts: dict[TopicPartition, int] = {}
        self._refused: dict[KafkaPartition, type[Exception]] = {}
        self._unserved: dict[KafkaPartition, tuple[int, float]] = {}
        """Offsets that the broker cannot read though it has them, and since when."""

    def forget(self, partition: KafkaPartition) -> None:
        """Forget what is noted of where a partition was read."""
        self.resets.pop(partition, None)
        self._unserved.pop(partition, None)

    @override
    async def _proc_fetch_request(self, assignment: Any, node_id: int, request: Any) -> bool:
        """Fetch from a broker; say whether there is something for the reader."""
        try:
            response = await self._client.send(node_id, request)
        except asyncio.CancelledError:
            return False  # the partitions were given up, or the consumer ends
        except KafkaError:
            await asyncio.sleep(self._retry_backoff)
            return False
        if not assignment.active:
            return False
        asked = {(topic, one[0]): one[1] for topic, parts in request.topics for one in parts}
        taken = [
            self._take(assignment, KafkaPartition(topic, part[0]), asked[topic, part[0]], part)
            for topic, parts in response.topics
            for part in parts
        ]
        if None in taken:
            await asyncio.sleep(self._retry_backoff)
        now = time.monotonic()
        for place, offset in asked.items():
            partition = KafkaPartition(*place)
            unserved, since = self._unserved.get(partition, (None, now))
            if unserved == offset and now - since >= UNSERVED_SECONDS:
                self._unserved[partition] = offset, now
                taken.append(await self._pass_damage(assignment, node_id, partition, offset))
        return any(taken)

    def _take(
        self, assignment: Any, partition: KafkaPartition, offset: int, part: Sequence[Any]
    ) -> bool | None:
        """Keep what was fetched of a partition from an offset.

        Returns:
            Whether there is something for the reader; None if the broker refused.
        """
        _, code, end, stable, _, aborted, _, data = part
        state = assignment.state_value(partition)
        if not state.has_valid_position or state.position != offset:
            return False  # sought meanwhile
        if code:
            return self._refuse(partition, offset, state, for_code(code))
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

    def _refuse(
        self, partition: KafkaPartition, offset: int, state: Any, error: type[Exception]
    ) -> bool | None:
        """Take a broker's refusal; the same answer as for what it gives."""
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
        known, _ = self._unserved.get(partition, (None, 0.0))
        if is_served:
            self._unserved.pop(partition, None)
        elif known != offset:
            self._unserved[partition] = offset, time.monotonic()

    async def _pass_damage(
        self, assignment: Any, node_id: int, partition: KafkaPartition, offset: int
    ) -> bool:
        """Go on at the next offset that the broker can read, if it has any; say whether it has.

        Where a batch on its disk hides its own end, it cannot find those right behind it.
        """

        async def is_served(at: int) -> bool:
            place = [(partition.topic, [(partition.partition, at, 1)])]
            request = FetchRequest(0, 1, 1, self._isolation_level, place)
            response = await self._client.send(node_id, request)
            ((_, ((_, code, *_, data),)),) = response.topics
            return not code and begins_with(data, at)

        try:
            if await is_served(offset):
                return False
            ends = await self.end_offsets([partition], int(_TOLD_WITHIN * 1000))
            found = await first_served(is_served, offset, ends[partition])
        except KafkaError:
            return False
        state = assignment.state_value(partition)
        is_there = assignment.active and state.has_valid_position and state.position == offset
        if found is None or not is_there or partition in self._records:
            return False
        self._keep(
            assignment,
            partition,
            FetchedRecords.unserved(TopicPartition(*partition), offset, found - 1),
        )
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
    """Return the first offset after one that is not served, before the end, that is; or None."""
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
