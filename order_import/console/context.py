"""What the console's pages use, opened once."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from order_import.bootstrap import (
    connect_console,
    connect_dead_letters,
    connect_reader,
    connect_storage,
)
from order_import.console.access import Access
from order_import.console.cache import Cache
from order_import.operations.health import Health, check_health
from order_import.operations.publish import Message, send_messages
from order_import.settings import Settings
from storage.mongo.dead_letters import MongoDeadLetters
from storage.port import ConsoleState, Storage
from storage.queries import ConsoleReader, Reader
from streams.clock import now


@dataclass(frozen=True, slots=True)
class ConsoleContext:
    """What pages may ask, and the few things they may change.

    `publish` raises BrokerUnavailable if Kafka does not answer; `check_health` never raises for a
    server that does not answer.
    """

    settings: Settings
    reader: Reader
    orders: ConsoleReader
    state: ConsoleState
    storage: Storage
    dead_letters: MongoDeadLetters
    publish: Callable[[Sequence[Message]], Awaitable[int]]
    check_health: Callable[[], Awaitable[Health]]
    access: Access
    now: Callable[[], datetime]
    cache: Cache


@asynccontextmanager
async def open_context(settings: Settings, access: Access) -> AsyncIterator[ConsoleContext]:
    """Open what the pages use, and close it at the end."""
    async with (
        connect_reader(settings) as reader,
        connect_console(settings) as (orders, state),
        connect_dead_letters(settings) as dead_letters,
        connect_storage(settings) as storage,
    ):
        yield ConsoleContext(
            settings=settings,
            reader=reader,
            orders=orders,
            state=state,
            storage=storage,
            dead_letters=dead_letters,
            publish=partial(send_messages, settings),
            check_health=partial(check_health, settings, counts_orders=False, lists_workers=True),
            access=access,
            now=now,
            cache=Cache(),
        )
