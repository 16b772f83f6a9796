"""The parts of the bench: what each measures, and how much."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple

from bench import catalog, console, growth, latency, million, profile, recheck, rounds, shadow
from bench.report import Report
from bench.servers import Servers

_QUICK = 20
"""How many times smaller a quick run is."""


@dataclass(frozen=True)
class Options:
    """How much of everything.

    Attributes:
        orders: In each round of the contest.
        rounds: Of the contest, and of the comparison of one worker with several.
        portion: Orders for each number of workers, and for the profile; half as many for each
            number of partitions, and for the release of blocked orders.
        most: Orders stored in the end, by the worker and for the console.
        seconds: How long latency is measured.
        replayed: Orders skipped and then replayed, and orders of the shadow run.
        products: Products in the catalog load.
        rate: Orders per second while latency is measured.
        only: Names of contenders; empty for all.
    """

    orders: int = 100_000
    rounds: int = 3
    portion: int = 20_000
    most: int = 1_000_000
    seconds: int = 60
    replayed: int = 100_000
    products: int = 1_000_000
    rate: int = 200
    only: tuple[str, ...] = ()

    def quick(self) -> "Options":
        """Return a smaller run, which only shows that everything works."""
        return Options(
            orders=self.orders // _QUICK,
            rounds=1,
            portion=self.portion // _QUICK,
            most=self.most // _QUICK // 5,
            seconds=self.seconds // 6,
            replayed=self.replayed // _QUICK,
            products=self.products // _QUICK,
            rate=self.rate,
            only=self.only,
        )


class Part(NamedTuple):
    """A part: its time limit in minutes, and its work."""

    minutes: float
    measure: Callable[[Servers, Options], Awaitable[Report]]


PARTS = {
    "contest": Part(90, lambda on, size: rounds.measure(on, size.orders, size.rounds, size.only)),
    "latency": Part(6, lambda on, size: latency.measure(on, size.rate, size.seconds)),
    "workers": Part(20, lambda on, size: growth.with_workers(on, size.portion, size.rounds)),
    "stocks": Part(10, lambda on, size: growth.with_stocks(on, size.portion, size.rounds)),
    "release": Part(5, lambda on, size: recheck.release(on, size.portion // 2)),
    "replay": Part(15, lambda on, size: recheck.replay(on, size.replayed, size.portion)),
    "shadow": Part(15, lambda on, size: shadow.measure(on, size.replayed)),
    "million": Part(40, lambda on, size: million.measure(on, size.most)),
    "partitions": Part(8, lambda on, size: growth.with_partitions(on, size.portion // 2)),
    "catalog": Part(30, lambda on, size: catalog.measure(on, size.products)),
    "console": Part(40, lambda on, size: console.measure(on, size.most)),
    "profile": Part(5, lambda on, size: profile.measure(on, size.portion)),
}
