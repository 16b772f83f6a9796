"""`python -m bench.release`: blocked orders that one fact frees, beside fresh orders.

Both are measured by the moments at which their Commerce orders were made, in one run.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pymongo import AsyncMongoClient
from rich.console import Console

from bench.workload import Record
from order_import.clients import connect_storage, new_producer
from order_import.embedded.servers import EmbeddedServers
from order_import.settings import PREFIX, Settings
from order_import.topic_admin import create_topics
from streams.topics import TopicName

FRESH, FREED = "FRESH", "FREED"
FIRST = datetime(2026, 11, 1, tzinfo=UTC)
console = Console()


@dataclass(frozen=True)
class Rates:
    """Commerce orders per second, and whether the freed ones came oldest purchase first."""

    fresh: float
    freed: float
    oldest_first: bool


async def run(count: int) -> Rates:
    """Run on servers of its own."""
    with tempfile.TemporaryDirectory(prefix="order-import-bench-") as directory:
        servers = EmbeddedServers(Path(directory), report=console.print)
        addresses = await servers.start()
        settings = Settings(
            kafka_bootstrap_servers=addresses.kafka_bootstrap or "", mongo_url=addresses.mongo_url
        )
        client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
            settings.mongo_url.get_secret_value(), tz_aware=True
        )
        try:
            return await _measure(settings, client[settings.mongo_database], count)
        finally:
            await client.close()
            await servers.stop()


async def _measure(settings: Settings, database: Any, count: int) -> Rates:
    await create_topics(settings)
    async with connect_storage(settings) as storage:
        await storage.prepare()
    await _publish(settings, TopicName.STORES, [_store()])
    await _publish(settings, TopicName.PRODUCTS, [_product(FRESH, count)])
    async with _worker(settings):
        await _until(lambda: _count(database.products), 1)
        await _until(lambda: _count(database.stores), 1)
    await _publish(settings, TopicName.ORDERS, _orders(FRESH, count))
    async with _worker(settings):
        console.print(f"{count:,} fresh orders")
        await _until(lambda: _count(database.commerce_orders), count)
        console.print(f"{count:,} orders that wait for a product")
        await _publish(settings, TopicName.ORDERS, _orders(FREED, count))
        blocked = {"import.state": "blocked"}
        await _until(lambda: _count(database.amazon_orders, blocked), count)
        await _publish(settings, TopicName.PRODUCTS, [_product(FREED, count)])
        await _until(lambda: _count(database.commerce_orders), 2 * count)
    fresh, _ = await _made(database, FRESH)
    freed, purchases = await _made(database, FREED)
    return Rates(fresh, freed, purchases == sorted(purchases))


async def _made(database: Any, sku: str) -> tuple[float, list[datetime]]:
    """Give how many a second were made, and when they were bought, in the order of their making."""
    cursor = database.commerce_orders.find(
        {"lines.sku": sku}, {"created_at": 1, "purchase_date": 1, "order_number": 1}
    )
    made = sorted(await cursor.to_list(None), key=lambda one: str(one["order_number"]))
    moments = sorted(one["created_at"] for one in made)
    # The first batch's moment is its beginning, the last one's is too: count all but the last.
    counted = sum(moment < moments[-1] for moment in moments)
    return counted / (moments[-1] - moments[0]).total_seconds(), [
        one["purchase_date"] for one in made
    ]


def _orders(sku: str, count: int) -> Iterator[Record]:
    for number in range(count):
        name = f"{sku}-{number:06d}"
        bought = FIRST + timedelta(seconds=(number * 7919) % count)
        line = {"order_item_id": "1", "seller_sku": sku, "quantity": 1}
        yield _record(
            name,
            {
                "store_id": "us",
                "amazon_order_id": name,
                "status": "Unshipped",
                "fulfillment_channel": "MFN",
                "purchase_date": bought.isoformat(),
                "last_update_date": bought.isoformat(),
                "items": [line],
            },
        )


def _store() -> Record:
    told = {"store_id": "us", "name": "US", "marketplace_id": "M"}
    return _record(
        "us", told | {"updated_at": "2026-01-01T00:00:00Z", "integrated_at": "2026-01-01T00:00:00Z"}
    )


def _product(sku: str, quantity: int) -> Record:
    told = {"sku": sku, "enabled": True, "salable_quantity": quantity}
    return _record(sku, told | {"as_of": "2026-11-01T00:00:00Z"})


def _record(key: str, value: Mapping[str, object]) -> Record:
    return Record(key.encode(), json.dumps(value).encode())


async def _publish(settings: Settings, topic: TopicName, records: Iterable[Record]) -> None:
    producer = new_producer(settings)
    await producer.start()
    try:
        sent = [await producer.send(topic, key=one.key, value=one.value) for one in records]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


async def _count(collection: Any, query: dict[str, str] | None = None) -> int:
    return int(await collection.count_documents(query or {}))


async def _until(value: Callable[[], Awaitable[int]], wanted: int) -> None:
    while await value() < wanted:  # noqa: ASYNC110 - another process is at work
        await asyncio.sleep(0.2)


@asynccontextmanager
async def _worker(settings: Settings) -> AsyncIterator[None]:
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
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.release", description=__doc__)
    parser.add_argument("--orders", type=int, default=10_000)
    rates = asyncio.run(run(parser.parse_args().orders))
    console.print(f"fresh: {rates.fresh:,.0f} orders/s, freed: {rates.freed:,.0f} orders/s")
    console.print(f"ratio freed to fresh: {rates.freed / rates.fresh:.2f}")
    console.print(f"oldest purchase first: {'yes' if rates.oldest_first else 'NO'}")
