"""Claim partitions when Kafka assigns them, run their processors, and release them in order."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import groupby
from typing import Any

import structlog

from handlers.handler import Handler
from models.change_set import ChangeSet
from models.checkpoint import Checkpoint, OffsetReset
from models.errors import TransientStorageError
from models.messages import TopicPartition
from storage.port import R, Storage, Transaction
from storage.retry import log_retry, retry_outages
from streams.batch import Batch, log_reset
from streams.observer import UNOBSERVED, Observer
from streams.processor import MAX_WEIGHT, TopicProcessor
from streams.publisher import Publisher
from streams.tracing import UNTRACED, Tracing
from streams.watchdog import Progress

log = structlog.get_logger(__name__)

DRAIN_SECONDS = 20.0
"""How long a drain may take. A processor that hangs longer ends the process: if its transaction
still commits, the checkpoint fences it."""


class DrainTimeout(Exception):  # noqa: N818 - a state of the world, not a mistake
    """A processor did not finish its batch before its partitions had to be released."""


@dataclass(frozen=True, slots=True)
class LogBounds:
    """The offsets a partition has: from `start` up to, not including, `end`.

    `topic_id` is None if Kafka did not return it.
    """

    start: int
    end: int
    topic_id: str | None = None


ReadBounds = Callable[[Collection[TopicPartition]], Awaitable[Mapping[TopicPartition, LogBounds]]]


class PartitionAssignment:
    """The processors of a worker, one per topic. If a processor fails, the worker fails."""

    def __init__(
        self,
        handlers: Mapping[str, Handler[Any]],
        storage: Storage,
        publisher: Publisher,
        now: Callable[[], datetime],
        on_failure: Callable[[BaseException], None],
        max_weight: int = MAX_WEIGHT,
        observer: Observer = UNOBSERVED,
        tracing: Tracing = UNTRACED,
    ) -> None:
        self._handlers = handlers
        self._storage = storage
        self._publisher = publisher
        self._now = now
        self._on_failure = on_failure
        self._max_weight = max_weight
        self._observer = observer
        self._tracing = tracing
        self._processors: dict[str, tuple[TopicProcessor, asyncio.Task[None]]] = {}
        # Faust may ask for the offsets twice at once, from a rebalance and from its reader.
        self._reassigning = asyncio.Lock()
        self._room = asyncio.Event()
        self.assigning_since: float | None = None
        """When the claim of partitions began that is under way; None if none is."""

    async def assign(
        self, sources: Iterable[TopicPartition], read_bounds: ReadBounds
    ) -> Mapping[TopicPartition, int]:
        """Claim partitions, start their processors, and return the offsets to read from.

        Earlier processors are drained first. A partition without bounds does not exist.

        Raises:
            Fenced: Another worker has claimed one of the partitions meanwhile.
        """
        async with self._reassigning:
            await self._drain()
            self.assigning_since = time.monotonic()
            try:
                return await self._claim(sorted(sources), read_bounds)
            finally:
                self.assigning_since = None

    async def _claim(
        self, sources: Sequence[TopicPartition], read_bounds: ReadBounds
    ) -> Mapping[TopicPartition, int]:
        by_topic = groupby(sources, lambda source: source.topic)
        claimed = {
            topic: await _retry(self._storage.claim, list(group)) for topic, group in by_topic
        }
        # Read the log bounds after claiming: if we stall in between, a checkpoint that another
        # worker has advanced would seem to lie beyond the end of the log.
        bounds = await read_bounds(sources)
        self._observer.assigned(len(bounds))
        for topic, of_topic in claimed.items():
            checkpoints = [checkpoint for checkpoint in of_topic if checkpoint.source in bounds]
            if not checkpoints:
                continue  # the topic is deleted; Kafka assigns its partitions if it is recreated
            processor = TopicProcessor(
                await self._within_logs(checkpoints, bounds),
                self._handlers[topic],
                self._storage,
                self._publisher,
                self._now,
                self._room.set,
                self._max_weight,
                self._observer,
                self._tracing,
            )
            task = asyncio.create_task(processor.run(), name=f"processor {topic}")
            task.add_done_callback(self._report_failure)
            self._processors[topic] = (processor, task)
        log.info("partitions-assigned", partitions=len(bounds))
        return {
            source: checkpoint.committed_offset
            for processor, _ in self._processors.values()
            for source, checkpoint in processor.checkpoints.items()
        }

    def dispatch(self, source: TopicPartition, batch: Batch) -> None:
        """Enqueue a batch with its processor; drop it if the partition was released."""
        processor = self._find_processor(source)
        if processor is not None:
            processor.enqueue(source, batch)

    async def wait_for_room(
        self, sources: Collection[TopicPartition], seconds: float
    ) -> set[TopicPartition]:
        """Return the partitions whose processors accept a batch; wait up to `seconds` for one.

        A full processor does not hold up the partitions of the others.
        """
        self._room.clear()
        ready = self._find_room(sources)
        if sources and not ready:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._room.wait(), seconds)
            ready = self._find_room(sources)
        return ready

    def _find_room(self, sources: Collection[TopicPartition]) -> set[TopicPartition]:
        processors = {source: self._find_processor(source) for source in sources}
        return {
            source
            for source, processor in processors.items()
            if processor is None or processor.has_room
        }

    def _find_processor(self, source: TopicPartition) -> TopicProcessor | None:
        owned = self._processors.get(source.topic)
        return owned[0] if owned is not None and source in owned[0].checkpoints else None

    async def drain(self) -> Mapping[TopicPartition, int]:
        """Let every processor finish its current batch, then drop them all.

        Returns:
            Per released partition, the offset up to which everything is decided and published.

        Raises:
            DrainTimeout: A processor did not finish in time.
        """
        async with self._reassigning:
            return await self._drain()

    async def _drain(self) -> Mapping[TopicPartition, int]:
        owned, self._processors = self._processors, {}
        self._room.set()
        for processor, _ in owned.values():
            processor.drain()
        tasks = [task for _, task in owned.values()]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=DRAIN_SECONDS)
            if late:
                raise DrainTimeout(", ".join(task.get_name() for task in late))
        return _published_offsets(owned)

    def published(self) -> Mapping[TopicPartition, int]:
        """Return, per partition, the offset up to which everything is decided and published."""
        return _published_offsets(self._processors)

    def progress(self) -> Mapping[TopicPartition, Progress]:
        """Return the progress of each partition."""
        return {
            source: processor.progress(source)
            for processor, _ in self._processors.values()
            for source in processor.checkpoints
        }

    async def _within_logs(
        self, checkpoints: Sequence[Checkpoint], bounds: Mapping[TopicPartition, LogBounds]
    ) -> Sequence[Checkpoint]:
        """Reset checkpoints that lie outside their logs to the oldest available message."""
        now = self._now()
        checked = [
            (checkpoint, *_within_log(checkpoint, bounds[checkpoint.source], now))
            for checkpoint in checkpoints
        ]
        moves = [(before, after) for before, after, _ in checked if after is not before]
        resets = [reset for *_, reset in checked if reset is not None]

        async def work(transaction: Transaction) -> None:
            await transaction.write(ChangeSet(offset_resets=resets), moves)

        if moves:
            await _retry(self._storage.transact, work, checkpoints[0].source)
        for reset in resets:
            log_reset(reset)
        return [after for _, after, _ in checked]

    def _report_failure(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_failure(error)


def _published_offsets(
    processors: Mapping[str, tuple[TopicProcessor, asyncio.Task[None]]],
) -> Mapping[TopicPartition, int]:
    return {
        source: offset
        for processor, _ in processors.values()
        for source, offset in processor.published_offset.items()
    }


def _within_log(
    checkpoint: Checkpoint, bounds: LogBounds, at: datetime
) -> tuple[Checkpoint, OffsetReset | None]:
    """Return the checkpoint to continue from, and the reset to report if there was one."""
    stored_id, topic_id = checkpoint.topic_id, bounds.topic_id or checkpoint.topic_id
    is_recreated = stored_id is not None and stored_id != topic_id
    offset = checkpoint.committed_offset
    if is_recreated or not bounds.start <= offset <= bounds.end:
        offset = bounds.start
    if offset == checkpoint.committed_offset and topic_id == stored_id:
        return checkpoint, None
    stays = offset == checkpoint.committed_offset and not is_recreated
    part, is_refused = (checkpoint.part, checkpoint.part_refused) if stays else (0, False)
    moved = checkpoint.moved(offset, checkpoint.outbox, part, part_refused=is_refused)
    after = replace(moved, topic_id=topic_id)
    # If a partition is read for the first time, messages deleted earlier are not a loss.
    was_read = checkpoint.committed_offset or checkpoint.epoch > 1
    if offset == checkpoint.committed_offset or not was_read:
        return after, None
    return after, OffsetReset(checkpoint.source, checkpoint.committed_offset, offset, at)


async def _retry(call: Callable[..., Awaitable[R]], *arguments: object) -> R:
    return await retry_outages(
        partial(call, *arguments), TransientStorageError, before_sleep=log_retry
    )
