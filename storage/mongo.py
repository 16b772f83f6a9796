"""MongoDB: transactions that try again when another one was in their way."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from typing import Any

from pymongo import IndexModel
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

from models.errors import StorageBusy, StorageUnavailable
from models.ledger import Source
from storage.driver import Driver, in_transaction, open_client, settled
from storage.indexes import INDEXES
from storage.mongo_errors import NO_SUCH_TRANSACTION, is_conflict, translated
from storage.mongo_positions import MongoPositions
from storage.port import R, Storage, Transaction, Turn, View
from storage.transaction import MongoTransaction, Turns

CONFLICT_SECONDS = 3.0
"""How long a partition's transaction is tried again while another one is in its way. It may be one
that a dead worker left open, which ends when that one's partitions are taken up: until then a lane
must be able to give up its own.
"""


class MongoStorage(MongoPositions, Storage):
    """See the port for what each method promises."""

    def __init__(self, client: Any, database: str) -> None:
        super().__init__(client, client[database])
        self._turns = Turns()
        self.conflicts = 0
        """How many transactions met another one and were tried again."""

    @override
    async def prepare(self) -> None:
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
                await self._database[name].create_indexes(models)

    @override
    async def transact(
        self, work: Callable[[Transaction], Awaitable[R]], source: Source | None = None
    ) -> R:
        again = AsyncRetrying(
            retry=retry_if_exception(is_conflict),
            stop=stop_never if source is None else stop_after_delay(CONFLICT_SECONDS),
            wait=wait_exponential_jitter(multiplier=0.002, max=0.25, jitter=0.01),
            after=lambda _: self._count_conflict(),
            reraise=True,
        )
        with translated():
            session = await self._session(source)
            try:
                return await again(self._transact_once, work, session, set())
            except Exception as error:
                if is_conflict(error):
                    await self._end_former_owners()
                    raise StorageBusy("another transaction does not end") from error
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
                parts = (self._client, self._database, session, self._turns)
                async with AsyncExitStack() as turns:
                    return await work(MongoTransaction(*parts, turns))
            finally:
                await settled(session.end_session())

    def _count_conflict(self) -> None:
        self.conflicts += 1

    async def _session(self, source: Source | None) -> Any:
        if source is None:
            return await settled(self._client.start_session())
        if source not in self._sessions:
            self._sessions[source] = await settled(self._client.start_session())
        return self._sessions[source]

    async def _transact_once(
        self, work: Callable[[Transaction], Awaitable[R]], session: Any, taken: set[Turn]
    ) -> R:
        async with AsyncExitStack() as turns, in_transaction(session):
            transaction = MongoTransaction(
                self._client, self._database, session, self._turns, turns, taken
            )
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
    client = open_client(url, driver, **options)
    try:
        yield MongoStorage(client, database)
    finally:
        await settled(client.close())


async def _commit(session: Any) -> None:
    """Commit; where the answer is unknown ask again, as the server answers the same."""
    while True:
        try:
            await session.commit_transaction()
        except ConnectionFailure:
            raise
        except PyMongoError as error:
            if getattr(error, "code", None) == NO_SUCH_TRANSACTION:
                # The server was started anew: only the position tells what it has stored.
                raise StorageUnavailable("the server knows no such transaction") from error
            if not error.has_error_label("UnknownTransactionCommitResult"):
                raise
        else:
            return
