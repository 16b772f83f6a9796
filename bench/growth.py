"""What an order costs with more partitions, more workers, and products everybody wants.

The cost is CPU, of the worker, of MongoDB and of Kafka, per order: on two cores that all share,
rates tell little of it. Where workers are compared rates count too.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bench.installation import Installation, installation, tell_facts
from bench.records import keep
from bench.servers import Servers
from bench.working import Cost, tell, working
from bench.workload import HOT_PRODUCTS, hot_demand, orders, products, stores

PARTITIONS = (1, 4, 16, 64)
HOT = ", half of all lines on 20 products"
_ENOUGH = 0.9
"""The part of what is asked for of a hot product that there is: the last orders go without."""


class Oversold(Exception):  # noqa: N818 - the verdict itself
    """A product was promised more often than it is there."""


async def with_partitions(on: Servers, count: int, asked: Mapping[str, Any]) -> list[Cost]:
    """Give the cost for each number of partitions per topic."""
    found: list[Cost] = []
    for number in PARTITIONS:
        async with (
            installation(on, f"p{number}", partitions=number) as here,
            working(here, f"p{number}") as workers,
        ):
            name = f"{number} partition{'s' if number > 1 else ''}"
            found.append(await workers.do(name, list(orders(count)), count))
        tell(found[-1])
        keep("partitions", found, whole=number == PARTITIONS[-1], asked=asked, engine=on.engine)
    return found


async def with_workers(
    on: Servers, count: int, rounds: int, asked: Mapping[str, Any]
) -> list[Cost]:
    """Give the cost with one, two and four workers, in turns; also where stock is contended."""
    found: list[Cost] = []
    plan = [
        (turn, workers, hot)
        for turn in range(1, rounds + 1)
        for hot in (True, False)
        for workers in ((1, 2, 4) if turn % 2 else (4, 2, 1))
    ]
    for at, (turn, number, hot) in enumerate(plan):
        name = f"{number} worker{'s' if number > 1 else ''}{HOT if hot else ''}"
        async with installation(on, f"w{turn}{number}{hot:d}", facts=False) as here:
            told = products(hot_demand(count, _ENOUGH)) if hot else products()
            await tell_facts(here.settings, stores(), told)
            async with working(here, f"w{turn}{number}{hot:d}", number=number) as workers:
                found.append(await workers.do(name, list(orders(count, hot=hot)), count))
            if hot:
                await _nothing_is_oversold(here)
        tell(found[-1])
        keep("workers", found, whole=at == len(plan) - 1, asked=asked, engine=on.engine)
    return found


async def _nothing_is_oversold(here: Installation) -> None:
    """Add up what all Commerce orders hold of the hot products.

    Raises:
        Oversold: It is more than there is, or nothing ran out and so nothing was tried.
    """
    hot = {f"SKU-{number}" for number in HOT_PRODUCTS}
    reserved = dict.fromkeys(hot, 0)
    async for one in here.database.commerce_orders.find({}, {"reservations": 1}):
        for reservation in one["reservations"]:
            if reservation["sku"] in hot:
                reserved[reservation["sku"]] += reservation["quantity"]
    ran_out = await here.database.amazon_orders.count_documents(
        {"import.state": "blocked", "import.reasons.code": "out-of-stock"}
    )
    async for product in here.database.products.find({"_id": {"$in": sorted(hot)}}):
        there, sku = product["salable_quantity"], product["_id"]
        if reserved[sku] > there or reserved[sku] != product["reserved"]:
            raise Oversold(
                f"{sku}: {reserved[sku]} reserved, {product['reserved']} counted, {there} there"
            )
    if not ran_out:
        raise Oversold("nothing ran out: it was not tried")


_SHOWN = "the one with the middle rate, of two the quicker"


def as_markdown(found: Sequence[Cost]) -> str:
    """Give the table; the last columns compare with the first line."""
    names = list(dict.fromkeys(one.name for one in found))
    first = _median([one for one in found if one.name == names[0]])
    rounds = len(found) // len(names)
    rows = [
        f"{found[0].orders:,} orders each{f', {rounds} rounds in turns; {_SHOWN}' * (rounds > 1)}.",
        "",
        (
            "| what | orders/s | CPU µs an order: worker / Mongo / Kafka | all | of the first "
            "| conflicts | memory, MB |"
        ),
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name in names:
        one = _median([cost for cost in found if cost.name == name])
        rows.append(
            f"| {one.name} | {one.rate:,.0f} | {one.worker:,.0f} / {one.mongo:,.0f} / "
            f"{one.kafka:,.0f} | {one.total:,.0f} | {one.total / first.total:.2f} "
            f"| {one.aborted:,} | {one.memory:,.0f} |"
        )
    return "\n".join(rows)


def _median(found: Sequence[Cost]) -> Cost:
    """Give the run with the middle rate."""
    return sorted(found, key=lambda one: one.rate)[len(found) // 2]
