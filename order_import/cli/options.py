"""The options that several commands share, and how their values are read."""

import re
from datetime import datetime, timedelta
from typing import Annotated

import typer

from models.base import to_utc
from models.order_query import DUE_FORMS, parse_due
from models.reasons import REASON_CODES
from streams.clock import now

_AGO = re.compile(r"^(\d{1,5})([mhd])$")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def parse_since(text: str) -> datetime:
    """Parse a date, a time or an age.

    Raises:
        typer.BadParameter: It is none of these.
    """
    ago = _AGO.match(text)
    try:
        if ago:
            return now() - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        return to_utc(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            "expected a date or time (2025-11-28, 2025-11-28T09:00Z) or an age (90m, 24h, 7d)"
        ) from None


def _parse_reason(text: str) -> str:
    if text not in REASON_CODES:
        raise typer.BadParameter(f"expected one of {', '.join(REASON_CODES)}")
    return text


def _parse_due(text: str) -> timedelta:
    try:
        return parse_due(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Limit = Annotated[int, typer.Option(min=1, max=10_000, help="Maximum number.")]
Wait = Annotated[
    bool, typer.Option("--wait/--no-wait", help="Wait until the worker has carried it out.")
]
OnlyStore = Annotated[str | None, typer.Option(metavar="ID", help="Only this store.")]
OnlyDue = Annotated[
    timedelta | None,
    typer.Option(
        metavar="TIME",
        parser=_parse_due,
        help=f"Only orders that must be shipped within this time ({DUE_FORMS}).",
    ),
]
OnlyReason = Annotated[
    str | None,
    typer.Option(
        metavar="CODE", parser=_parse_reason, help=f"Only one of {', '.join(REASON_CODES)}."
    ),
]
