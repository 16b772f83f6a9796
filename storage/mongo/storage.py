"""MongoDB: transactions that try again when another one was in their way."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from typing import Any

from pymongo import IndexModel, ReturnDocument
from pymongo.errors import (
    ConnectionFailure,
    DuplicateKeyError,
    PyMongoError,
)
from tenacity import (
    AsyncRetrying,
    retry_if_exception,
    stop_after_delay,
    stop_never,
    wait_exponential_jitter,
)
from typing_extensions import override

from models.errors import OtherLayout, StorageBroken, StorageBusy, StorageUnavailable
from models.messages import TopicPartition
from storage.mongo.checkpoints import MongoCheckpoints
from storage.mongo.driver import Driver, connected, in_transaction, settled
from storage.mongo.errors import (
    NO_SUCH_TRANSACTION,
    codes_of,
    is_conflict,
    translated,
    words_of,
)
from storage.mongo.indexes import INDEXES
from storage.mongo.transaction import Locks, MongoTransaction
from storage.port import R, Storage, Transaction, View

_OF_AN_EARLIER_VERSION = frozenset({85, 86, 11000})
"""IndexOptionsConflict, IndexKeySpecsConflict, DuplicateKey."""
_OTHER = "is of another version; name an empty database, or another --data-dir for `up`"
LAYOUT = 2
"""The version of what is stored. One process reads none but its own."""
_LEDGER = ("checkpoints", "amazon_orders", "commerce_orders", "turns")
"""Of a database in which any of these has a document, something was decided already."""

CONFLICT_SECONDS = 3.0
"""How long a partition's transaction is tried again while another one is in its way. It may be one
that a dead worker left open, which ends when that one's partitions are taken up: until then a
processor must be able to give up its own.
"""
_UNKNOWN = "UnknownTransactionCommitResult"
COMMIT_SECONDS = 10.0
"""How long a commit is asked for whose answer is unknown, before the checkpoint is asked."""


class MongoStorage(MongoCheckpoints, Storage):
    """See the port for what each method promises."""

    def __init__(self, client: Any, database: str) -> None:
        super().__init__(client, client[database])
        self._locks = Locks()
        self.conflicts = 0
        """How many transactions met another one and were tried again."""

    @override
    async def prepare(self) -> None:
        await self.check_layout()
        with translated():
            for name in dict.fromkeys(index.collection for index in INDEXES):
                models = [
                    IndexModel(
                        index.keys,
                        unique=index.unique,
                        **({"partialFilterExpression": index.only} if index.only else {}),
                    )
                    for index in INDEXES
                    if index.collection == name
                ]
                try:
                    await self._database[name].create_indexes(models)
                except PyMongoError as error:
                    if codes_of(error) & _OF_AN_EARLIER_VERSION:
                        raise StorageBroken(f"collection {name} {_OTHER}") from None
                    raise

    async def check_layout(self) -> None:
        """Mark an empty database as of this layout; refuse one that is of another.

        Raises:
            OtherLayout: It is, in one line of words.
        """
        with translated():
            known = {"_id": "layout"}
            layout = self._database.layout
            found = await layout.find_one(known)
            if found is None and not await self._has_decided():
                version = {"$setOnInsert": {"version": LAYOUT}}
                found = await layout.find_one_and_update(
                    known, version, upsert=True, return_document=ReturnDocument.AFTER
                )
            if found is None or found["version"] != LAYOUT:
                raise OtherLayout(f"database {self._database.name} {_OTHER}")

    async def _has_decided(self) -> bool:
        some = {"_id": {"$ne": None}}
        found = [await self._database[name].find_one(some, {"_id": 1}) for name in _LEDGER]
        return any(found)

    @override
    async def transact(
        self, work: Callable[[Transaction], Awaitable[R]], source: TopicPartition | None = None
    ) -> R:
        again = AsyncRetrying(
            retry=retry_if_exception(is_conflict),
            stop=stop_never if source is None else stop_after_delay(CONFLICT_SECONDS),
            wait=wait_exponential_jitter(multiplier=0.002, max=0.25, jitter=0.01),
            after=lambda _: self._count_conflict(),
            reraise=True,
        )
        with translated(in_transaction=True):
            session = await self._session(source)
            try:
                return await again(self._transact_once, work, session)
            except Exception as error:
                if is_conflict(error):
                    await self._end_former_owners()
                    raise StorageBusy("another transaction does not end") from None
                raise
            finally:
                if source is None:
                    await settled(session.end_session())

    @override
    async def look(self, work: Callable[[View], Awaitable[R]]) -> R:
        # No transaction: the server would end one after a minute, and this may take longer.
        with translated():
            session = await settled(self._client.start_session(snapshot=True))
            try:
                async with AsyncExitStack() as exit_stack:
                    return await work(self._transaction(session, exit_stack))
            finally:
                await settled(session.end_session())

    def _count_conflict(self) -> None:
        self.conflicts += 1

    def _transaction(self, session: Any, exit_stack: AsyncExitStack) -> MongoTransaction:
        return MongoTransaction(self._client, self._database, session, self._locks, exit_stack)

    async def _session(self, source: TopicPartition | None) -> Any:
        if source is None:
            return await settled(self._client.start_session())
        if source not in self._sessions:
            self._sessions[source] = await settled(self._client.start_session())
        return self._sessions[source]

    async def _transact_once(self, work: Callable[[Transaction], Awaitable[R]], session: Any) -> R:
        async with AsyncExitStack() as exit_stack, in_transaction(session):
            transaction = self._transaction(session, exit_stack)
            try:
                result = await work(transaction)
                await _commit(session)
            except BaseException:
                transaction.failed()
                raise
            transaction.committed()
            return result

    async def claim_sync(self, at: datetime, next_due: datetime) -> bool:
        """Say whether a sync is due at this moment; only one caller of all is told so."""
        with translated():
            try:
                result = await self._database.timers.update_one(
                    {"_id": "sync", "due": {"$lte": at}}, {"$set": {"due": next_due}}, upsert=True
                )
            except DuplicateKeyError:
                return False  # there, and not due yet
            return bool(result.matched_count or result.upserted_id)


@asynccontextmanager
async def open_storage(
    url: str, database: str, driver: Driver = Driver.MOTOR, **options: Any
) -> AsyncIterator[MongoStorage]:
    """Give the storage of a database, closed at the end."""
    async with connected(url, driver, **options) as client:
        yield MongoStorage(client, database)


async def _commit(session: Any) -> None:
    """Commit; while the answer is unknown, ask again: the server answers the same.

    Raises:
        StorageUnavailable: It stays unknown: only the checkpoint tells what is stored.
        PyMongoError: Nothing is stored.
    """
    again = AsyncRetrying(
        retry=retry_if_exception(_is_unknown),
        stop=stop_after_delay(COMMIT_SECONDS),
        wait=wait_exponential_jitter(multiplier=0.05, max=1, jitter=0.05),
        reraise=True,
    )
    asked = 0
    try:
        async for attempt in again:
            with attempt:
                asked += 1
                await session.commit_transaction()
    except PyMongoError as error:
        # A server that was started anew knows no transaction, whatever it has stored of it; and
        # what is answered to a second question may be about what became of the first.
        if asked > 1 or NO_SUCH_TRANSACTION in codes_of(error) or error.has_error_label(_UNKNOWN):
            raise StorageUnavailable(f"commit: {words_of(error)}") from None
        raise


def _is_unknown(error: BaseException) -> bool:
    # Who does not answer at all has been asked twice already, by the driver.
    return (
        isinstance(error, PyMongoError)
        and not isinstance(error, ConnectionFailure)
        and error.has_error_label(_UNKNOWN)
    )
