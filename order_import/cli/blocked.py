"""`blocked`: the blocked orders by cause, with the remedies, the most urgent first."""

from collections.abc import Sequence
from typing import Annotated, NamedTuple

import typer
from rich.console import Console

from models.keys import DEFAULT_STOCK
from models.reasons import REASONS
from models.skus import visible_sku
from order_import.bootstrap import connect_reader
from order_import.cli.context import read_settings, run
from order_import.cli.output import amount, cell, moment, new_table, print_json, stdout
from order_import.operations.health import system_message_of
from order_import.settings import Settings
from storage.queries import BlockedGroup, Reader


class Blocked(NamedTuple):
    """The groups of blocked orders, and rule 19's message if an order is blocked."""

    system_message: str | None
    groups: Sequence[BlockedGroup]


def blocked(
    store: Annotated[str | None, typer.Option(metavar="ID", help="Only this store.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Maximum number of groups.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the blocked orders by cause and product, the earliest ship-by date first.

    An order with several causes counts under each of them.
    """
    result = run(_load(read_settings(), store, limit))
    if as_json:
        print_json(blocked_as_json(result))
        return
    console = stdout()
    if result.system_message is not None:
        console.print(cell(result.system_message, "bold white on red"))
        console.print()
    if not result.groups:
        console.print("No blocked orders.")
        return
    show_groups(console, result.groups)
    if len(result.groups) == limit:
        console.print(f"These are the {limit} most urgent groups; use --limit for more.")


async def load_blocked(reader: Reader, store_id: str | None, limit: int) -> Blocked:
    """Return the groups of one store or of all; the message is about all stores."""
    message = system_message_of(await reader.stores(), await reader.state_counts())
    return Blocked(message, await reader.blocked_groups(store_id, limit))


def blocked_as_json(blocked: Blocked) -> dict[str, object]:
    """Return the groups for JSON output; amounts are strings."""
    return {
        "system_message": blocked.system_message,
        "groups": [
            {
                "code": group.code,
                "sku": group.sku,
                "stock_id": group.stock_id,
                "similar_sku": group.similar_sku,
                "seller_skus": group.seller_skus,
                "asins": group.asins,
                "orders": group.orders,
                "value": group.value,
                "oldest_purchase_date": group.oldest_purchase,
                "earliest_ship_date": group.earliest_ship_by,
                "blocked_since": group.since,
                "tried": group.tried,
                "remedy": group.remedy,
            }
            for group in blocked.groups
        ],
    }


def show_groups(console: Console, groups: Sequence[BlockedGroup]) -> None:
    """Print a table of groups, and the remedy of each cause."""
    table = new_table(
        "Cause",
        "SKU",
        "Seller SKU",
        "ASIN",
        "Orders",
        "Value",
        "Ship by (UTC)",
        "Oldest purchase",
        "Blocked since",
        "Tried",
        title="Blocked orders",
        right=("Orders", "Value", "Tried"),
    )
    for group in groups:
        table.add_row(
            cell(group.code, "bold"),
            cell(_sku(group)),
            cell(_list_some([visible_sku(sku) for sku in group.seller_skus])),
            cell(_list_some(group.asins)),
            cell(group.orders),
            cell("\n".join(str(amount(money)) for money in group.value)),
            cell(moment(group.earliest_ship_by)),
            cell(moment(group.oldest_purchase)),
            cell(moment(group.since)),
            cell(group.tried),
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


_MAX_NAMES = 4


def _list_some(names: Sequence[str]) -> str:
    more = len(names) - _MAX_NAMES
    return "\n".join([*names[:_MAX_NAMES], *([f"and {more} more"] if more > 0 else [])])


async def _load(settings: Settings, store_id: str | None, limit: int) -> Blocked:
    async with connect_reader(settings) as reader:
        return await load_blocked(reader, store_id, limit)
