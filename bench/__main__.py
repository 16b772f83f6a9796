"""`make bench`: orders through the whole path, beside a consumer that does nothing with them."""

import argparse
import asyncio
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from pymongo import AsyncMongoClient
from rich.console import Console
from rich.table import Table

from bench.workload import PRODUCTS, Record, orders, products, stores
from order_import.clients import connect_storage, new_consumer, new_producer
from order_import.embedded.servers import EmbeddedServers
from order_import.settings import PREFIX, Settings
from order_import.topic_admin import create_topics
from streams.topics import TopicName

OUT = (TopicName.COMMERCE_ORDERS, TopicName.BLOCKED, TopicName.NOT_IMPORTED)
console = Console()


@dataclass(frozen=True)
class Run:
    """What one run showed."""

    orders: int
    seconds: float
    plain_seconds: float
    memory_early: float
    memory_late: float

    @property
    def rate(self) -> float:
        """Orders per second through the whole path."""
        return self.orders / self.seconds


async def run(count: int) -> Run:
    """Publish all orders first, then start a worker and wait for the last event out."""
    with tempfile.TemporaryDirectory(prefix="order-import-bench-") as directory:
        servers = EmbeddedServers(Path(directory), report=console.print)
        addresses = await servers.start()
        try:
            settings = Settings(
                kafka_bootstrap_servers=addresses.kafka_bootstrap or "",
                mongo_url=addresses.mongo_url,
            )
            return await _measure(settings, count)
        finally:
            await servers.stop()


async def _measure(settings: Settings, count: int) -> Run:
    await create_topics(settings)
    async with connect_storage(settings) as storage:
        await storage.prepare()
    client: AsyncMongoClient[dict[str, object]] = AsyncMongoClient(
        settings.mongo_url.get_secret_value()
    )
    try:
        await _publish(settings, TopicName.STORES, stores())
        await _publish(settings, TopicName.PRODUCTS, products())
        async with _worker(settings):
            told = client[settings.mongo_database].products
            while await told.estimated_document_count() < PRODUCTS:  # noqa: ASYNC110 - a process
                await asyncio.sleep(0.05)
        console.print(f"publishing {count:,} orders")
        await _publish(settings, TopicName.ORDERS, orders(count))
        console.print("reading them with a consumer that does nothing")
        plain = await _read_all(settings, count)
        console.print("working on them")
        async with _worker(settings) as pid:
            # The clock runs from the first events seen: a worker's start is not its speed.
            started, before, early = 0.0, 0, 0.0
            async for done in _events_out(settings, count):
                if not started and done:
                    started, before = time.perf_counter(), done
                if not early and done >= count // 4:
                    early = _resident_mb(pid)
            seconds = (time.perf_counter() - started) * count / max(1, count - before)
            late = _resident_mb(pid)
        return Run(count, seconds, plain, early, late)
    finally:
        await client.close()


async def _publish(settings: Settings, topic: TopicName, records: Iterable[Record]) -> None:
    producer = new_producer(settings)
    await producer.start()
    try:
        sent = [await producer.send(topic, key=one.key, value=one.value) for one in records]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


async def _read_all(settings: Settings, count: int) -> float:
    consumer = new_consumer(settings, [TopicName.ORDERS])
    await consumer.start()
    try:
        await consumer.seek_to_beginning()
        started, seen = time.perf_counter(), 0
        while seen < count:
            seen += sum(map(len, (await consumer.getmany(timeout_ms=1000)).values()))
        return time.perf_counter() - started
    finally:
        await consumer.stop()


async def _events_out(settings: Settings, count: int) -> AsyncIterator[int]:
    """Count events out as they appear, until there is one for each order."""
    consumer = new_consumer(settings, OUT)
    await consumer.start()
    try:
        await consumer.seek_to_beginning()
        seen: set[bytes | None] = set()
        while len(seen) < count:
            for found in (await consumer.getmany(timeout_ms=1000)).values():
                seen.update(record.key for record in found)
            yield len(seen)
    finally:
        await consumer.stop()


@asynccontextmanager
async def _worker(settings: Settings) -> AsyncIterator[int]:
    environment = {
        **os.environ,
        f"{PREFIX}KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
        f"{PREFIX}MONGO_URL": settings.mongo_url.get_secret_value(),
        f"{PREFIX}LOG_LEVEL": "warning",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "order_import", "worker", env=environment
    )
    try:
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()


def _resident_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _show(result: Run) -> None:
    plain = result.orders / result.plain_seconds
    table = Table(title=f"{result.orders:,} orders, first message in to last event out")
    table.add_column("what")
    table.add_column("orders/s", justify="right")
    table.add_column("ratio", justify="right")
    table.add_row("a consumer that does nothing", f"{plain:,.0f}", "1")
    table.add_row("the whole path", f"{result.rate:,.0f}", f"{result.rate / plain:.4f}")
    console.print(table)
    console.print(
        f"resident memory of the worker: {result.memory_early:.0f} MB after a quarter, "
        f"{result.memory_late:.0f} MB at the end"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--orders", type=int, default=10_000)
    _show(asyncio.run(run(parser.parse_args().orders)))
