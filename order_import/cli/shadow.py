"""`shadow`: what other settings or rules would have made of the orders of some time."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console

from models.replay import Selection
from order_import.bootstrap import connect_storage
from order_import.cli.context import CommandRefused, read_settings, run
from order_import.cli.options import AsJson, OnlyStore, parse_since
from order_import.cli.output import (
    add_row,
    amount,
    cell,
    new_table,
    print_json,
    stderr,
    stdout,
)
from order_import.cli.replay_view import count_orders
from order_import.operations.assumptions import Assumptions, BadAssumption, parse_assumptions
from order_import.operations.shadow import Difference, ShadowSummary, causes
from order_import.operations.shadow import shadow as run_shadow
from order_import.settings import Settings
from streams.clock import now

_A_STORE = "store:"


def shadow(
    since: Annotated[
        datetime,
        typer.Option(metavar="TIME", parser=parse_since, help="Purchased since this time, in UTC."),
    ],
    until: Annotated[
        datetime | None,
        typer.Option(metavar="TIME", parser=parse_since, help="Purchased until this time, in UTC."),
    ] = None,
    store: OnlyStore = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="SETTING",
            help="Another setting, for example store:ID:import_amazon_orders=false.",
        ),
    ] = None,
    assume: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FACT", help="Assume a fact, for example product:SKU:enabled=false, as replay."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Decide the orders of some time again under other settings, and show what would differ.

    Nothing is written. Created orders are decided by the facts of their own time, all others by
    today's. With neither --set nor --assume, it shows what today's settings, and the rules of
    this version, would change.
    """
    settings_set, facts = set_ or [], assume or []
    for text in settings_set:
        if not text.startswith(_A_STORE):
            raise typer.BadParameter(f"{text}: expected store:ID:field=value", param_hint="--set")
    try:
        assumed = parse_assumptions([*settings_set, *facts])
        selection = Selection(store, since=since, until=until)
        summary = run(_run(read_settings(), selection, assumed))
    except BadAssumption as error:
        raise typer.BadParameter(str(error), param_hint="--set or --assume") from None
    if as_json:
        print_json(_as_json(summary, [*settings_set, *facts]))
    elif summary.compared or summary.not_compared:
        _show(stdout(), summary, [*settings_set, *facts])
    if not (summary.compared or summary.not_compared):
        raise CommandRefused("no orders match; nothing to compare")


async def _run(settings: Settings, selection: Selection, assumed: Assumptions) -> ShadowSummary:
    with stderr().status("reading") as status:

        def report(done: int, of_all: int) -> None:
            status.update(f"{done} of {of_all} decided again")

        async with connect_storage(settings) as storage:
            return await run_shadow(storage, selection, now(), assumed, report)


def _as_json(summary: ShadowSummary, assumed: Sequence[str]) -> dict[str, object]:
    return {
        "assumed": list(assumed),
        "compared": summary.compared,
        "differing": summary.differing,
        "not_compared": summary.not_compared,
        "differences": [
            {
                "before": difference.before,
                "after": difference.after,
                "orders": difference.orders,
                "value": difference.money,
                "first": [
                    {
                        "order": order.key,
                        "before": list(causes(order.before)),
                        "after": list(causes(order.after)),
                        "total": order.total,
                    }
                    for order in difference.first
                ],
            }
            for difference in summary.differences
        ],
    }


def _show(console: Console, summary: ShadowSummary, assumed: Sequence[str]) -> None:
    differing = count_orders(summary.differing)
    line = f"Shadow run: {differing} of {summary.compared} would differ. Nothing changed."
    console.print(cell(line, "bold"))
    for assumption in assumed:
        console.print(cell(f"  assumed: {assumption}", "yellow"))
    if summary.differences:
        _show_differences(console, summary.differences)
    console.print(f"The same: {count_orders(summary.compared - summary.differing)}.")
    if summary.not_compared:
        console.print(
            f"Not compared: {count_orders(summary.not_compared)} that Amazon has canceled or moved "
            "back since."
        )


def _show_differences(console: Console, differences: Sequence[Difference]) -> None:
    table = new_table("Was", "Would be", "Orders", "Value", right=("Orders", "Value"))
    for difference in differences:
        add_row(
            table,
            difference.before,
            difference.after,
            difference.orders,
            "\n".join(str(amount(money)) for money in difference.money),
        )
    console.print(table)
    for difference in differences:
        console.print(cell(f"{difference.before} → {difference.after}", "bold"))
        for order in difference.first:
            why = "; ".join(causes(order.after))
            console.print(cell(f"  {order.key}  {amount(order.total) or ''}  {why}".rstrip()))
        if (more := difference.orders - len(difference.first)) > 0:
            console.print(f"  and {more} more")
