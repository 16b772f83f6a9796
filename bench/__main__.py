"""`make bench`: one job, several ways to write it, in turns on one machine.

Other parts, each by itself: `python -m bench.profile`, `bench.latency`, `bench.growth`,
`bench.release`, `bench.replay`.
"""

import argparse
import asyncio
import time
from collections.abc import Sequence

from bench.contenders.contender import CONTENDERS, Contender
from bench.contest import Result, compete
from bench.floors import kafka_floor, mongo_floor
from bench.installation import Installation, installation
from bench.records import keep
from bench.report import as_markdown, show, write_performance
from bench.servers import Servers, console, servers
from bench.workload import orders

KAFKA_FLOOR, MONGO_FLOOR = "floor-kafka", "floor-mongo"
_LEAST = 500


async def run(count: int, rounds: int, only: Sequence[str]) -> list[Result]:
    """Let all compete, one after the other, as many rounds as asked."""
    results: list[Result] = []
    chosen = [one for one in CONTENDERS if not only or one.name in only]
    floors = not only or KAFKA_FLOOR in only or MONGO_FLOOR in only
    async with servers() as on:
        for turn in range(1, rounds + 1):
            # The order turns with the rounds: nobody is always the first on a cold server.
            shift = (turn - 1) % max(1, len(chosen))
            for contender in [*chosen[shift:], *chosen[:shift]]:
                results += await _one(on, contender, count, turn, floors=floors)
                keep("contest", results, engine=on.engine)
    return results


async def _one(
    on: Servers, contender: Contender, count: int, turn: int, *, floors: bool
) -> list[Result]:
    mine = max(min(count, _LEAST), round(count * contender.share))
    async with installation(on, f"{contender.name}-{turn}") as here:
        await here.feed(orders(mine))
        began = time.monotonic()
        with console.status(f"round {turn}: {contender.title}") as status:
            result = await compete(
                contender,
                here,
                mine,
                lambda out: status.update(
                    f"round {turn}: {contender.title}, {out:,} of {mine:,} "
                    f"({time.monotonic() - began:.0f} s)"
                ),
            )
        console.print(
            f"round {turn}: {contender.title}: {result.rate:,.0f} orders/s "
            f"(worker {result.cpu_worker:,.0f}, mongo {result.cpu_mongo:,.0f}, "
            f"kafka {result.cpu_kafka:,.0f} µs CPU an order)"
        )
        if contender.name == "ours" and floors:
            return [result, *await _floors(on, here, mine, turn)]
        return [result]


async def _floors(on: Servers, done: Installation, count: int, turn: int) -> list[Result]:
    async with installation(on, f"floor-{turn}", facts=False) as empty:
        found = []
        for name, seconds in (
            (KAFKA_FLOOR, await kafka_floor(done, empty)),
            (MONGO_FLOOR, await mongo_floor(done, empty, done.settings.batch_size)),
        ):
            console.print(f"round {turn}: {name}: {count / seconds:,.0f} orders/s")
            found.append(Result(name, count, seconds, 0, 0, 0, 0, 0.0, 0.0, 0.0, 0.0))
        return found


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--orders", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    names = ", ".join(one.name for one in CONTENDERS)
    parser.add_argument("--only", default="", help=f"some of {names}, joined by commas")
    parser.add_argument("--no-write", action="store_true", help="leave docs/ as they are")
    return parser.parse_args()


if __name__ == "__main__":
    asked = _parse()
    only = [name for name in asked.only.split(",") if name]
    found = asyncio.run(run(asked.orders, asked.rounds, only))
    show(found)
    if not asked.no_write and not only:
        write_performance("contest", as_markdown(found), found)
