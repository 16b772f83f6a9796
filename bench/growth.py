"""What an order costs with more partitions, with more workers, and with contended products.

The cost is the CPU time per order of the worker, MongoDB and Kafka: on two cores that all of them
share, rates say little about it. For several workers the rates count too.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from aiokafka.partitioner import DefaultPartitioner

from bench.installation import Installation, installation, store_facts
from bench.report import Bar, Report, at_least, at_most
from bench.servers import Servers
from bench.working import Cost, show, working
from bench.workload import (
    HOT_PRODUCTS,
    STORES,
    Record,
    change,
    hot_demand,
    orders,
    products,
    stock_items,
    stores,
)

PARTITIONS = (1, 4, 16, 64)
HOT = ", half of all lines on 20 products"
_ENOUGH = 0.9
"""How much of the demand for a hot product is in stock: the last orders are blocked."""
_LEAST = ((2, "two", 1.0), (4, "four", 0.95))
"""The least rate of several workers on hot products, compared with one."""

_ON_STOCKS = {1: f"1 worker on 1 stock{HOT}", 2: f"2 workers on 2 stocks{HOT}"}


class Oversold(Exception):  # noqa: N818 - it is the result itself
    """More units of a product are reserved than there are."""


async def with_partitions(on: Servers, count: int) -> Report:
    """Measure the cost for each number of partitions per topic."""
    costs: list[Cost] = []
    for number in PARTITIONS:
        async with (
            installation(on, f"p{number}", partitions=number) as here,
            working(here, f"p{number}") as workers,
        ):
            name = f"{number} partition{'s' if number > 1 else ''}"
            costs.append(await workers.do(name, list(orders(count)), count))
        show(costs[-1])
    return Report({"partitions": to_markdown(costs)})


async def with_workers(on: Servers, count: int, rounds: int) -> Report:
    """Measure the cost with one, two and four workers alternately, also for contended stock."""
    costs: list[Cost] = []
    plan = [
        (round_number, workers, hot)
        for round_number in range(1, rounds + 1)
        for hot in (True, False)
        for workers in ((1, 2, 4) if round_number % 2 else (4, 2, 1))
    ]
    for round_number, number, hot in plan:
        name = f"{number} worker{'s' if number > 1 else ''}{HOT if hot else ''}"
        label = f"w{round_number}{number}{hot:d}"
        async with installation(on, label, facts=False) as here:
            catalog = products(hot_demand(count, _ENOUGH)) if hot else products()
            await store_facts(here.settings, stores(), catalog)
            async with working(here, label, number=number) as workers:
                costs.append(await workers.do(name, list(orders(count, hot=hot)), count))
            if hot:
                await _check_stock(here)
        show(costs[-1])
    return Report({"workers": to_markdown(costs)}, list(find_bars(costs)))


async def with_stocks(on: Servers, count: int, rounds: int) -> Report:
    """Compare two workers on two stocks with one on one: half of all lines are of hot products.

    There are two partitions, and all orders of one are of the stores of one stock.
    """
    costs: list[Cost] = []
    for round_number in range(1, rounds + 1):
        for number in (1, 2) if round_number % 2 else (2, 1):
            label = f"s{round_number}{number}"
            async with installation(on, label, facts=False, partitions=2) as here:
                quantity = hot_demand(count // number, _ENOUGH)
                others = stock_items("stock-1", quantity) if number > 1 else ()
                of_stores = stores(stocks=number)
                await store_facts(here.settings, of_stores, products(quantity), others)
                async with working(here, label, number=number) as workers:
                    records = list(_of_one_stock_each(orders(count, hot=True), number))
                    costs.append(await workers.do(_ON_STOCKS[number], records, count))
                await _check_stock(here)
            show(costs[-1])
    one, two = ([cost for cost in costs if cost.name == name] for name in _ON_STOCKS.values())
    ratios = [more.total / first.total for first, more in zip(one, two, strict=True)]
    detail = f"{sum(cost.aborted for cost in two):,} conflicts, nothing oversold"
    bar = at_most("CPU an order of two workers on two stocks, to one on one", 1.1, ratios, detail)
    return Report({"stocks": to_markdown(costs)}, [bar])


def _of_one_stock_each(records: Iterable[Record], stocks: int) -> Iterator[Record]:
    """Give each order a store of the stock of its partition."""
    choose, partitions = DefaultPartitioner(), [0, 1]
    for number, record in enumerate(records):
        stock = choose(record.key, partitions, partitions) % stocks
        yield change(record, store_id=f"store-{number % (STORES // stocks) * stocks + stock}")


def find_bars(costs: Sequence[Cost]) -> Iterator[Bar]:
    """Compare the rates of several workers on hot products with that of one."""
    for number, word, least in _LEAST:
        one = [cost for cost in costs if cost.name == "1 worker" + HOT]
        several = [cost for cost in costs if cost.name == f"{number} workers{HOT}"]
        values = [more.rate / first.rate for first, more in zip(one, several, strict=True)]
        conflicts = sum(cost.aborted for cost in several)
        orders_in_all = sum(cost.orders for cost in several)
        detail = f"{conflicts:,} conflicts in {orders_in_all:,} orders, nothing oversold"
        yield at_least(f"{word} workers on hot products, to one", least, values, detail)


async def _check_stock(here: Installation) -> None:
    """Add up what all Commerce orders reserve of the hot products.

    Raises:
        Oversold: It is more than there is, or nothing ran out, so nothing was proved.
    """
    hot = {f"SKU-{number}" for number in HOT_PRODUCTS}
    reserved: Counter[tuple[str, str]] = Counter()
    fields = {"stock_id": 1, "reservations": 1}
    async for order in here.database.commerce_orders.find({}, fields):
        for reservation in order["reservations"]:
            reserved[order["stock_id"], reservation["sku"]] += reservation["quantity"]
    ran_out = await here.database.amazon_orders.count_documents(
        {"import.state": "blocked", "import.reasons.code": "out-of-stock"}
    )
    async for item in here.database.stock_items.find({"sku": {"$in": sorted(hot)}}):
        quantity, of_orders = item["salable_quantity"], reserved[item["stock_id"], item["sku"]]
        if of_orders > quantity or of_orders != item["reserved"]:
            counts = (of_orders, item["reserved"], quantity)
            raise Oversold(
                f"{item['_id']}: {counts} are reserved, counted as reserved, and in stock"
            )
    if not ran_out:
        raise Oversold("nothing ran out, so nothing was proved")


def to_markdown(costs: Sequence[Cost]) -> str:
    """Return the table: the median run of each kind, compared with the first kind."""
    names = list(dict.fromkeys(cost.name for cost in costs))
    runs = [[cost for cost in costs if cost.name == name] for name in names]
    medians = [sorted(same, key=lambda cost: cost.rate)[len(same) // 2] for same in runs]
    rounds = f"; the run with the median rate of {len(runs[0])}" if len(runs[0]) > 1 else ""
    rows = [
        f"{costs[0].orders:,} orders each{rounds}.",
        "",
        (
            "| what | orders/s | CPU µs an order: worker / Mongo / Kafka | all | of the first "
            "| conflicts | memory, MB |"
        ),
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    rows += [
        f"| {cost.name} | {cost.rate:,.0f} | {cost.worker:,.0f} / {cost.mongo:,.0f} / "
        f"{cost.kafka:,.0f} | {cost.total:,.0f} | {cost.total / medians[0].total:.2f} "
        f"| {cost.aborted:,} | {cost.memory:,.0f} |"
        for cost in medians
    ]
    return "\n".join(rows)
