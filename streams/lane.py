"""The lane: one source partition's batches, decided one after the other, published in order."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential_jitter

from models.errors import PositionLost, StorageBusy, StorageUnavailable
from models.ledger import Outgoing, Position
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
    """A batch as its stage has read it, and the offset after it."""

    read: Any
    end: int


class Lane:
    """Decides batches, each in a transaction that also moves the partition's position.

    The next batch is read while this one is decided, and decided while this one is still being
    published; messages go out in the order they were decided.
    """

    def __init__(
        self,
        position: Position,
        stage: Stage[Any],
        storage: Storage,
        publisher: Publisher,
        now: Callable[[], datetime],
        on_room: Callable[[], None] = lambda: None,
    ) -> None:
        self._outbox = Outbox(position, storage, publisher)
        self._stage = stage
        self._storage = storage
        self._now = now
        self._on_room = on_room
        self._batches: asyncio.Queue[ReadBatch | None] = asyncio.Queue(maxsize=2)
        self._taken_to = position.decided_to
        self._draining = False

    @property
    def position(self) -> Position:
        """Where the partition stands."""
        return self._outbox.position

    @property
    def published_to(self) -> int:
        """Everything before this offset is decided and published."""
        return self._outbox.published_to

    @property
    def progress(self) -> Progress:
        """How far this partition is."""
        position = self.position
        return Progress(position.decided_to, position.step, self.published_to, self._taken_to)

    @property
    def has_room(self) -> bool:
        """Whether a batch, and one that is on its way already, can be handed over at once."""
        return self._batches.empty()

    async def put(self, batch: Batch) -> None:
        """Read a batch and hand it over; waits while two others are waiting."""
        if batch.start > self._taken_to:
            # Read before the last seek: what lies between will be read again, and this too.
            log.info("batch-out-of-place", source=self.position.source, start=batch.start)
            return
        new = [one for one in batch.messages if one.offset >= self._taken_to]
        if new and not self._draining:
            self._taken_to = batch.end
            await self._batches.put(ReadBatch(self._stage.read(new), batch.end))

    def drain(self) -> None:
        """End after the batch at hand and its publication; batches still waiting are dropped."""
        self._draining = True
        self._outbox.close()
        while not self._batches.empty():
            self._batches.get_nowait()
        self._batches.put_nowait(None)

    async def run(self) -> None:
        """Work until drained. What an earlier owner left unpublished goes out first.

        Raises:
            PositionLost: Another owner has decided on from here.
        """
        await self._outbox.publish(resumed=True)
        while (batch := await self._next_batch()) is not None:
            self._on_room()
            try:
                read = batch.read
                while read is not None:
                    read = await self._decide(read, batch.end)
            except StorageUnavailable:
                if not self._draining:
                    raise
                # The next owner reads in the ledger whether it was decided after all.
                log.warning("batch-given-up", source=self.position.source)
                break
        await self._outbox.settle()

    async def _decide(self, read: Any, end: int) -> Any:
        """Decide one step of a batch; give what is left for a next transaction, if anything."""
        decided: tuple[Any, Position, tuple[Outgoing, ...]] | None = None

        async def work(transaction: Transaction) -> None:
            nonlocal decided
            page = Page(self.position.source, self._now())
            rest = await self._stage.decide(read, page, transaction)
            after = self.position.moved(
                end if rest is None else self.position.decided_to,
                (*self._outbox.unpublished, *page.outgoing),
            )
            await transaction.write(page.to_changes())
            await transaction.move(self.position, after)
            decided = rest, after, tuple(page.outgoing)

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
                if decided is None or not await self._has_moved():
                    await self._storage.transact(work, self.position.source)
        if decided is None:
            raise AssertionError("a transaction that committed has decided")
        rest, after, outgoing = decided
        self._outbox.add(after, outgoing)
        await self._outbox.publish()
        return rest

    async def _has_moved(self) -> bool:
        stored = await self._storage.position(self.position.source)
        if stored.epoch != self.position.epoch:
            raise PositionLost(f"{self.position.source} has another owner")
        return stored.step > self.position.step

    async def _next_batch(self) -> ReadBatch | None:
        pause = IDLE_SECONDS
        while self._batches.empty() and not self._outbox.is_settled:
            try:
                return await asyncio.wait_for(self._batches.get(), pause)
            except TimeoutError:
                await self._outbox.settle()
                pause = min(2 * pause, 5.0)
        return await self._batches.get()


_LONGER_AND_LONGER = wait_exponential_jitter(multiplier=0.1, max=5, jitter=0.5)


def _pause(state: RetryCallState) -> float:
    """Give the seconds until the next try: none where the database answers."""
    error = state.outcome.exception() if state.outcome is not None else None
    return 0 if isinstance(error, StorageBusy) else _LONGER_AND_LONGER(state)


def _log_retry(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome is not None else None
    log.warning("storage-unavailable", error=str(error), attempt=state.attempt_number)
