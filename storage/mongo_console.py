"""The console's questions and its own collections, on one connection."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from storage.driver import Driver, open_client, settled
from storage.mongo_console_reader import MongoConsoleReader
from storage.mongo_console_state import MongoConsoleState


@asynccontextmanager
async def open_console(
    url: str, database: str, driver: Driver = Driver.MOTOR, **options: Any
) -> AsyncIterator[tuple[MongoConsoleReader, MongoConsoleState]]:
    """Give both of a database, closed at the end."""
    client = open_client(url, driver, **options)
    try:
        yield MongoConsoleReader(client[database]), MongoConsoleState(client[database])
    finally:
        await settled(client.close())
