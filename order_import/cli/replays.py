"""`replays`: list, watch and cancel replays, wherever they were started."""

from typing import Annotated

import typer

from models.replay import Replay
from order_import.cli.context import CommandRefused, query_database
from order_import.cli.options import AsJson
from order_import.cli.output import print_json, stdout
from order_import.cli.replay import catch_interrupts, print_ran, watch
from order_import.cli.replay_view import show_replays
from order_import.operations.replay import Ran, cancel, find_replay, newest_replays, sum_up
from storage.mongo.database import MongoDatabase
from streams.clock import now

ReplayId = Annotated[str, typer.Argument(metavar="REPLAY", help="Its id in `replays list`.")]

replays = typer.Typer(name="replays", help="List, watch and cancel replays.", no_args_is_help=True)


@replays.command("list")
def list_replays(
    limit: Annotated[int, typer.Option(min=1, max=1000, metavar="N", help="Maximum number.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List replays, newest first."""
    newest = query_database(lambda database: newest_replays(database.storage, limit))
    if as_json:
        print_json(newest)
    elif newest:
        show_replays(stdout(), newest)
    else:
        stdout().print("There are no replays yet.")


@replays.command("watch")
def watch_replay(replay_id: ReplayId, as_json: AsJson = False) -> None:
    """Show a replay's progress until it is over, then its result. Ctrl-C cancels the replay."""

    async def work(database: MongoDatabase) -> Ran:
        storage, replay = database.storage, await _find(database, replay_id)
        replay = await watch(storage, replay, catch_interrupts(), quiet=as_json)
        return Ran(replay, await sum_up(storage, replay_id))

    print_ran(query_database(work), as_json)


@replays.command("cancel")
def cancel_replay(replay_id: ReplayId) -> None:
    """Stop a replay after its current step."""

    async def work(database: MongoDatabase) -> Replay:
        canceled = await cancel(database.storage, replay_id, now())
        replay = await _find(database, replay_id)
        if not canceled:
            raise CommandRefused(f"replay {replay_id} is over: {replay.state}")
        return replay

    replay = query_database(work)
    stdout().print(f"Canceled after {replay.done} of {replay.selected} orders.")


async def _find(database: MongoDatabase, replay_id: str) -> Replay:
    replay = await find_replay(database.storage, replay_id)
    if replay is None:
        raise CommandRefused(f"there is no replay {replay_id}")
    return replay
