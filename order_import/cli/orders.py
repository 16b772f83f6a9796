"""`orders`: list the received orders."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated

import typer

from models.base import to_utc
from models.order_query import OrderQuery
from models.outcome import DETAILS_OVERDUE, ImportState
from models.reasons import REASON_CODES
from order_import.bootstrap import connect_reader
from order_import.cli.context import read_settings, run
from order_import.cli.output import (
    STATE_STYLES,
    amount,
    cell,
    in_words,
    moment,
    new_table,
    print_json,
    stdout,
)
from order_import.settings import Settings
from storage.queries import OrderLine
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


def parse_reason(text: str) -> str:
    """Check the code of a reason.

    Raises:
        typer.BadParameter: There is no such code.
    """
    if text not in REASON_CODES:
        raise typer.BadParameter(f"expected one of {', '.join(REASON_CODES)}")
    return text


def orders(
    store: Annotated[str | None, typer.Option(metavar="ID", help="Only this store.")] = None,
    state: Annotated[ImportState | None, typer.Option(help="Only this state.")] = None,
    reason: Annotated[
        str | None,
        typer.Option(
            metavar="CODE", parser=parse_reason, help=f"Only one of {', '.join(REASON_CODES)}."
        ),
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            metavar="TIME",
            parser=parse_since,
            help="Purchased since a date or time in UTC, or an age (90m, 24h, 7d).",
        ),
    ] = None,
    overdue: Annotated[
        bool, typer.Option("--overdue", help="Only those waiting for details for over an hour.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Maximum number.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the received orders, newest purchase first."""
    overdue_since = now() - DETAILS_OVERDUE if overdue else None
    query = OrderQuery(store, state, reason, overdue_since=overdue_since, purchased_from=since)
    lines = run(_list(read_settings(), query, limit))
    if as_json:
        print_json(lines)
        return
    console = stdout()
    if not lines:
        console.print("No orders match.")
        return
    table = new_table(
        "Purchased (UTC)",
        "Order",
        "Store",
        "Amazon",
        "Channel",
        "Total",
        "State",
        "Why",
        "Commerce order",
        "Status",
        right=("Total",),
    )
    for line in lines:
        table.add_row(
            cell(moment(line.purchase_date)),
            cell(line.amazon_order_id),
            cell(line.store_id),
            cell(line.status),
            cell(line.channel),
            cell(amount(line.total)),
            cell(line.state, STATE_STYLES[line.state]),
            cell(_why(line) or None),
            cell(line.order_number),
            cell(line.commerce_status),
        )
    console.print(table)
    if len(lines) == limit:
        console.print(f"These are the newest {limit}; use --limit for more.")


def _why(line: OrderLine) -> str:
    reasons = in_words(line.reasons)
    return f"{reasons}: {', '.join(line.missing)}" if line.missing else reasons


async def _list(settings: Settings, query: OrderQuery, limit: int) -> Sequence[OrderLine]:
    async with connect_reader(settings) as reader:
        return await reader.list_orders(query, limit)
