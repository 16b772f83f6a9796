"""The worker's storage on MongoDB: its layout, snapshots, and transactions that are retried."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import datetime
from functools import partial

from pymongo import IndexModel, ReturnDocument
from pymongo.errors import (
    ConnectionFailure,
    DuplicateKeyError,
    PyMongoError,
)
from typing_extensions import override

from models.errors import OtherLayout, StorageBroken, StorageBusy, StorageUnavailable
from models.messages import TopicPartition
from storage.encryption import BuyerKeys
from storage.mongo.buyer_data import BuyerVault
from storage.mongo.checkpoints import MongoCheckpoints
from storage.mongo.driver import (
    Client,
    ClientSession,
    in_transaction,
    maybe_await,
)
from storage.mongo.errors import (
    NO_SUCH_TRANSACTION,
    codes_of,
    describe,
    is_conflict,
    translate_errors,
)
from storage.mongo.indexes import INDEXES
from storage.mongo.transaction import Learned, Locks, MongoTransaction
from storage.port import R, Snapshot, Storage, Transaction
from storage.retry import retry_commit, retry_conflicts

_OF_AN_EARLIER_VERSION = frozenset({85, 86, 11000})
"""IndexOptionsConflict, IndexKeySpecsConflict, DuplicateKey."""
_OTHER = "is of another version; name an empty database, or another --data-dir for `up`"
LAYOUT = 5
"""The version of the stored documents. A program reads only its own version."""
_LEDGER = ("checkpoints", "amazon_orders", "commerce_orders", "positions", "turns")
"""A database in which any of these has a document was used before."""

_UNKNOWN = "UnknownTransactionCommitResult"


class MongoStorage(MongoCheckpoints, Storage):
    """See the port for what each method promises."""

    def __init__(self, client: Client, database: str, keys: BuyerKeys | None = None) -> None:
        """Store in a database; without `keys`, neither buyer data nor dead letters."""
        super().__init__(client, client[database], BuyerVault(client, database, keys))
        self._locks = Locks()
        self.conflicts = 0
        """How many transactions conflicted with another one and were retried."""

    @override
    async def prepare(self) -> None:
        await self.check_layout()
        await self.vault.check_keys()
        with translate_errors():
            for name, of_keys in dict.fromkeys((idx.collection, idx.of_keys) for idx in INDEXES):
                database = self.vault.keys_database if of_keys else self._database
                models = [
                    IndexModel(
                        index.keys,
                        unique=index.unique,
                        **({"partialFilterExpression": index.only} if index.only else {}),
                        **({"expireAfterSeconds": 0} if index.expires else {}),
                    )
                    for index in INDEXES
                    if index.collection == name
                ]
                try:
                    await database[name].create_indexes(models)
                except PyMongoError as error:
                    if codes_of(error) & _OF_AN_EARLIER_VERSION:
                        raise StorageBroken(f"collection {name} {_OTHER}") from None
                    raise

    async def check_layout(self) -> None:
        """Mark an empty database as of this layout, and refuse one of another layout.

        Raises:
            OtherLayout: The database is of another layout.
        """
        with translate_errors():
            query = {"_id": "layout"}
            collection = self._database.layout
            layout = await collection.find_one(query)
            if layout is None and not await self._was_used():
                version = {"$setOnInsert": {"version": LAYOUT}}
                layout = await collection.find_one_and_update(
                    query, version, upsert=True, return_document=ReturnDocument.AFTER
                )
            if layout is None or layout["version"] != LAYOUT:
                raise OtherLayout(f"database {self._database.name} {_OTHER}")

    async def _was_used(self) -> bool:
        any_id = {"_id": {"$ne": None}}
        return any([await self._database[name].find_one(any_id, {"_id": 1}) for name in _LEDGER])

    @override
    async def transact(
        self, work: Callable[[Transaction], Awaitable[R]], source: TopicPartition | None = None
    ) -> R:
        with translate_errors(in_transaction=True):
            session = await self._session(source)
            learned = Learned()
            try:
                return await retry_conflicts(
                    partial(self._transact_once, work, session, learned),
                    is_conflict,
                    has_limit=source is not None,
                    after=lambda _: self._count_conflict(),
                )
            except Exception as error:
                if is_conflict(error):
                    await self._end_former_owners()
                    raise StorageBusy("another transaction does not end") from None
                raise
            finally:
                if source is None:
                    await maybe_await(session.end_session())

    @override
    async def snapshot(self, work: Callable[[Snapshot], Awaitable[R]]) -> R:
        # No transaction: the server would end one after a minute, and this may take longer.
        with translate_errors():
            session = await maybe_await(self._client.start_session(snapshot=True))
            try:
                async with AsyncExitStack() as exit_stack:
                    return await work(self._transaction(session, exit_stack, Learned()))
            finally:
                await maybe_await(session.end_session())

    def _count_conflict(self) -> None:
        self.conflicts += 1

    def _transaction(
        self, session: ClientSession, exit_stack: AsyncExitStack, learned: Learned
    ) -> MongoTransaction:
        return MongoTransaction(
            self._client, self._database, session, self.vault, self._locks, exit_stack, learned
        )

    async def _session(self, source: TopicPartition | None) -> ClientSession:
        if source is None:
            return await maybe_await(self._client.start_session())
        if source not in self._sessions:
            self._sessions[source] = await maybe_await(self._client.start_session())
        return self._sessions[source]

    async def _transact_once(
        self,
        work: Callable[[Transaction], Awaitable[R]],
        session: ClientSession,
        learned: Learned,
    ) -> R:
        """Run `work` once."""
        async with AsyncExitStack() as exit_stack, in_transaction(session):
            transaction = self._transaction(session, exit_stack, learned)
            try:
                result = await work(transaction)
                await _commit(await transaction.free_session())
            except BaseException:
                await transaction.failed()
                raise
            transaction.committed()
            return result

    async def claim_sync(self, at: datetime, next_due: datetime) -> bool:
        """Return whether a sync is due at this moment: true for only one of all callers."""
        with translate_errors():
            try:
                result = await self._database.timers.update_one(
                    {"_id": "sync", "due": {"$lte": at}}, {"$set": {"due": next_due}}, upsert=True
                )
            except DuplicateKeyError:
                return False  # the timer exists, and is not due yet
            return bool(result.matched_count or result.upserted_id)


async def _commit(session: ClientSession) -> None:
    """Commit; repeat that while the result is unknown: a commit happens once at most.

    Raises:
        StorageUnavailable: The result stays unknown: only the checkpoint shows what is stored.
        PyMongoError: Nothing is stored.
    """
    attempts = 0

    async def commit_once() -> None:
        nonlocal attempts
        attempts += 1
        await session.commit_transaction()

    try:
        await retry_commit(commit_once, _is_unknown)
    except PyMongoError as error:
        # A restarted server knows no transaction, even one that it has stored. And the error of a
        # second attempt can be a result of the first one.
        if (
            attempts > 1
            or NO_SUCH_TRANSACTION in codes_of(error)
            or error.has_error_label(_UNKNOWN)
        ):
            raise StorageUnavailable(f"commit: {describe(error)}") from None
        raise


def _is_unknown(error: BaseException) -> bool:
    # If the server does not answer at all, the driver has tried twice already.
    return (
        isinstance(error, PyMongoError)
        and not isinstance(error, ConnectionFailure)
        and error.has_error_label(_UNKNOWN)
    )
