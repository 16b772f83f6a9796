"""Faust's transport, with the parts replaced that lose events.

Faust commits past what was not processed (on an exception, a cancelled task, a gap). Here the
ledger says how far a partition is: a partition is read from the ledger's checkpoint, and what is
committed to Kafka is only what the ledger has as decided and published, for tools that show lag.
And one Faust event is a whole batch of one partition, so that Faust's cost per event is paid once
a batch.
"""

import asyncio
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
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
from tenacity import AsyncRetrying, retry_if_exception_type
from typing_extensions import override

from models.messages import TopicPartition
from streams.assignment import LogBounds, PartitionAssignment
from streams.consumer import METADATA_SECONDS, Consumer
from streams.decoding import Record
from streams.processor import Batch

PEEK_SECONDS = 0.02
"""How long to wait for news of some partitions while others, whose processors are full, have
some."""
COMMIT_SECONDS = 5.0
"""How long Kafka may take to note offsets. They are there for tools that show lag, no more."""


class BatchRecord(NamedTuple):
    """A batch of one partition in the place of a record: Faust sees one event."""

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
    """Reads batches, and knows of each where it starts and ends."""

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
        # Runs on the same loop as the reading: a batch read before the seek keeps its old start.
        self._read_to.update(partitions)
        self._ids_due = time.monotonic() + METADATA_SECONDS
        await super()._seek_wait(consumer, partitions)

    async def _fetch_records(
        self, consumer: Consumer, active_partitions: set[TP], *args: Any, **kwargs: Any
    ) -> dict[TP, list[BatchRecord]]:
        if time.monotonic() > self._ids_due:
            await self._check_topics(consumer)
        found = await super()._fetch_records(consumer, active_partitions, *args, **kwargs)
        batches = {}
        for tp in active_partitions:
            expected, log_start = consumer.take_reset(tp) or (0, 0)
            if log_start < expected:
                # Its topic is another one, or lost its end: what is stored decides where to go on.
                self._read_to.pop(tp, None)
                consumer.rejoin()
            next_offset = consumer.next_offset(tp)
            batch = self._batch(tp, found.get(tp, ()), next_offset, log_start)
            if batch is not None:
                batches[tp] = [batch]
        return batches

    async def log_bounds(self, partitions: Collection[TP]) -> Mapping[TopicPartition, LogBounds]:
        """Return the bounds of those partitions that there are, and watch their topics' ids."""
        found: Mapping[TopicPartition, LogBounds] = await self.call_thread(
            self._log_bounds, partitions
        )
        return found

    async def _log_bounds(self, partitions: Collection[TP]) -> Mapping[TopicPartition, LogBounds]:
        consumer: Consumer = self._ensure_consumer()
        # aiokafka would wait long for the offsets of a topic that is deleted, and all others too.
        await consumer.refresh()
        there = [tp for tp in partitions if consumer.has(tp)]
        # Before the offsets: if the topic is another one in between, its id does not fit later.
        self._topic_ids = ids = await consumer.topic_ids({tp.topic for tp in there})
        starts = await consumer.beginning_offsets(there)
        ends = await consumer.end_offsets(there)
        return {
            TopicPartition(*tp): LogBounds(starts[tp], ends[tp], ids.get(tp.topic)) for tp in there
        }

    async def _check_topics(self, consumer: Consumer) -> None:
        """Have partitions taken up anew whose topic was deleted and created anew meanwhile.

        Its log may be as long as the old one was: then no offset shows it.
        """
        self._ids_due = time.monotonic() + METADATA_SECONDS
        found = await consumer.topic_ids(self._topic_ids)
        if any(found.get(topic, known) != known for topic, known in self._topic_ids.items()):
            consumer.rejoin()

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        consumer: Consumer = self._ensure_consumer()
        # aiokafka asks without end where a topic was deleted, and no partitions could be moved.
        there = {tp: offset for tp, offset in offsets.items() if consumer.has(tp)}
        try:
            async with asyncio.timeout(COMMIT_SECONDS):
                return not there or await super()._commit(there)
        except TimeoutError:
            return False

    def _batch(
        self, tp: TP, records: Sequence[Record], next_offset: int | None, log_start: int = 0
    ) -> BatchRecord | None:
        """Give what was read of a partition since the last time, if it was anything.

        Where it ends with Kafka's own marks or an aborted transaction, no record tells.
        """
        start = self._read_to.get(tp)
        if start is None or next_offset is None or next_offset <= start:
            return None
        self._read_to[tp] = next_offset
        batch = Batch(start, records, next_offset, log_start)
        return BatchRecord(tp.topic, tp.partition, next_offset - 1, batch)


class LedgerConsumer(FaustConsumer):
    """A consumer whose checkpoints are the ledger's."""

    transport: "LedgerTransport"
    _thread: LedgerConsumerThread

    def _new_consumer_thread(self) -> LedgerConsumerThread:
        return LedgerConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def perform_seek(self) -> None:
        """Take up the assigned partitions, whatever Kafka has of them as committed."""
        await super().perform_seek()
        # Faust takes the ledger's offsets for committed ones, and would commit none before the next
        # message: whoever ended without a last commit would be behind for as long.
        self._committed_offset.clear()

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Take up the assigned partitions where the ledger says."""
        assigned = [TopicPartition(*tp) for tp in self.assignment()]
        offsets = await self.transport.partition_assignment.assign(assigned, self._bounds_of)
        offsets_by_partition = {TP(*source): offset for source, offset in offsets.items()}
        await self.seek_wait(offsets_by_partition)
        return offsets_by_partition

    async def _bounds_of(
        self, sources: Collection[TopicPartition]
    ) -> Mapping[TopicPartition, LogBounds]:
        # Brokers away for long end no worker. Its end, and the next rebalance, break this off.
        again = AsyncRetrying(retry=retry_if_exception_type(KafkaTimeoutError), reraise=True)
        bounds: Mapping[TopicPartition, LogBounds] = await again(
            self._thread.log_bounds, [TP(*source) for source in sources]
        )
        return bounds

    async def wait_empty(self) -> None:
        """Before partitions are given up: finish what is at hand, then tell Kafka how far."""
        drained = await self.transport.partition_assignment.drain()
        # A commit that is under way knows of less: it must not arrive after this one.
        await self.maybe_wait_for_commit_to_finish()
        if committable := {TP(*source): offset for source, offset in drained.items() if offset}:
            await self._commit_offsets(committable)

    async def _getmany(
        self,
        active_partitions: set[TP] | None,
        timeout: float,  # noqa: ASYNC109 - Faust's
    ) -> Mapping[TP, list[Any]]:
        """Read what processors have room for: in Faust, one full queue stops all the others."""
        active = {TopicPartition(*tp) for tp in active_partitions or ()}
        ready = await self.transport.partition_assignment.with_room(active, timeout)
        if not ready:
            return {}
        patience = timeout if ready == active else PEEK_SECONDS
        return await super()._getmany({TP(*source) for source in ready}, patience)

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        del topics  # all of them: what is published is the ledger's to say
        return (TP(*source) for source in self.transport.partition_assignment.published())

    def _new_offset(self, tp: TP) -> int | None:
        # 0 is also what a partition has whose earlier owner's events are still to go out.
        return (
            self.transport.partition_assignment.published().get(
                TopicPartition(tp.topic, tp.partition)
            )
            or None
        )

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """A batch is not a gap."""


class LedgerTransport(FaustTransport):
    """Faust's aiokafka transport with the consumer above."""

    Consumer = LedgerConsumer

    def __init__(
        self, *args: Any, partition_assignment: PartitionAssignment, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.partition_assignment = partition_assignment


class PatientRecovery(Recovery):
    """Takes up partitions however long the ledger is away.

    Faust takes a time-out for the order to stop: its recovery ends without a word, and the worker
    stays in the group and reads nothing, after the next rebalance neither.
    """

    @override
    async def _wait(self, coro: Any, timeout: Any = None) -> None:
        # The worker's end and the next rebalance still break it off.
        del timeout
        await super()._wait(coro)


class LedgerTables(TableManager):
    """Faust's keeper of tables, of which there are none."""

    @property
    @override
    def recovery(self) -> Recovery:
        if self._recovery is None:
            self._recovery = PatientRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery
