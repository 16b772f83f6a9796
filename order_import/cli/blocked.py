"""`blocked`: the blocked orders by cause, with the remedies, the most urgent first."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console

from models.keys import DEFAULT_STOCK
from models.reasons import REASONS
from models.skus import visible_sku
from order_import.cli.context import query_database
from order_import.cli.options import AsJson, OnlyDue, OnlyStore
from order_import.cli.output import (
    add_row,
    amount,
    cell,
    moment,
    new_table,
    print_json,
    print_system_message,
    stdout,
)
from order_import.operations.health import system_message_of
from storage.mongo.database import MongoDatabase
from storage.queries import BlockedGroup
from streams.clock import now

_MAX_NAMES = 4


def blocked(
    store: OnlyStore = None,
    due: OnlyDue = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Maximum number of groups.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show the blocked orders by cause and product, the earliest ship-by date first.

    An order with several causes counts under each of them.
    """

    async def load(database: MongoDatabase) -> tuple[str | None, Sequence[BlockedGroup]]:
        reader = database.reader
        message = system_message_of(await reader.stores(), await reader.state_counts())
        before = None if due is None else now() + due
        return message, await reader.blocked_groups(store, limit, before)

    message, groups = query_database(load)
    if as_json:
        as_dicts = [asdict(group) | {"remedy": group.remedy} for group in groups]
        print_json({"system_message": message, "groups": as_dicts})
        return
    console = stdout()
    print_system_message(console, message)
    if not groups:
        console.print("No blocked orders." if due is None else "No blocked order is due then.")
        return
    _show(console, groups)
    if len(groups) == limit:
        console.print(f"These are the {limit} most urgent groups; use --limit for more.")


def _show(console: Console, groups: Sequence[BlockedGroup]) -> None:
    columns = ("Cause", "SKU", "Seller SKU", "ASIN", "Orders", "Value", "Ship by (UTC)")
    table = new_table(
        *columns,
        "Oldest purchase",
        "Blocked since",
        "Tried",
        title="Blocked orders",
        right=("Orders", "Value", "Tried"),
    )
    for group in groups:
        add_row(
            table,
            cell(group.code, "bold"),
            _sku(group),
            _list_some([visible_sku(sku) for sku in group.seller_skus]),
            _list_some(group.asins),
            group.orders,
            "\n".join(str(amount(money)) for money in group.value),
            moment(group.earliest_ship_date),
            moment(group.oldest_purchase_date),
            moment(group.blocked_since),
            group.tried,
        )
    console.print(table)
    for code, remedy in {group.code: group.remedy for group in groups}.items():
        console.print(cell(f"{REASONS[code]} ({code})"))
        console.print(cell(f"  → {remedy}", "cyan"))


def _sku(group: BlockedGroup) -> str | None:
    if group.sku is None:
        return None
    lines = [visible_sku(group.sku)]
    if group.stock_id not in {None, DEFAULT_STOCK}:
        lines.append(f"in stock {group.stock_id}")
    if group.similar_sku is not None:
        lines.append(f"the catalog has {visible_sku(group.similar_sku)}")
    return "\n".join(lines)


def _list_some(names: Sequence[str]) -> str:
    more = len(names) - _MAX_NAMES
    return "\n".join([*names[:_MAX_NAMES], *([f"and {more} more"] if more > 0 else [])])
