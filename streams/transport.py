"""Faust's transport, with the parts replaced that lose events.

Faust commits past messages that were not processed (on an exception, a canceled task, a gap). Here
MongoDB is the ledger: a partition is read from its stored checkpoint. The offsets committed to
Kafka are those of the ledger up to which all is decided and published; they are only for tools
that show lag. One Faust event is a whole batch of one partition, so that Faust's cost per event is
paid once per batch.
"""

import asyncio
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import KafkaTimeoutError
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.transport.drivers.aiokafka import (
    AIOKafkaConsumerThread,
    credentials_to_aiokafka_auth,
    server_list,
)
from faust.transport.drivers.aiokafka import Consumer as FaustConsumer
from faust.transport.drivers.aiokafka import Transport as FaustTransport
from faust.types import TP
from typing_extensions import override

from models.messages import Incoming, TopicPartition
from storage.retry import retry_outages
from streams.assignment import LogBounds, PartitionAssignment
from streams.batch import Batch
from streams.consumer import METADATA_SECONDS, Consumer

PEEK_SECONDS = 0.02
"""How long to wait for messages while the processors of other partitions are full."""
COMMIT_SECONDS = 5.0
"""Time limit for committing offsets to Kafka, which are only for tools that show lag."""


class BatchRecord(NamedTuple):
    """A batch of one partition in place of a record: Faust sees one event."""

    topic: str
    partition: int
    offset: int
    value: Batch
    key: None = None
    headers: tuple[()] = ()
    timestamp: int = 0
    timestamp_type: int = 0
    checksum: None = None
    serialized_key_size: int = 0
    serialized_value_size: int = 0


class LedgerConsumerThread(AIOKafkaConsumerThread):
    """Reads batches, each with its start and end offset."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._read_to: dict[TP, int] = {}
        self._topic_ids: Mapping[str, str] = {}
        self._ids_due = 0.0

    def _create_worker_consumer(self, transport: FaustTransport) -> Consumer:
        conf = self.app.conf
        return Consumer(
            client_id=conf.broker_client_id,
            group_id=conf.id,
            bootstrap_servers=server_list(transport.url, transport.default_port),
            partition_assignment_strategy=[RoundRobinPartitionAssignor],
            max_poll_records=conf.broker_max_poll_records,
            max_poll_interval_ms=int(conf.broker_max_poll_interval * 1000),
            max_partition_fetch_bytes=conf.consumer_max_fetch_size,
            fetch_max_wait_ms=1500,
            request_timeout_ms=int(conf.broker_request_timeout * 1000),
            session_timeout_ms=int(conf.broker_session_timeout * 1000),
            rebalance_timeout_ms=int(conf.broker_rebalance_timeout * 1000),
            heartbeat_interval_ms=int(conf.broker_heartbeat_interval * 1000),
            connections_max_idle_ms=conf.consumer_connections_max_idle_ms,
            **credentials_to_aiokafka_auth(conf.broker_credentials, conf.ssl_context),
        )

    async def _seek_wait(self, consumer: Consumer, partitions: Mapping[TP, int]) -> None:
        # This runs on the reader's loop: a batch read before the seek keeps its old start.
        self._read_to.update(partitions)
        self._ids_due = time.monotonic() + METADATA_SECONDS
        await super()._seek_wait(consumer, partitions)

    async def _fetch_records(
        self, consumer: Consumer, active_partitions: set[TP], *args: Any, **kwargs: Any
    ) -> dict[TP, list[BatchRecord]]:
        if time.monotonic() > self._ids_due:
            await self._check_topics(consumer)
        fetched = await super()._fetch_records(consumer, active_partitions, *args, **kwargs)
        batches = {}
        for tp in active_partitions:
            expected, log_start = consumer.take_reset(tp) or (0, 0)
            if log_start < expected:
                # The topic was recreated or truncated: the claim decides where to continue.
                self._read_to.pop(tp, None)
                consumer.rejoin()
            next_offset = consumer.next_offset(tp)
            batch = self._batch(tp, fetched.get(tp, ()), next_offset, log_start)
            if batch is not None:
                batches[tp] = [batch]
        return batches

    async def log_bounds(self, partitions: Collection[TP]) -> Mapping[TopicPartition, LogBounds]:
        """Return the log bounds of the partitions that exist, and watch their topics' ids."""
        bounds: Mapping[TopicPartition, LogBounds] = await self.call_thread(
            self._log_bounds, partitions
        )
        return bounds

    async def _log_bounds(self, partitions: Collection[TP]) -> Mapping[TopicPartition, LogBounds]:
        consumer: Consumer = self._ensure_consumer()
        # For a deleted topic, aiokafka would wait a long time, and delay all other partitions.
        await consumer.refresh()
        existing = [tp for tp in partitions if consumer.has(tp)]
        # Read the ids before the offsets: if a topic is recreated in between, its id differs later.
        self._topic_ids = ids = await consumer.topic_ids({tp.topic for tp in existing})
        starts = await consumer.beginning_offsets(existing)
        ends = await consumer.end_offsets(existing)
        return {
            TopicPartition(*tp): LogBounds(starts[tp], ends[tp], ids.get(tp.topic))
            for tp in existing
        }

    async def _check_topics(self, consumer: Consumer) -> None:
        """Trigger a new claim if a topic was deleted and recreated.

        The new log may be as long as the old one, and then no offset reveals it.
        """
        self._ids_due = time.monotonic() + METADATA_SECONDS
        ids = await consumer.topic_ids(self._topic_ids)
        if any(ids.get(topic, old_id) != old_id for topic, old_id in self._topic_ids.items()):
            consumer.rejoin()

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        consumer: Consumer = self._ensure_consumer()
        # For a deleted topic, aiokafka retries without end, and no partition could be reassigned.
        existing = {tp: offset for tp, offset in offsets.items() if consumer.has(tp)}
        try:
            async with asyncio.timeout(COMMIT_SECONDS):
                return not existing or await super()._commit(existing)
        except TimeoutError:
            return False

    def _batch(
        self, tp: TP, records: Sequence[Incoming], next_offset: int | None, log_start: int = 0
    ) -> BatchRecord | None:
        """Return everything read of a partition since the last batch; None if that is nothing.

        A batch may have no records: control records and aborted transactions only move its end.
        """
        start = self._read_to.get(tp)
        if start is None or next_offset is None or next_offset <= start:
            return None
        self._read_to[tp] = next_offset
        batch = Batch(start, records, next_offset, log_start)
        return BatchRecord(tp.topic, tp.partition, next_offset - 1, batch)


class LedgerConsumer(FaustConsumer):
    """A consumer that reads from the ledger's checkpoints."""

    transport: "LedgerTransport"
    _thread: LedgerConsumerThread

    def _new_consumer_thread(self) -> LedgerConsumerThread:
        return LedgerConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def perform_seek(self) -> None:
        """Claim the assigned partitions, whatever offsets Kafka has for them."""
        await super().perform_seek()
        # Faust takes the ledger's offsets for committed ones, and would commit none before the next
        # message. Until then Kafka would show a lag if the last owner ended without a commit.
        self._committed_offset.clear()

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Claim the assigned partitions and seek to the ledger's offsets."""
        assigned = [TopicPartition(*tp) for tp in self.assignment()]
        offsets = await self.transport.partition_assignment.assign(assigned, self._read_bounds)
        offsets_by_partition = {TP(*source): offset for source, offset in offsets.items()}
        await self.seek_wait(offsets_by_partition)
        return offsets_by_partition

    async def _read_bounds(
        self, sources: Collection[TopicPartition]
    ) -> Mapping[TopicPartition, LogBounds]:
        # A long broker outage must not stop the worker. A stop or the next rebalance cancels this.
        partitions = [TP(*source) for source in sources]
        return await retry_outages(partial(self._thread.log_bounds, partitions), KafkaTimeoutError)

    async def wait_empty(self) -> None:
        """Finish the current batches and commit their offsets, before partitions are released."""
        drained = await self.transport.partition_assignment.drain()
        # A commit in progress has older offsets: it must not arrive after this one.
        await self.maybe_wait_for_commit_to_finish()
        if committable := {TP(*source): offset for source, offset in drained.items() if offset}:
            await self._commit_offsets(committable)

    async def _getmany(
        self,
        active_partitions: set[TP] | None,
        timeout: float,  # noqa: ASYNC109 - Faust's
    ) -> Mapping[TP, list[Any]]:
        """Read only partitions with room: in Faust, one full queue stops all the others."""
        active = {TopicPartition(*tp) for tp in active_partitions or ()}
        ready = await self.transport.partition_assignment.wait_for_room(active, timeout)
        if not ready:
            return {}
        patience = timeout if ready == active else PEEK_SECONDS
        return await super()._getmany({TP(*source) for source in ready}, patience)

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        del topics  # all topics count: the ledger says what is published
        return (TP(*source) for source in self.transport.partition_assignment.published())

    def _new_offset(self, tp: TP) -> int | None:
        # It is 0 also while events of an earlier owner are unpublished.
        return self.transport.partition_assignment.published().get(TopicPartition(*tp)) or None

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Do nothing: every batch knows its start and end, so there are no gaps."""


class LedgerTransport(FaustTransport):
    """Faust's aiokafka transport with the consumer above."""

    Consumer = LedgerConsumer

    def __init__(
        self, *args: Any, partition_assignment: PartitionAssignment, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.partition_assignment = partition_assignment


class PatientRecovery(Recovery):
    """Faust's recovery without its timeout, so that it waits for the ledger.

    Faust treats a timeout like a stop: its recovery ends silently, and the worker stays in the
    group without ever reading again, not even after the next rebalance.
    """

    @override
    async def _wait(self, coro: Any, timeout: Any = None) -> None:
        # A stop of the worker and the next rebalance still cancel it.
        del timeout
        await super()._wait(coro)


class LedgerTables(TableManager):
    """Faust's table manager, with the recovery above. There are no tables."""

    @property
    @override
    def recovery(self) -> Recovery:
        if self._recovery is None:
            self._recovery = PatientRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery
