"""Workers at work: orders are put in, and what they cost until the last event is out is counted."""

import asyncio
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError

from bench.contenders.contender import OURS, Contender
from bench.installation import Installation
from bench.processes import cpu_seconds, resident_mb, running
from bench.revision import check_out
from bench.servers import console
from bench.watch import events_out
from bench.workload import Record, orders
from order_import.bootstrap import kafka_options

R = TypeVar("R")

WARM = 500
"""Orders that are done before anything is measured, so that no start is in it."""
_WARM_START = 90_000_000
_JOINED_WITHIN = 60.0
_PIECE = 10_000
_AHEAD = 60_000
"""How many orders may wait in Kafka, of very many that are put in while workers work."""


@dataclass(frozen=True)
class Cost:
    """CPU in microseconds per order, memory of all workers in MB.

    `aborted` counts MongoDB transactions that met another one and were done again.
    """

    name: str
    orders: int
    seconds: float
    worker: float
    mongo: float
    kafka: float
    memory: float
    aborted: int = 0

    @property
    def rate(self) -> float:
        """Orders per second, from the first one put in to the last event out."""
        return self.orders / self.seconds

    @property
    def total(self) -> float:
        """All CPU per order."""
        return self.worker + self.mongo + self.kafka


async def fed(feeding: asyncio.Task[Any], coming_out: Coroutine[Any, Any, R]) -> R:
    """Give what comes out of what is fed. A feeder that fails says so at once."""
    coming = asyncio.ensure_future(coming_out)
    try:
        await asyncio.wait({feeding, coming}, return_when=asyncio.FIRST_EXCEPTION)
        if feeding.done():
            feeding.result()
        return await coming
    finally:
        coming.cancel()


class Working:
    """Workers that run on an installation."""

    def __init__(self, here: Installation, processes: Sequence[Process]) -> None:
        self.here = here
        self.processes = processes
        self.out = 0
        """How many orders have an event."""

    @property
    def memory(self) -> float:
        """What all workers have, in MB."""
        return sum(resident_mb(one.pid) for one in self.processes)

    async def do(
        self,
        name: str,
        records: Iterable[Record],
        count: int,
        look: Callable[[int], None] = lambda _: None,
    ) -> Cost:
        """Put orders in, wait for all their events, and give what it cost."""
        wanted = self.out + count

        def seen(out: int) -> None:
            self.out = out
            look(out)

        feeding = asyncio.create_task(self._feed(records, self.out))
        before, aborted, began = self._used(), await self.aborted(), time.time()
        try:
            ended = await fed(feeding, events_out(self.here, wanted, self.processes[0], seen))
        finally:
            feeding.cancel()
        worker, kafka, mongo = (
            (b - a) * 1e6 / count for a, b in zip(before, self._used(), strict=True)
        )
        conflicts = await self.aborted() - aborted
        return Cost(
            name, count, ended - began, worker, mongo, kafka, self.memory, aborted=conflicts
        )

    async def until(self, wanted: int) -> float:
        """Wait for so many events in all; give the moment."""
        return await events_out(self.here, wanted, self.processes[0])

    async def aborted(self) -> int:
        """Give how many transactions the database has aborted so far."""
        told = await self.here.database.client.admin.command("serverStatus")
        return int(told.get("transactions", {}).get("totalAborted", 0))

    async def _feed(self, records: Iterable[Record], done: int) -> None:
        fed = done
        for piece in _pieces(records):
            while fed - self.out > _AHEAD:  # noqa: ASYNC110 - a count of another process's work
                await asyncio.sleep(0.1)
            fed += await self.here.feed(piece)

    def _used(self) -> tuple[float, float, float]:
        return (sum(cpu_seconds(one.pid) for one in self.processes), *self.here.servers.cpu())


@asynccontextmanager
async def working(
    here: Installation, name: str, *, number: int = 1, contender: Contender = OURS
) -> AsyncIterator[Working]:
    """Run workers; when this is entered they have done their first orders."""
    async with AsyncExitStack() as stack:
        processes = [
            await stack.enter_async_context(
                running(
                    contender.command,
                    here.environment,
                    here.servers.directory / f"{name}-{one}.log",
                    check_out(contender.revision),
                )
            )
            for one in range(number)
        ]
        await _joined(here, number)
        found = Working(here, processes)
        await found.do("warm", list(orders(WARM, seed=99, start=_WARM_START)), WARM)
        yield found


async def _joined(here: Installation, number: int) -> None:
    """Wait until so many workers share the partitions, and no hand-over is under way."""
    settings = here.settings
    admin = AIOKafkaAdminClient(**kafka_options(settings), client_id="order-import-bench")
    await admin.start()
    try:
        async with asyncio.timeout(_JOINED_WITHIN):
            while True:
                group = settings.topic_prefix + settings.consumer_group
                with suppress(GroupCoordinatorNotAvailableError):
                    (told,) = await admin.describe_consumer_groups([group])
                    _, _, state, _, _, members, *_ = told.groups[0]
                    if state == "Stable" and len(members) == number:
                        return
                await asyncio.sleep(0.2)
    finally:
        await admin.close()


def tell(cost: Cost) -> None:
    """Print what something cost."""
    console.print(
        f"{cost.name}: {cost.rate:,.0f} orders/s, CPU µs an order: worker {cost.worker:,.0f}, "
        f"mongo {cost.mongo:,.0f}, kafka {cost.kafka:,.0f}; {cost.memory:,.0f} MB; "
        f"{cost.aborted} conflicts",
        highlight=False,
    )


def _pieces(records: Iterable[Record]) -> Iterator[Sequence[Record]]:
    waiting = iter(records)
    while piece := list(islice(waiting, _PIECE)):
        yield piece
