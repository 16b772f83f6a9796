"""The contest's results as a table and as a picture."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from bench.contenders.contender import CONTENDERS
from bench.contest import Result
from bench.picture import bars

FLOORS = {
    "floor-kafka": "floor: the same bytes through Kafka, no work",
    "floor-mongo": "floor: the same documents into MongoDB, no Kafka",
}


@dataclass(frozen=True)
class Line:
    """One contender over all rounds; `ratios` are ours to its rate, round by round."""

    title: str
    lacks: str
    rates: Sequence[float]
    ratios: Sequence[float]
    cpu: Sequence[float]
    batch: float

    @property
    def middle(self) -> float:
        """The median rate."""
        return median(self.rates)


def lines(results: Sequence[Result]) -> Iterator[Line]:
    """Give the lines of the table."""
    titles = {one.name: (one.title, one.lacks) for one in CONTENDERS}
    titles |= {name: (title, "all") for name, title in FLOORS.items()}
    ours = [one.rate for one in results if one.name == "ours"]
    for name, (title, lacks) in titles.items():
        mine = [one for one in results if one.name == name]
        if mine:
            rates = [one.rate for one in mine]
            ratios = [a / b for a, b in zip(ours, rates, strict=False)]
            cpu = [
                median(getattr(one, f"cpu_{part}") for one in mine)
                for part in ("worker", "mongo", "kafka")
            ]
            yield Line(title, lacks, rates, ratios, cpu, median(one.batch for one in mine))


def as_markdown(results: Sequence[Result]) -> str:
    """Give the table."""
    first = next(one for one in results if one.name == "ours")
    decided = first.created + first.blocked + first.skipped
    told = (("created", first.created), ("blocked", first.blocked), ("skipped", first.skipped))
    shares = ", ".join(f"{count / decided:.1%} {word}" for word, count in told)
    rounds = sum(one.name == "ours" for one in results)
    turns = f"{rounds} rounds in turns, medians" if rounds > 1 else "one round"
    fewer = [
        f"{one.title}: {next(r.orders for r in results if r.name == one.name):,} of them"
        for one in CONTENDERS
        if one.share < 1 and any(r.name == one.name for r in results)
    ]
    rows = [
        (f"{first.orders:,} orders ({shares}); {turns}. {'; '.join(fewer)}."),
        "",
        "![Orders per second](performance.svg)",
        "",
        (
            "| what | orders/s | spread | ours is | in each round "
            "| CPU µs an order: worker / Mongo / Kafka | messages a transaction |"
        ),
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    rows += [f"| {' | '.join(_cells(line))} |" for line in lines(results)]
    rows += ["", "| what | guarantees it lacks |", "|---|---|"]
    rows += [f"| {one.title} | {one.lacks} |" for one in CONTENDERS]
    return "\n".join(rows)


def picture(results: Sequence[Result]) -> str:
    """Draw the median rates."""
    return bars([(line.title, line.middle) for line in lines(results)])


def _cells(line: Line) -> list[str]:
    spread = (max(line.rates) - min(line.rates)) / line.middle
    cpu = " / ".join(f"{one:,.0f}" for one in line.cpu) if any(line.cpu) else ""
    ratio = f"{median(line.ratios):.2f} x" if line.ratios else ""
    each = ", ".join(f"{one:.2f}" for one in line.ratios)
    batch = f"{line.batch:,.0f}" if line.batch else ""
    return [line.title, f"{line.middle:,.0f}", f"{spread:.0%}", ratio, each, cpu, batch]
