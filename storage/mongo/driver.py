"""The MongoDB driver: PyMongo's async API, or Motor, which was asked for and is at its end of life.

The two differ in what must be awaited and in nothing else that is used here, so both have
PyMongo's types.
"""

import inspect
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Any, TypeVar, overload

from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import AsyncMongoClient
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from storage.documents.values import Document

T = TypeVar("T")

Client = AsyncMongoClient[Document]
Database = AsyncDatabase[Document]
Collection = AsyncCollection[Document]
ClientSession = AsyncClientSession


class Driver(StrEnum):
    """Which client library speaks to MongoDB."""

    PYMONGO = "pymongo"
    MOTOR = "motor"


@overload
async def maybe_await(result: Awaitable[T]) -> T: ...
@overload
async def maybe_await(result: T) -> T: ...
async def maybe_await(result: object) -> object:
    """Return a result that one driver returns and the other makes a coroutine of."""
    return await result if inspect.isawaitable(result) else result


def open_client(url: str, driver: Driver, **options: object) -> Client:
    """Return a client; times are read in UTC, writes wait for the majority and the journal.

    Reads return what a majority has. A primary that is being replaced may have more, which is
    rolled back later: a read that checks whether a commit took place must not see it.
    """
    client_type: Any = AsyncMongoClient if driver is Driver.PYMONGO else AsyncIOMotorClient
    client: Client = client_type(
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
    return client


@asynccontextmanager
async def connected(url: str, driver: Driver, **options: object) -> AsyncIterator[Client]:
    """Open a client, and close it at the end."""
    client = open_client(url, driver, **options)
    try:
        yield client
    finally:
        await maybe_await(client.close())


@asynccontextmanager
async def in_transaction(session: ClientSession) -> AsyncIterator[None]:
    """Run in a transaction: one snapshot, majority. It aborts unless committed."""
    await maybe_await(
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
