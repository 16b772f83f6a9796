"""The parts of a run: what each measures, and with how much."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from bench import catalog, growth, latency, million, profile, release, rounds
from bench.contest import Result
from bench.records import Record
from bench.servers import Servers

_QUICK = 20
"""By how much a quick run is smaller."""


@dataclass(frozen=True)
class Options:
    """How much of everything.

    Attributes:
        orders: Of each round of the contest.
        rounds: Of the contest, and of the comparison of one worker with two.
        portion: Orders for each number of partitions or workers, and for the profile; half as
            many are blocked and released.
        most: Orders stored, at most.
        seconds: Of the latency's flow.
        replayed: Orders skipped and replayed.
        products: Of the catalog load.
        only: Contenders; all if empty.
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
        """Give a run that only shows that all works."""
        return Options(
            orders=self.orders // _QUICK,
            rounds=1,
            portion=self.portion // _QUICK,
            most=self.most // _QUICK // 5,
            seconds=self.seconds // 6,
            replayed=self.replayed // _QUICK,
            products=self.products // _QUICK,
            only=self.only,
        )


class Part(NamedTuple):
    """A part: its name, what it takes of the options, its limit in minutes, and its work.

    What was kept of a part that was broken off is given to it.
    """

    name: str
    asked: Callable[[Options], Mapping[str, Any]]
    minutes: float
    measure: Callable[[Servers, Options, Mapping[str, Any], Record | None], Awaitable[Any]]


async def _contest(
    on: Servers, told: Options, asked: Mapping[str, Any], had: Record | None
) -> Sequence[Result]:
    results = [Result(**one) for one in had["results"]] if had else []
    return await rounds.measure(on, told.orders, told.rounds, asked, told.only, results)


PARTS = (
    Part(
        "contest",
        lambda told: {"orders": told.orders, "rounds": told.rounds, "only": list(told.only)},
        90,
        _contest,
    ),
    Part(
        "latency",
        lambda told: {"rate": told.rate, "seconds": told.seconds},
        6,
        lambda on, told, asked, _: latency.measure(on, told.rate, told.seconds, asked),
    ),
    Part(
        "workers",
        lambda told: {"orders": told.portion, "rounds": told.rounds},
        20,
        lambda on, told, asked, _: growth.with_workers(on, told.portion, told.rounds, asked),
    ),
    Part(
        "release",
        lambda told: {"orders": told.portion // 2},
        5,
        lambda on, told, asked, _: release.release(on, told.portion // 2, asked),
    ),
    Part(
        "replay",
        lambda told: {"orders": told.replayed, "fresh": told.portion},
        15,
        lambda on, told, asked, _: release.replay(on, told.replayed, told.portion, asked),
    ),
    Part(
        "million",
        lambda told: {"most": told.most},
        40,
        lambda on, told, asked, _: million.measure(on, told.most, asked),
    ),
    Part(
        "partitions",
        lambda told: {"orders": told.portion // 2},
        8,
        lambda on, told, asked, _: growth.with_partitions(on, told.portion // 2, asked),
    ),
    Part(
        "catalog",
        lambda told: {"products": told.products},
        30,
        lambda on, told, asked, _: catalog.measure(on, told.products, asked),
    ),
    Part(
        "profile",
        lambda told: {"orders": told.portion},
        5,
        lambda on, told, asked, _: profile.measure(on, told.portion, asked),
    ),
)
