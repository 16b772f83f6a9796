"""A crash at every step of every scenario; the same with an error instead; and two crashes."""

import asyncio
from collections.abc import Mapping, Sequence
from random import Random
from typing import NamedTuple

from aiokafka.errors import KafkaConnectionError

from models.errors import Fenced, StorageUnavailable
from tests.faults.inprocess.clock import play
from tests.faults.inprocess.power import Power
from tests.faults.inprocess.process import Process
from tests.faults.inprocess.world import PATIENCE, World, soon
from tests.model.messages import AnyMessage
from tests.model.reference_model import Model

CRASH, FAIL = "crash", "error"
RECOVERY = 80
"""Steps after a restart within which what was left over is done: all partitions, and one batch."""


class Ending(NamedTuple):
    """How a run ended: steps taken, the last step before each fault, and what was wrong."""

    steps: int
    struck: tuple[str, ...]
    violations: tuple[str, ...]


class Strikes:
    """Weather that strikes at the given steps, counted over all processes."""

    def __init__(self, at: Mapping[int, str]) -> None:
        self.steps = 0
        self.struck: list[str] = []
        self._at = at

    async def __call__(self, power: Power, what: str) -> None:
        self.steps += 1
        strike = self._at.get(self.steps)
        await asyncio.sleep(0)
        if strike is None:
            return
        self.struck.append(what)
        if strike == CRASH:
            power.cut()
        elif what.startswith("kafka"):
            raise KafkaConnectionError
        else:
            raise StorageUnavailable("no answer")


def run(told: Sequence[AnyMessage], at: Mapping[int, str] | None = None) -> Ending:
    """Tell a scenario, one message after the other, and strike at these steps."""
    weather = Strikes(at or {})
    violations = play(_run(told, weather), 1)
    return Ending(weather.steps, tuple(weather.struck), tuple(violations))


def points(told: Sequence[AnyMessage]) -> range:
    """Give the steps of a scenario, after those of every start."""
    return range(run(()).steps + 1, run(told).steps + 1)


def two_points(told: Sequence[AnyMessage], chance: Random) -> tuple[int, int]:
    """Give a step of a scenario, and one of the recovery or of what comes after it."""
    first = chance.randint(1, run(told).steps)
    return first, first + chance.randint(1, RECOVERY)


async def _run(told: Sequence[AnyMessage], weather: Strikes) -> list[str]:
    world, model = World(), Model()
    process = await _started(world, weather)
    for one in told:
        world.tell(one)
        model.take(one)
        process = await _settle(world, process, weather)
    await world.bury(process)
    end = world.judge()
    if end is not None and end != model.end():
        world.violations.append(f"ended as {end}, the model as {model.end()}")
    return world.violations


async def _started(world: World, weather: Strikes) -> Process:
    process = Process(world.database, world.log, weather)
    process.start()
    process.begin(process.assign, world.sources)
    await soon()
    return process


async def _settle(world: World, process: Process, weather: Strikes) -> Process:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE
    while True:
        await soon()
        if process.power.is_cut:
            if isinstance(process.failure, Fenced):
                world.violations.append("the only worker lost its place")
            await world.bury(process)
            process = await _started(world, weather)
        elif all(world.is_done(one) and process.has_finished(one) for one in world.sources):
            return process
        if loop.time() > deadline:
            world.violations.append("does not come to rest")
            return process
