"""What an order costs, and how much memory the worker has, on the way to a million orders.

One worker stores 10,000, 100,000 and 1,000,000 orders. After each of them it gets three more
portions, one after the other, whose cost is measured.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.progress import Progress

from bench.installation import installation
from bench.processes import resident_mb
from bench.report import Bar, Report, at_most
from bench.servers import Servers, screen
from bench.working import WARM, Cost, Working, show, working
from bench.workload import Record, orders

STORED = (10_000, 100_000, 1_000_000)
PORTION = 10_000
PORTIONS = 3
_EVERY_SECONDS = 5.0
_DAY = 86_400  # seconds
_LOADS = ((1, "as measured"), (10, "10 times"), (1_000, "1,000 times"))


@dataclass(frozen=True)
class Stage:
    """The cost of portions after so many stored orders, and what the processes have by then.

    Memory is resident memory, disk is the size of the servers' directories, both in MB.
    """

    stored: int
    memory: float
    mongo_memory: float
    mongo_disk: float
    kafka_disk: float
    portions: Sequence[Cost]

    @property
    def total(self) -> float:
        """The CPU per order of all processes, over all portions."""
        return sum(one.total for one in self.portions) / len(self.portions)


@dataclass(frozen=True)
class Way:
    """All stages. `memory` is the most the worker had at any time, in MB."""

    stages: Sequence[Stage]
    memory: float
    seconds: float


async def measure(on: Servers, most: int) -> Report:
    """Store so many orders."""
    stages: list[Stage] = []
    memory = [0.0]
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
                show(portions[-1])
            stages.append(Stage(stored, *taken, portions))
            screen.print(f"{stored:,} stored: {resident:,.0f} MB resident", highlight=False)
        count = await here.database.amazon_orders.estimated_document_count()
        if count != at:
            raise AssertionError(f"{count:,} orders are stored instead of {at:,}")
    way = Way(stages, max(memory), time.monotonic() - began)
    tables = {"million": to_markdown(way)}
    if len(stages) > 1:
        tables["scaling"] = _to_scaling_table(stages)
    return Report(tables, list(find_bars(way)))


def find_bars(way: Way) -> Iterator[Bar]:
    """Compare a million stored orders with ten and a hundred thousand."""
    stages = {stage.stored: stage for stage in way.stages}
    if 1_000_000 not in stages:
        return
    few, many, last = stages[10_000], stages[100_000], stages[1_000_000]
    yield at_most(
        "cost per order at 1,000,000 stored, to 10,000",
        1.15,
        [last.total / few.total],
        f"{last.total:,.0f} µs to {few.total:,.0f} µs",
    )
    yield at_most(
        "memory after 1,000,000 orders, to 100,000",
        1.1,
        [last.memory / many.memory],
        f"{last.memory:,.0f} MB to {many.memory:,.0f} MB",
    )


async def _fill(workers: Working, start: int, count: int, memory: list[float]) -> None:
    looked = 0.0
    with Progress(console=screen, transient=True) as progress:
        bar = progress.add_task(f"to {start + count:,} orders", total=count)

        def look(out: int) -> None:
            nonlocal looked
            progress.update(bar, completed=out - start)
            if time.monotonic() - looked > _EVERY_SECONDS:
                looked = time.monotonic()
                memory.append(workers.memory)

        show(await workers.do(f"to {start + count:,}", _orders(start, count), count, look))


def _orders(start: int, count: int) -> Iterable[Record]:
    return orders(count, seed=start + 1, start=start)


def to_markdown(way: Way) -> str:
    """Return the table: each stage, compared with the first one."""
    first = way.stages[0]
    rows = [
        (
            f"One worker did everything, in {way.seconds / 60:.0f} minutes. Each row is of "
            f"{PORTIONS} portions of {PORTION:,} orders, and so is its spread."
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
    rows += ["", f"The most that the worker had at any time: {way.memory:,.0f} MB."]
    return "\n".join(rows)


def _to_scaling_table(stages: Sequence[Stage]) -> str:
    """Return the table of `docs/scaling.md`: ten and a thousand times the measured load.

    Cost and rate are those of the last stage; disk is what an order has added since the first one.
    """
    first, last = stages[0], stages[-1]
    portions = last.portions
    rate = sum(one.orders for one in portions) / sum(one.seconds for one in portions)
    cpu = [
        sum(getattr(one, part) for one in portions) / len(portions)
        for part in ("worker", "mongo", "kafka")
    ]
    orders = last.stored - first.stored
    disk = [
        (getattr(last, part) - getattr(first, part)) / orders * 1e6
        for part in ("mongo_disk", "kafka_disk")
    ]
    rows = [
        (
            f"{rate:,.0f} orders/s with one worker and {last.stored:,} orders stored, all servers "
            f"on the same cores; {cpu[0]:,.0f} µs of CPU an order in the worker, {cpu[1]:,.0f} in "
            f"the database, {cpu[2]:,.0f} in Kafka; {disk[0] / 1000:,.1f} kB an order on the "
            f"database's disk, {disk[1] / 1000:,.1f} kB on Kafka's, one copy of each."
        ),
        "",
        (
            "| load | orders/s | orders a day | cores: worker / MongoDB / Kafka "
            "| disk a day: MongoDB / Kafka |"
        ),
        "|---|---:|---:|---:|---:|",
    ]
    for times, title in _LOADS:
        cores = " / ".join(f"{times * rate * one / 1e6:,.1f}" for one in cpu)
        daily = " / ".join(f"{times * rate * _DAY * one / 1e9:,.0f}" for one in disk)
        rows.append(
            f"| {title} | {times * rate:,.0f} | {times * rate * _DAY / 1e6:,.0f} million "
            f"| {cores} | {daily} GB |"
        )
    return "\n".join(rows)
