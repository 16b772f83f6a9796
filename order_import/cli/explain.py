"""`explain`: one order, what became of it, and why."""

from collections.abc import Sequence
from typing import Annotated

import typer

from order_import.cli.errors import REFUSED, CommandRefused
from order_import.cli.explain_json import history_as_json
from order_import.cli.explain_view import show_history
from order_import.cli.surroundings import read_settings, run
from order_import.clients import connect_reader
from order_import.output import cell, print_json, stdout
from order_import.settings import Settings
from storage.reader import OrderHistory


def explain(
    order: Annotated[
        str, typer.Argument(metavar="ORDER", help="The Amazon order id, or store/order.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell one order's whole story: what arrived, what was decided, on which facts, and why."""
    found, keys = run(_find(read_settings(), order))
    if found is not None:
        if as_json:
            print_json(history_as_json(found))
        else:
            show_history(stdout(), found)
        return
    if not keys:
        raise CommandRefused(f"no order {order} was received")
    if as_json:
        print_json({"several": keys})
    else:
        console = stdout()
        console.print(f"{len(keys)} stores have an order {order}. Name one:")
        for key in keys:
            console.print(cell(f"  order-import explain {key}"))
    raise typer.Exit(REFUSED)


async def _find(settings: Settings, order: str) -> tuple[OrderHistory | None, Sequence[str]]:
    """Give the order, or the keys of all stores' orders of this id."""
    async with connect_reader(settings) as reader:
        keys = [order] if "/" in order else await reader.order_keys(order)
        if len(keys) != 1:
            return None, keys
        found = await reader.history(keys[0])
        return found, [] if found is None else keys
