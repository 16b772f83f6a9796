"""Rechecked orders compared with new ones: blocked orders that are released, and a replay."""

import asyncio
import json
import sys
import time
from asyncio import create_subprocess_exec, subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bench.installation import Installation, installation, store_facts
from bench.publishing import publish
from bench.report import Report, at_least
from bench.servers import Servers
from bench.working import working
from bench.workload import Record, change, orders, products, stores
from models.topics import TopicName

FREED = "FREED"
_LEAST = 0.8
"""The least rate of rechecked orders, compared with new ones."""
_SKIPPED_START = 1_000_000


@dataclass(frozen=True)
class Recheck:
    """Rechecked orders, their rate and that of new orders in the same run, in orders per second."""

    name: str
    orders: int
    rate: float
    new_rate: float
    note: str

    def to_report(self) -> Report:
        """Return a row of the table, and a bar."""
        ratio = self.rate / self.new_rate
        row = (
            f"| {self.name} | {self.orders:,} | {self.rate:,.0f} | {self.new_rate:,.0f} "
            f"| {ratio:.2f} | {self.note} |"
        )
        bar = at_least(f"{self.name}, to the fresh rate", _LEAST, [ratio])
        return Report({}, [bar], {"again": [row]})


async def release(on: Servers, count: int) -> Report:
    """Block so many orders by one product that is missing, then publish that product."""
    async with installation(on, "release", facts=False) as here:
        await store_facts(here.settings, stores(), products())
        new, blocked = list(_free(0, count)), list(_free(count, count, FREED))
        async with working(here, "release") as workers:
            cost = await workers.do("new", new, count)
            await workers.do("blocked", blocked, count)
            began = time.time()
            product = change(next(products(count=1)), sku=FREED, enabled=True)
            await publish(here.settings, here.topic(TopicName.PRODUCTS), [product])
            ended = await workers.until(workers.out + count)
            in_order = await _oldest_first(here)
    note = "oldest purchase first" if in_order else "NOT oldest purchase first"
    return Recheck("release", count, count / (ended - began), cost.rate, note).to_report()


async def replay(on: Servers, count: int, new: int) -> Report:
    """Skip orders while import is off, turn it on, and replay them with the command."""
    async with (
        installation(on, "replay") as here,
        working(here, "replay") as workers,
    ):
        cost = await workers.do("new", list(orders(new)), new)
        await _switch_import(here, on=False)
        await workers.do("skipped", orders(count, seed=2, start=_SKIPPED_START), count)
        await _switch_import(here, on=True)
        began = time.time()
        summary = await _replay(here)
        seconds = time.time() - began
    results = {name: summary[name]["orders"] for name in ("created", "blocked", "refused")}
    replayed = sum(results.values())
    note = ", ".join(f"{number:,} {result}" for result, number in results.items() if number)
    return Recheck("replay", replayed, replayed / seconds, cost.rate, note).to_report()


async def _replay(here: Installation) -> Any:
    command = ("-m", "order_import", "replay", "--execute", "--reason-text", "bench", "--json")
    process = await create_subprocess_exec(
        sys.executable, *command, env=here.environment, stdout=subprocess.PIPE
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise AssertionError(f"the replay exited with {process.returncode}")
    return json.loads(output)


async def _oldest_first(here: Installation) -> bool:
    cursor = here.database.commerce_orders.find(
        {"lines.sku": FREED}, {"purchase_date": 1, "order_number": 1}
    )
    created = sorted(await cursor.to_list(None), key=lambda order: int(order["order_number"]))
    purchased = [order["purchase_date"] for order in created]
    return purchased == sorted(purchased)


def _free(start: int, count: int, sku: str | None = None) -> Iterator[Record]:
    """Yield orders without blockers, except for a product that all of them need."""
    for number, record in enumerate(orders(count, seed=start + 1, start=start)):
        items = json.loads(record.value)["items"]
        for item in items:
            product = int(item["seller_sku"].removeprefix("SKU-"))
            if product % 30 == 0:
                item["seller_sku"] = f"SKU-{product + 1}"
        if sku is not None:
            items.append({"order_item_id": "9", "seller_sku": sku, "quantity": 1})
        minute = (number * 7919) % count
        purchased = (
            f"2026-10-{1 + minute // 1440 % 28:02d}T{minute // 60 % 24:02d}:{minute % 60:02d}"
        )
        yield change(record, items=items, purchase_date=f"{purchased}:00Z")


async def _switch_import(here: Installation, *, on: bool) -> None:
    """Turn import on or off for all stores, and wait until the worker has stored it."""
    moment = "2026-02-01T00:00:00Z" if on else "2026-01-15T00:00:00Z"
    changed = [change(one, import_amazon_orders=on, updated_at=moment) for one in stores()]
    await publish(here.settings, here.topic(TopicName.STORES), changed)
    while await here.database.stores.count_documents({"import_amazon_orders": on}) < len(changed):  # noqa: ASYNC110 - another process is at work
        await asyncio.sleep(0.1)
