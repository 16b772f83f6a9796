"""A Kafka consumer that reads committed messages only, whatever bytes stand between them.

It is aiokafka's, with the part replaced that makes records of what was fetched: aiokafka's own
fails for a whole batch, again and again, where one header's name is no UTF-8, and unpacks a batch
to any size.
"""

import asyncio
import time
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer.fetcher import Fetcher, FetchResult, OffsetResetStrategy
from aiokafka.errors import (
    KafkaError,
    NotLeaderForPartitionError,
    OffsetOutOfRangeError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    for_code,
)
from typing_extensions import override

from models.ledger import Source
from streams.decoding import FetchedRecords

log = structlog.get_logger(__name__)

METADATA_SECONDS = 30
"""How old the knowledge of topics may be: after that, new and recreated partitions are seen."""
MAX_FETCH_BYTES = 16 * 1024 * 1024
"""The most that a broker sends in one answer, but for a single larger batch."""


class Consumer(AIOKafkaConsumer):  # type: ignore[misc]  # aiokafka has no types
    """Reads what is committed. What cannot be read is a `decoding.Record` with a refusal.

    A position outside its log goes to the oldest message there is. Other options are aiokafka's.
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
    def seek(self, partition: TopicPartition, offset: int) -> None:
        if self._fetcher is not None:
            self._fetcher.outside.pop(partition, None)
        super().seek(partition, offset)

    def next_offset(self, partition: TopicPartition) -> int | None:
        """Return what is read next of a partition; None while that is not known."""
        subscription = self._subscription.subscription
        assignment = None if subscription is None else subscription.assignment
        state = None if assignment is None else assignment.state_value(partition)
        return state.position if state is not None and state.has_valid_position else None

    def take_outside(self, partition: TopicPartition) -> int | None:
        """Return, once, the offset that was to be read next and is not in the log any more."""
        return None if self._fetcher is None else self._fetcher.outside.pop(partition, None)

    def rejoin(self) -> None:
        """Have the group give out its partitions again, whereupon they are taken up anew."""
        self._coordinator.request_rejoin()


class CommittedFetcher(Fetcher):  # type: ignore[misc]  # aiokafka has no types
    """aiokafka's fetcher, which keeps what it fetched as `FetchedRecords`."""

    def prepare(self) -> None:
        """Begin with nothing known of any partition."""
        self.outside: dict[TopicPartition, int] = {}
        """What was to be read next of partitions that have it no more."""
        self._doubts: dict[Source, int] = {}
        self._refused: dict[TopicPartition, type[Exception]] = {}

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
        has_news, has_failed = False, False
        for topic, parts in response.topics:
            for number, code, end, stable, _, aborted, _, data in parts:
                partition = TopicPartition(topic, number)
                state, offset = assignment.state_value(partition), asked[partition]
                if not state.has_valid_position or state.position != offset:
                    continue  # sought meanwhile
                if code:
                    has_news |= self._refuse(partition, offset, state, for_code(code))
                    has_failed = True
                    continue
                self._refused.pop(partition, None)
                state.highwater, state.lso = end, stable
                state.timestamp = int(time.time() * 1000)
                if data:
                    source = Source(*partition)
                    found = FetchedRecords(source, data, offset, end, aborted or (), self._doubts)
                    self._records[partition] = FetchResult(
                        partition,
                        assignment=assignment,
                        partition_records=found,
                        backoff=self._prefetch_backoff,
                    )
                    has_news = True
        if has_failed:
            await asyncio.sleep(self._retry_backoff)
        return has_news

    def _refuse(
        self, partition: TopicPartition, offset: int, state: Any, error: type[Exception]
    ) -> bool:
        """Take a broker's refusal; say whether there is an error for the reader."""
        if error is OffsetOutOfRangeError:
            self.outside.setdefault(partition, offset)
            state.await_reset(OffsetResetStrategy.EARLIEST)
        elif error is TopicAuthorizationFailedError:
            self._set_error(partition, error(partition.topic))
            return True
        elif error in {NotLeaderForPartitionError, UnknownTopicOrPartitionError}:
            self._client.force_metadata_update()
        elif self._refused.get(partition) is not error:
            self._refused[partition] = error
            log.warning(
                "fetch-refused",
                topic=partition.topic,
                partition=partition.partition,
                offset=offset,
                error=error.__name__,
            )
        return False
