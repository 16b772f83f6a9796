"""A part of what `make faults-inprocess` runs in full: crashes, worlds by seed, and rubbish."""

import os
import subprocess
import sys
from collections import Counter
from itertools import islice
from random import Random

import pytest

from tests.faults.inprocess.crashes import points, run, two_points
from tests.faults.inprocess.fuzz import fuzz
from tests.faults.inprocess.parts import TRIES
from tests.faults.inprocess.scenarios import scenarios
from tests.faults.inprocess.worlds import simulate
from tests.faults.nursery import ROOT
from tests.simulation.database import Broken
from tests.simulation.weather import CRASH, FAIL

EVERY, SEEDS, PAIRS, INPUTS = 8, 60, 60, 2_000
"""A crash at each eighth step; `make faults-inprocess` has them all."""
MET = {"step", "crash", "failure", "hand-over", "usurper", "fenced off"}


@pytest.mark.parametrize("name", scenarios())
def test_a_crash_at_any_await_of_a_scenario_changes_nothing_of_its_end(name: str) -> None:
    told = scenarios()[name]
    for step in points(told)[len(name) % EVERY :: EVERY]:
        ending = run(told, {step: CRASH})
        assert not ending.violations, f"crash at step {step}, {ending.struck}"


@pytest.mark.parametrize("name", scenarios())
def test_an_error_at_any_await_of_a_scenario_changes_nothing_of_its_end(name: str) -> None:
    told = scenarios()[name]
    for step in points(told)[len(name) % (2 * EVERY) :: 2 * EVERY]:
        ending = run(told, {step: FAIL})
        assert not ending.violations, f"error at step {step}, {ending.struck}"


def test_a_second_crash_in_the_recovery_changes_nothing_either() -> None:
    for seed in range(PAIRS):
        chance = Random(seed)
        name, told = chance.choice(list(scenarios().items()))
        at = two_points(told, chance)
        assert not run(told, dict.fromkeys(at, CRASH)).violations, f"{name}, crashes at {at}"


def test_in_no_world_by_seed_is_anything_lost_doubled_oversold_or_left_behind() -> None:
    met: Counter[str] = Counter()
    for seed in range(SEEDS):
        played = simulate(seed)
        met += played.met
        assert not played.violations, f"python -m tests.faults.inprocess simulation --unit {seed}"
    assert met.keys() == MET


def test_a_seed_is_the_same_world_step_by_step_in_every_process() -> None:
    """Otherwise a printed seed would repeat nothing."""
    program = "from tests.faults.inprocess.worlds import simulate as s; print(s(7).digest)"
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        for seed in ("0", "1")
    }
    assert digests == {simulate(7).digest}


@pytest.mark.parametrize("broken", list(Broken))
def test_a_worker_with_one_thing_broken_is_caught(broken: Broken) -> None:
    caught = (seed for seed in range(TRIES) if simulate(seed, frozenset({broken})).violations)
    assert list(islice(caught, 1)), f"nobody noticed that {broken.value} is left out"


def test_rubbish_is_taken_or_refused_with_its_bytes_and_never_an_exception() -> None:
    fuzzed = fuzz(1, INPUTS)
    assert not fuzzed.violations
    assert 0 < fuzzed.dead_letters < INPUTS
