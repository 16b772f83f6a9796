"""A crash at every step of every scenario; the same with an error instead; and two crashes."""

from collections.abc import Mapping, Sequence
from functools import cache
from random import Random
from typing import NamedTuple

from tests.model.messages import AnyMessage
from tests.model.reference_model import end_of
from tests.simulation.play import one_at_a_time
from tests.simulation.weather import Strikes

RECOVERY = 80
"""Steps after a restart within which what was left over is done: all partitions, and one batch."""


class Ending(NamedTuple):
    """How a run ended: steps taken, the last step before each fault, and what was wrong."""

    steps: int
    struck: tuple[str, ...]
    violations: tuple[str, ...]


def run(told: Sequence[AnyMessage], at: Mapping[int, str] | None = None) -> Ending:
    """Tell a scenario, one message after the other, and strike at these steps."""
    strikes, expected = Strikes(at or {}), end_of(told)
    ended = one_at_a_time(told, strikes)
    violations = list(ended.violations)
    if ended.met["fenced off"]:
        violations.append("the only worker lost its place")
    if ended.end is not None and ended.end != expected:
        violations.append(f"ended as {ended.end}, the model as {expected}")
    return Ending(strikes.steps, tuple(strikes.struck), tuple(violations))


def points(told: Sequence[AnyMessage]) -> range:
    """Give the steps of a scenario, after those of every start."""
    return range(_steps_of_a_start() + 1, run(told).steps + 1)


@cache
def _steps_of_a_start() -> int:
    return run(()).steps


def two_points(told: Sequence[AnyMessage], chance: Random) -> tuple[int, int]:
    """Give a step of a scenario, and one of the recovery or of what comes after it."""
    first = chance.randint(1, run(told).steps)
    return first, first + chance.randint(1, RECOVERY)
