"""The sync timer: one of all workers asks for the next sync when it is due."""

import asyncio
from datetime import timedelta

import structlog

from models.commands import ALL_STORES, Sync
from models.errors import TransientStorageError
from models.messages import CommandMessage
from storage.mongo.storage import MongoStorage
from streams.clock import now
from streams.publisher import Publisher

log = structlog.get_logger(__name__)


async def run_sync_timer(interval: float, storage: MongoStorage, publisher: Publisher) -> None:
    """Ask for a sync every `interval` seconds, for as long as it is not cancelled."""
    while True:
        await asyncio.sleep(interval)
        at = now()
        try:
            due = await storage.claim_sync(at, at + timedelta(seconds=interval))
        except TransientStorageError:
            log.warning("sync-not-asked-for", remedy="none: it is, an interval later")
            continue
        if due:
            await publisher.publish([CommandMessage(ALL_STORES, Sync(requested_at=at))])
