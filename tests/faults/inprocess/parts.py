"""What is run in full: each part is so many units, and each unit is played alone and repeatable."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

from tests.faults.inprocess.crashes import points, run, two_points
from tests.faults.inprocess.fuzz import fuzz
from tests.faults.inprocess.scenarios import scenarios
from tests.faults.inprocess.worlds import simulate
from tests.simulation.database import Broken
from tests.simulation.weather import CRASH, FAIL

SEEDS, PAIRS, INPUTS, AT_ONCE = 10_000, 3_000, 100_000, 500
TRIES = 300
"""Seeds within which a negative control must have been caught."""
LIMIT_MS = 50.0


@dataclass
class Played:
    """What one unit came to."""

    count: int = 1
    violations: list[str] = field(default_factory=list)
    figures: list[float] = field(default_factory=list)
    """What the part's note is made of."""


@dataclass(frozen=True)
class Part:
    """Something to run: its units, how one is played, and what to say of all of them."""

    title: str
    units: Sequence[Any]
    play: Callable[[Any], Played]
    note: Callable[[list[float]], str] = lambda _: ""


def parts() -> dict[str, Part]:
    """Give all parts by name."""
    return {
        "crash": Part(
            "a crash at every await of every scenario", _steps(), partial(_strike, CRASH)
        ),
        "error": Part("an error at every await instead", _steps(), partial(_strike, FAIL)),
        "pairs": Part("two crashes, the second in or after the recovery", range(PAIRS), _pair),
        "simulation": Part("simulated worlds, by seed", range(SEEDS), _world, _most_steps),
        "fuzz": Part("malformed inputs", range(INPUTS // AT_ONCE), _rubbish, _slowest),
        "controls": Part("negative controls, each caught", list(Broken), _control, _caught),
    }


def _steps() -> list[tuple[str, int]]:
    return [(name, step) for name, told in scenarios().items() for step in points(told)]


def _strike(how: str, unit: tuple[str, int]) -> Played:
    name, step = unit
    return Played(violations=list(run(scenarios()[name], {step: how}).violations))


def _pair(unit: int) -> Played:
    chance = Random(unit)
    told = chance.choice(list(scenarios().values()))
    ending = run(told, dict.fromkeys(two_points(told, chance), CRASH))
    return Played(violations=list(ending.violations))


def _world(seed: int) -> Played:
    played = simulate(seed)
    return Played(violations=list(played.violations), figures=[played.met["step"]])


def _most_steps(figures: list[float]) -> str:
    return f"{sum(figures):,.0f} steps"


def _rubbish(seed: int) -> Played:
    fuzzed = fuzz(seed, AT_ONCE)
    return Played(AT_ONCE, fuzzed.violations, [one * 1000 for one in fuzzed.seconds])


def _slowest(figures: list[float]) -> str:
    p99 = statistics.quantiles(figures, n=100)[98]
    over = "" if p99 < LIMIT_MS else f", OVER {LIMIT_MS:.0f} ms"
    return f"99th percentile {p99:.1f} ms of CPU{over}, slowest {max(figures):.0f} ms"


def _control(broken: Broken) -> Played:
    for seed in range(TRIES):
        if simulate(seed, frozenset({broken})).violations:
            return Played(figures=[seed + 1])
    return Played(violations=[f"not caught: {broken.value}"])


def _caught(figures: list[float]) -> str:
    return f"caught within {max(figures, default=0):.0f} seeds at most"
