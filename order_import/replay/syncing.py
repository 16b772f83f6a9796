"""The sync, now: ask for it, wait until it was carried out, and see what became of orders."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from handlers.replay import standing_of
from models.commands import Sync
from models.errors import StorageUnavailable
from models.ledger import CommandMessage
from models.outcomes import ImportState
from models.replays import Selection
from order_import.replay.lease import catch_up
from order_import.replay.plan import CHUNK
from order_import.replay.runner import Commands
from order_import.replay.summary import Summary
from storage.port import Storage, View

_LOOK_EVERY = 0.05


async def ask_for_sync(commands: Commands, store_id: str | None, at: datetime) -> None:
    """Ask the worker for a sync of one store, or of all.

    Raises:
        BrokerUnavailable: Kafka does not answer.
    """
    command = Sync(store_id=store_id, requested_at=at)
    await commands.send([CommandMessage(store_id or "sync", command)])


async def sync_now(
    storage: Storage, commands: Commands, store_id: str | None, at: datetime
) -> Summary:
    """Ask for a sync, wait for it, and give what became of the orders that were blocked.

    It waits for as long as there is no worker.

    Raises:
        BrokerUnavailable: Kafka does not answer.
        StorageUnavailable: The database does not answer.
    """
    wanted = Selection(store_id=store_id, state=ImportState.BLOCKED)
    blocked = await storage.look(lambda view: view.select_orders(wanted))
    await ask_for_sync(commands, store_id, at)
    done = 0
    while not done:
        await asyncio.sleep(_LOOK_EVERY)
        with suppress(StorageUnavailable):
            done = await commands.carried_out()
    await catch_up(storage)
    return await storage.look(lambda view: _standings(view, blocked))


async def _standings(view: View, keys: Sequence[str]) -> Summary:
    summary = Summary()
    for start in range(0, len(keys), CHUNK):
        part = keys[start : start + CHUNK]
        records = await view.orders(part)
        for key in part:
            summary.add(standing_of(records[key]))
    return summary
