"""What a part reports, and the documents it is written into.

`docs/performance.md` and `docs/scaling.md` have blocks between `<!-- name: generated -->` and
`<!-- name: end -->`. Blocks of parts that did not run stay as they are.
"""

import os
import platform
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from streams.clock import now

ROOT = Path(__file__).parent.parent
DIRECTORY = ROOT / ".bench"
"""Where earlier revisions are checked out."""
DOCUMENTS = (ROOT / "docs" / "performance.md", ROOT / "docs" / "scaling.md")
PICTURE = ROOT / "docs" / "performance.svg"
_ENGINES = {"rust": "SecantusDB's Rust server", "python": "SecantusDB's slower Python server"}


class Bar(NamedTuple):
    """A ratio with its limit, and whether it was met."""

    what: str
    limit: str
    value: float
    met: bool
    detail: str

    def __str__(self) -> str:
        met = "met" if self.met else "**missed**"
        return f"| {self.what} | {self.limit} | {self.value:.2f} | {met} | {self.detail} |"


class Report(NamedTuple):
    """The result of one part.

    Attributes:
        tables: The content of whole blocks, by name.
        bars: Rows of the block `bars`.
        rows: Rows of other blocks that several parts share, by the block's name.
        picture: The picture of rates, in SVG.
    """

    tables: Mapping[str, str] = {}
    bars: Sequence[Bar] = ()
    rows: Mapping[str, Sequence[str]] = {}
    picture: str | None = None


def at_least(what: str, limit: float, values: Sequence[float], detail: str = "") -> Bar:
    """Compare the median of a value's rounds with the least it may be."""
    value = median(values)
    return Bar(what, f"≥ {limit}", value, value >= limit, _with_spread(values, detail))


def at_most(what: str, limit: float, values: Sequence[float], detail: str = "") -> Bar:
    """Compare the median of a value's rounds with the most it may be."""
    value = median(values)
    return Bar(what, f"≤ {limit}", value, value <= limit, _with_spread(values, detail))


def _with_spread(values: Sequence[float], detail: str) -> str:
    spread = f"{min(values):.2f} to {max(values):.2f} over the rounds" if len(values) > 1 else ""
    return "; ".join(filter(None, (spread, detail)))


def write(report: Report, engine: str) -> None:
    """Replace a part's blocks and rows in the documents, with the commit they were measured on."""
    commit = _commit()
    source = (
        f"Measured {now():%Y-%m-%d} on {commit}: {os.cpu_count()} cores ({platform.machine()}), "
        f"{platform.system()}, Python {platform.python_version()}; MongoDB's protocol by "
        f"{_ENGINES[engine]}."
    )
    bars = [str(bar._replace(detail=f"{bar.detail}; {commit}".lstrip("; "))) for bar in report.bars]
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        for name, table in report.tables.items():
            text = replace_block(text, name, f"{source}\n\n{table}")
        for name, rows in ({"bars": bars} | dict(report.rows)).items():
            text = replace_rows(text, name, rows)
        document.write_text(text, encoding="utf-8")
    if report.picture is not None:
        PICTURE.write_text(report.picture, encoding="utf-8")


def replace_block(document: str, name: str, content: str) -> str:
    """Replace the content of a block; a document without that block stays as it is."""
    return _block(name).sub(lambda block: f"{block[1]}{content}{block[3]}", document)


def replace_rows(document: str, name: str, rows: Sequence[str]) -> str:
    """Replace the rows of a block's table with the same first cell, and append the others."""
    new = {_first_cell(row): row for row in rows}

    def replaced(block: re.Match[str]) -> str:
        lines = [new.pop(_first_cell(line), line) for line in block[2].splitlines()]
        return block[1] + "\n".join([*lines, *new.values()]) + block[3]

    return _block(name).sub(replaced, document)


def _block(name: str) -> re.Pattern[str]:
    return re.compile(
        rf"(<!-- {name}: generated -->\n)(.*?)(\n<!-- {name}: end -->)", flags=re.DOTALL
    )


def _first_cell(line: str) -> str:
    return line.partition("|")[2].partition("|")[0].strip()


def _commit() -> str:
    """Return the short name of the commit whose code this is, and whether it was edited since."""
    name, changes = (
        subprocess.run(
            ["git", "-C", ROOT, *command], check=True, stdout=subprocess.PIPE, text=True
        ).stdout.strip()
        for command in (
            ("rev-parse", "--short", "HEAD"),
            ("status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs"),
        )
    )
    return f"{name}, edited" if changes else name
