"""The storage of a database, opened for a test."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from storage.encryption import BuyerKeys
from storage.mongo.driver import Driver, connected
from storage.mongo.storage import MongoStorage


@asynccontextmanager
async def open_storage(
    url: str,
    database: str,
    driver: Driver = Driver.MOTOR,
    keys: BuyerKeys | None = None,
    **options: object,
) -> AsyncIterator[MongoStorage]:
    """Open the storage of a database, and close it at the end."""
    async with connected(url, driver, **options) as client:
        yield MongoStorage(client, database, keys)
