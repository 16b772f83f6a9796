"""The processor: decide one topic's batches one after the other, and publish in order."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog
from opentelemetry.trace import use_span
from tenacity import RetryCallState

from handlers.handler import Handler
from handlers.unit_of_work import UnitOfWork
from models.change_set import ChangeSet
from models.checkpoint import Checkpoint, Outgoing
from models.errors import (
    DuplicateKey,
    Fenced,
    StorageUnavailable,
    TransactionTooLarge,
    TransientStorageError,
)
from models.messages import TopicPartition
from storage.port import Storage, Transaction
from storage.retry import log_retry, retry_outages
from streams.batch import Batch, ParsedMessage, ends, log_reset, offset_resets, refuse
from streams.observer import UNOBSERVED, Observer
from streams.outbox import Outbox
from streams.publisher import Publisher
from streams.tracing import UNTRACED, Tracing, add_retry
from streams.watchdog import Progress

log = structlog.get_logger(__name__)

_MAX_CHECKS = 8
"""How often to check whether a commit without an answer has moved the checkpoint."""
IDLE_SECONDS = 0.05
"""How long a processor waits for more messages before it records that all is published."""
MAX_WEIGHT = 1000
"""Default maximum of orders and other messages per transaction."""
MAX_BATCH_BYTES = 8 * 1024 * 1024
"""Maximum bytes of messages per transaction, and the maximum to read ahead of it."""
SLOW_SECONDS = 3.0
"""After a transaction that took longer, the weight per transaction is halved."""


Decided = tuple[Sequence[tuple[Checkpoint, Checkpoint]], Sequence[Outgoing]]
"""The checkpoints a transaction moves, and what it publishes."""


class TopicProcessor:
    """Decides the messages of one topic's partitions, in transactions that move their checkpoints.

    One transaction takes waiting messages of all partitions. Reading, deciding and publishing
    overlap: the next batches are read while this one is decided, and decided while this one is
    published. Messages are published in the order they were decided.
    """

    def __init__(
        self,
        checkpoints: Iterable[Checkpoint],
        handler: Handler[Any],
        storage: Storage,
        publisher: Publisher,
        now: Callable[[], datetime],
        on_room: Callable[[], None] = lambda: None,
        max_weight: int = MAX_WEIGHT,
        observer: Observer = UNOBSERVED,
        tracing: Tracing = UNTRACED,
    ) -> None:
        self._outbox = Outbox(checkpoints, storage, publisher, observer.published)
        self._observer = observer
        self._tracing = tracing
        self._handler = handler
        self._storage = storage
        self._now = now
        self._on_room = on_room
        self._max_weight = max_weight
        self._weight_now = max_weight
        self._waiting: deque[ParsedMessage] = deque()
        self._waiting_weight = self._waiting_size = 0
        self._wake_up = asyncio.Event()
        self._received_offset = {
            source: checkpoint.committed_offset for source, checkpoint in self.checkpoints.items()
        }
        self._partly_decided = {
            source: checkpoint for source, checkpoint in self.checkpoints.items() if checkpoint.part
        }
        self._draining = False

    @property
    def checkpoints(self) -> Mapping[TopicPartition, Checkpoint]:
        """The checkpoints of its partitions."""
        return self._outbox.checkpoints

    @property
    def published_offset(self) -> Mapping[TopicPartition, int]:
        """Everything before these offsets is decided and published."""
        return self._outbox.published_offset

    def progress(self, source: TopicPartition) -> Progress:
        """Return the progress of a partition."""
        checkpoint = self.checkpoints[source]
        return Progress(
            checkpoint.committed_offset,
            checkpoint.version,
            self.published_offset[source],
            self._received_offset[source],
        )

    @property
    def has_room(self) -> bool:
        """Whether to read more: less than one transaction's worth is waiting."""
        return self._waiting_weight < self._max_weight and self._waiting_size < MAX_BATCH_BYTES

    def enqueue(self, source: TopicPartition, batch: Batch) -> None:
        """Parse a partition's batch and queue its messages."""
        received_offset = self._received_offset[source]
        if batch.start > received_offset:
            # Read before the last seek: the offsets in between, and these, will be read again.
            log.info("batch-out-of-place", source=source, start=batch.start)
            return
        if batch.end > received_offset and not self._draining:
            self._received_offset[source] = batch.end
            for item in self._parse(source, batch, received_offset):
                self._waiting.append(item)
                self._waiting_weight += item.weight
                self._waiting_size += item.size
            self._wake_up.set()

    def _parse(
        self, source: TopicPartition, batch: Batch, received_offset: int
    ) -> Iterator[ParsedMessage]:
        if deleted := range(received_offset, batch.deleted_to):
            yield ParsedMessage(source, deleted.stop, deleted=deleted)
        messages = [message for message in batch.messages if message.last_offset >= received_offset]
        results = iter(
            self._handler.parse([message for message in messages if message.refusal is None])
        )
        for message in messages:
            end = batch.end if message is messages[-1] else message.last_offset + 1
            if message.refusal is not None:
                yield ParsedMessage(source, end, 1, message.size, message, refusal=message.refusal)
                continue
            parsed = next(results)
            weight = self._handler.weight(parsed)
            item = ParsedMessage(source, end, weight, message.size, message, parsed)
            checkpoint = self._partly_decided.get(source)
            if checkpoint is not None and checkpoint.committed_offset == message.offset:
                # An earlier owner has decided a part of it.
                _, item = self._split(item, checkpoint.part) or (item, item)
            yield item
        if not messages:
            yield ParsedMessage(source, batch.end)

    def _split(
        self, item: ParsedMessage, weight: int
    ) -> tuple[ParsedMessage, ParsedMessage] | None:
        """Split off a part with this weight; return it and the rest, None if it has no parts."""
        parts = None if item.parsed is None else self._handler.split(item.parsed, weight)
        if parts is None or item.message is None:
            return None
        done = item.done + weight
        first = item._replace(
            end=item.message.offset, weight=weight, size=0, parsed=parts[0], part=done
        )
        left = max(1, item.weight - weight)
        return first, item._replace(weight=left, parsed=parts[1], done=done)

    def drain(self) -> None:
        """Stop after the current batch and its publication; drop the waiting batches."""
        self._draining = True
        self._outbox.close()
        self._waiting.clear()
        self._waiting_weight = self._waiting_size = 0
        self._wake_up.set()

    async def run(self) -> None:
        """Decide batches until drained. Publish first what an earlier owner left unpublished.

        Raises:
            Fenced: Another worker has advanced a checkpoint.
        """
        await self._outbox.publish(resumed=True)
        while batch := await self._next_batch():
            try:
                await self._decide(batch)
            except TransientStorageError:
                if not self._draining:
                    raise
                # The next owner sees in the checkpoint whether it was decided after all.
                log.warning("batch-given-up", topic=self._first.topic)
                break
        await self._outbox.settle()

    async def _decide(self, batch: Sequence[ParsedMessage], *, is_retry: bool = False) -> None:
        """Decide a batch in one transaction; in halves if it is too large for one.

        A duplicate key may be due to stale caches, so the batch is retried once with everything
        reread. If that fails too, the batch is halved until the message that causes it is found,
        and that message is refused.
        """
        started = time.monotonic()
        try:
            await self._decide_at_once(batch)
        except TransactionTooLarge as error:
            self._observer.failed(error)
            halves = self._halves(batch)
            if not halves:  # it was retried until the processor was drained
                raise StorageUnavailable(str(error)) from None
            self._weight_now = max(1, sum(item.weight for item in batch) // 2)
            log.warning("transaction-too-large", topic=self._first.topic, messages=len(batch))
            for half in halves:
                await self._decide(half)
        except DuplicateKey as error:
            self._observer.failed(error)
            log.warning(
                "duplicate-key",
                topic=self._first.topic,
                collection=error.collection,
                key=error.key,
                messages=len(batch),
            )
            smaller = self._halves(batch) or [[refuse(batch[0], error)]]
            for part in smaller if is_retry else [batch]:
                await self._decide(part, is_retry=True)
        else:
            if time.monotonic() - started > SLOW_SECONDS:
                self._weight_now = max(1, self._weight_now // 2)
            else:
                self._weight_now = min(self._max_weight, 2 * self._weight_now)

    def _halves(self, batch: Sequence[ParsedMessage]) -> Sequence[Sequence[ParsedMessage]]:
        """Return the two halves of a batch; none if it is one message without parts."""
        if len(batch) > 1:
            middle = len(batch) // 2
            return batch[:middle], batch[middle:]
        (item,) = batch
        parts = self._split(item, item.weight // 2) if item.weight > 1 else None
        return [[part] for part in parts or ()]

    async def _decide_at_once(self, batch: Sequence[ParsedMessage]) -> None:
        decided: Decided | None = None
        written: list[ChangeSet] = []
        began = time.monotonic()
        resets = offset_resets(batch, self._now())
        parsed = [item.parsed for item in batch if item.parsed is not None]

        async def work(transaction: Transaction) -> None:
            nonlocal decided
            written.clear()

            async def write_ahead(changes: ChangeSet) -> None:
                written.append(changes)
                await transaction.write_ahead(changes)

            unit_of_work = self._begin_unit_of_work(batch, write_ahead)
            if parsed:
                await self._handler.handle(parsed, unit_of_work, transaction)
            self._on_room()  # The next batch is parsed while the database writes this one.
            moves = self._outbox.advance(ends(batch, unit_of_work), unit_of_work.outgoing)
            changes = unit_of_work.take_changes()
            changes.offset_resets.extend(resets)
            written.append(changes)
            await transaction.write(changes, moves)
            decided = moves, unit_of_work.outgoing

        # A single message cannot be halved, but the server may have more room in a while.
        is_smallest = not self._halves(batch)
        transient = (TransientStorageError, *((TransactionTooLarge,) if is_smallest else ()))
        attempts = 0

        async def transact() -> None:
            nonlocal attempts
            attempts += 1
            before = decided
            # A commit without an answer may have happened: the stored checkpoint tells.
            if decided is None or not await self._has_moved(batch[0].source):
                try:
                    await self._storage.transact(work, self._first)
                except (Fenced, DuplicateKey):
                    # The conflict may be with that very commit, before a majority has it.
                    if before is None or attempts > _MAX_CHECKS:
                        raise
                    raise StorageUnavailable("a commit without an answer") from None

        received = ((item.source, item.message) for item in batch if item.message is not None)
        with self._tracing.process(self._first.topic, len(batch), received) as span:
            await retry_outages(
                transact, *transient, stop=lambda _: self._draining, before_sleep=self._report_retry
            )
        if decided is None:
            raise AssertionError("a committed transaction has decided")
        for reset in resets:
            log_reset(reset)
        messages = [
            (item.source, item.message)
            for item in batch
            if item.message is not None and not item.part
        ]
        self._observer.committed(self._first.topic, messages, written, time.monotonic() - began)
        self._outbox.add(*decided)
        with use_span(span):  # The publication goes on after it, as its child.
            await self._outbox.publish()

    def _report_retry(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome is not None else None
        self._observer.failed(error)
        add_retry(error)
        log_retry(state)

    def _begin_unit_of_work(
        self,
        batch: Sequence[ParsedMessage],
        write_ahead: Callable[[ChangeSet], Awaitable[None]],
    ) -> UnitOfWork:
        """Return a unit of work with the dead letters of unreadable messages.

        It also knows which messages have an earlier part that was refused, because a message gets
        only one dead letter.
        """
        refused = [
            (source.partition, checkpoint.committed_offset)
            for source, checkpoint in self.checkpoints.items()
            if checkpoint.part_refused
        ]
        unit_of_work = UnitOfWork(
            self._first.topic, self._now(), refused=refused, write_ahead=write_ahead
        )
        for item in batch:
            if item.message is not None and item.refusal is not None:
                unit_of_work.dead_letter(item.message, item.refusal)
        return unit_of_work

    @property
    def _first(self) -> TopicPartition:
        return next(iter(self.checkpoints))

    async def _has_moved(self, source: TopicPartition) -> bool:
        stored, own = await self._storage.checkpoint(source), self.checkpoints[source]
        if stored.epoch != own.epoch:
            raise Fenced(f"{source} has another owner")
        return stored.version > own.version

    async def _next_batch(self) -> Sequence[ParsedMessage]:
        """Wait for messages; return those to decide together, none once drained."""
        pause = IDLE_SECONDS
        while not self._waiting and not self._draining:
            self._wake_up.clear()
            if self._outbox.is_settled:
                await self._wake_up.wait()
                continue
            try:
                await asyncio.wait_for(self._wake_up.wait(), pause)
            except TimeoutError:
                await self._outbox.settle()
                pause = min(2 * pause, 5.0)
        batch: list[ParsedMessage] = []
        weight = size = 0
        while self._waiting:
            item = self._waiting[0]
            is_too_large = not batch and item.weight > self._weight_now
            if is_too_large and (parts := self._split(item, self._weight_now)):
                batch.append(parts[0])
                self._waiting[0] = parts[1]
                break
            weight += item.weight
            size += item.size
            if batch and (weight > self._weight_now or size > MAX_BATCH_BYTES):
                break
            batch.append(self._waiting.popleft())
        self._waiting_weight -= sum(item.weight for item in batch)
        self._waiting_size -= sum(item.size for item in batch)
        return batch
