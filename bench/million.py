"""One worker's way to a million orders: what an order costs on it, and how much memory it takes.

At 10,000, 100,000 and 1,000,000 stored orders, which the worker itself has stored, it is given
three portions more, each by itself, and what they cost is counted.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.progress import Progress

from bench.installation import installation
from bench.processes import resident_mb
from bench.records import keep
from bench.servers import Servers, console
from bench.working import WARM, Cost, Working, tell, working
from bench.workload import orders

STORED = (10_000, 100_000, 1_000_000)
PORTION = 10_000
PORTIONS = 3
_EVERY_SECONDS = 5.0


@dataclass(frozen=True)
class Stage:
    """So many orders stored: the cost of portions from here on, and what was taken up to here.

    Memory is resident, disk is what the servers' directories have, both in MB.
    """

    stored: int
    memory: float
    mongo_memory: float
    mongo_disk: float
    kafka_disk: float
    portions: Sequence[Cost]

    @property
    def total(self) -> float:
        """All CPU per order, over all portions."""
        return sum(one.total for one in self.portions) / len(self.portions)


@dataclass(frozen=True)
class Way:
    """The whole way. `memory` are pairs of orders done and MB, some seconds apart."""

    stages: Sequence[Stage]
    memory: Sequence[tuple[int, float]]
    seconds: float


async def measure(on: Servers, most: int, asked: Mapping[str, Any]) -> list[Way]:
    """Go as far as asked."""
    stages: list[Stage] = []
    memory: list[tuple[int, float]] = []
    way = Way(stages, memory, 0.0)
    began = time.monotonic()
    sizes = [one for one in STORED if one <= most] or [most]
    async with installation(on, "million") as here, working(here, "million") as workers:
        at = WARM
        for stored in sizes:
            if stored > at:
                await _fill(workers, at, stored - at, memory)
                at = stored
            resident = workers.memory
            taken = (resident, resident_mb(on.mongo_pid), *on.disk())
            portions = []
            for number in range(PORTIONS):
                name = f"{stored:,} stored, portion {number + 1}"
                portions.append(await workers.do(name, list(_orders(at, PORTION)), PORTION))
                at += PORTION
                tell(portions[-1])
            stages.append(Stage(stored, *taken, portions))
            way = Way(stages, memory, time.monotonic() - began)
            keep("million", [way], whole=False, asked=asked, engine=on.engine)
            console.print(f"{stored:,} stored: {resident:,.0f} MB resident", highlight=False)
        kept = await here.database.amazon_orders.estimated_document_count()
        if kept != at:
            raise AssertionError(f"{kept:,} orders are stored, and not {at:,}")
        keep("million", [way], asked=asked, engine=on.engine)
    return [way]


async def _fill(workers: Working, start: int, count: int, memory: list[tuple[int, float]]) -> None:
    looked = 0.0
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task(f"to {start + count:,} orders", total=count)

        def look(out: int) -> None:
            nonlocal looked
            progress.update(bar, completed=out - start)
            if time.monotonic() - looked > _EVERY_SECONDS:
                looked = time.monotonic()
                memory.append((out, workers.memory))

        tell(await workers.do(f"to {start + count:,}", _orders(start, count), count, look))


def _orders(start: int, count: int) -> Any:
    return orders(count, seed=start + 1, start=start)


def as_markdown(way: Way) -> str:
    """Give the table; the last columns compare with the first line."""
    first = way.stages[0]
    rows = [
        (
            f"One worker did all of it, in {way.seconds / 60:.0f} minutes. Each line is of "
            f"{PORTIONS} portions of {PORTION:,} orders; the spread is theirs."
        ),
        "",
        (
            "| stored | orders/s | CPU µs an order: worker / Mongo / Kafka | all | spread "
            "| of the first | worker's memory, MB | MongoDB's, MB | disk, MB: MongoDB / Kafka |"
        ),
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for stage in way.stages:
        parts = [
            sum(getattr(one, part) for one in stage.portions) / len(stage.portions)
            for part in ("worker", "mongo", "kafka")
        ]
        totals = [one.total for one in stage.portions]
        rate = sum(one.orders for one in stage.portions) / sum(
            one.seconds for one in stage.portions
        )
        rows.append(
            f"| {stage.stored:,} | {rate:,.0f} | {' / '.join(f'{one:,.0f}' for one in parts)} "
            f"| {stage.total:,.0f} | {(max(totals) - min(totals)) / stage.total:.0%} "
            f"| {stage.total / first.total:.2f} | {stage.memory:,.0f} | {stage.mongo_memory:,.0f} "
            f"| {stage.mongo_disk:,.0f} / {stage.kafka_disk:,.0f} |"
        )
    if way.memory:
        most = max(mb for _, mb in way.memory)
        rows += ["", f"The most that the worker had at any time it was looked at: {most:,.0f} MB."]
    return "\n".join(rows)


def way_of(told: dict[str, Any]) -> Way:
    """Give a way as it was kept."""
    stages = [
        Stage(**{**one, "portions": [Cost(**cost) for cost in one["portions"]]})
        for one in told["stages"]
    ]
    return Way(stages, [(out, mb) for out, mb in told["memory"]], told["seconds"])
