"""Server time and size of each of the console's pages, with very many orders stored."""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

import httpx

from bench.console_fill import fill
from bench.installation import installation
from bench.report import Report
from bench.servers import Servers, screen
from order_import.console.access import Access
from order_import.console.app import build_app
from order_import.console.context import open_context
from order_import.worker import tune_gc
from storage.documents.values import Document
from streams.clock import now

_DEEP = 100
"""The number of the deep page that is measured."""
_TIMES = 60
_EXPORTS = 3


@dataclass(frozen=True)
class Page:
    """A page: the time of its first request and the sorted others, in milliseconds; its bytes."""

    name: str
    first: float
    times: Sequence[float]
    size: int

    def share(self, share: float) -> float:
        """Return the time within which this share of the requests was answered."""
        return self.times[min(int(share * len(self.times)), len(self.times) - 1)]


async def measure(on: Servers, count: int) -> Report:
    """Store so many orders, and request each page through the application, without the network."""
    async with installation(on, "console", facts=False) as here:
        await fill(here.database, count, now())
        newest = await here.database.amazon_orders.find_one(sort=[("received_at", -1)])
        access = Access(None, frozenset(), secure=False)
        async with open_context(here.settings, access) as context:
            transport = httpx.ASGITransport(build_app(context))
            tune_gc()
            async with httpx.AsyncClient(transport=transport, base_url="http://console") as client:
                pages = []
                for name, path in (await _pages(client, newest)).items():
                    with screen.status(name):
                        pages.append(await _request(client, name, path, _TIMES))
                # The transport returns a response once it is complete.
                name, path = "export of all blocked orders", "/orders.csv?state=blocked"
                pages.append(await _request(client, name, path, _EXPORTS))
    return Report({"console": _to_markdown(count, pages)})


async def _pages(client: httpx.AsyncClient, newest: Document) -> dict[str, str]:
    number, store = newest["amazon_order_id"], newest["store_id"]
    blocked = await client.get("/orders?state=blocked")
    match = re.search(r'data-open href="([^"]+)"', blocked.text)
    if match is None:
        raise AssertionError("no order is blocked")
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
        if more is None:
            raise AssertionError(f"{path} has no next page")
        path = more[1].replace("&amp;", "&")
    return path


async def _request(client: httpx.AsyncClient, name: str, path: str, times: int) -> Page:
    taken, size, status = [], 0, 0
    for _ in range(times + 1):
        began = time.perf_counter()
        response = await client.get(path)
        taken.append(1000 * (time.perf_counter() - began))
        size, status = len(response.content), response.status_code
    if status != httpx.codes.OK:
        raise AssertionError(f"{path} answers {status}")
    return Page(name, taken[0], sorted(taken[1:]), size)


def _to_markdown(count: int, pages: Sequence[Page]) -> str:
    rows = [
        (
            f"{count:,} orders; each page requested {_TIMES} times after the first request, "
            f"the export {_EXPORTS} times."
        ),
        "",
        "| page | first, ms | p50, ms | p95, ms | kB |",
        "|---|---:|---:|---:|---:|",
    ]
    rows += [
        f"| {page.name} | {page.first:.0f} | {page.share(0.5):.0f} | {page.share(0.95):.0f} "
        f"| {page.size / 1000:.0f} |"
        for page in pages
    ]
    return "\n".join(rows)
