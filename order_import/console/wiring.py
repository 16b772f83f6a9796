"""The console put together: what its pages ask, and the server under them."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from models.errors import OtherLayout, StorageBroken, TransientStorageError
from order_import.bootstrap import (
    connect_console,
    connect_dead_letters,
    connect_reader,
    connect_storage,
)
from order_import.console.access import Access, access_of, listen
from order_import.console.adapters import KafkaDeadLetters, KafkaPublisher, ServerHealthCheck
from order_import.console.app import build_app
from order_import.console.cache import Cache
from order_import.console.context import ConsoleContext
from order_import.console.replay_adapter import StoredReplays
from order_import.console.system_message import count_ahead
from order_import.settings import Settings
from order_import.web import ConsoleServer
from order_import.worker import tune_gc
from streams.clock import now


@asynccontextmanager
async def open_context(settings: Settings, access: Access) -> AsyncIterator[ConsoleContext]:
    """Give everything the pages ask, closed at the end."""
    async with (
        connect_reader(settings) as reader,
        connect_console(settings) as (orders, state),
        connect_dead_letters(settings) as dead_letters,
        connect_storage(settings) as storage,
    ):
        yield ConsoleContext(
            reader=reader,
            orders=orders,
            state=state,
            publisher=KafkaPublisher(settings),
            replays=StoredReplays(settings, storage),
            dead_letters=KafkaDeadLetters(settings, dead_letters),
            health_check=ServerHealthCheck(settings),
            access=access,
            now=now,
            cache=Cache(),
        )


async def serve_console(settings: Settings) -> None:
    """Serve until a signal.

    Raises:
        SettingsError: As `access_of`, or where it is to listen is taken.
        OtherLayout: The database is of another version of this program.
    """
    access = access_of(settings)
    listening = listen(settings)
    async with open_context(settings, access) as context:
        # Counted once before the first visitor asks: among very many orders that takes a while.
        counting = asyncio.create_task(count_ahead(context))
        server = ConsoleServer(build_app(context))
        checking = asyncio.create_task(_check_layout(settings, server))
        tune_gc()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, server.stop)
        try:
            await server.serve(sockets=[listening])
        finally:
            for task in (counting, checking):
                task.cancel()
            await asyncio.wait([counting, checking])
        if not checking.cancelled():
            checking.result()


async def _check_layout(settings: Settings, server: ConsoleServer) -> None:
    """Stop the server if the database is of another version; all else the pages tell."""
    async with connect_storage(settings) as storage:
        try:
            await storage.check_layout()
        except OtherLayout:
            server.stop()
            raise
        except (TransientStorageError, StorageBroken):
            pass
