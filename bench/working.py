"""Workers at work: orders are published, and their cost is measured until the last event is out."""

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
from bench.servers import screen
from bench.watch import events_out
from bench.workload import Record, orders
from order_import.bootstrap import kafka_options

R = TypeVar("R")

WARM = 500
"""Orders that are decided before anything is measured, so that no start is included."""
_WARM_START = 90_000_000
_JOINED_WITHIN = 60.0
_PIECE = 10_000
_AHEAD = 60_000
"""How many orders may be in Kafka at once, if very many are published while workers work."""


@dataclass(frozen=True)
class Cost:
    """CPU in microseconds per order, memory of all workers in MB.

    `aborted` counts MongoDB transactions that met a conflict and were repeated.
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
        """Orders per second, from the first one published to the last event out."""
        return self.orders / self.seconds

    @property
    def total(self) -> float:
        """The CPU per order of all processes."""
        return self.worker + self.mongo + self.kafka


async def result_of(waiting: Coroutine[Any, Any, R], feeding: asyncio.Task[Any]) -> R:
    """Return what is waited for; if the feeding fails, raise its error immediately."""
    waiter = asyncio.ensure_future(waiting)
    try:
        await asyncio.wait({feeding, waiter}, return_when=asyncio.FIRST_EXCEPTION)
        if feeding.done():
            feeding.result()
        return await waiter
    finally:
        waiter.cancel()


class Working:
    """Workers that run on an installation."""

    def __init__(self, here: Installation, processes: Sequence[Process]) -> None:
        self.here = here
        self.processes = processes
        self.out = 0
        """How many orders have an event."""

    @property
    def memory(self) -> float:
        """The memory of all workers, in MB."""
        return sum(resident_mb(one.pid) for one in self.processes)

    async def do(
        self,
        name: str,
        records: Iterable[Record],
        count: int,
        look: Callable[[int], None] = lambda _: None,
    ) -> Cost:
        """Publish orders, wait for all their events, and return what they cost."""
        goal = self.out + count

        def seen(out: int) -> None:
            self.out = out
            look(out)

        feeding = asyncio.create_task(self._feed(records, self.out))
        before, aborted, began = self._used(), await self.aborted(), time.time()
        try:
            ended = await result_of(events_out(self.here, goal, self.processes[0], seen), feeding)
        finally:
            feeding.cancel()
        worker, kafka, mongo = (
            (b - a) * 1e6 / count for a, b in zip(before, self._used(), strict=True)
        )
        conflicts = await self.aborted() - aborted
        return Cost(
            name, count, ended - began, worker, mongo, kafka, self.memory, aborted=conflicts
        )

    async def until(self, count: int) -> float:
        """Wait for so many events in total; return the time."""
        return await events_out(self.here, count, self.processes[0])

    async def aborted(self) -> int:
        """Return how many transactions the database has aborted so far."""
        status = await self.here.database.client.admin.command("serverStatus")
        return int(status.get("transactions", {}).get("totalAborted", 0))

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
    """Run workers, which have decided their first orders when this is entered."""
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
        workers = Working(here, processes)
        await workers.do("warm", list(orders(WARM, seed=99, start=_WARM_START)), WARM)
        yield workers


async def _joined(here: Installation, number: int) -> None:
    """Wait until so many workers share the partitions and no rebalance is in progress."""
    settings = here.settings
    admin = AIOKafkaAdminClient(**kafka_options(settings), client_id="order-import-bench")
    await admin.start()
    try:
        async with asyncio.timeout(_JOINED_WITHIN):
            while True:
                group = settings.topic_prefix + settings.consumer_group
                with suppress(GroupCoordinatorNotAvailableError):
                    (answer,) = await admin.describe_consumer_groups([group])
                    _, _, state, _, _, members, *_ = answer.groups[0]
                    if state == "Stable" and len(members) == number:
                        return
                await asyncio.sleep(0.2)
    finally:
        await admin.close()


def show(cost: Cost) -> None:
    """Print a cost."""
    screen.print(
        f"{cost.name}: {cost.rate:,.0f} orders/s, CPU µs an order: worker {cost.worker:,.0f}, "
        f"mongo {cost.mongo:,.0f}, kafka {cost.kafka:,.0f}; {cost.memory:,.0f} MB; "
        f"{cost.aborted} conflicts",
        highlight=False,
    )


def _pieces(records: Iterable[Record]) -> Iterator[Sequence[Record]]:
    rest = iter(records)
    while piece := list(islice(rest, _PIECE)):
        yield piece
