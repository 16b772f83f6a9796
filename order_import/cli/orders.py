"""`orders`: list the received orders."""

from datetime import datetime
from typing import Annotated

import typer

from models.order_query import OrderQuery
from models.outcome import DETAILS_OVERDUE, ImportState
from order_import.cli.context import query_database
from order_import.cli.options import AsJson, Limit, OnlyReason, OnlyStore, parse_since
from order_import.cli.output import (
    STATE_STYLES,
    add_row,
    amount,
    cell,
    in_words,
    moment,
    new_table,
    print_json,
    stdout,
)
from storage.queries import OrderLine
from streams.clock import now


def orders(
    store: OnlyStore = None,
    state: Annotated[ImportState | None, typer.Option(help="Only this state.")] = None,
    reason: OnlyReason = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            metavar="TIME",
            parser=parse_since,
            help="Purchased since a date or time in UTC, or an age (90m, 24h, 7d).",
        ),
    ] = None,
    overdue: Annotated[
        bool, typer.Option("--overdue", help="Only orders waiting for details for over an hour.")
    ] = False,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List the received orders, newest purchase first."""
    overdue_since = now() - DETAILS_OVERDUE if overdue else None
    query = OrderQuery(store, state, reason, overdue_since=overdue_since, purchased_from=since)
    lines = query_database(lambda database: database.reader.list_orders(query, limit))
    if as_json:
        print_json(lines)
        return
    console = stdout()
    if not lines:
        console.print("No orders match.")
        return
    columns = ("Purchased (UTC)", "Order", "Store", "Amazon", "Channel", "Total", "State", "Why")
    table = new_table(*columns, "Commerce order", "Status", right=("Total",))
    for line in lines:
        add_row(
            table,
            moment(line.purchase_date),
            line.amazon_order_id,
            line.store_id,
            line.status,
            line.channel,
            amount(line.total),
            cell(line.state, STATE_STYLES[line.state]),
            _why(line),
            line.order_number,
            line.commerce_status,
        )
    console.print(table)
    if len(lines) == limit:
        console.print(f"These are the newest {limit}; use --limit for more.")


def _why(line: OrderLine) -> str:
    reasons = in_words(line.reasons)
    return f"{reasons}: {', '.join(line.missing)}" if line.missing else reasons
