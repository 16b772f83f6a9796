"""The lane: one topic's batches, decided one after the other, published in order."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential_jitter

from models.errors import PositionLost, StorageBusy, StorageUnavailable
from models.ledger import Outgoing, Position, Source
from storage.port import Storage, Transaction
from streams.messages import Incoming
from streams.outbox import Outbox
from streams.page import Page
from streams.publisher import Publisher
from streams.stage import Stage
from streams.watchdog import Progress

log = structlog.get_logger(__name__)

IDLE_SECONDS = 0.05
"""How long a lane waits for more before it records that all is published."""
PATIENCE_SECONDS = 1.0
"""How long a lane waits for the next one to come after, before it decides more all the same."""
MOST_MESSAGES = 1000
"""How many messages of several partitions are decided in one transaction, if nothing is said."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages of one partition as they were read: everything from `start` to `end`."""

    start: int
    messages: Sequence[Incoming]

    @property
    def end(self) -> int:
        """The offset after the last message."""
        return self.messages[-1].offset + 1


@dataclass(frozen=True, slots=True)
class ReadBatch:
    """A partition's batch as its stage has read it, and the offset after it."""

    source: Source
    read: Sequence[Any]
    end: int


Decided = tuple[Sequence[Any] | None, Sequence[tuple[Position, Position]], Sequence[Outgoing]]
"""What a transaction leaves for the next one, the positions it moves, and what it has to tell."""


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
        most: int = MOST_MESSAGES,
        followed_by: "Lane | None" = None,
    ) -> None:
        self._outbox = Outbox(positions, storage, publisher)
        self._stage = stage
        self._storage = storage
        self._now = now
        self._on_room = on_room
        self._most = most
        self._followed_by = followed_by
        self._waiting: deque[ReadBatch] = deque()
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
        return sum(len(one.read) for one in self._waiting) < self._most

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
        new = [one for one in batch.messages if one.offset >= taken_to]
        if new and not self._draining:
            self._taken_to[source] = batch.end
            self._waiting.append(ReadBatch(source, self._stage.read(new), batch.end))
            self._news.set()

    def drain(self) -> None:
        """End after what is at hand and its publication; batches still waiting are dropped."""
        self._draining = True
        self._outbox.close()
        self._waiting.clear()
        self._news.set()
        self._relief.set()

    async def run(self) -> None:
        """Work until drained. What an earlier owner left unpublished goes out first.

        Raises:
            PositionLost: Another owner has decided on from here.
        """
        await self._outbox.publish(resumed=True)
        while batches := await self._next_batches():
            self._on_room()
            ends = {one.source: one.end for one in batches}
            read: Sequence[Any] | None = [one for batch in batches for one in batch.read]
            try:
                while read is not None:
                    read = await self._decide(read, ends)
            except StorageUnavailable:
                if not self._draining:
                    raise
                # The next owner reads in the ledger whether it was decided after all.
                log.warning("batch-given-up", topic=self._first.topic)
                break
        await self._outbox.settle()

    async def _decide(
        self, read: Sequence[Any], ends: Mapping[Source, int]
    ) -> Sequence[Any] | None:
        """Decide one step; give what is left for a next transaction, if anything."""
        decided: Decided | None = None

        async def work(transaction: Transaction) -> None:
            nonlocal decided
            page = Page(self._first.topic, self._now())
            rest = await self._stage.decide(read, page, transaction)
            # A long job moves the positions with its last step, and says with each that it moved.
            moved = ends if rest is None else {one: self.positions[one].decided_to for one in ends}
            moves = self._outbox.moved(moved, page.outgoing)
            await transaction.write(page.to_changes(), moves)
            decided = rest, moves, page.outgoing

        again = AsyncRetrying(
            retry=retry_if_exception_type(StorageUnavailable),
            wait=_pause,
            stop=lambda _: self._draining,
            before_sleep=_log_retry,
            reraise=True,
        )
        async for attempt in again:
            with attempt:
                # A commit without an answer may have happened: the ledger knows.
                if decided is None or not await self._has_moved(next(iter(ends))):
                    await self._storage.transact(work, self._first)
        if decided is None:
            raise AssertionError("a transaction that committed has decided")
        rest, moves, outgoing = decided
        self._outbox.add(moves, outgoing)
        await self._outbox.publish()
        return rest

    @property
    def _first(self) -> Source:
        return next(iter(self.positions))

    async def _has_moved(self, source: Source) -> bool:
        stored, known = await self._storage.position(source), self.positions[source]
        if stored.epoch != known.epoch:
            raise PositionLost(f"{source} has another owner")
        return stored.step > known.step

    async def _next_batches(self) -> Sequence[ReadBatch]:
        """Wait for batches, and give what can be decided together; none when it is drained."""
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
        batches: list[ReadBatch] = []
        count = 0
        while self._waiting:
            count += len(self._waiting[0].read)
            if batches and count > self._most:
                break
            batches.append(self._waiting.popleft())
        self._relief.set()
        return batches


_LONGER_AND_LONGER = wait_exponential_jitter(multiplier=0.1, max=5, jitter=0.5)


def _pause(state: RetryCallState) -> float:
    """Give the seconds until the next try: none where the database answers."""
    error = state.outcome.exception() if state.outcome is not None else None
    return 0 if isinstance(error, StorageBusy) else _LONGER_AND_LONGER(state)


def _log_retry(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome is not None else None
    log.warning("storage-unavailable", error=str(error), attempt=state.attempt_number)
