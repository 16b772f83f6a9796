"""The MongoDB driver: PyMongo's async API, or Motor, which was asked for and is at its end of life.

The two differ in what must be awaited and in nothing else that is used here.
"""

import inspect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Any

from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import AsyncMongoClient
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern


class Driver(StrEnum):
    """Which client library speaks to MongoDB."""

    PYMONGO = "pymongo"
    MOTOR = "motor"


async def settled(result: Any) -> Any:
    """Give a result that one driver returns and the other makes a coroutine of."""
    return await result if inspect.isawaitable(result) else result


def open_client(url: str, driver: Driver, **options: Any) -> Any:
    """Give a client; times are read in UTC, writes wait for the majority and the journal.

    What is read is what a majority has. A primary that is being replaced may have more, which is
    taken back later: whoever asks it whether a commit took place must not believe that.
    """
    client_type = AsyncMongoClient if driver is Driver.PYMONGO else AsyncIOMotorClient
    return client_type(
        url,
        tz_aware=True,
        w="majority",
        readConcernLevel="majority",
        journal=True,
        retryWrites=True,
        serverSelectionTimeoutMS=5_000,
        appname="order-import",
        **options,
    )


@asynccontextmanager
async def connected(url: str, driver: Driver, **options: Any) -> AsyncIterator[Any]:
    """Give a client, closed at the end."""
    client = open_client(url, driver, **options)
    try:
        yield client
    finally:
        await settled(client.close())


@asynccontextmanager
async def in_transaction(session: Any) -> AsyncIterator[None]:
    """Run in a transaction: one snapshot, majority. It aborts unless committed."""
    await settled(
        session.start_transaction(
            read_concern=ReadConcern("snapshot"),
            write_concern=WriteConcern("majority"),
            read_preference=ReadPreference.PRIMARY,
        )
    )
    try:
        yield
    finally:
        if session.in_transaction:
            await session.abort_transaction()
