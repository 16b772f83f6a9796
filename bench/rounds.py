"""The rounds of the contest: everybody once in each, and nobody always first."""

import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from bench.contenders.contender import CONTENDERS, Contender
from bench.contest import Result, compete
from bench.floors import kafka_floor, mongo_floor
from bench.installation import Installation, installation
from bench.records import keep
from bench.servers import Servers, console
from bench.workload import orders

KAFKA_FLOOR, MONGO_FLOOR = "floor-kafka", "floor-mongo"
FLOORS = (KAFKA_FLOOR, MONGO_FLOOR)
_LEAST = 500


async def measure(
    on: Servers,
    count: int,
    rounds: int,
    asked: Mapping[str, Any],
    only: Collection[str] = (),
    had: Sequence[Result] = (),
) -> list[Result]:
    """Let all compete, as many rounds as asked; `had` are results that need not be made again."""
    found = list(had)
    part = "contest-of-some" if only else "contest"  # which no table is made of
    chosen = [one for one in CONTENDERS if not only or one.name in only]
    for turn in range(1, rounds + 1):
        shift = (turn - 1) % max(1, len(chosen))
        for contender in [*chosen[shift:], *chosen[:shift]]:
            if sum(one.name == contender.name for one in found) >= turn:
                continue
            found += await _one(on, contender, count, turn, floors=not only)
            keep(part, found, whole=False, asked=asked, engine=on.engine)
    keep(part, found, asked=asked, engine=on.engine)
    return found


async def _one(
    on: Servers, contender: Contender, count: int, turn: int, *, floors: bool
) -> list[Result]:
    mine = max(min(count, _LEAST), round(count * contender.share))
    name = f"{contender.name}-{turn}"
    async with installation(on, name, revision=contender.revision) as here:
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
            f"kafka {result.cpu_kafka:,.0f} µs CPU an order; "
            f"{result.batch:,.0f} messages a transaction)",
            highlight=False,
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
            console.print(f"round {turn}: {name}: {count / seconds:,.0f} orders/s", highlight=False)
            found.append(Result(name, count, seconds, 0, 0, 0, 0, 0.0, 0.0, 0.0, 0.0))
        return found
