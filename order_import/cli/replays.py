"""`replays`: those that were begun, watched and canceled from anywhere."""

from collections.abc import Sequence
from typing import Annotated

import typer

from models.replay import Replay
from order_import.bootstrap import connect_storage
from order_import.cli.context import CommandRefused, read_settings, run
from order_import.cli.output import print_json, stdout
from order_import.cli.replay import catch_interrupts, tell_ran, watch
from order_import.cli.replay_view import show_replays
from order_import.operations.replay import Ran, cancel, sum_up
from order_import.settings import Settings
from streams.clock import now

ReplayId = Annotated[str, typer.Argument(metavar="REPLAY", help="As `replays list` names it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

replays = typer.Typer(
    name="replays", help="Replays that were begun: list, watch, cancel.", no_args_is_help=True
)


@replays.command("list")
def list_replays(
    limit: Annotated[int, typer.Option(min=1, max=1000, metavar="N", help="How many.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List replays, the newest first."""
    found = run(_newest(read_settings(), limit))
    if as_json:
        print_json(found)
    elif found:
        show_replays(stdout(), found)
    else:
        stdout().print("Nothing was replayed yet.")


@replays.command("watch")
def watch_replay(replay_id: ReplayId, as_json: AsJson = False) -> None:
    """Show a replay's progress until it is over, and what it did. Ctrl-C cancels it."""
    tell_ran(run(_watch(read_settings(), replay_id, quiet=as_json)), as_json)


@replays.command("cancel")
def cancel_replay(replay_id: ReplayId) -> None:
    """Stop a replay after the step it is in."""
    replay = run(_cancel(read_settings(), replay_id))
    stdout().print(f"Canceled after {replay.done} of {replay.selected} orders.")


async def _newest(settings: Settings, limit: int) -> Sequence[Replay]:
    async with connect_storage(settings) as storage:
        return await storage.snapshot(lambda view: view.replays(running=False, limit=limit))


async def _watch(settings: Settings, replay_id: str, *, quiet: bool) -> Ran:
    async with connect_storage(settings) as storage:
        replay = await storage.snapshot(lambda view: view.replay(replay_id))
        if replay is None:
            raise CommandRefused(f"there is no replay {replay_id}")
        replay = await watch(storage, replay, catch_interrupts(), quiet=quiet)
        return Ran(replay, await sum_up(storage, replay_id))


async def _cancel(settings: Settings, replay_id: str) -> Replay:
    async with connect_storage(settings) as storage:
        canceled = await cancel(storage, replay_id, now())
        replay = await storage.snapshot(lambda view: view.replay(replay_id))
        if replay is None:
            raise CommandRefused(f"there is no replay {replay_id}")
        if not canceled:
            raise CommandRefused(f"replay {replay_id} is over: {replay.state}")
        return replay
