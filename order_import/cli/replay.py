"""`replay`: orders judged again because somebody asks; first thought, then done."""

import asyncio
import getpass
import signal
import socket
from contextlib import aclosing
from datetime import datetime
from typing import Annotated, NamedTuple

import typer

from models.outcome import REASON_CODES
from models.replay import Replay, ReplayResult, ReplayState, Selection
from order_import.bootstrap import connect_storage
from order_import.cli.context import REFUSED, CommandRefused, read_settings, run
from order_import.cli.orders import parse_reason, parse_since
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
    TopicMissing,
    begin,
    cancel,
    follow,
    open_sender,
    sum_up,
)
from order_import.settings import Settings
from storage.port import Storage
from streams.clock import now

_NOTHING = "no order is selected by this; nothing to replay"


class Asked(NamedTuple):
    """The options that select orders."""

    store: str | None
    reason: str | None
    sku: str | None
    orders: list[str]
    since: datetime | None
    until: datetime | None
    from_topic: bool

    @property
    def kept(self) -> dict[str, object]:
        """What is kept of them beside the selection."""
        if not self.from_topic:
            return {"orders": self.orders} if self.orders else {}
        times = {"since": self.since, "until": self.until}
        return {"from_topic": {name: at for name, at in times.items() if at is not None}}


def replay(
    store: Annotated[str | None, typer.Option(metavar="ID", help="Of one store.")] = None,
    reason: Annotated[
        str | None,
        typer.Option(
            metavar="CODE", parser=parse_reason, help=f"One of {', '.join(REASON_CODES)}."
        ),
    ] = None,
    sku: Annotated[
        str | None, typer.Option(metavar="SKU", help="Seller or catalog SKU that blocks.")
    ] = None,
    order: Annotated[
        list[str] | None,
        typer.Option(metavar="ORDER", help="Exactly these: Amazon id, or store/order."),
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(metavar="TIME", parser=parse_since, help="Purchased since, in UTC."),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(metavar="TIME", parser=parse_since, help="Purchased until, in UTC."),
    ] = None,
    from_topic: Annotated[
        bool,
        typer.Option(
            "--from-topic",
            help="Orders that amazon.orders.blocked names; --since and --until are then its times.",
        ),
    ] = False,
    reason_text: Annotated[
        str | None, typer.Option(metavar="T", help="Why; kept with the replay.")
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait until the worker has carried it out.")
    ] = True,
    execute: Annotated[bool, typer.Option("--execute", help="Do it, not only tell.")] = False,
    assume: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FACT", help="What if: product:SKU:enabled=true,salable_quantity=20 and so on."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Judge orders again by today's facts: blocked ones, and those skipped for a setting.

    Without --execute it only tells what would become of them, and changes nothing. With it the
    worker carries it out, also after this command has ended: see `replays`.
    """
    asked = Asked(store, reason, sku, order or [], since, until, from_topic)
    if asked.orders and (reason or sku or since or until or from_topic):
        raise typer.BadParameter("goes with --store only", param_hint="--order")
    if execute and assume:
        raise typer.BadParameter("not with --execute: it is for a dry run", param_hint="--assume")
    if execute and not (reason_text or "").strip():
        raise typer.BadParameter("expected with --execute", param_hint="--reason-text")
    try:
        assumed = parse_assumptions(assume or [])
        settings = read_settings()
        if execute:
            ran = run(_execute(settings, asked, (reason_text or "").strip(), wait, as_json))
            tell_ran(ran, as_json)
        else:
            summary = run(_dry_run(settings, asked, assumed))
            _tell_dry_run(summary, assume or [], as_json)
    except BadAssumption as error:
        raise typer.BadParameter(str(error), param_hint="--assume") from None
    except TopicMissing as error:
        raise CommandRefused(f"topic {error} is not there yet; run: order-import init") from None
    except OrderNotNamed as error:
        raise CommandRefused(str(error)) from None


def _tell_dry_run(summary: Summary, assumed: list[str], as_json: bool) -> None:
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


def tell_ran(ran: Ran, as_json: bool) -> None:
    """Print how far a replay came; leave with 1 if it was canceled."""
    if as_json:
        print_json(ran_as_json(ran))
    else:
        show_ran(stdout(), ran)
    if ran.replay.state is ReplayState.CANCELED:
        raise typer.Exit(REFUSED)


async def _wanted(storage: Storage, settings: Settings, asked: Asked) -> Selection:
    if asked.orders:
        return Selection(asked.store, keys=await resolve_orders(storage, asked.orders, asked.store))
    if asked.from_topic:
        keys = tuple(await orders_in_topic(settings, asked.since, asked.until))
        return Selection(asked.store, asked.reason, asked.sku, keys=keys)
    return Selection(asked.store, asked.reason, asked.sku, asked.since, asked.until)


async def _dry_run(settings: Settings, asked: Asked, assumed: Assumptions) -> Summary:
    async with connect_storage(settings) as storage:
        wanted = await _wanted(storage, settings, asked)
        return await dry_run(storage, wanted, now(), assumed)


async def _execute(
    settings: Settings, asked: Asked, reason_text: str, wait: bool, quiet: bool
) -> Ran:
    async with connect_storage(settings) as storage:
        wanted = await _wanted(storage, settings, asked)
        keys = await select_keys(storage, wanted)
        if not keys:
            raise CommandRefused(_NOTHING)
        request = Request(wanted, _who(), reason_text, asked.kept)
        # From here on Ctrl-C cancels it: a replay that has begun goes on without this command.
        interrupted = catch_interrupts() if wait else None
        async with open_sender(settings) as send:
            replay = await begin(storage, send, request, keys, now())
        if interrupted is not None:
            replay = await watch(storage, replay, interrupted, quiet=quiet)
        return Ran(replay, await sum_up(storage, replay.replay_id))


def catch_interrupts() -> asyncio.Event:
    """Return what is set by Ctrl-C and SIGTERM, which end nothing from now on."""
    interrupted = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupted.set)
    return interrupted


async def watch(
    storage: Storage, replay: Replay, interrupted: asyncio.Event, *, quiet: bool
) -> Replay:
    """Show the progress of a replay until it is over; cancel it once it is interrupted."""
    last = replay
    with show_progress(replay.selected, quiet=quiet) as show:
        async with aclosing(follow(storage, replay.replay_id)) as states:
            async for last in states:
                show(last.done)
                if interrupted.is_set() and last.is_running:
                    stderr().print("Canceled: the step under way is the last.")
                    await cancel(storage, last.replay_id, now())
    return last


def _who() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in a container
        user = "unknown"
    return f"{user}@{socket.gethostname()}"
