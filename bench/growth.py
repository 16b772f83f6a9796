"""`python -m bench.growth`: what an order costs as the installation grows.

The cost is CPU, of the worker, of MongoDB and of Kafka, per order: on two cores that all share,
rates tell little of it.
"""

import argparse
import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

from bench.console_fill import fill
from bench.contenders.contender import CONTENDERS
from bench.installation import Installation, installation, tell_facts
from bench.processes import cpu_seconds, resident_mb, running
from bench.records import keep
from bench.report import write_performance
from bench.servers import Servers, console, servers
from bench.watch import events_out
from bench.workload import orders, products, stores
from streams.clock import now

STORED = (10_000, 100_000, 1_000_000)
PARTITIONS = (1, 4, 16, 64)


@dataclass(frozen=True)
class Cost:
    """One run: CPU in microseconds per order, memory of all workers in MB."""

    name: str
    orders: int
    seconds: float
    worker: float
    mongo: float
    kafka: float
    memory: float

    @property
    def rate(self) -> float:
        """Orders per second."""
        return self.orders / self.seconds

    @property
    def total(self) -> float:
        """All CPU per order."""
        return self.worker + self.mongo + self.kafka


async def _cost(
    name: str,
    here: Installation,
    count: int,
    *,
    workers: int = 1,
    hot: bool = False,
    start: int = 0,
) -> Cost:
    """Publish orders, have workers do them, and give what they cost from the first event on."""
    on = here.servers
    await here.feed(orders(count, seed=start + 1, start=start, hot=hot))
    async with AsyncExitStack() as stack:
        processes = [
            await stack.enter_async_context(
                running(CONTENDERS[0].command, here.environment, on.directory / f"{name}-{n}.log")
            )
            for n in range(workers)
        ]
        pids = [one.pid for one in processes]
        began: list[tuple[float, float, float, float, int]] = []

        def look(out: int) -> None:
            if out and not began:
                began.append((time.time(), *_used(on, pids), out))

        ended = await events_out(here, count, processes[0], look)
        (at, *before, out), used = began[0], _used(on, pids)
        done = count - out
        worker, kafka, mongo = ((b - a) * 1e6 / done for a, b in zip(before, used, strict=True))
        memory = sum(map(resident_mb, pids))
    cost = Cost(name, done, ended - at, worker, mongo, kafka, memory)
    console.print(
        f"{name}: {cost.rate:,.0f} orders/s, CPU µs an order: worker {worker:,.0f}, "
        f"mongo {mongo:,.0f}, kafka {kafka:,.0f}; {memory:,.0f} MB"
    )
    return cost


def _used(on: Servers, pids: Sequence[int]) -> tuple[float, float, float]:
    return (sum(map(cpu_seconds, pids)), *on.cpu())


async def run(count: int, most: int, parts: Sequence[str]) -> list[Cost]:
    """Measure what was asked for, one after the other, on the same servers."""
    found: list[Cost] = []
    async with servers() as on:
        if "stored" in parts:
            async with installation(on, "stored", facts=False) as here:
                found += await _as_it_fills(here, [one for one in STORED if one <= most], count)
        if "partitions" in parts:
            for number in PARTITIONS:
                name = f"{number} partition{'s' if number > 1 else ''}"
                async with installation(on, f"p{number}", partitions=number) as here:
                    found.append(await _cost(name, here, count))
        if "workers" in parts:
            for workers in (1, 2):
                for hot in (False, True):
                    name = f"{workers} worker{'s' if workers > 1 else ''}"
                    name += ", half of all lines on 20 products" if hot else ""
                    async with installation(on, f"w{workers}{hot:d}") as here:
                        found.append(await _cost(name, here, count, workers=workers, hot=hot))
    return found


async def _as_it_fills(here: Installation, sizes: Sequence[int], count: int) -> list[Cost]:
    """Fill the database further and further; each time, new orders come on topics of their own."""
    found = []
    for stored in sizes:
        await fill(here.database.client, here.settings.mongo_database, stored, now())
        await tell_facts(here.settings, stores(), products())
        async with installation(here.servers, f"at-{stored}", facts=False) as topics:
            settings = topics.settings.model_copy(
                update={"mongo_database": here.settings.mongo_database}
            )
            there = replace(here, settings=settings)
            found.append(await _cost(f"{stored:,} stored", there, count, start=stored))
    return found


def as_markdown(found: Sequence[Cost]) -> str:
    """Give the table; the last column compares with the first line."""
    rows = [
        f"{found[0].orders:,} orders each, CPU from the first event to the last.",
        "",
        (
            "| what | orders/s | CPU µs an order: worker / Mongo / Kafka | all | of the first "
            "| memory, MB |"
        ),
        "|---|---:|---:|---:|---:|---:|",
    ]
    rows += [
        f"| {one.name} | {one.rate:,.0f} | {one.worker:,.0f} / {one.mongo:,.0f} / "
        f"{one.kafka:,.0f} | {one.total:,.0f} | {one.total / found[0].total:.2f} "
        f"| {one.memory:,.0f} |"
        for one in found
    ]
    return "\n".join(rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description=__doc__)
    parser.add_argument("parts", nargs="*", default=["stored", "partitions", "workers"])
    parser.add_argument("--orders", type=int, default=10_000)
    parser.add_argument("--most", type=int, default=1_000_000, help="orders stored, at most")
    told = parser.parse_args()
    for part in told.parts:
        costs = asyncio.run(run(told.orders, told.most, [part]))
        keep(f"growth-{part}", costs)
        write_performance(f"growth-{part}", as_markdown(costs))
