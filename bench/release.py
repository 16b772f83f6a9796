"""Blocked orders that one fact frees, and skipped ones that are replayed, beside fresh orders."""

import asyncio
import json
import sys
import time
from asyncio import create_subprocess_exec, subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.installation import Installation, installation, tell_facts
from bench.publishing import publish
from bench.records import keep
from bench.servers import Servers, console
from bench.working import working
from bench.workload import Record, change, orders, products, stores
from models.topics import TopicName

FREED = "FREED"
_FRESH_START, _SKIPPED_START = 0, 1_000_000


@dataclass(frozen=True)
class Again:
    """Orders judged again, and fresh ones in the same run: how many, and orders per second."""

    name: str
    fresh: int
    fresh_rate: float
    again: int
    again_rate: float
    note: str = ""

    @property
    def ratio(self) -> float:
        """Again to fresh."""
        return self.again_rate / self.fresh_rate


async def release(on: Servers, count: int, asked: Mapping[str, Any]) -> list[Again]:
    """Have as many orders as asked wait for one product, and tell that product."""
    async with installation(on, "release", facts=False) as here:
        await tell_facts(here.settings, stores(), products())
        fresh, waiting = list(_free(0, count)), list(_free(count, count, FREED))
        async with working(here, "release") as workers:
            cost = await workers.do("fresh", fresh, count)
            await workers.do("blocked", waiting, count)
            began = time.time()
            product = change(next(products(count=1)), sku=FREED, enabled=True)
            await publish(here.settings, here.topic(TopicName.PRODUCTS), [product])
            ended = await workers.until(workers.out + count)
            in_order = await _oldest_first(here)
        note = "oldest purchase first" if in_order else "NOT oldest purchase first"
        found = Again("release of blocked", count, cost.rate, count, count / (ended - began), note)
    _show(found)
    keep("release", [found], asked=asked, engine=on.engine)
    return [found]


async def replay(on: Servers, count: int, fresh: int, asked: Mapping[str, Any]) -> list[Again]:
    """Have orders skipped while import is off, turn it on, and replay them by the command."""
    async with (
        installation(on, "replay") as here,
        working(here, "replay") as workers,
    ):
        cost = await workers.do("fresh", list(orders(fresh, start=_FRESH_START)), fresh)
        await _tell_stores(here, on=False)
        await workers.do("skipped", orders(count, seed=2, start=_SKIPPED_START), count)
        await _tell_stores(here, on=True)
        began = time.time()
        told = await _replay(here)
        seconds = time.time() - began
    results = {name: told[name]["orders"] for name in ("created", "blocked", "refused")}
    answered = sum(results.values())
    words = ", ".join(f"{number:,} {what}" for what, number in results.items() if number)
    found = Again("replay", fresh, cost.rate, answered, answered / seconds, words)
    _show(found)
    keep("replay", [found], asked=asked, engine=on.engine)
    return [found]


async def _replay(here: Installation) -> Any:
    command = ("-m", "order_import", "replay", "--execute", "--reason-text", "bench", "--json")
    process = await create_subprocess_exec(
        sys.executable, *command, env=here.environment, stdout=subprocess.PIPE
    )
    told, _ = await process.communicate()
    if process.returncode:
        raise AssertionError(f"the replay ended with {process.returncode}")
    return json.loads(told)


async def _oldest_first(here: Installation) -> bool:
    cursor = here.database.commerce_orders.find(
        {"lines.sku": FREED}, {"purchase_date": 1, "order_number": 1}
    )
    made = sorted(await cursor.to_list(None), key=lambda one: int(one["order_number"]))
    bought = [one["purchase_date"] for one in made]
    return bought == sorted(bought)


def _free(start: int, count: int, sku: str | None = None) -> Iterator[Record]:
    """Give orders that nothing stands in the way of, but for a product they all ask for."""
    for number, record in enumerate(orders(count, seed=start + 1, start=start)):
        told = json.loads(record.value)
        for item in told["items"]:
            product = int(item["seller_sku"].removeprefix("SKU-"))
            if product % 30 == 0:
                item["seller_sku"] = f"SKU-{product + 1}"
        if sku is not None:
            told["items"].append({"order_item_id": "9", "seller_sku": sku, "quantity": 1})
        minute = (number * 7919) % count
        bought = f"2026-10-{1 + minute // 1440 % 28:02d}T{minute // 60 % 24:02d}:{minute % 60:02d}"
        yield change(record, items=told["items"], purchase_date=f"{bought}:00Z")


async def _tell_stores(here: Installation, *, on: bool) -> None:
    """Turn import on or off for all stores, and wait until the worker knows."""
    moment = "2026-02-01T00:00:00Z" if on else "2026-01-15T00:00:00Z"
    told = [change(one, import_amazon_orders=on, updated_at=moment) for one in stores()]
    await publish(here.settings, here.topic(TopicName.STORES), told)
    while await here.database.stores.count_documents({"import_amazon_orders": on}) < len(told):  # noqa: ASYNC110 - another process is at work
        await asyncio.sleep(0.1)


def _show(one: Again) -> None:
    console.print(
        f"{one.name}: {one.again:,} at {one.again_rate:,.0f} orders/s, fresh "
        f"{one.fresh_rate:,.0f}: {one.ratio:.2f} ({one.note})",
        highlight=False,
    )


def as_markdown(found: Sequence[Again]) -> str:
    """Give the table."""
    rows = [
        "| what | orders | orders/s | fresh orders/s in the same run | ratio | beside |",
        "|---|---:|---:|---:|---:|---|",
    ]
    rows += [
        f"| {one.name} | {one.again:,} | {one.again_rate:,.0f} | {one.fresh_rate:,.0f} "
        f"| {one.ratio:.2f} | {one.note} |"
        for one in found
    ]
    return "\n".join(rows)
