"""Faust's transport, with the parts replaced that lose events.

Faust commits past what was not processed (on an exception, a cancelled task, a gap). Here the
ledger says how far a partition is: a partition is read from the ledger's position, and what is
committed to Kafka is only what the ledger has as decided and published, for tools that show lag.
And one Faust event is a whole batch of one partition, so that Faust's cost per event is paid once
a batch.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import ConsumerRecord
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.transport.drivers.aiokafka import Consumer as FaustConsumer
from faust.transport.drivers.aiokafka import Transport as FaustTransport
from faust.types import TP

from models.ledger import Source
from streams.lane import Batch
from streams.lanes import Lanes, LogBounds

PEEK_SECONDS = 0.02
"""How long to wait for news of some partitions while others, whose lanes are full, have some."""


class BatchRecord:
    """A batch of one partition in the place of a record: Faust sees one event."""

    __slots__ = ("batch", "record")

    def __init__(self, batch: Batch, record: ConsumerRecord[bytes, bytes]) -> None:
        self.batch = batch
        self.record = record

    @property
    def value(self) -> Batch:
        """The batch: it is what the agent gets as the event's value."""
        return self.batch

    def __getattr__(self, name: str) -> Any:
        # Topic, partition, offset and timestamp of the batch are those of its last record.
        return getattr(self.record, name)


class LedgerConsumerThread(AIOKafkaConsumerThread):
    """Reads batches, and knows of each where it starts."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._read_to: dict[TP, int] = {}

    async def _seek_wait(self, consumer: AIOKafkaConsumer, partitions: Mapping[TP, int]) -> None:
        # Runs on the same loop as the reading: a batch read before the seek keeps its old start.
        self._read_to.update(partitions)
        await super()._seek_wait(consumer, partitions)

    async def _fetch_records(self, *args: Any, **kwargs: Any) -> dict[TP, list[BatchRecord]]:
        records = await super()._fetch_records(*args, **kwargs)
        return {tp: [self._batch(tp, found)] for tp, found in records.items() if found}

    def _batch(self, tp: TP, found: list[ConsumerRecord[bytes, bytes]]) -> BatchRecord:
        start = min(self._read_to.get(tp, found[0].offset), found[0].offset)
        batch = Batch(start, found)
        self._read_to[tp] = batch.end
        return BatchRecord(batch, found[-1])


class LedgerConsumer(FaustConsumer):
    """A consumer whose positions are the ledger's."""

    transport: "LedgerTransport"

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
        assigned = [Source(*tp) for tp in self.assignment()]
        offsets = await self.transport.lanes.assign(assigned, self._bounds_of)
        positions = {TP(*source): offset for source, offset in offsets.items()}
        await self.seek_wait(positions)
        return positions

    async def _bounds_of(self, sources: Collection[Source]) -> Mapping[Source, LogBounds]:
        partitions = [TP(*source) for source in sources]
        starts = await self.earliest_offsets(*partitions)
        ends = await self.highwaters(*partitions)
        return {Source(*tp): LogBounds(starts[tp], ends[tp]) for tp in partitions}

    async def wait_empty(self) -> None:
        """Before partitions are given up: finish what is at hand, then tell Kafka how far."""
        drained = await self.transport.lanes.drain()
        # A commit that is under way knows of less: it must not arrive after this one.
        await self.maybe_wait_for_commit_to_finish()
        if committable := {TP(*source): offset for source, offset in drained.items() if offset}:
            await self._commit_offsets(committable)

    async def _getmany(
        self,
        active_partitions: set[TP] | None,
        timeout: float,  # noqa: ASYNC109 - Faust's
    ) -> Mapping[TP, list[Any]]:
        """Read what lanes have room for: to Faust, one full queue would stop all the others."""
        active = {Source(*tp) for tp in active_partitions or ()}
        ready = await self.transport.lanes.with_room(active, timeout)
        if not ready:
            return {}
        patience = timeout if ready == active else PEEK_SECONDS
        return await super()._getmany({TP(*source) for source in ready}, patience)

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        del topics  # all of them: what is published is the ledger's to say
        return (TP(*source) for source in self.transport.lanes.published())

    def _new_offset(self, tp: TP) -> int | None:
        # 0 is also what a partition has whose earlier owner's events are still to go out.
        return self.transport.lanes.published().get(Source(tp.topic, tp.partition)) or None

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """A batch is not a gap."""


class LedgerTransport(FaustTransport):
    """Faust's aiokafka transport with the consumer above."""

    Consumer = LedgerConsumer

    def __init__(self, *args: Any, lanes: Lanes, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lanes = lanes
