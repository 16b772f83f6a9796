"""The bars: what this program is to reach, and whether it did in the run that was kept."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from bench.contenders.contender import BEFORE
from bench.contest import Result
from bench.growth import HOT
from bench.latency import Latency
from bench.million import Way, way_of
from bench.records import load
from bench.release import Again
from bench.working import Cost


class Bar(NamedTuple):
    """A ratio, and the least or the most it may be. None: not measured."""

    what: str
    wanted: str
    value: float | None
    met: bool
    detail: str = ""


@dataclass(frozen=True)
class Kept:
    """All results there are, by part."""

    contest: Sequence[Result]
    latency: Sequence[Latency]
    workers: Sequence[Cost]
    release: Sequence[Again]
    replay: Sequence[Again]
    way: Way | None


def kept() -> Kept:
    """Read what was kept; a part that is missing is empty."""

    def of(part: str) -> list[dict[str, object]]:
        found = load(part)
        return list(found["results"]) if found else []

    ways = [way_of(one) for one in of("million")]
    return Kept(
        contest=[Result(**one) for one in of("contest")],  # type: ignore[arg-type]  # kept by us
        latency=[Latency(**one) for one in of("latency")],  # type: ignore[arg-type]  # kept by us
        workers=[Cost(**one) for one in of("workers")],  # type: ignore[arg-type]  # kept by us
        release=[Again(**one) for one in of("release")],  # type: ignore[arg-type]  # kept by us
        replay=[Again(**one) for one in of("replay")],  # type: ignore[arg-type]  # kept by us
        way=ways[0] if ways else None,
    )


def ratios(results: Sequence[Result], other: str) -> list[float]:
    """Give, for each round, our rate to another's."""
    ours = [one.rate for one in results if one.name == "ours"]
    theirs = [one.rate for one in results if one.name == other]
    return [a / b for a, b in zip(ours, theirs, strict=False)]


def all_bars(found: Kept) -> Iterator[Bar]:
    """Give every bar."""
    for other, title, least in (
        ("before", BEFORE.title, 1.5),
        ("reference", "the plain aiokafka loop", 1.5),
        ("faust", "Faust as its guide has it", 15),
        ("faststream", "FastStream", 1.5),
        ("quix", "Quix Streams", 1.5),
    ):
        values = ratios(found.contest, other)
        spread = f"{min(values):.2f} to {max(values):.2f} over the rounds" if values else ""
        yield _least(f"rate, to {title}", least, median(values) if values else None, spread)
    yield _most(f"CPU an order, to {BEFORE.title}", 0.65, *_cpu(found.contest))
    for name, share, most in (("p50", 0.5, 0.35), ("p99", 0.99, 0.45)):
        what = f"latency {name}, to {BEFORE.title}"
        yield _most(what, most, *_latency(found.latency, share, 2))
    yield _most("latency p99, to Kafka and one write alone", 3, *_latency(found.latency, 0.99, 1))
    yield _most("cost per order at 1,000,000 stored, to 10,000", 1.15, *_growth(found.way))
    yield _most("memory after 1,000,000 orders, to 100,000", 1.1, *_memory(found.way))
    for title, again in (("release", found.release), ("replay", found.replay)):
        yield _least(f"{title}, to the fresh rate", 0.8, again[0].ratio if again else None)
    for words, number, least in (("two", 2, 1.0), ("four", 4, 0.95)):
        what = f"{words} workers on hot products, to one"
        yield _least(what, least, *_workers(found.workers, number))


def as_markdown(found: Kept) -> str:
    """Give the table."""
    rows = ["| what | wanted | measured | | |", "|---|---:|---:|---|---|"]
    for bar in all_bars(found):
        value = "not measured" if bar.value is None else f"{bar.value:.2f}"
        verdict = "" if bar.value is None else "met" if bar.met else "**missed**"
        rows.append(f"| {bar.what} | {bar.wanted} | {value} | {verdict} | {bar.detail} |")
    return "\n".join(rows)


def _cpu(found: Sequence[Result]) -> tuple[float | None, str]:
    ours, before = (
        [one.cpu_worker + one.cpu_mongo + one.cpu_kafka for one in found if one.name == name]
        for name in ("ours", "before")
    )
    values = [a / b for a, b in zip(ours, before, strict=False)]
    if not values:
        return None, ""
    return median(values), f"{min(values):.2f} to {max(values):.2f} over the rounds"


def _latency(found: Sequence[Latency], share: float, other: int) -> tuple[float | None, str]:
    if len(found) <= other:
        return None, ""
    ours, theirs = found[0].share(share), found[other].share(share)
    return ours / theirs, f"{ours:.1f} ms to {theirs:.1f} ms"


def _growth(way: Way | None) -> tuple[float | None, str]:
    return _of_stages(way, lambda stage: stage.total, 10_000, "µs")


def _memory(way: Way | None) -> tuple[float | None, str]:
    return _of_stages(way, lambda stage: stage.memory, 100_000, "MB")


def _of_stages(
    way: Way | None, value: Callable[..., float], start: int, unit: str
) -> tuple[float | None, str]:
    by_size = {stage.stored: value(stage) for stage in way.stages} if way else {}
    if start not in by_size or 1_000_000 not in by_size:
        return None, ""
    first, last = by_size[start], by_size[1_000_000]
    return last / first, f"{last:,.0f} {unit} to {first:,.0f} {unit}"


def _workers(found: Sequence[Cost], number: int) -> tuple[float | None, str]:
    several = f"{number} workers{HOT}"
    one, more = (
        [cost.rate for cost in found if cost.name == name] for name in ("1 worker" + HOT, several)
    )
    values = [b / a for a, b in zip(one, more, strict=False)]
    if not values:
        return None, ""
    met = sum(cost.aborted for cost in found if cost.name == several)
    orders = sum(cost.orders for cost in found if cost.name == several)
    spread = f"{min(values):.2f} to {max(values):.2f} over the rounds"
    return median(values), f"{spread}; {met:,} conflicts in {orders:,} orders, nothing oversold"


def _least(what: str, least: float, value: float | None, detail: str = "") -> Bar:
    return Bar(what, f"≥ {least}", value, value is not None and value >= least, detail)


def _most(what: str, most: float, value: float | None, detail: str = "") -> Bar:
    return Bar(what, f"≤ {most}", value, value is not None and value <= most, detail)
