"""The rounds of the contest: every contender runs once in each, and no one always runs first."""

import time
from collections.abc import Collection

from bench.contenders.contender import CONTENDERS, Contender
from bench.contest import Result, compete
from bench.contest_table import KAFKA_FLOOR, MONGO_FLOOR, to_report
from bench.floors import kafka_floor, mongo_floor
from bench.installation import Installation, installation
from bench.report import Report
from bench.servers import Servers, screen
from bench.workload import orders

_LEAST = 500


async def measure(on: Servers, count: int, rounds: int, only: Collection[str] = ()) -> Report:
    """Let all contenders compete, or some of them without the floors."""
    results: list[Result] = []
    contenders = [one for one in CONTENDERS if not only or one.name in only]
    for number in range(rounds):
        shift = number % len(contenders)
        for contender in [*contenders[shift:], *contenders[:shift]]:
            results += await _run(on, contender, count, number + 1, floors=not only)
    return to_report(results)


async def _run(
    on: Servers, contender: Contender, count: int, number: int, *, floors: bool
) -> list[Result]:
    share = max(min(count, _LEAST), round(count * contender.share))
    name = f"{contender.name}-{number}"
    async with installation(on, name, revision=contender.revision) as here:
        await here.feed(orders(share))
        began = time.monotonic()
        with screen.status(f"round {number}: {contender.title}") as status:
            result = await compete(
                contender,
                here,
                share,
                lambda out: status.update(
                    f"round {number}: {contender.title}, {out:,} of {share:,} "
                    f"({time.monotonic() - began:.0f} s)"
                ),
            )
        screen.print(
            f"round {number}: {contender.title}: {result.rate:,.0f} orders/s "
            f"(worker {result.cpu_worker:,.0f}, mongo {result.cpu_mongo:,.0f}, "
            f"kafka {result.cpu_kafka:,.0f} µs CPU an order; "
            f"{result.batch:,.0f} messages a transaction)",
            highlight=False,
        )
        if contender.name == "ours" and floors:
            return [result, *await _floors(on, here, share, number)]
        return [result]


async def _floors(on: Servers, done: Installation, count: int, number: int) -> list[Result]:
    async with installation(on, f"floor-{number}", facts=False) as empty:
        results = []
        for name, seconds in (
            (KAFKA_FLOOR, await kafka_floor(done, empty)),
            (MONGO_FLOOR, await mongo_floor(done, empty, done.settings.batch_size)),
        ):
            screen.print(
                f"round {number}: {name}: {count / seconds:,.0f} orders/s", highlight=False
            )
            results.append(Result(name, count, seconds, 0, 0, 0, 0, 0.0, 0.0, 0.0, 0.0))
        return results
