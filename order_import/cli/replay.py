"""`replay`: check orders again on request, as a dry run or for real."""

import asyncio
import signal
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from typing import Annotated, NamedTuple

import typer

from models.replay import Replay, ReplayResult, ReplayState, Selection
from order_import.bootstrap import connect_storage
from order_import.cli.context import REFUSED, CommandRefused, read_settings, run, user_name
from order_import.cli.options import AsJson, OnlyReason, OnlyStore, Wait, parse_since
from order_import.cli.output import print_json, stderr, stdout
from order_import.cli.replay_view import (
    dry_run_as_json,
    ran_as_json,
    show_dry_run,
    show_progress,
    show_ran,
)
from order_import.operations.assumptions import Assumptions, BadAssumption, parse_assumptions
from order_import.operations.dry_run import dry_run, select_keys
from order_import.operations.order_names import OrderNotNamed, orders_in_topic, resolve_orders
from order_import.operations.replay import (
    Ran,
    Request,
    Summary,
    begin,
    cancel,
    follow,
    open_sender,
    sum_up,
)
from order_import.settings import Settings
from storage.port import Storage
from streams.clock import now

_NOTHING = "no orders match; nothing to replay"


class Criteria(NamedTuple):
    """The options that select orders: those of a selection, names of orders, and the topic."""

    selection: Selection
    orders: list[str]
    from_topic: bool

    @property
    def details(self) -> dict[str, object]:
        """The part that is stored with the replay, beside the selection."""
        if not self.from_topic:
            return {"orders": self.orders} if self.orders else {}
        times = {"since": self.selection.since, "until": self.selection.until}
        return {"from_topic": {name: at for name, at in times.items() if at is not None}}


def replay(
    store: OnlyStore = None,
    reason: OnlyReason = None,
    sku: Annotated[
        str | None,
        typer.Option(metavar="SKU", help="Only orders blocked by this seller or catalog SKU."),
    ] = None,
    order: Annotated[
        list[str] | None,
        typer.Option(metavar="ORDER", help="Only this order: its Amazon order id, or store/order."),
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(metavar="TIME", parser=parse_since, help="Purchased since this time, in UTC."),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(metavar="TIME", parser=parse_since, help="Purchased until this time, in UTC."),
    ] = None,
    from_topic: Annotated[
        bool,
        typer.Option(
            "--from-topic",
            help="Orders in amazon.orders.blocked; --since and --until are then message times.",
        ),
    ] = False,
    reason_text: Annotated[
        str | None, typer.Option(metavar="T", help="The reason, stored with the replay.")
    ] = None,
    wait: Wait = True,
    execute: Annotated[
        bool, typer.Option("--execute", help="Execute the replay; without it, this is a dry run.")
    ] = False,
    assume: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FACT",
            help="Assume a fact, for example product:SKU:enabled=true,salable_quantity=20.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Recheck blocked orders, and orders that were skipped because of a setting.

    Without --execute, this is a dry run and changes nothing. With it, the worker carries out the
    replay, even after this command has ended; see `replays`.
    """
    selection = Selection(store, reason, sku, since, until)
    criteria = Criteria(selection, order or [], from_topic)
    if criteria.orders and (reason or sku or since or until or from_topic):
        raise typer.BadParameter("goes with --store only", param_hint="--order")
    if execute and assume:
        raise typer.BadParameter("not with --execute: it is for a dry run", param_hint="--assume")
    if execute and not (reason_text or "").strip():
        raise typer.BadParameter("expected with --execute", param_hint="--reason-text")
    try:
        assumed = parse_assumptions(assume or [])
        settings = read_settings()
        if execute:
            ran = run(_execute(settings, criteria, (reason_text or "").strip(), wait, as_json))
            print_ran(ran, as_json)
        else:
            summary = run(_dry_run(settings, criteria, assumed))
            _print_dry_run(summary, assume or [], as_json)
    except BadAssumption as error:
        raise typer.BadParameter(str(error), param_hint="--assume") from None
    except OrderNotNamed as error:
        raise CommandRefused(str(error)) from None


def _print_dry_run(summary: Summary, assumed: list[str], as_json: bool) -> None:
    if as_json:
        print_json(dry_run_as_json(summary, assumed))
    elif summary.answered:
        show_dry_run(stdout(), summary, assumed)
    if not summary.answered:
        raise CommandRefused(_NOTHING)
    if not summary.orders[ReplayResult.CREATED]:
        raise typer.Exit(REFUSED)
    if not as_json and not assumed:
        stdout().print('Add --execute --reason-text "why" to do it.')


def print_ran(ran: Ran, as_json: bool) -> None:
    """Print the result of a replay; exit with status 1 if it was canceled."""
    if as_json:
        print_json(ran_as_json(ran))
    else:
        show_ran(stdout(), ran)
    if ran.replay.state is ReplayState.CANCELED:
        raise typer.Exit(REFUSED)


async def _select(storage: Storage, settings: Settings, criteria: Criteria) -> Selection:
    selection, orders, from_topic = criteria
    if orders:
        keys = await resolve_orders(storage, orders, selection.store_id)
        return replace(selection, keys=keys)
    if from_topic:
        keys = tuple(await orders_in_topic(settings, selection.since, selection.until))
        return replace(selection, since=None, until=None, keys=keys)
    return selection


async def _dry_run(settings: Settings, criteria: Criteria, assumed: Assumptions) -> Summary:
    async with connect_storage(settings) as storage:
        selection = await _select(storage, settings, criteria)
        return await dry_run(storage, selection, now(), assumed)


async def _execute(
    settings: Settings, criteria: Criteria, reason_text: str, wait: bool, quiet: bool
) -> Ran:
    async with connect_storage(settings) as storage:
        selection = await _select(storage, settings, criteria)
        keys = await select_keys(storage, selection)
        if not keys:
            raise CommandRefused(_NOTHING)
        request = Request(selection, user_name(), reason_text, criteria.details)
        # From here on, Ctrl-C cancels the replay, which would continue without this command.
        interrupted = catch_interrupts() if wait else None
        async with open_sender(settings) as send:
            replay = await begin(storage, send, request, keys, now())
        if interrupted is not None:
            replay = await watch(storage, replay, interrupted, quiet=quiet)
        return Ran(replay, await sum_up(storage, replay.replay_id))


def catch_interrupts() -> asyncio.Event:
    """Return an event that Ctrl-C and SIGTERM set, in place of ending the command."""
    interrupted = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupted.set)
    return interrupted


async def watch(
    storage: Storage, replay: Replay, interrupted: asyncio.Event, *, quiet: bool
) -> Replay:
    """Show the progress of a replay until it is over; cancel it if the user interrupts."""
    last = replay
    with show_progress(replay.selected, quiet=quiet) as show:
        async with aclosing(follow(storage, replay.replay_id)) as states:
            async for last in states:
                show(last.done)
                if interrupted.is_set() and last.is_running:
                    stderr().print("Canceled. The current step will still finish.")
                    await cancel(storage, last.replay_id, now())
    return last
