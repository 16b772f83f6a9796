"""A crash at every step of every scenario; the same with an error instead; and two crashes."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from aiokafka.errors import KafkaConnectionError

from models.errors import PositionLost, StorageUnavailable
from tests.faults.inprocess.clock import play
from tests.faults.inprocess.power import Power
from tests.faults.inprocess.process import Process
from tests.faults.inprocess.world import PATIENCE, World, soon
from tests.model.messages import Told
from tests.model.reference_model import Model

CRASH, FAIL = "crash", "fail"


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


def run(told: Sequence[Told], at: Mapping[int, str] | None = None) -> Ending:
    """Tell a scenario, one message after the other, and strike at these steps."""
    weather = Strikes(at or {})
    violations = play(_run(told, weather), 1)
    return Ending(weather.steps, tuple(weather.struck), tuple(violations))


def everywhere(told: Sequence[Told], how: str, every: int = 1, first: int = 1) -> Iterable[Ending]:
    """Strike at every step of a scenario, or at each `every`-th."""
    for step in range(first, run(told).steps + 1, every):
        yield run(told, {step: how})


def twice(told: Sequence[Told], every: int, first: int = 1) -> Iterable[Ending]:
    """Crash at some steps, and each time at every step of the recovery as well."""
    for step in range(first, run(told).steps + 1, every):
        again = step + 1
        while len((ending := run(told, {step: CRASH, again: CRASH})).struck) == 2:
            yield ending
            if again - step > RECOVERY:
                break
            again += 1


RECOVERY = 80
"""Steps after a restart within which what was left over is done: 12 partitions, and one batch."""


async def _run(told: Sequence[Told], weather: Strikes) -> list[str]:
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
            if isinstance(process.failure, PositionLost):
                world.violations.append("the only worker lost its place")
            await world.bury(process)
            process = await _started(world, weather)
        elif all(map(process.has_finished, world.sources)):
            return process
        if loop.time() > deadline:
            world.violations.append("does not come to rest")
            return process
