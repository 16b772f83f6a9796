"""The catalog load: very many products at once, while blocked orders depend on some of them."""

import asyncio
import time
from dataclasses import dataclass

from rich.progress import Progress

from bench.installation import Installation, installation
from bench.processes import cpu_seconds
from bench.publishing import publish
from bench.report import Report
from bench.servers import Servers, screen
from bench.working import Working, result_of, working
from bench.workload import change, orders, products
from models.topics import TopicName

_ORDERS = 5_000
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

    @property
    def rate(self) -> float:
        """Products per second, from the first one published to the last one stored."""
        return self.products / self.seconds


async def measure(on: Servers, count: int) -> Report:
    """Publish so many products, of which one worker knows the first ones already."""
    async with installation(on, "catalog") as here, working(here, "catalog") as workers:
        await workers.do("orders", list(orders(_ORDERS)), _ORDERS)
        blocked = await here.database.amazon_orders.count_documents({"import.state": "blocked"})
        pid = workers.processes[0].pid
        before = (cpu_seconds(pid), on.cpu()[1])
        began = time.time()
        newer = (change(product, as_of=_NEWER) for product in products(count=count))
        feeding = asyncio.create_task(
            publish(here.settings, here.topic(TopicName.PRODUCTS), newer, yielding=True)
        )
        try:
            await result_of(_stored(here, workers, count), feeding)
        finally:
            feeding.cancel()
        seconds = time.time() - began
        worker, mongo = (
            (now - then) * 1e6 / count
            for now, then in zip((cpu_seconds(pid), on.cpu()[1]), before, strict=True)
        )
        load = Load(count, seconds, worker, mongo, blocked)
    return Report({"catalog": to_markdown(load)})


async def _stored(here: Installation, workers: Working, count: int) -> None:
    """Wait until the checkpoints of the products' partitions are at the end."""
    topic = here.topic(TopicName.PRODUCTS)
    with Progress(console=screen, transient=True) as progress:
        bar = progress.add_task("products", total=count)
        while True:
            stored = 0
            async for checkpoint in here.database.checkpoints.find({}, {"committed_offset": 1}):
                if checkpoint["_id"].startswith(f"{topic}:"):
                    stored += checkpoint["committed_offset"]
            progress.update(bar, completed=stored)
            if stored >= count:
                return
            if workers.processes[0].returncode is not None:
                raise AssertionError("the worker exited")
            await asyncio.sleep(_POLL)


def to_markdown(load: Load) -> str:
    """Return the table."""
    return (
        "| products | products/s | CPU µs a product: worker / Mongo | orders blocked meanwhile |\n"
        "|---:|---:|---:|---:|\n"
        f"| {load.products:,} | {load.rate:,.0f} | {load.worker:,.0f} / {load.mongo:,.0f} "
        f"| {load.blocked:,} |"
    )
