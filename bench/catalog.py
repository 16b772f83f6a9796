"""The catalog: very many products told at once, while some orders wait for products."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.progress import Progress

from bench.installation import Installation, installation
from bench.processes import cpu_seconds
from bench.publishing import publish
from bench.records import keep
from bench.servers import Servers, console
from bench.working import Working, fed, working
from bench.workload import change, orders, products
from models.topics import TopicName

_WAITING = 5_000
_NEWER = "2026-11-03T00:00:00Z"
_POLL = 0.2


@dataclass(frozen=True)
class Load:
    """A catalog load: CPU in microseconds per product."""

    products: int
    seconds: float
    worker: float
    mongo: float
    blocked: int
    memory: float

    @property
    def rate(self) -> float:
        """Products per second, from the first one put in to the last one stored."""
        return self.products / self.seconds


async def measure(on: Servers, count: int, asked: Mapping[str, Any]) -> list[Load]:
    """Tell so many products, of which the first ones are known, to one worker."""
    async with installation(on, "catalog") as here, working(here, "catalog") as workers:
        await workers.do("orders", list(orders(_WAITING)), _WAITING)
        blocked = await here.database.amazon_orders.count_documents({"import.state": "blocked"})
        pid = workers.processes[0].pid
        before = (cpu_seconds(pid), on.cpu()[1])
        began = time.time()
        told = (change(one, as_of=_NEWER) for one in products(count=count))
        feeding = asyncio.create_task(
            publish(here.settings, here.topic(TopicName.PRODUCTS), told, yielding=True)
        )
        try:
            await fed(feeding, _stored(here, workers, count))
        finally:
            feeding.cancel()
        seconds = time.time() - began
        worker, mongo = (
            (now - then) * 1e6 / count
            for now, then in zip((cpu_seconds(pid), on.cpu()[1]), before, strict=True)
        )
        load = Load(count, seconds, worker, mongo, blocked, workers.memory)
    console.print(
        f"catalog: {count:,} products at {load.rate:,.0f}/s, CPU µs a product: "
        f"worker {worker:,.0f}, mongo {mongo:,.0f}",
        highlight=False,
    )
    keep("catalog", [load], asked=asked, engine=on.engine)
    return [load]


async def _stored(here: Installation, workers: Working, count: int) -> None:
    """Wait until the checkpoints of the products' partitions are at the end."""
    topic = here.topic(TopicName.PRODUCTS)
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("products", total=count)
        while True:
            found = await here.database.checkpoints.find({}, {"committed_offset": 1}).to_list(None)
            mine = [one["committed_offset"] for one in found if one["_id"].startswith(f"{topic}:")]
            progress.update(bar, completed=sum(mine))
            if sum(mine) >= count:
                return
            if workers.processes[0].returncode is not None:
                raise AssertionError("the worker ended by itself")
            await asyncio.sleep(_POLL)


def as_markdown(found: Sequence[Load]) -> str:
    """Give the table."""
    rows = [
        "| products | products/s | CPU µs a product: worker / Mongo | orders blocked meanwhile |",
        "|---:|---:|---:|---:|",
    ]
    rows += [
        f"| {one.products:,} | {one.rate:,.0f} | {one.worker:,.0f} / {one.mongo:,.0f} "
        f"| {one.blocked:,} |"
        for one in found
    ]
    return "\n".join(rows)
