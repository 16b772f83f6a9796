"""Output: tables for people, JSON for programs, both without personal data."""

import json
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta

from pydantic_core import to_jsonable_python
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from models.money import Money
from models.outcome import ImportState
from models.reasons import REASONS, REMEDIES, BlockerCode
from models.reference_data import Store

STATE_STYLES: Mapping[ImportState, str] = {
    ImportState.WAITING: "yellow",
    ImportState.SKIPPED: "dim",
    ImportState.BLOCKED: "bold red",
    ImportState.CREATED: "green",
    ImportState.WITHDRAWN: "dim",
}

_WIDE = 200
"""The width in columns if the output goes to a file or a pipe."""


def stdout() -> Console:
    """Return the console of standard output, which does not interpret markup."""
    width = None if sys.stdout.isatty() else max(_WIDE, shutil.get_terminal_size().columns)
    return Console(markup=False, emoji=False, highlight=False, width=width)


def stderr() -> Console:
    """Return the console of standard error."""
    return Console(stderr=True, markup=False, emoji=False, highlight=False, soft_wrap=True)


def print_json(data: object) -> None:
    """Print one JSON document. Times are ISO 8601 in UTC, amounts are strings."""
    sys.stdout.write(json.dumps(to_jsonable_python(data), indent=2, ensure_ascii=False) + "\n")


def new_table(*columns: str, title: str | None = None, right: tuple[str, ...] = ()) -> Table:
    """Return an empty table; the columns in `right` are aligned to the right."""
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for column in columns:
        table.add_column(
            column, justify="right" if column in right else "left", overflow="fold", min_width=3
        )
    return table


def add_row(table: Table, *values: object) -> None:
    """Add a row; values that are not cells yet are made cells."""
    table.add_row(*(value if isinstance(value, Text) else cell(value) for value in values))


def cell(value: object, style: str = "") -> Text:
    """Return a cell: a dash for an unknown value, and no control characters for the terminal."""
    text = "-" if value is None or value == "" else str(value)
    printable = "".join(
        character if character.isprintable() or character == "\n" else "\N{REPLACEMENT CHARACTER}"
        for character in text
    )
    return Text(printable, style=style)


def print_system_message(console: Console, message: str | None) -> None:
    """Print rule 19's message, if there is one."""
    if message is not None:
        console.print(cell(message, "bold white on red"))
        console.print()


@contextmanager
def progress_bar(
    console: Console, name: str, total: int, *, hidden: bool
) -> Iterator[Callable[[int], None]]:
    """Show a progress bar; yield a function to call with how much is done."""
    columns = (TextColumn(name), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=hidden, transient=True) as progress:
        bar = progress.add_task("", total=total)
        yield lambda done: progress.update(bar, completed=done)


def moment(at: datetime | None) -> str | None:
    """Format a time to the minute, in UTC."""
    return None if at is None else f"{at:%Y-%m-%d %H:%M}"


def exact(at: datetime | None) -> str | None:
    """Format a time to the millisecond, in UTC."""
    return None if at is None else f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d}"


def in_words(reasons: Iterable[str]) -> str:
    """Return reasons as people read them; a code without words stands for itself."""
    return "; ".join(REASONS.get(reason, reason) for reason in reasons)


def amount(money: Money | None) -> str | None:
    """Format an amount with its currency."""
    return None if money is None else f"{money.amount:f} {money.currency}"


def orders_table(
    stores: Mapping[str, Store], counts: Mapping[str, Mapping[ImportState, int]]
) -> Table:
    """Return a table of the orders by store and state."""
    states = [state.value for state in ImportState]
    table = new_table("Store", *states, title="Orders", right=tuple(states))
    for store, in_state in sorted(counts.items()):
        add_row(
            table,
            f"{stores[store].name} ({store})" if store in stores else store,
            *(
                cell(in_state.get(state, 0), STATE_STYLES[state] if in_state.get(state) else "dim")
                for state in ImportState
            ),
        )
    if not counts:
        table.add_row("no orders yet")
    return table


def blockers_table(blockers: Mapping[str, int]) -> Table:
    """Return a table of the blocked orders by cause, with the remedies."""
    table = new_table("Cause", "Orders", "Remedy", title="Blocked orders", right=("Orders",))
    for code in BlockerCode:
        if blockers.get(code):
            add_row(
                table, f"{REASONS[code]} ({code})", blockers[code], cell(REMEDIES[code], "cyan")
            )
    return table


def ago(age: timedelta) -> str:
    """Format an age in its largest unit that is not zero."""
    seconds = max(int(age.total_seconds()), 0)
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
