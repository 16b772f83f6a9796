"""The contest: several programs do the same job, and are timed from outside.

Each run has a new installation and the same input.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from bench.contenders.contender import Contender
from bench.installation import Installation
from bench.processes import cpu_seconds, resident_mb, running
from bench.revision import check_out
from bench.watch import NotAsItShouldBe, check, events_out, first_in
from models.topics import TopicName


@dataclass(frozen=True)
class Result:
    """One run.

    CPU is in microseconds per order, from the first event on, so that starting costs nothing.
    `transactions` are those that decided orders.
    """

    name: str
    orders: int
    seconds: float
    created: int
    blocked: int
    skipped: int
    copies: int
    cpu_worker: float
    cpu_mongo: float
    cpu_kafka: float
    memory: float
    transactions: int = 0

    @property
    def batch(self) -> float:
        """Messages per transaction, on average."""
        return self.orders / self.transactions if self.transactions else 0.0

    @property
    def rate(self) -> float:
        """Orders per second, from the first message in to the last event out."""
        return self.orders / self.seconds


async def compete(
    contender: Contender,
    here: Installation,
    count: int,
    progress: Callable[[int], None] = lambda _: None,
) -> Result:
    """Run a contender on the orders that are already in Kafka.

    Raises:
        NotAsItShouldBe: It did not do the job.
    """
    log = here.servers.directory / f"{contender.name}.log"
    locks = await _locks_taken(here)
    try:
        code = check_out(contender.revision)
        async with running(contender.command, here.environment, log, code) as process:
            used = _Used(here, process.pid)

            def look(out: int) -> None:
                used.begin(out)
                progress(out)

            async with asyncio.timeout(60 + count / 20):
                last_out = await events_out(here, count, process, look)
            worker, kafka, mongo = used.per_order(count)
            memory = resident_mb(process.pid)
            produced = await check(here, count, contender.group)
    except (NotAsItShouldBe, TimeoutError) as error:
        tail = log.read_text(errors="replace")[-3000:] if log.exists() else ""
        raise NotAsItShouldBe(f"{contender.name}: {error}\n{tail}") from error
    return Result(
        contender.name,
        count,
        last_out - await first_in(here),
        produced.events[TopicName.COMMERCE_ORDERS],
        produced.events[TopicName.BLOCKED],
        produced.events[TopicName.NOT_IMPORTED],
        produced.copies,
        worker,
        mongo,
        kafka,
        memory,
        await _locks_taken(here) - locks,
    )


async def _locks_taken(here: Installation) -> int:
    """Return how many transactions took a lock, which each deciding transaction does.

    An earlier revision has two locks, one for each of the two stages of an order.
    """
    taken = [
        int(lock[field])
        for locks, field in ((here.database.locks, "version"), (here.database.turns, "taken"))
        for lock in await locks.find().to_list(None)
    ]
    return sum(taken) // max(1, len(taken))


class _Used:
    """The CPU time of the process and of the servers since the first event."""

    def __init__(self, here: Installation, pid: int) -> None:
        self._here = here
        self._pid = pid
        self._began: tuple[float, float, float] | None = None
        self._out = 0

    def begin(self, out: int) -> None:
        """Begin at the first event."""
        if out and self._began is None:
            self._began, self._out = self._now(), out

    def per_order(self, count: int) -> tuple[float, float, float]:
        """Return the microseconds of the process, Kafka and MongoDB for each order since then."""
        if self._began is None or count <= self._out:
            return 0.0, 0.0, 0.0
        worker, kafka, mongo = (
            (now - then) * 1e6 / (count - self._out)
            for now, then in zip(self._now(), self._began, strict=True)
        )
        return worker, kafka, mongo

    def _now(self) -> tuple[float, float, float]:
        return (cpu_seconds(self._pid), *self._here.servers.cpu())
