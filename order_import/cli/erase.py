"""`erase`: erase the buyer data of orders on request; a dry run first."""

from typing import Annotated

import typer
from rich.console import Console

from order_import.cli.context import CommandRefused, read_settings, run, user_name
from order_import.cli.explain import describe_buyer_data
from order_import.cli.options import AsJson
from order_import.cli.output import cell, print_json, stdout
from order_import.operations.erase import Erasure, plan_erasure
from order_import.operations.erase import erase as erase_all
from order_import.operations.order_names import OrderNotNamed
from streams.clock import now


def erase(
    order: Annotated[
        list[str] | None,
        typer.Option(metavar="ORDER", help="An Amazon order id or store/order; may be repeated."),
    ] = None,
    email: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="All orders of the buyer with this e-mail."),
    ] = None,
    reason_text: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Why; required with --execute.")
    ] = None,
    execute: Annotated[
        bool, typer.Option("--execute", help="Do it; without, only show what would be erased.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Erase name, address, e-mail, phone and gift texts of orders, and dead letters naming them.

    The orders stay. What later messages say of these buyers is not stored. Kafka's topics keep the
    original messages for 14 days. Exit status 1 means that there is nothing to erase.
    """
    if not order and email is None:
        raise typer.BadParameter("expected --order or --email")
    reason = (reason_text or "").strip()
    if execute and not reason:
        raise typer.BadParameter("expected with --execute", param_hint="--reason-text")
    settings = read_settings()
    try:
        erasure = run(plan_erasure(settings, order or [], email))
    except OrderNotNamed as error:
        raise CommandRefused(str(error)) from None
    if execute and (erasure.orders or erasure.dead_letters):
        run(erase_all(settings, erasure, user_name(), reason, now()))
    if as_json:
        print_json({"executed": execute} | _as_json(erasure))
    else:
        _show(stdout(), erasure, execute=execute)
    if not erasure.orders and not erasure.dead_letters:
        raise typer.Exit(1)


def _as_json(erasure: Erasure) -> dict[str, object]:
    return {"orders": erasure.orders, "dead_letters": erasure.dead_letters}


def _show(console: Console, erasure: Erasure, *, execute: bool) -> None:
    for key, buyer_data in erasure.orders.items():
        console.print(cell(f"order {key}: {describe_buyer_data(buyer_data) or 'no buyer known'}"))
    for dead_letter_id in erasure.dead_letters:
        console.print(cell(f"dead letter {dead_letter_id}"))
    if not erasure.orders and not erasure.dead_letters:
        console.print("There is nothing to erase.")
    elif execute:
        console.print("Erased.")
    else:
        console.print('Nothing was erased. Add --execute --reason-text "why" to erase it.')
