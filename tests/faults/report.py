"""What `make faults` came to: a table, and docs/faults.md."""

import json
import os
import platform
import re
import statistics
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from order_import.devtools.embedded.jars import KAFKA_VERSION
from order_import.devtools.embedded.mongo import _rust_binary
from tests.faults.campaigns.replica_set import ANSWERED
from tests.faults.installation import LIMIT
from tests.faults.nursery import ROOT
from tests.faults.replica_set import CODES, NONE, WRITE_CONCERN_CODES
from tests.faults.verdict import COUNTS

DOCUMENT = ROOT / "docs/faults.md"
INTRODUCTION = ROOT / "tests/faults/introduction.md"
_BEGIN, _END = "<!-- alerts: generated -->", "<!-- alerts: end -->"
_ALERTS = re.compile(rf"(?<={_BEGIN}\n).*?(?=\n{_END})", re.DOTALL)
_PACKAGES = ("faust-streaming", "aiokafka", "pymongo", "motor")
Result = dict[str, Any]


def load(data: Path) -> list[Result]:
    """Give all results there are, by name."""
    return [json.loads(path.read_text()) for path in sorted((data / "results").glob("*.json"))]


def show(results: Iterable[Result], console: Console) -> None:
    """Print a line per campaign and the sums."""
    out = Table("campaign", "faults", "messages", "violations", "copies", "slowest recovery, s")
    for one in results:
        out.add_row(
            one["name"],
            f"{sum(one['faults'].values()):,}",
            f"{one['messages']:,}",
            "0" if one["holds"] else f"[red]{_violations(one) or 'not finished'}[/]",
            str(one["verdict"].get("counts", {}).get("copies", "?")),
            f"{max((t for times in one['recovery'].values() for t in times), default=0):.1f}",
        )
    console.print(out)


def write(results: list[Result], data: Path) -> None:
    """Write docs/faults.md of what was run."""
    parts = [INTRODUCTION.read_text().rstrip(), "", "## What was run", "", _where(), ""]
    parts += [*_sums(results), "", "## Faults", "", *_faults(results), ""]
    parts += [*_answers(results), ""]
    parts += ["## Recovery", "", *_recovery(results), "", "## Campaigns", "", *_lines(results), ""]
    parts += ["## Alerts", "", _BEGIN, alerts_table(), _END, ""]
    wire = data / "wire/result.json"
    if wire.exists():
        parts += ["## Odd bytes on the wire", "", *_wire(json.loads(wire.read_text())), ""]
    inside = [json.loads(path.read_text()) for path in sorted(data.glob("inprocess/*.json"))]
    if inside:
        parts += ["## Without servers", "", *_inside(inside), ""]
    DOCUMENT.write_text("\n".join(parts))


def write_alerts(table: str) -> None:
    """Replace what `make faults-alerts` came to before."""
    DOCUMENT.write_text(_ALERTS.sub(lambda _: table, DOCUMENT.read_text()))


def alerts_table() -> str:
    """Return what `make faults-alerts` came to."""
    found = _ALERTS.search(DOCUMENT.read_text())
    return "" if found is None else found.group()


def _engine() -> str:
    binary = _rust_binary()
    if binary is None:
        return f"SecantusDB {version('SecantusDB')} (Python)"
    told = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False)
    return told.stdout.partition("\n")[0] or "secantusd-rs"


def _where() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return (
        f"Python {platform.python_version()}, {packages}, Apache Kafka {KAFKA_VERSION}, "
        f"{_engine()}; {os.cpu_count()} cores. `make faults`; a campaign is repeated by its name "
        "and the seed of the run (1); its own seed is in the last table."
    )


def _sums(results: list[Result]) -> list[str]:
    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for one in results:
        counts.update(one["verdict"].get("counts", {}))
        sizes.update(one["verdict"].get("sizes", {}))
    unfinished = [one["name"] for one in results if one["errors"]]
    rows = ["| | |", "|---|---:|", f"| messages sent | {sizes['sent']:,} |"]
    rows += [
        f"| {name.replace('_', ' ')} looked at | {sizes[name]:,} |"
        for name in ("orders", "commerce_orders", "events", "dead_letters")
    ]
    rows += [f"| **{name.replace('_', ' ')}** | **{counts[name]}** |" for name in COUNTS]
    rows.append(f"| copies on Kafka, with the same `ce_id` | {counts['copies']} |")
    if unfinished:
        rows.append(f"| campaigns that did not come to their end | {', '.join(unfinished)} |")
    return rows


def _made(results: list[Result]) -> Counter[str]:
    made: Counter[str] = Counter()
    for one in results:
        made.update(one["faults"])
    return made


def _faults(results: list[Result]) -> list[str]:
    made = sorted(_made(results).items())
    return [
        "| fault | made |",
        "|---|---:|",
        *(f"| {kind} | {count:,} |" for kind, count in made if not kind.startswith(ANSWERED)),
    ]


def _answers(results: list[Result]) -> list[str]:
    """Return what MongoDB's commands were answered with: a row per command, a column per code."""
    made: dict[str, Counter[str]] = defaultdict(Counter)
    for kind, count in _made(results).items():
        if kind.startswith(ANSWERED):
            command, _, label = kind.removeprefix(ANSWERED).partition(": ")
            made[command][label] += count
    labels = [*map(str, CODES), NONE, *(f"{code}w" for code in WRITE_CONCERN_CODES)]
    names = ", ".join(f"{code} {name}" for code, name in (CODES | WRITE_CONCERN_CODES).items())
    return [
        (
            f"MongoDB's commands, answered as by a replica set in trouble: {names}; `w` in the "
            "write concern's place. Each with the labels of MongoDB's manual, once and three "
            "times in a row, before the server did it and after."
        ),
        "",
        f"| command | {' | '.join(labels)} |",
        f"|---|{'---:|' * len(labels)}",
        *(
            f"| {command} | {' | '.join(str(made[command][label] or '') for label in labels)} |"
            for command in sorted(made)
        ),
    ]


def _recovery(results: list[Result]) -> list[str]:
    times: dict[str, list[float]] = defaultdict(list)
    for one in results:
        for kind, found in one["recovery"].items():
            times[kind] += found
    rows = [
        (
            "Seconds from the end of the fault until all that was sent by then, and a little "
            f"more, was decided. The bar is {LIMIT:.0f} s: the session's timeout and 15."
        ),
        "",
        "| after | times | median | slowest | over the bar |",
        "|---|---:|---:|---:|---:|",
    ]
    rows += [
        f"| {kind} | {len(found)} | {statistics.median(found):.1f} | {max(found):.1f} "
        f"| {sum(one > LIMIT for one in found)} |"
        for kind, found in sorted(times.items())
        if found
    ]
    return rows


def _lines(results: list[Result]) -> list[str]:
    rows = [
        "| campaign | commit | seed | seconds | faults | messages | holds |",
        "|---|---|---:|---:|---:|---:|---|",
    ]
    rows += [
        f"| {one['name']} | {one.get('revision', 'unknown')} | {one['seed']} "
        f"| {one['seconds']:.0f} | {sum(one['faults'].values()):,} | {one['messages']:,} "
        f"| {'yes' if one['holds'] else 'NO'} |"
        for one in results
    ]
    return rows


def _wire(found: Result) -> list[str]:
    kinds = found["kinds"]
    rows = [
        (
            f"{found['records']:,} records in batches written by hand, in {found['seconds']:.0f} s "
            f"(`make faults-wire`, seed {found['seed']}): every codec, odd keys and header names, "
            "none and 100,000 headers, values of nothing and of nearly 2 MiB, times at both ends "
            "of what there is. Some of the last batches are damaged on the stopped broker's disk. "
            "Each offset is looked up in the broker's own files: it must be decided or refused, "
            f"once, and no worker may end. **{len(found['found'])} violations.**"
        ),
        "",
        "| batches | |",
        "|---|---:|",
    ]
    return [*rows, *(f"| {kind} | {count:,} |" for kind, count in kinds.items())]


def _inside(found: list[Result]) -> list[str]:
    rows = ["| what | how many | seed | seconds | violations | |", "|---|---:|---:|---:|---:|---|"]
    rows += [
        f"| {one['name']} | {one['count']:,} | {one['seed']} | {one['seconds']:.0f} "
        f"| {one['violations']} | {one.get('note', '')} |"
        for one in found
    ]
    return rows


def _violations(result: Result) -> int:
    counts = result["verdict"].get("counts", {})
    return sum(counts.get(name, 0) for name in COUNTS)
