"""The contest's results as a table, as bars to meet, and as a picture."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from bench.contenders.contender import BEFORE, CONTENDERS
from bench.contest import Result
from bench.picture import draw_rates
from bench.report import Bar, Report, at_least, at_most

KAFKA_FLOOR, MONGO_FLOOR = "floor-kafka", "floor-mongo"
_FLOORS = {
    KAFKA_FLOOR: "floor: the same bytes through Kafka, no work",
    MONGO_FLOOR: "floor: the same documents into MongoDB, no Kafka",
}
_LEAST = (
    ("before", BEFORE.title, 1.5),
    ("reference", "the plain aiokafka loop", 1.5),
    ("faust", "Faust as its guide has it", 15),
    ("faststream", "FastStream", 1.5),
    ("quix", "Quix Streams", 1.5),
)
"""The least ratio of our rate to each contender's."""
_MOST_CPU = 0.65


@dataclass(frozen=True)
class Line:
    """One contender over all rounds; `ratios` are our rate to its rate, round by round."""

    title: str
    lacks: str
    rates: Sequence[float]
    ratios: Sequence[float]
    cpu: Sequence[float]
    batch: float


def to_report(results: Sequence[Result]) -> Report:
    """Return the table and the bars; nothing can be compared without this program's results."""
    lines = list(_lines(results))
    if not any(result.name == "ours" for result in results):
        return Report()
    picture = draw_rates([(line.title, median(line.rates)) for line in lines])
    return Report({"contest": _to_markdown(results, lines)}, list(find_bars(results)), {}, picture)


def find_bars(results: Sequence[Result]) -> Iterator[Bar]:
    """Compare the rates, and the CPU an order, with those of the contenders that ran."""
    for name, title, least in _LEAST:
        if values := ratios(results, name):
            yield at_least(f"rate, to {title}", least, values)
    ours, before = (
        [one.cpu_worker + one.cpu_mongo + one.cpu_kafka for one in results if one.name == name]
        for name in ("ours", "before")
    )
    if ours and before:
        values = [a / b for a, b in zip(ours, before, strict=False)]
        yield at_most(f"CPU an order, to {BEFORE.title}", _MOST_CPU, values)


def ratios(results: Sequence[Result], other: str) -> list[float]:
    """Return our rate to another contender's for each round."""
    ours, theirs = ([one.rate for one in results if one.name == name] for name in ("ours", other))
    return [a / b for a, b in zip(ours, theirs, strict=False)]


def _lines(results: Sequence[Result]) -> Iterator[Line]:
    titles = {one.name: (one.title, one.lacks) for one in CONTENDERS}
    titles |= {name: (title, "all") for name, title in _FLOORS.items()}
    for name, (title, lacks) in titles.items():
        mine = [one for one in results if one.name == name]
        if mine:
            cpu = [
                median(getattr(one, f"cpu_{part}") for one in mine)
                for part in ("worker", "mongo", "kafka")
            ]
            rates, batch = [one.rate for one in mine], median(one.batch for one in mine)
            yield Line(title, lacks, rates, ratios(results, name), cpu, batch)


def _to_markdown(results: Sequence[Result], lines: Sequence[Line]) -> str:
    first = next(one for one in results if one.name == "ours")
    decided = first.created + first.blocked + first.skipped
    outcomes = (
        ("created", first.created),
        ("blocked", first.blocked),
        ("skipped", first.skipped),
    )
    shares = ", ".join(f"{count / decided:.1%} {state}" for state, count in outcomes)
    rounds = sum(one.name == "ours" for one in results)
    alternating = f"{rounds} rounds, medians" if rounds > 1 else "one round"
    fewer = [
        f"; {contender.title}: {result.orders:,} of them"
        for contender in CONTENDERS
        for result in [one for one in results if one.name == contender.name][:1]
        if contender.share < 1
    ]
    rows = [
        f"{first.orders:,} orders ({shares}); {alternating}{''.join(fewer)}.",
        "",
        "![Orders per second](performance.svg)",
        "",
        (
            "| what | orders/s | spread | ours is | in each round "
            "| CPU µs an order: worker / Mongo / Kafka | messages a transaction |"
        ),
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    rows += [f"| {' | '.join(_cells(line))} |" for line in lines]
    rows += ["", "| what | guarantees it lacks |", "|---|---|"]
    rows += [f"| {one.title} | {one.lacks} |" for one in CONTENDERS]
    return "\n".join(rows)


def _cells(line: Line) -> list[str]:
    rate = median(line.rates)
    spread = (max(line.rates) - min(line.rates)) / rate
    cpu = " / ".join(f"{one:,.0f}" for one in line.cpu) if any(line.cpu) else ""
    ratio = f"{median(line.ratios):.2f} x" if line.ratios else ""
    each = ", ".join(f"{one:.2f}" for one in line.ratios)
    batch = f"{line.batch:,.0f}" if line.batch else ""
    return [line.title, f"{rate:,.0f}", f"{spread:.0%}", ratio, each, cpu, batch]
