"""Output: tables for people, JSON for programs, both without a buyer in them."""

import json
import shutil
import sys
from datetime import datetime

from pydantic_core import to_jsonable_python
from rich.console import Console
from rich.table import Table
from rich.text import Text

from models.money import Money

_WIDE = 200
"""Columns where the output goes to a file or a pipe: nothing there cuts lines."""


def stdout() -> Console:
    """Give the console of standard output. Nothing printed is taken for markup."""
    width = None if sys.stdout.isatty() else max(_WIDE, shutil.get_terminal_size().columns)
    return Console(markup=False, emoji=False, highlight=False, width=width)


def stderr() -> Console:
    """Give the console of standard error."""
    return Console(stderr=True, markup=False, emoji=False, highlight=False, soft_wrap=True)


def print_json(data: object) -> None:
    """Print one JSON document. Times are ISO 8601 in UTC, amounts are strings."""
    sys.stdout.write(json.dumps(to_jsonable_python(data), indent=2, ensure_ascii=False) + "\n")


def new_table(*columns: str, title: str | None = None, right: tuple[str, ...] = ()) -> Table:
    """Give an empty table; columns named in `right` hold numbers."""
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for column in columns:
        table.add_column(
            column, justify="right" if column in right else "left", overflow="fold", min_width=3
        )
    return table


def cell(value: object, style: str = "") -> Text:
    """Give one cell; what is not known is a dash, and no control character reaches a terminal."""
    text = "-" if value is None or value == "" else str(value)
    shown = "".join(
        one if one.isprintable() or one == "\n" else "\N{REPLACEMENT CHARACTER}" for one in text
    )
    return Text(shown, style=style)


def moment(at: datetime | None) -> str | None:
    """Give a time to the minute, in UTC."""
    return None if at is None else f"{at:%Y-%m-%d %H:%M}"


def exact(at: datetime | None) -> str | None:
    """Give a time to the millisecond, in UTC."""
    return None if at is None else f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d}"


def amount(money: Money | None) -> str | None:
    """Give an amount with its currency."""
    return None if money is None else f"{money.amount:f} {money.currency}"
