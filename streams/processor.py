"""The processor: one topic's batches, decided one after the other, published in order."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential_jitter

from handlers.handler import Handler
from handlers.unit_of_work import UnitOfWork
from models.checkpoint import Checkpoint, OffsetReset, Outgoing
from models.errors import (
    DuplicateKey,
    Fenced,
    StorageBusy,
    StorageUnavailable,
    TransactionTooLarge,
    TransientStorageError,
)
from models.messages import DeadLetterCode, Incoming, Rejection, TopicPartition
from storage.port import Storage, Transaction
from streams.outbox import End, Outbox
from streams.publisher import Publisher
from streams.watchdog import Progress

log = structlog.get_logger(__name__)

_MOST_LOOKS = 8
"""How often a checkpoint is asked whether it was moved by a commit without an answer."""
IDLE_SECONDS = 0.05
"""How long a processor waits for more before it records that all is published."""
MAX_WEIGHT = 1000
"""How many orders and other messages are decided in one transaction, if nothing else is set."""
MAX_BATCH_BYTES = 8 * 1024 * 1024
"""How many bytes of messages are decided in one transaction, and read ahead of it."""
SLOW_SECONDS = 3.0
"""After a transaction that took longer the next ones take half as much."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What was read of one partition: everything from `start` up to, not including, `end`.

    Not every offset has a message: some are Kafka's own marks, some were of aborted transactions.
    What is before `deleted_to` Kafka had deleted before it was read.
    """

    start: int
    messages: Sequence[Incoming]
    end: int
    deleted_to: int = 0


class ParsedMessage(NamedTuple):
    """A message, or a part of one, as its stage has read it, and how large a part it is.

    Without a `refusal` and without anything read it only moves the checkpoint: to `end`, and with
    `part` orders of the message there decided too, of which `done` were before this part. Perhaps
    it moves past offsets that Kafka `deleted` before they were read.
    """

    source: TopicPartition
    end: int
    weight: int = 0
    size: int = 0
    message: Incoming | None = None
    read: Any = None
    refusal: Rejection | None = None
    done: int = 0
    part: int = 0
    deleted: range = range(0)


Decided = tuple[Sequence[tuple[Checkpoint, Checkpoint]], Sequence[Outgoing]]
"""The checkpoints a transaction moves, and what it publishes."""


class TopicProcessor:
    """Decides one topic's partitions, in transactions that also move their checkpoints.

    Whatever waits is decided together, so that partitions need not take turns. The next batches
    are read while these are decided, and decided while these are still being published; messages
    go out in the order they were decided.
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
    ) -> None:
        self._outbox = Outbox(checkpoints, storage, publisher)
        self._handler = handler
        self._storage = storage
        self._now = now
        self._on_room = on_room
        self._max_weight = max_weight
        self._weight_now = max_weight
        self._waiting: deque[ParsedMessage] = deque()
        self._waiting_weight = self._waiting_size = 0
        self._news = asyncio.Event()
        self._received_offset = {
            source: one.committed_offset for source, one in self.checkpoints.items()
        }
        self._begun = {source: one for source, one in self.checkpoints.items() if one.part}
        self._draining = False

    @property
    def checkpoints(self) -> Mapping[TopicPartition, Checkpoint]:
        """Where its partitions stand."""
        return self._outbox.checkpoints

    @property
    def published_offset(self) -> Mapping[TopicPartition, int]:
        """Everything before these offsets is decided and published."""
        return self._outbox.published_offset

    def progress(self, source: TopicPartition) -> Progress:
        """Say how far a partition is."""
        checkpoint = self.checkpoints[source]
        published_offset = self.published_offset[source]
        return Progress(
            checkpoint.committed_offset,
            checkpoint.version,
            published_offset,
            self._received_offset[source],
        )

    @property
    def has_room(self) -> bool:
        """Whether more should be read: less waits, of all partitions, than is decided at once."""
        return self._waiting_weight < self._max_weight and self._waiting_size < MAX_BATCH_BYTES

    def enqueue(self, source: TopicPartition, batch: Batch) -> None:
        """Read a partition's batch; it is decided when those before it are."""
        received_offset = self._received_offset[source]
        if batch.start > received_offset:
            # Read before the last seek: what lies between will be read again, and this too.
            log.info("batch-out-of-place", source=source, start=batch.start)
            return
        if batch.end > received_offset and not self._draining:
            self._received_offset[source] = batch.end
            for one in self._parse(source, batch, received_offset):
                self._waiting.append(one)
                self._waiting_weight += one.weight
                self._waiting_size += one.size
            self._news.set()

    def _parse(
        self, source: TopicPartition, batch: Batch, received_offset: int
    ) -> Iterator[ParsedMessage]:
        if deleted := range(received_offset, batch.deleted_to):
            yield ParsedMessage(source, deleted.stop, deleted=deleted)
        new = [one for one in batch.messages if one.last_offset >= received_offset]
        parsed = iter(self._handler.parse([one for one in new if one.refusal is None]))
        for message in new:
            end = batch.end if message is new[-1] else message.last_offset + 1
            if message.refusal is not None:
                yield ParsedMessage(source, end, 1, message.size, message, refusal=message.refusal)
                continue
            read = next(parsed)
            one = ParsedMessage(
                source, end, self._handler.weight(read), message.size, message, read
            )
            checkpoint = self._begun.get(source)
            if checkpoint is not None and checkpoint.committed_offset == message.offset:
                # An earlier owner has decided a part of it.
                _, one = self._split(one, checkpoint.part) or (one, one)
            yield one
        if not new:
            yield ParsedMessage(source, batch.end)

    def _split(self, one: ParsedMessage, weight: int) -> tuple[ParsedMessage, ParsedMessage] | None:
        """Return a part of a message that weighs so much, and the rest; None if it has no parts."""
        parts = None if one.read is None else self._handler.split(one.read, weight)
        if parts is None or one.message is None:
            return None
        done = one.done + weight
        first = one._replace(
            end=one.message.offset, weight=weight, size=0, read=parts[0], part=done
        )
        left = max(1, one.weight - weight)
        return first, one._replace(weight=left, read=parts[1], done=done)

    def drain(self) -> None:
        """End after what is at hand and its publication; batches still waiting are dropped."""
        self._draining = True
        self._outbox.close()
        self._waiting.clear()
        self._waiting_weight = self._waiting_size = 0
        self._news.set()

    async def run(self) -> None:
        """Work until drained. What an earlier owner left unpublished goes out first.

        Raises:
            Fenced: Another owner has decided on from here.
        """
        await self._outbox.publish(resumed=True)
        while batch := await self._next_batch():
            self._on_room()
            try:
                await self._decide(batch)
            except TransientStorageError:
                if not self._draining:
                    raise
                # The next owner reads in the ledger whether it was decided after all.
                log.warning("batch-given-up", topic=self._first.topic)
                break
        await self._outbox.settle()

    async def _decide(self, batch: Sequence[ParsedMessage], *, again: bool = False) -> None:
        """Decide a batch in one transaction; in halves if it is too large for one.

        What would be stored twice may be so by what was remembered: it is decided `again`, with all
        read. Then the message that causes it is looked for, and is refused.
        """
        started = time.monotonic()
        try:
            await self._decide_at_once(batch)
        except TransactionTooLarge as error:
            halves = self._halves(batch)
            if not halves:  # it is tried again unless partitions are given up
                raise StorageUnavailable(str(error)) from None
            self._weight_now = max(1, sum(one.weight for one in batch) // 2)
            log.warning("transaction-too-large", topic=self._first.topic, messages=len(batch))
            for half in halves:
                await self._decide(half)
        except DuplicateKey as error:
            found = {"collection": error.collection, "key": error.key, "messages": len(batch)}
            log.warning("duplicate-key", topic=self._first.topic, **found)
            less = self._halves(batch) or [[_refused(batch[0], error)]]
            for some in less if again else [batch]:
                await self._decide(some, again=True)
        else:
            if time.monotonic() - started > SLOW_SECONDS:
                self._weight_now = max(1, self._weight_now // 2)
            else:
                self._weight_now = min(self._max_weight, 2 * self._weight_now)

    def _halves(self, batch: Sequence[ParsedMessage]) -> Sequence[Sequence[ParsedMessage]]:
        """Return the two halves of a batch; none of one message that has no parts."""
        if len(batch) > 1:
            middle = len(batch) // 2
            return batch[:middle], batch[middle:]
        (one,) = batch
        parts = self._split(one, one.weight // 2) if one.weight > 1 else None
        return [[part] for part in parts or ()]

    async def _decide_at_once(self, batch: Sequence[ParsedMessage]) -> None:
        decided: Decided | None = None
        resets = _resets_in(batch, self._now())
        read = [one.read for one in batch if one.read is not None]

        async def work(transaction: Transaction) -> None:
            nonlocal decided
            unit_of_work = self._page_of(batch)
            if read:
                await self._handler.handle(read, unit_of_work, transaction)
            moves = self._outbox.moved(_ends_of(batch, unit_of_work), unit_of_work.outgoing)
            changes = unit_of_work.to_changes()
            changes.offset_resets.extend(resets)
            await transaction.write(changes, moves)
            decided = moves, unit_of_work.outgoing

        # Of a message alone there is no less to try; the server may have more room in a while.
        is_least = not self._halves(batch)
        waited_out = (TransientStorageError, *((TransactionTooLarge,) if is_least else ()))
        again = AsyncRetrying(
            retry=retry_if_exception_type(waited_out),
            wait=_pause,
            stop=lambda _: self._draining,
            before_sleep=log_retry,
            reraise=True,
        )
        async for attempt in again:
            with attempt:
                before = decided
                # A commit without an answer may have happened: the ledger knows.
                if decided is None or not await self._has_moved(batch[0].source):
                    try:
                        await self._storage.transact(work, self._first)
                    except (Fenced, DuplicateKey):
                        # That commit may be what is in the way, and not be seen by a majority yet.
                        if before is None or attempt.retry_state.attempt_number > _MOST_LOOKS:
                            raise
                        raise StorageUnavailable("a commit without an answer") from None
        if decided is None:
            raise AssertionError("a transaction that committed has decided")
        for reset in resets:
            log_reset(reset)
        self._outbox.add(*decided)
        await self._outbox.publish()

    def _page_of(self, batch: Sequence[ParsedMessage]) -> UnitOfWork:
        """Return a page that knows whose dead letter is given, with those of the unreadable."""
        checkpoints = self.checkpoints.items()
        told = [
            (source.partition, at.committed_offset) for source, at in checkpoints if at.part_refused
        ]
        unit_of_work = UnitOfWork(self._first.topic, self._now(), refused=told)
        for one in batch:
            if one.message is not None and one.refusal is not None:
                unit_of_work.dead_letter(one.message, one.refusal)
        return unit_of_work

    @property
    def _first(self) -> TopicPartition:
        return next(iter(self.checkpoints))

    async def _has_moved(self, source: TopicPartition) -> bool:
        stored, known = await self._storage.checkpoint(source), self.checkpoints[source]
        if stored.epoch != known.epoch:
            raise Fenced(f"{source} has another owner")
        return stored.version > known.version

    async def _next_batch(self) -> Sequence[ParsedMessage]:
        """Wait for messages, and return what can be decided together; none once it is drained."""
        pause = IDLE_SECONDS
        while not self._waiting and not self._draining:
            self._news.clear()
            if self._outbox.is_settled:
                await self._news.wait()
                continue
            try:
                await asyncio.wait_for(self._news.wait(), pause)
            except TimeoutError:
                await self._outbox.settle()
                pause = min(2 * pause, 5.0)
        batch: list[ParsedMessage] = []
        weight = size = 0
        while self._waiting:
            one = self._waiting[0]
            is_too_much = not batch and one.weight > self._weight_now
            if is_too_much and (parts := self._split(one, self._weight_now)):
                batch.append(parts[0])
                self._waiting[0] = parts[1]
                break
            weight += one.weight
            size += one.size
            if batch and (weight > self._weight_now or size > MAX_BATCH_BYTES):
                break
            batch.append(self._waiting.popleft())
        self._waiting_weight -= sum(one.weight for one in batch)
        self._waiting_size -= sum(one.size for one in batch)
        return batch


def _resets_in(batch: Sequence[ParsedMessage], at: datetime) -> Sequence[OffsetReset]:
    return [
        OffsetReset(one.source, one.deleted.start, one.deleted.stop, at)
        for one in batch
        if one.deleted
    ]


def log_reset(reset: OffsetReset) -> None:
    """Report a checkpoint that was not in its log any more, with how many offsets are lost."""
    log.error(
        "checkpoint-outside-log",
        topic=reset.source.topic,
        partition=reset.source.partition,
        expected=reset.expected,
        found=reset.found,
        lost=reset.lost,
    )


def _ends_of(
    batch: Sequence[ParsedMessage], unit_of_work: UnitOfWork
) -> Mapping[TopicPartition, End]:
    ends = {}
    for one in batch:
        is_refused = bool(one.part) and (one.source.partition, one.end) in unit_of_work.refused
        ends[one.source] = End(one.end, one.part, is_refused=is_refused)
    return ends


def _refused(one: ParsedMessage, error: DuplicateKey) -> ParsedMessage:
    words = f"{error.collection}: expected no document yet of what the message would make"
    refusal = Rejection(code=DeadLetterCode.ALREADY_STORED, message=words)
    return one._replace(read=None, refusal=refusal)


_LONGER_AND_LONGER = wait_exponential_jitter(multiplier=0.1, max=5, jitter=0.5)


def _pause(state: RetryCallState) -> float:
    """Give the seconds until the next try: none where the database answers."""
    error = state.outcome.exception() if state.outcome is not None else None
    return 0 if isinstance(error, StorageBusy) else _LONGER_AND_LONGER(state)


def log_retry(state: RetryCallState) -> None:
    """Log that the database is asked again: the first tries, and then fewer and fewer."""
    error = state.outcome.exception() if state.outcome is not None else None
    if state.attempt_number & (state.attempt_number - 1) == 0:
        log.warning("storage-unavailable", error=str(error), attempt=state.attempt_number)
