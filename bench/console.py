"""`make bench-console`: server time and size of each of the console's pages at 1,000,000 orders."""

import argparse
import asyncio
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
from pymongo import AsyncMongoClient
from rich.console import Console
from rich.table import Table

from bench.console_fill import fill
from order_import.bootstrap import connect_storage
from order_import.console.access import Access
from order_import.console.app import build_app
from order_import.console.context import open_context
from order_import.devtools.embedded.servers import EmbeddedServers
from order_import.operations.install import create_topics
from order_import.settings import Settings
from order_import.worker import tune_gc
from storage.documents.values import Document
from streams.clock import now

_DEEP = 100
"""How many pages deep a list is followed before a deep page is measured."""
console = Console(width=120)


@dataclass(frozen=True)
class Measured:
    """One page: its times in milliseconds, in order, and its bytes."""

    name: str
    status: int
    first: float
    times: Sequence[float]
    size: int

    def share(self, share: float) -> float:
        """Give the time that this share of the answers kept."""
        return self.times[min(int(share * len(self.times)), len(self.times) - 1)]


async def run(directory: Path, count: int, rounds: int) -> None:
    """Fill a database, once for each directory, and measure the pages through the application."""
    servers = EmbeddedServers(directory, report=console.print)
    addresses = await servers.start()
    try:
        settings = Settings(
            kafka_bootstrap_servers=addresses.kafka_bootstrap or "", mongo_url=addresses.mongo_url
        )
        await create_topics(settings)
        async with connect_storage(settings) as storage:
            await storage.prepare()
        url = settings.mongo_url.get_secret_value()
        client: AsyncMongoClient[Document] = AsyncMongoClient(url, tz_aware=True)
        async with client:
            await fill(client, settings.mongo_database, count, now())
            database = client[settings.mongo_database]
            newest = await database.amazon_orders.find_one(sort=[("received_at", -1)])
        assert newest is not None  # noqa: S101 - it was filled above
        await _measure(settings, newest, rounds)
    finally:
        await servers.stop()


async def _measure(settings: Settings, newest: Document, rounds: int) -> None:
    async with open_context(settings, Access(None, frozenset(), secure=False)) as context:
        transport = httpx.ASGITransport(build_app(context))
        tune_gc()
        async with httpx.AsyncClient(transport=transport, base_url="http://console") as client:
            found = []
            for name, path in (await _pages(client, newest)).items():
                found.append(await _page(client, name, path, rounds))
                _show_line(found[-1])
            found.append(await _export(client, "/orders.csv?state=blocked", rounds))
            _show(found)


async def _pages(client: httpx.AsyncClient, newest: Document) -> dict[str, str]:
    number, store = newest["amazon_order_id"], newest["store_id"]
    blocked = await client.get("/orders?state=blocked")
    match = re.search(r'data-open href="([^"]+)"', blocked.text)
    assert match is not None  # noqa: S101 - there are blocked orders
    group = "/orders?state=blocked&reason=out-of-stock&product=SKU-7"
    day = f"{newest['purchase_date']:%Y-%m-%d}"
    pages = {
        "dashboard": "/",
        "dashboard of a store": f"/stores/{store}",
        "import switch of a store": f"/stores/{store}/import",
        "orders": "/orders",
        "orders, oldest first": "/orders?sort=purchased",
        "orders, newest received": "/orders?sort=-received",
        "orders, oldest received": "/orders?sort=received",
        "orders of a store": f"/orders?store={store}",
        "orders of a store, blocked": f"/orders?store={store}&state=blocked",
        "orders by reason": "/orders?reason=out-of-stock",
        "orders of a day": f"/orders?from={day}",
        "orders of a day by buyer": f"/orders?from={day}&buyer=Dana",
        "orders by a buyer's whole name": "/orders?buyer=Dana+Muster+501",
        "orders by a name that nobody has": "/orders?buyer=Nemo",
        "orders of a store by status and total": f"/orders?store={store}&status=Unshipped&min=290",
        "orders of a blocked group, by ship-by": f"{group}&sort=ship-by",
        "an order by its number": f"/orders?q={number}",
        "orders by a number's beginning": f"/orders?q={number[:7]}",
        "order details": f"/orders/{store}/{number}",
        "order details, blocked": match[1],
        "blocked": "/blocked",
        "blocked of a store": f"/blocked?store={store}",
        "replays": "/replays",
        "dead letters": "/dead-letters",
        "health": "/health",
        "audit": "/audit",
    }
    for name, start in (
        ("orders, page 100", "/orders"),
        ("orders received, page 100", "/orders?sort=-received"),
    ):
        pages[name] = await _deep(client, start)
    return pages


async def _deep(client: httpx.AsyncClient, path: str) -> str:
    for _ in range(_DEEP - 1):
        answer = await client.get(path)
        more = re.search(r'rel="next" href="([^"]+)"', answer.text)
        assert more is not None, path  # noqa: S101 - the list is longer than this
        path = more[1].replace("&amp;", "&")
    return path


async def _page(client: httpx.AsyncClient, name: str, path: str, rounds: int) -> Measured:
    times, size, status = [], 0, 0
    for _ in range(rounds + 1):
        began = time.perf_counter()
        answer = await client.get(path)
        times.append(1000 * (time.perf_counter() - began))
        size, status = len(answer.content), answer.status_code
    return Measured(name, status, times[0], sorted(times[1:]), size)


async def _export(client: httpx.AsyncClient, path: str, rounds: int) -> Measured:
    # The transport gives an answer when it is whole: this is all of the export.
    found = await _page(client, "export of all blocked, whole", path, max(rounds // 20, 1))
    return Measured(found.name, found.status, found.first, found.times, found.size)


def _show_line(one: Measured) -> None:
    console.print(
        f"{one.name}: {one.status}, first {one.first:.0f} ms, "
        f"p50 {one.share(0.5):.0f} ms, p95 {one.share(0.95):.0f} ms, {one.size / 1000:.0f} kB",
        highlight=False,
    )


def _show(found: Sequence[Measured]) -> None:
    table = Table("page", "status", "first ms", "p50 ms", "p95 ms", "kB")
    for one in found:
        table.add_row(
            one.name,
            str(one.status),
            *(f"{ms:.0f}" for ms in (one.first, one.share(0.5), one.share(0.95))),
            f"{one.size / 1000:.0f}",
        )
    console.print(table)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.console", description=__doc__)
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--data-dir", type=Path, default=Path(".data/bench-console"))
    told = parser.parse_args()
    asyncio.run(run(told.data_dir, told.orders, told.rounds))
