"""A world by seed: several workers, and all that can come over them, in a random order.

Workers crash, are slow, get errors instead of answers, hand their partitions over, and sleep while
another takes their place, to wake up as zombies. Messages are read twice and too early. A seed is
the whole of it: the same seed is the same world, step by step.
"""

from collections import Counter
from random import Random
from typing import NamedTuple

from tests.model.histories import history
from tests.simulation.database import Broken
from tests.simulation.play import all_at_once
from tests.simulation.weather import Storm


class Played(NamedTuple):
    """What became of a seed: what was met how often, a digest of every step, what was wrong."""

    met: Counter[str]
    digest: str
    violations: tuple[str, ...]


def simulate(seed: int, broken: frozenset[Broken] = frozenset()) -> Played:
    """Play one seed."""
    storm = Storm(Random(seed))
    ended = all_at_once(history(storm.chance, (5, 40)), storm, broken)
    return Played(storm.met + ended.met, storm.digest.hexdigest()[:16], ended.violations)
