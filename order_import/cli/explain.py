"""`explain`: one order, what became of it, and why."""

from typing import Annotated

import typer

from order_import.cli.errors import CommandRefused
from order_import.cli.explain_json import history_as_json
from order_import.cli.explain_view import show_history
from order_import.cli.surroundings import read_settings, run
from order_import.clients import connect_reader
from order_import.output import print_json, stdout
from order_import.settings import Settings
from storage.queries import OrderHistory


def explain(
    order: Annotated[
        str, typer.Argument(metavar="ORDER", help="The Amazon order id, or store/order.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell one order's whole history: what arrived, what was decided, on which facts, and why."""
    found = run(_find(read_settings(), order))
    if found is None:
        raise CommandRefused(f"no order {order} was received")
    if as_json:
        print_json(history_as_json(found))
    else:
        show_history(stdout(), found)


async def _find(settings: Settings, order: str) -> OrderHistory | None:
    async with connect_reader(settings) as reader:
        key = order if "/" in order else await reader.order_key(order)
        return None if key is None else await reader.history(key)
