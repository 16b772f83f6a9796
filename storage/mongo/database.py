"""The database: one client, and everything that is stored and read through it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from storage.mongo.console import MongoConsoleState
from storage.mongo.console_reader import MongoConsoleReader
from storage.mongo.dead_letters import MongoDeadLetters
from storage.mongo.driver import Driver, connected
from storage.mongo.inspection import MongoInspection
from storage.mongo.notifications import MongoNotifications
from storage.mongo.orders import MongoReader
from storage.mongo.storage import MongoStorage


@dataclass(frozen=True, slots=True)
class MongoDatabase:
    """The worker's storage, the readers for people, and what the console and `notify` store.

    `inspection` is for the preflight.
    """

    storage: MongoStorage
    reader: MongoReader
    dead_letters: MongoDeadLetters
    console_reader: MongoConsoleReader
    console_state: MongoConsoleState
    notifications: MongoNotifications
    inspection: MongoInspection


@asynccontextmanager
async def open_database(
    url: str, name: str, driver: Driver = Driver.MOTOR, **options: object
) -> AsyncIterator[MongoDatabase]:
    """Open a database, and close it at the end."""
    async with connected(url, driver, **options) as client:
        yield MongoDatabase(
            storage=MongoStorage(client, name),
            reader=MongoReader(client, name),
            dead_letters=MongoDeadLetters(client, name),
            console_reader=MongoConsoleReader(client[name]),
            console_state=MongoConsoleState(client[name]),
            notifications=MongoNotifications(client[name]),
            inspection=MongoInspection(client, name),
        )
