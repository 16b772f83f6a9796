"""The report: the table on the terminal, and the generated parts of `docs/performance.md`."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from rich.table import Table

from bench.contenders.contender import CONTENDERS
from bench.contest import Result
from bench.picture import bars
from bench.records import ROOT, machine
from bench.servers import console

PERFORMANCE = ROOT / "docs" / "performance.md"
PICTURE = ROOT / "docs" / "performance.svg"
FLOORS = {
    "floor-kafka": "floor: the same bytes through Kafka, no work",
    "floor-mongo": "floor: the same documents into MongoDB, no Kafka",
}


@dataclass(frozen=True)
class Line:
    """One contender over all rounds; `ratio` is ours to its rate, of the medians."""

    title: str
    lacks: str
    rates: Sequence[float]
    ratio: float
    cpu: Sequence[float]

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
            ratio = median(ours) / median(rates) if ours else 0.0
            cpu = [
                median(getattr(one, f"cpu_{part}") for one in mine)
                for part in ("worker", "mongo", "kafka")
            ]
            yield Line(title, lacks, rates, ratio, cpu)


def show(results: Sequence[Result]) -> None:
    """Print the table."""
    table = Table(title="first message in to last event out")
    for name in ("what", "orders/s", "spread", "ours is", "CPU µs an order: worker/Mongo/Kafka"):
        table.add_column(name, justify="left" if name == "what" else "right")
    for line in lines(results):
        table.add_row(*_cells(line))
    console.print(table)


def as_markdown(results: Sequence[Result]) -> str:
    """Give the table for the document."""
    first = next(one for one in results if one.name == "ours")
    decided = first.created + first.blocked + first.skipped
    shares = ", ".join(
        f"{count / decided:.1%} {word}"
        for word, count in (
            ("created", first.created),
            ("blocked", first.blocked),
            ("skipped", first.skipped),
        )
    )
    rounds = sum(one.name == "ours" for one in results)
    rows = [
        (
            f"{first.orders:,} orders ({shares}), {rounds} rounds in turns, median and spread. "
            f"{machine()}."
        ),
        "",
        "![Orders per second](performance.svg)",
        "",
        (
            "| what | orders/s | spread | ours is | CPU µs an order: worker / Mongo / Kafka "
            "| guarantees it lacks |"
        ),
        "|---|---:|---:|---:|---:|---|",
    ]
    rows += [f"| {' | '.join(_cells(line))} | {line.lacks} |" for line in lines(results)]
    return "\n".join(rows)


def write_performance(part: str, text: str, results: Sequence[Result] = ()) -> None:
    """Put a part between its markers in `docs/performance.md`, and draw the picture."""
    begin, end = f"<!-- {part}: generated -->", f"<!-- {part}: end -->"
    document = PERFORMANCE.read_text(encoding="utf-8")
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if not pattern.search(document):
        raise ValueError(f"{PERFORMANCE} has no part {part}")
    put = f"{begin}\n{text}\n{end}"
    PERFORMANCE.write_text(pattern.sub(lambda _: put, document), encoding="utf-8")
    if results:
        drawn = bars([(line.title, line.middle) for line in lines(results)])
        PICTURE.write_text(drawn, encoding="utf-8")
    console.print(f"written: {PERFORMANCE.relative_to(ROOT)}, part {part}")


def _cells(line: Line) -> list[str]:
    spread = (max(line.rates) - min(line.rates)) / line.middle
    cpu = " / ".join(f"{one:,.0f}" for one in line.cpu) if any(line.cpu) else ""
    return [line.title, f"{line.middle:,.0f}", f"{spread:.0%}", f"{line.ratio:.2f} x", cpu]
