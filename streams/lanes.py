"""The lanes: one per assigned partition, taken up from the ledger and handed back in good order."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from tenacity import AsyncRetrying, retry_if_exception_type, wait_exponential_jitter

from models.errors import StorageUnavailable
from models.ledger import Position, Source
from storage.port import Storage
from streams.lane import Batch, Lane
from streams.publisher import Publisher
from streams.stage import Stage
from streams.watchdog import Progress

log = structlog.get_logger(__name__)

DRAIN_SECONDS = 20.0
"""How long a hand-over may take. A lane that hangs longer ends the process: its transaction, if it
still commits, is fenced off by the position."""


class DrainTimeout(Exception):  # noqa: N818 - a state of the world, not a mistake
    """A lane did not finish its batch in time for a hand-over."""


@dataclass(frozen=True, slots=True)
class LogBounds:
    """The offsets a partition has: from `start` up to, not including, `end`."""

    start: int
    end: int


ReadBounds = Callable[[Collection[Source]], Awaitable[Mapping[Source, LogBounds]]]


class Lanes:
    """Owns the lanes of a worker. A lane that fails fails the worker."""

    def __init__(
        self,
        stages: Mapping[str, Stage[Any]],
        storage: Storage,
        publisher: Publisher,
        now: Callable[[], datetime],
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self._stages = stages
        self._storage = storage
        self._publisher = publisher
        self._now = now
        self._on_failure = on_failure
        self._lanes: dict[Source, tuple[Lane, asyncio.Task[None]]] = {}
        # Faust may ask for the positions twice at once, from a rebalance and from its reader.
        self._handing_over = asyncio.Lock()
        self._room = asyncio.Event()

    async def assign(
        self, sources: Iterable[Source], bounds_of: ReadBounds
    ) -> Mapping[Source, int]:
        """Take up partitions where the ledger says; give the offsets to read from.

        Lanes there were before are drained first.

        Raises:
            PositionLost: Another has taken up one of them meanwhile.
        """
        async with self._handing_over:
            await self._drain()
            return await self._take_up(sorted(sources), bounds_of)

    async def _take_up(
        self, sources: Sequence[Source], bounds_of: ReadBounds
    ) -> Mapping[Source, int]:
        taken = {source: await _again(self._storage.take_up, source) for source in sources}
        # Only now: whoever sleeps between the two must not find a log that ends before a position
        # another has moved since.
        bounds = await bounds_of(sources)
        offsets: dict[Source, int] = {}
        for source in sources:
            position = await self._inside_log(taken[source], bounds[source])
            lane = Lane(
                position,
                self._stages[source.topic],
                self._storage,
                self._publisher,
                self._now,
                self._room.set,
            )
            task = asyncio.create_task(lane.run(), name=f"lane {source.topic}:{source.partition}")
            task.add_done_callback(self._ended)
            self._lanes[source] = (lane, task)
            offsets[source] = position.decided_to
        log.info("partitions-assigned", partitions=len(offsets))
        return offsets

    async def deliver(self, source: Source, batch: Batch) -> None:
        """Hand a batch to its lane. One for a partition that was given up is dropped."""
        owned = self._lanes.get(source)
        if owned is not None:
            await owned[0].put(batch)

    async def with_room(self, sources: Collection[Source], seconds: float) -> set[Source]:
        """Give those whose lanes can take a batch at once; waits for one, at most so long.

        A partition that nobody may read from yet holds up none of the others.
        """
        self._room.clear()
        ready = self._with_room(sources)
        if sources and not ready:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._room.wait(), seconds)
            ready = self._with_room(sources)
        return ready

    def _with_room(self, sources: Collection[Source]) -> set[Source]:
        owned = self._lanes
        return {one for one in sources if one not in owned or owned[one][0].has_room}

    async def drain(self) -> None:
        """Let every lane finish what it has at hand, then drop them all.

        Raises:
            DrainTimeout: A lane did not finish in time.
        """
        async with self._handing_over:
            await self._drain()

    async def _drain(self) -> None:
        owned, self._lanes = self._lanes, {}
        self._room.set()
        for lane, _ in owned.values():
            lane.drain()
        tasks = [task for _, task in owned.values()]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=DRAIN_SECONDS)
            if late:
                raise DrainTimeout(", ".join(task.get_name() for task in late))

    def published(self) -> Mapping[Source, int]:
        """Give, per partition, the offset up to which all is decided and published."""
        return {source: lane.published_to for source, (lane, _) in self._lanes.items()}

    def progress(self) -> Mapping[Source, Progress]:
        """Give how far each partition is."""
        return {source: lane.progress for source, (lane, _) in self._lanes.items()}

    async def _inside_log(self, position: Position, bounds: LogBounds) -> Position:
        source = position.source
        if bounds.start <= position.decided_to <= bounds.end:
            return position
        if position.decided_to:
            # Nothing is done twice: the keys of the orders see to that. What was cut off is lost.
            log.error(
                "position-outside-log",
                topic=source.topic,
                partition=source.partition,
                decided_to=position.decided_to,
                log_start=bounds.start,
                log_end=bounds.end,
            )
        return await _again(self._storage.restart_position, position, bounds.start)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_failure(error)


async def _again(ask: Callable[..., Awaitable[Position]], *about: object) -> Position:
    again = AsyncRetrying(
        retry=retry_if_exception_type(StorageUnavailable),
        wait=wait_exponential_jitter(multiplier=0.1, max=5, jitter=0.5),
        reraise=True,
    )
    position: Position = await again(ask, *about)
    return position
