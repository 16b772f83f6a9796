"""`blocked`: what blocks, and what to do about it, the most urgent first."""

from collections.abc import Sequence
from typing import Annotated, NamedTuple

import typer
from rich.console import Console

from models.labels import REASONS
from models.skus import visible_sku
from order_import.bootstrap import connect_reader
from order_import.cli.context import read_settings, run
from order_import.cli.output import amount, cell, moment, new_table, print_json, stdout
from order_import.operations.health import system_message_of
from order_import.settings import Settings
from storage.queries import BlockedGroup, Reader


class Blocked(NamedTuple):
    """The groups of blocked orders, and rule 19's message where it applies."""

    system_message: str | None
    groups: Sequence[BlockedGroup]


def blocked(
    store: Annotated[str | None, typer.Option(metavar="ID", help="Of one store.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many groups at most.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the blocked orders by cause and product, the earliest ship-by date first.

    An order with several causes counts under each of them.
    """
    found = run(_ask(read_settings(), store, limit))
    if as_json:
        print_json(blocked_as_json(found))
        return
    console = stdout()
    if found.system_message is not None:
        console.print(cell(found.system_message, "bold white on red"))
        console.print()
    if not found.groups:
        console.print("No blocked orders.")
        return
    show_groups(console, found.groups)
    if len(found.groups) == limit:
        console.print(f"The most urgent {limit}; ask for more with --limit.")


async def ask_blocked(reader: Reader, store_id: str | None, limit: int) -> Blocked:
    """Ask what blocks; the message speaks of all stores, whichever one the groups are of."""
    message = system_message_of(await reader.stores(), await reader.state_counts())
    return Blocked(message, await reader.blocked_groups(store_id, limit))


def blocked_as_json(found: Blocked) -> dict[str, object]:
    """Give the groups as programs read them; amounts are exact, as strings."""
    return {
        "system_message": found.system_message,
        "groups": [
            {
                "code": group.code,
                "sku": group.sku,
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
            for group in found.groups
        ],
    }


def show_groups(console: Console, groups: Sequence[BlockedGroup]) -> None:
    """Print groups for people, and once per cause what to do."""
    table = new_table(
        *("Cause", "SKU", "Seller SKU", "ASIN", "Orders", "Value", "Ship by (UTC)"),
        *("Oldest purchase", "Blocked since", "Tried"),
        title="Blocked orders",
        right=("Orders", "Value", "Tried"),
    )
    for group in groups:
        table.add_row(
            cell(group.code, "bold"),
            cell(_sku(group)),
            cell(_several([visible_sku(sku) for sku in group.seller_skus])),
            cell(_several(group.asins)),
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
    if group.sku is None or group.similar_sku is None:
        return None if group.sku is None else visible_sku(group.sku)
    return f"{visible_sku(group.sku)}\nthe catalog has {visible_sku(group.similar_sku)}"


_MOST_NAMES = 4


def _several(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMES
    return "\n".join([*names[:_MOST_NAMES], *([f"and {more} more"] if more > 0 else [])])


async def _ask(settings: Settings, store_id: str | None, limit: int) -> Blocked:
    async with connect_reader(settings) as reader:
        return await ask_blocked(reader, store_id, limit)
