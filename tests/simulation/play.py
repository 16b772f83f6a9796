"""A history is played: one message at a time or all at once, in a time of its own."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import NamedTuple

from tests.model.end import End
from tests.model.messages import AnyMessage
from tests.simulation import clock
from tests.simulation.database import Broken
from tests.simulation.power import Weather, calm
from tests.simulation.weather import Storm
from tests.simulation.workers import Workers
from tests.simulation.world import World


class Ended(NamedTuple):
    """How it ended, if that can be told; what was wrong; and what came over the workers."""

    end: End | None
    violations: tuple[str, ...]
    met: Counter[str]


def one_at_a_time(
    told: Sequence[AnyMessage], weather: Weather = calm, chance: Random | None = None
) -> Ended:
    """Tell a message, and let everything happen that follows, before the next one.

    With `chance` there are several workers, which hand over and are fenced off in between.
    """

    async def play(world: World, workers: Workers) -> None:
        for one in told:
            world.tell(one)
            await workers.trouble()
            await workers.settle()

    return _play(World(), weather, chance, play)


def all_at_once(
    told: Sequence[AnyMessage], storm: Storm, broken: frozenset[Broken] = frozenset()
) -> Ended:
    """Tell one message after the other, whatever has become of those before; then let it rest."""
    chance = storm.chance

    async def play(world: World, workers: Workers) -> None:
        for one in told:
            world.tell(one)
            if chance.random() < 0.3:
                await asyncio.sleep(chance.expovariate(1))
            await workers.trouble()
        storm.calm = True
        await workers.settle()

    return _play(World(broken), storm, chance, play)


def _play(
    world: World,
    weather: Weather,
    chance: Random | None,
    play: Callable[[World, Workers], Awaitable[None]],
) -> Ended:
    workers = Workers(world, weather, chance)

    async def run() -> End | None:
        await workers.settle()
        await play(world, workers)
        await workers.end()
        return world.judge()

    # What the program leaves to chance is the seed's.
    random.seed(chance.random() if chance else 1)
    end, errors = clock.run(run())
    return Ended(end, (*world.violations, *errors), workers.met)
