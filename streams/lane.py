"""The lane: one topic's batches, decided one after the other, published in order."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential_jitter

from models.errors import PositionLost, StorageBusy, StorageUnavailable, TransactionTooLarge
from models.ledger import OffsetReset, Outgoing, Position, Source
from storage.port import Storage, Transaction
from streams.messages import Incoming
from streams.outbox import Outbox
from streams.page import Page
from streams.publisher import Publisher
from streams.stage import Stage
from streams.watchdog import Progress

log = structlog.get_logger(__name__)

_MOST_LOOKS = 8
"""How often a position is asked whether it was moved by a commit without an answer."""
IDLE_SECONDS = 0.05
"""How long a lane waits for more before it records that all is published."""
PATIENCE_SECONDS = 1.0
"""How long a lane waits for the next one to come after, before it decides more all the same."""
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
    """A message as its stage has read it, the offset after it, and how large a part it is.

    One that is `refused` was no message to read; one with neither only moves the position, perhaps
    past offsets that Kafka `deleted` before they were read.
    """

    source: Source
    read: Any
    end: int
    weight: int
    size: int
    refused: Incoming | None = None
    deleted: range = range(0)


Decided = tuple[Sequence[tuple[Position, Position]], Sequence[Outgoing]]
"""The positions a transaction moves, and what it publishes."""


class Lane:
    """Decides one topic's partitions, in transactions that also move their positions.

    Whatever waits is decided together, so that partitions need not take turns. The next batches
    are read while these are decided, and decided while these are still being published; messages
    go out in the order they were decided.
    """

    def __init__(
        self,
        positions: Iterable[Position],
        stage: Stage[Any],
        storage: Storage,
        publisher: Publisher,
        now: Callable[[], datetime],
        on_room: Callable[[], None] = lambda: None,
        max_weight: int = MAX_WEIGHT,
        followed_by: "Lane | None" = None,
    ) -> None:
        self._outbox = Outbox(positions, storage, publisher)
        self._stage = stage
        self._storage = storage
        self._now = now
        self._on_room = on_room
        self._max_weight = max_weight
        self._weight_now = max_weight
        self._followed_by = followed_by
        self._waiting: deque[ParsedMessage] = deque()
        self._waiting_weight = self._waiting_size = 0
        self._news = asyncio.Event()
        self._relief = asyncio.Event()
        self._taken_to = {source: one.decided_to for source, one in self.positions.items()}
        self._draining = False

    @property
    def positions(self) -> Mapping[Source, Position]:
        """Where its partitions stand."""
        return self._outbox.positions

    @property
    def published_to(self) -> Mapping[Source, int]:
        """Everything before these offsets is decided and published."""
        return self._outbox.published_to

    def progress(self, source: Source) -> Progress:
        """Say how far a partition is."""
        position = self.positions[source]
        published_to = self.published_to[source]
        return Progress(position.decided_to, position.step, published_to, self._taken_to[source])

    @property
    def has_room(self) -> bool:
        """Whether more should be read: less waits, of all partitions, than is decided at once."""
        return self._waiting_weight < self._max_weight and self._waiting_size < MAX_BATCH_BYTES

    async def caught_up(self, seconds: float) -> None:
        """Wait while it has something to begin with, at most so long."""
        if self._waiting:
            self._relief.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._relief.wait(), seconds)

    def put(self, source: Source, batch: Batch) -> None:
        """Read a partition's batch; it is decided when those before it are."""
        taken_to = self._taken_to[source]
        if batch.start > taken_to:
            # Read before the last seek: what lies between will be read again, and this too.
            log.info("batch-out-of-place", source=source, start=batch.start)
            return
        if batch.end > taken_to and not self._draining:
            self._taken_to[source] = batch.end
            for one in self._parse(source, batch, taken_to):
                self._waiting.append(one)
                self._waiting_weight += one.weight
                self._waiting_size += one.size
            self._news.set()

    def _parse(self, source: Source, batch: Batch, taken_to: int) -> Iterator[ParsedMessage]:
        if deleted := range(taken_to, batch.deleted_to):
            yield ParsedMessage(source, None, deleted.stop, 0, 0, deleted=deleted)
        new = [one for one in batch.messages if one.last_offset >= taken_to]
        parsed = iter(self._stage.read([one for one in new if one.refusal is None]))
        for message in new:
            end = batch.end if message is new[-1] else message.last_offset + 1
            if message.refusal is None:
                read = next(parsed)
                weight = self._stage.weight(read)
                yield ParsedMessage(source, read, end, weight, message.size)
            else:
                yield ParsedMessage(source, None, end, 1, message.size, message)
        if not new:
            yield ParsedMessage(source, None, batch.end, 0, 0)

    def drain(self) -> None:
        """End after what is at hand and its publication; batches still waiting are dropped."""
        self._draining = True
        self._outbox.close()
        self._waiting.clear()
        self._waiting_weight = self._waiting_size = 0
        self._news.set()
        self._relief.set()

    async def run(self) -> None:
        """Work until drained. What an earlier owner left unpublished goes out first.

        Raises:
            PositionLost: Another owner has decided on from here.
        """
        await self._outbox.publish(resumed=True)
        while batch := await self._next_batch():
            self._on_room()
            try:
                await self._decide(batch)
            except StorageUnavailable:
                if not self._draining:
                    raise
                # The next owner reads in the ledger whether it was decided after all.
                log.warning("batch-given-up", topic=self._first.topic)
                break
        await self._outbox.settle()

    async def _decide(self, batch: Sequence[ParsedMessage]) -> None:
        """Decide a batch in one transaction; in two halves if it is too large for one."""
        started = time.monotonic()
        try:
            await self._decide_at_once(batch)
        except TransactionTooLarge as error:
            if len(batch) == 1:  # it is tried again unless partitions are given up
                raise StorageUnavailable(str(error)) from None
            self._weight_now = max(1, sum(one.weight for one in batch) // 2)
            log.warning("transaction-too-large", topic=self._first.topic, messages=len(batch))
            middle = len(batch) // 2
            await self._decide(batch[:middle])
            await self._decide(batch[middle:])
            return
        if time.monotonic() - started > SLOW_SECONDS:
            self._weight_now = max(1, self._weight_now // 2)
        else:
            self._weight_now = min(self._max_weight, 2 * self._weight_now)

    async def _decide_at_once(self, batch: Sequence[ParsedMessage]) -> None:
        decided: Decided | None = None
        ends = {one.source: one.end for one in batch}
        resets = _resets_in(batch, self._now())
        read = [one.read for one in batch if one.read is not None]

        async def work(transaction: Transaction) -> None:
            nonlocal decided
            page = Page(self._first.topic, self._now())
            _refuse_unreadable(batch, page)
            if read:
                await self._stage.decide(read, page, transaction)
            moves = self._outbox.moved(ends, page.outgoing)
            changes = page.to_changes()
            changes.offset_resets.extend(resets)
            await transaction.write(changes, moves)
            decided = moves, page.outgoing

        # Of a message alone there is no less to try; the server may have more room in a while.
        waited_out = (StorageUnavailable, *((TransactionTooLarge,) if len(batch) == 1 else ()))
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
                if decided is None or not await self._has_moved(next(iter(ends))):
                    try:
                        await self._storage.transact(work, self._first)
                    except PositionLost:
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

    @property
    def _first(self) -> Source:
        return next(iter(self.positions))

    async def _has_moved(self, source: Source) -> bool:
        stored, known = await self._storage.position(source), self.positions[source]
        if stored.epoch != known.epoch:
            raise PositionLost(f"{source} has another owner")
        return stored.step > known.step

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
        if self._followed_by is not None:
            # What is begun is finished before more is begun: it is still at hand in memory.
            await self._followed_by.caught_up(PATIENCE_SECONDS)
        batch: list[ParsedMessage] = []
        weight = size = 0
        while self._waiting:
            weight += self._waiting[0].weight
            size += self._waiting[0].size
            if batch and (weight > self._weight_now or size > MAX_BATCH_BYTES):
                break
            batch.append(self._waiting.popleft())
        self._waiting_weight -= sum(one.weight for one in batch)
        self._waiting_size -= sum(one.size for one in batch)
        self._relief.set()
        return batch


def _resets_in(batch: Sequence[ParsedMessage], at: datetime) -> Sequence[OffsetReset]:
    return [
        OffsetReset(one.source, one.deleted.start, one.deleted.stop, at)
        for one in batch
        if one.deleted
    ]


def _refuse_unreadable(batch: Sequence[ParsedMessage], page: Page) -> None:
    for one in batch:
        if one.refused is not None and one.refused.refusal is not None:
            page.refuse(one.refused, one.refused.refusal)


def log_reset(reset: OffsetReset) -> None:
    """Report a position that was not in its log any more, with how many offsets are lost."""
    log.error(
        "position-outside-log",
        topic=reset.source.topic,
        partition=reset.source.partition,
        expected=reset.expected,
        found=reset.found,
        lost=reset.lost,
    )


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
