"""What the console's pages use, opened once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from models.errors import TransientStorageError
from models.outcome import DETAILS_OVERDUE, ImportState
from models.reference_data import Store
from order_import.bootstrap import connect_database
from order_import.console.access import Access
from order_import.console.cache import Cache
from order_import.console.words import OVERDUE
from order_import.operations.health import Health, check_health
from order_import.operations.publish import Message, send_messages
from order_import.settings import Settings
from storage.mongo.console import MongoConsoleState
from storage.mongo.console_reader import MongoConsoleReader
from storage.mongo.dead_letters import MongoDeadLetters
from storage.mongo.orders import MongoReader
from storage.mongo.storage import MongoStorage
from streams.clock import now

_FRESH, _OLDEST, _OVERDUE_FRESH = 2.0, 15.0, 15.0
_STALE = 5.0
"""Seconds from which the age of the counts is shown."""


@dataclass(frozen=True, slots=True)
class ConsoleContext:
    """What pages may read, and the few things they may change.

    `publish` raises BrokerUnavailable if Kafka does not answer; `check_health` reports a server
    that does not answer, and does not raise.
    """

    settings: Settings
    reader: MongoReader
    orders: MongoConsoleReader
    state: MongoConsoleState
    storage: MongoStorage
    dead_letters: MongoDeadLetters
    publish: Callable[[Sequence[Message]], Awaitable[int]]
    check_health: Callable[[], Awaitable[Health]]
    access: Access
    now: Callable[[], datetime]
    cache: Cache

    async def stores(self) -> Mapping[str, Store]:
        """Return the stores, some seconds old at most."""
        return await self.cache.get("stores", _FRESH, self.reader.stores)

    async def counts(self) -> Mapping[str, Mapping[ImportState, int]]:
        """Return the orders per state per store, some seconds old at most."""
        return await self.cache.get("counts", _FRESH, self.reader.state_counts)

    async def overdue_counts(self) -> Mapping[str, int]:
        """Return how many orders of each store have waited for details for more than an hour."""
        ask = partial(self.reader.overdue_counts, self.now() - DETAILS_OVERDUE)
        return await self.cache.get("overdue", _OVERDUE_FRESH, ask)

    def counts_age(self) -> float | None:
        """Return how many seconds old the counts are; None if they are fresh."""
        age = self.cache.age("counts")
        return age if age > _STALE else None

    async def numbers(self, store_id: str | None) -> Mapping[str, int]:
        """Return how many orders of a store, or of all, there are.

        The numbers are of all that were received, of each state, and of those that have waited for
        details for more than an hour (`OVERDUE`).
        """
        counts, overdue = await asyncio.gather(self.counts(), self.overdue_counts())
        stores = counts.keys() | overdue.keys() if store_id is None else {store_id}
        states = {
            state.value: sum(counts.get(store, {}).get(state, 0) for store in stores)
            for state in ImportState
        }
        waiting = sum(overdue.get(store, 0) for store in stores)
        return {"received": sum(states.values()), **states, OVERDUE: waiting}

    async def wait_until(self, is_stored: Callable[[], Awaitable[bool]]) -> None:
        """Wait a moment for the worker to store a change, so that the next page shows it."""
        for _ in range(10):
            await asyncio.sleep(0.15)
            if await is_stored():
                break
        self.cache.forget()

    async def blocked_stores(self) -> Sequence[Store] | None:
        """Return the stores in rule 19's message; None if there are none."""

        async def ask() -> Sequence[Store]:
            # One blocked order per store is enough: counting them all would slow down every page.
            stores = await self.stores()
            blocked = await self.orders.blocked_stores(sorted(stores))
            return [stores[store_id] for store_id in blocked]

        try:
            return await self.cache.get("blocked stores", _FRESH, ask, _OLDEST) or None
        except TransientStorageError:
            return None


@asynccontextmanager
async def open_context(settings: Settings, access: Access) -> AsyncIterator[ConsoleContext]:
    """Open what the pages use, and close it at the end."""
    async with connect_database(settings) as database:
        yield ConsoleContext(
            settings=settings,
            reader=database.reader,
            orders=database.console_reader,
            state=database.console_state,
            storage=database.storage,
            dead_letters=database.dead_letters,
            publish=partial(send_messages, settings),
            check_health=partial(check_health, settings, counts_orders=False, lists_workers=True),
            access=access,
            now=now,
            cache=Cache(),
        )
