"""`orders`: the orders that were received."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated

import typer

from models.base import to_utc
from models.order_query import OrderQuery
from models.outcome import DETAILS_OVERDUE, REASON_CODES, ImportState
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
    """Read a date, a time, or how long ago it was.

    Raises:
        typer.BadParameter: It is none of them.
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
    """Read the code of a reason.

    Raises:
        typer.BadParameter: It is none.
    """
    if text not in REASON_CODES:
        raise typer.BadParameter(f"expected one of {', '.join(REASON_CODES)}")
    return text


def orders(
    store: Annotated[str | None, typer.Option(metavar="ID", help="Of one store.")] = None,
    state: Annotated[ImportState | None, typer.Option(help="In one state.")] = None,
    reason: Annotated[
        str | None,
        typer.Option(
            metavar="CODE", parser=parse_reason, help=f"For one reason: {', '.join(REASON_CODES)}."
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
        bool, typer.Option("--overdue", help="That wait for details longer than an hour.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the orders that were received, newest purchase first."""
    overdue_since = now() - DETAILS_OVERDUE if overdue else None
    wanted = OrderQuery(store, state, reason, overdue_since=overdue_since, purchased_from=since)
    found = run(_list(read_settings(), wanted, limit))
    if as_json:
        print_json(found)
        return
    console = stdout()
    if not found:
        console.print("No such orders.")
        return
    table = new_table(
        *("Purchased (UTC)", "Order", "Store", "Amazon", "Channel", "Total", "State", "Why"),
        *("Commerce order", "Status"),
        right=("Total",),
    )
    for line in found:
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
    if len(found) == limit:
        console.print(f"The newest {limit}; ask for more with --limit.")


def _why(line: OrderLine) -> str:
    said = in_words(line.reasons)
    return f"{said}: {', '.join(line.missing)}" if line.missing else said


async def _list(settings: Settings, wanted: OrderQuery, limit: int) -> Sequence[OrderLine]:
    async with connect_reader(settings) as reader:
        return await reader.list_orders(wanted, limit)
