"""Request a sync, wait until the worker has carried it out, and report the results."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from handlers.rules.replay import current_answer
from models.commands import ALL_STORES, Sync
from models.errors import TransientStorageError
from models.messages import CommandMessage
from models.outcome import ImportState
from models.replay import Selection
from order_import.operations.dry_run import CHUNK
from order_import.operations.replay import Send, Summary
from storage.port import Snapshot, Storage

_POLL_SECONDS = 0.05


async def ask_for_sync(send: Send, store_id: str | None, at: datetime) -> None:
    """Request a sync of one store, or of all.

    Raises:
        BrokerUnavailable: Kafka does not answer.
    """
    await send(CommandMessage(store_id or ALL_STORES, Sync(store_id=store_id, requested_at=at)))


async def sync_now(storage: Storage, send: Send, store_id: str | None, at: datetime) -> Summary:
    """Request a sync, wait for it, and return the results of the orders that were blocked.

    Without a running worker it waits indefinitely.

    Raises:
        BrokerUnavailable: Kafka does not answer.
        StorageUnavailable: The database does not answer.
    """
    selection = Selection(store_id=store_id, state=ImportState.BLOCKED)
    blocked = await storage.snapshot(lambda view: view.select_orders(selection))
    await ask_for_sync(send, store_id, at)
    while True:
        with suppress(TransientStorageError):
            synced_at = await storage.snapshot(lambda view: view.synced(store_id))
            if synced_at is not None and synced_at >= at:
                return await storage.snapshot(lambda view: _sum_up(view, blocked))
        await asyncio.sleep(_POLL_SECONDS)


async def _sum_up(view: Snapshot, keys: Sequence[str]) -> Summary:
    summary = Summary()
    for start in range(0, len(keys), CHUNK):
        part = keys[start : start + CHUNK]
        records = await view.orders(part)
        for record in records.values():
            summary.add(current_answer(record))
    return summary
