"""The processors: one per topic, taken up from the ledger and handed back in good order."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Any

import structlog
from tenacity import AsyncRetrying, retry_if_exception_type, wait_exponential_jitter

from handlers.handler import Handler
from models.change_set import ChangeSet
from models.checkpoint import Checkpoint, OffsetReset
from models.errors import TransientStorageError
from models.messages import TopicPartition
from storage.port import R, Storage, Transaction
from streams.processor import MAX_WEIGHT, Batch, TopicProcessor, log_reset, log_retry
from streams.publisher import Publisher
from streams.watchdog import Progress

log = structlog.get_logger(__name__)

DRAIN_SECONDS = 20.0
"""How long a hand-over may take. A processor that hangs longer ends the process: its transaction,
if it still commits, is fenced off by the checkpoint."""


class DrainTimeout(Exception):  # noqa: N818 - a state of the world, not a mistake
    """A processor did not finish its batch in time for a hand-over."""


@dataclass(frozen=True, slots=True)
class LogBounds:
    """The offsets a partition has: from `start` up to, not including, `end`.

    `topic_id` is None where Kafka did not tell it.
    """

    start: int
    end: int
    topic_id: str | None = None


ReadBounds = Callable[[Collection[TopicPartition]], Awaitable[Mapping[TopicPartition, LogBounds]]]


class PartitionAssignment:
    """Owns the processors of a worker. A processor that fails fails the worker."""

    def __init__(
        self,
        handlers: Mapping[str, Handler[Any]],
        storage: Storage,
        publisher: Publisher,
        now: Callable[[], datetime],
        on_failure: Callable[[BaseException], None],
        max_weight: int = MAX_WEIGHT,
    ) -> None:
        self._handlers = handlers
        self._storage = storage
        self._publisher = publisher
        self._now = now
        self._on_failure = on_failure
        self._max_weight = max_weight
        self._processors: dict[str, tuple[TopicProcessor, asyncio.Task[None]]] = {}
        # Faust may ask for the checkpoints twice at once, from a rebalance and from its reader.
        self._handing_over = asyncio.Lock()
        self._room = asyncio.Event()
        self.assigning_since: float | None = None
        """Since when partitions are being taken up; None while none are."""

    async def assign(
        self, sources: Iterable[TopicPartition], bounds_of: ReadBounds
    ) -> Mapping[TopicPartition, int]:
        """Take up partitions where the ledger says; give the offsets to read from.

        PartitionAssignment there were before are drained first. A partition without bounds is none
        that there is.

        Raises:
            Fenced: Another has taken up one of them meanwhile.
        """
        async with self._handing_over:
            await self._drain()
            self.assigning_since = time.monotonic()
            try:
                return await self._take_up(sorted(sources), bounds_of)
            finally:
                self.assigning_since = None

    async def _take_up(
        self, sources: Sequence[TopicPartition], bounds_of: ReadBounds
    ) -> Mapping[TopicPartition, int]:
        by_topic = {topic: list(of) for topic, of in groupby(sources, lambda one: one.topic)}
        taken = {topic: await _again(self._storage.claim, of) for topic, of in by_topic.items()}
        # Only now: whoever sleeps between the two must not find a log that ends before a checkpoint
        # another has moved since.
        bounds = await bounds_of(sources)
        for topic, claimed in taken.items():
            checkpoints = [one for one in claimed if one.source in bounds]
            if not checkpoints:
                continue  # the topic is deleted; when it is there again, they are assigned again
            processor = TopicProcessor(
                await self._within_logs(checkpoints, bounds),
                self._handlers[topic],
                self._storage,
                self._publisher,
                self._now,
                self._room.set,
                self._max_weight,
            )
            task = asyncio.create_task(processor.run(), name=f"processor {topic}")
            task.add_done_callback(self._ended)
            self._processors[topic] = (processor, task)
        log.info("partitions-assigned", partitions=len(bounds))
        return {source: one.committed_offset for source, one in self._positions().items()}

    def dispatch(self, source: TopicPartition, batch: Batch) -> None:
        """Hand a batch to its processor. One for a partition that was given up is dropped."""
        processor = self._processor_of(source)
        if processor is not None:
            processor.enqueue(source, batch)

    async def with_room(
        self, sources: Collection[TopicPartition], seconds: float
    ) -> set[TopicPartition]:
        """Give those whose processors can take a batch at once; waits for one, at most so long.

        A partition that nobody may read from yet holds up none of the others.
        """
        self._room.clear()
        ready = self._with_room(sources)
        if sources and not ready:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._room.wait(), seconds)
            ready = self._with_room(sources)
        return ready

    def _with_room(self, sources: Collection[TopicPartition]) -> set[TopicPartition]:
        partition_assignment = {source: self._processor_of(source) for source in sources}
        return {
            one
            for one, processor in partition_assignment.items()
            if processor is None or processor.has_room
        }

    def _processor_of(self, source: TopicPartition) -> TopicProcessor | None:
        owned = self._processors.get(source.topic)
        return owned[0] if owned is not None and source in owned[0].checkpoints else None

    def _positions(self) -> Mapping[TopicPartition, Checkpoint]:
        return {
            s: one
            for processor, _ in self._processors.values()
            for s, one in processor.checkpoints.items()
        }

    async def drain(self) -> Mapping[TopicPartition, int]:
        """Let every processor finish what it has at hand, then drop them all.

        Returns:
            Per partition given up, the offset up to which all is decided and published.

        Raises:
            DrainTimeout: A processor did not finish in time.
        """
        async with self._handing_over:
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
        return _published(owned)

    def published(self) -> Mapping[TopicPartition, int]:
        """Give, per partition, the offset up to which all is decided and published."""
        return _published(self._processors)

    def progress(self) -> Mapping[TopicPartition, Progress]:
        """Give how far each partition is."""
        return {
            s: processor.progress(s)
            for processor, _ in self._processors.values()
            for s in processor.checkpoints
        }

    async def _within_logs(
        self, checkpoints: Sequence[Checkpoint], bounds: Mapping[TopicPartition, LogBounds]
    ) -> Sequence[Checkpoint]:
        """Move checkpoints that are not in their logs any more to the oldest message there is."""
        now = self._now()
        found = [(one, *_within_log(one, bounds[one.source], now)) for one in checkpoints]
        moves = [(before, after) for before, after, _ in found if after is not before]
        resets = [reset for *_, reset in found if reset is not None]

        async def work(transaction: Transaction) -> None:
            await transaction.write(ChangeSet(offset_resets=resets), moves)

        if moves:
            await _again(self._storage.transact, work, checkpoints[0].source)
        for reset in resets:
            log_reset(reset)
        return [after for _, after, _ in found]

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_failure(error)


def _published(
    partition_assignment: Mapping[str, tuple[TopicProcessor, asyncio.Task[None]]],
) -> Mapping[TopicPartition, int]:
    return {
        s: to
        for processor, _ in partition_assignment.values()
        for s, to in processor.published_offset.items()
    }


def _within_log(
    checkpoint: Checkpoint, bounds: LogBounds, at: datetime
) -> tuple[Checkpoint, OffsetReset | None]:
    """Return where to read on, and what is to be reported of it."""
    known, topic_id = checkpoint.topic_id, bounds.topic_id or checkpoint.topic_id
    is_recreated = known is not None and known != topic_id
    offset = checkpoint.committed_offset
    if is_recreated or not bounds.start <= offset <= bounds.end:
        offset = bounds.start
    if offset == checkpoint.committed_offset and topic_id == known:
        return checkpoint, None
    stays = offset == checkpoint.committed_offset and not is_recreated
    part, told = (checkpoint.part, checkpoint.part_refused) if stays else (0, False)
    moved = checkpoint.moved(offset, checkpoint.outbox, part, part_refused=told)
    after = replace(moved, topic_id=topic_id)
    # Of a partition that is read for the first time, nobody has missed what was deleted before.
    was_read = checkpoint.committed_offset or checkpoint.epoch > 1
    if offset == checkpoint.committed_offset or not was_read:
        return after, None
    return after, OffsetReset(checkpoint.source, checkpoint.committed_offset, offset, at)


async def _again(ask: Callable[..., Awaitable[R]], *about: object) -> R:
    again = AsyncRetrying(
        retry=retry_if_exception_type(TransientStorageError),
        wait=wait_exponential_jitter(multiplier=0.1, max=5, jitter=0.5),
        before_sleep=log_retry,
        reraise=True,
    )
    answer: R = await again(ask, *about)
    return answer
