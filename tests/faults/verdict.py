"""The verdict: violations counted and told."""

from collections import Counter
from dataclasses import dataclass, field

from tests.faults.evidence import Document

COUNTS = (
    "lost",
    "twice",
    "second_orders",
    "oversold",
    "order_violations",
    "unresolved",
    "poison_wrong",
    "invented",
)
"""What must be 0."""


@dataclass
class Verdict:
    """Counts of violations, a line for each, and the size of what was looked at."""

    counts: Counter[str] = field(default_factory=Counter)
    found: list[str] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        return not any(self.counts[name] for name in COUNTS)

    def add(self, count: str, line: str, by: int = 1) -> None:
        if by > 0:
            self.counts[count] += by
            self.found.append(f"{count}: {line}")

    def to_json(self) -> Document:
        counts = {name: self.counts[name] for name in (*COUNTS, "copies")}
        return {"counts": counts, "sizes": self.sizes, "found": self.found[:200]}
