"""`make faults-inprocess`: crashes, simulation and fuzz in full, without servers.

What has been run is kept in .data/faults/inprocess; the next run goes on from there.
"""

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console

from tests.faults.inprocess.parts import Part, parts
from tests.faults.nursery import ROOT

DATA = ROOT / ".data/faults/inprocess"
PAUSE = 5.0
"""Seconds between two lines on how far it is, each with what is kept."""
console = Console(highlight=False, soft_wrap=True)


@dataclass
class Tally:
    """How far a part is, and what it came to; `name` to `note` are what the report shows."""

    name: str
    count: int = 0
    seed: str = ""
    seconds: float = 0.0
    violations: int = 0
    note: str = ""
    units: int = 0
    found: list[str] = field(default_factory=list)
    figures: list[float] = field(default_factory=list)

    def keep(self, path: Path, part: Part) -> None:
        """Write it down."""
        if self.figures:
            self.note = part.note(self.figures)
        self.seed = f"0 to {self.units - 1}"
        path.write_text(json.dumps(asdict(self)))


def run_part(name: str, part: Part) -> bool:
    """Run what is left of a part; say whether all of it holds."""
    path = DATA / f"{name}.json"
    tally = Tally(**json.loads(path.read_text())) if path.exists() else Tally(part.title)
    before, began = tally.seconds, time.monotonic()
    told = began
    for number in range(tally.units, len(part.units)):
        played = part.play(part.units[number])
        tally.units += 1
        tally.count += played.count
        tally.figures += played.figures
        for line in played.violations:
            tally.violations += 1
            tally.found.append(f"{number}: {line}")
            console.print(f"  {name} {number}: {line}", markup=False)
        now = time.monotonic()
        if now - told > PAUSE or tally.units == len(part.units):
            told, tally.seconds = now, before + now - began
            tally.keep(path, part)
            console.print(f"{name}: {tally.units:,} of {len(part.units):,}, {tally.note}")
    word = f"{tally.count:,} in {tally.seconds:.0f} s, {tally.violations} violations"
    console.print(f"{name}: {part.title}: {word}. {tally.note}")
    return not tally.violations


def main() -> int:
    """Run all parts, or one unit of one; 0 if nothing was found."""
    every = parts()
    parser = argparse.ArgumentParser(prog="python -m tests.faults.inprocess", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(every)}")
    parser.add_argument("--unit", type=int, help="one of a part only, as a failure names it")
    parser.add_argument("--again", action="store_true", help="from the beginning")
    told = parser.parse_args()
    chosen = told.parts or list(every)
    if told.unit is not None:
        (name,) = chosen
        found = every[name].play(every[name].units[told.unit]).violations
        console.print("\n".join(found) or "nothing was found", markup=False)
        return 1 if found else 0
    DATA.mkdir(parents=True, exist_ok=True)
    if told.again:
        for name in chosen:
            (DATA / f"{name}.json").unlink(missing_ok=True)
    holds = [run_part(name, every[name]) for name in chosen]
    if not all(holds):
        console.print("repeat one: python -m tests.faults.inprocess PART --unit NUMBER")
    return 0 if all(holds) else 1


if __name__ == "__main__":
    sys.exit(main())
