"""MongoDB: transactions that try again, positions, and what is still to be published."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import datetime
from typing import Any

from pymongo import IndexModel
from pymongo.errors import (
    ConnectionFailure,
    DuplicateKeyError,
    ExecutionTimeout,
    NotPrimaryError,
    PyMongoError,
    WTimeoutError,
)
from tenacity import (
    AsyncRetrying,
    retry_if_exception,
    stop_after_delay,
    stop_never,
    wait_exponential_jitter,
)
from typing_extensions import override

from models.commands import COMMAND
from models.errors import PositionLost, StorageBusy, StorageUnavailable
from models.ledger import Admission, CommandMessage, Outgoing, Position, Source
from storage.driver import Driver, in_transaction, open_client, settled
from storage.indexes import INDEXES
from storage.ledger_documents import (
    dead_letter_out,
    event_out,
    ids_of_event,
    position_id,
    reference_in,
)
from storage.port import R, Storage, Transaction, Turn, View
from storage.transaction import MongoTransaction, Turns, WriteConflict
from storage.values import Document

CONFLICT_SECONDS = 3.0
"""How long a partition's transaction is tried again while another one is in its way. It may be one
that a dead worker left open, which ends when that one's partitions are taken up: until then a lane
must be able to give up its own.
"""
NO_SUCH_TRANSACTION = 251


class MongoStorage(Storage):
    """See the port for what each method promises."""

    def __init__(self, client: Any, database: str) -> None:
        self._client = client
        self._database = client[database]
        self._turns = Turns()
        self._sessions: dict[Source, Any] = {}
        self._former_sessions: list[Any] = []
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
            retry=retry_if_exception(_is_conflict),
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
                if _is_conflict(error):
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

    @override
    async def position(self, source: Source) -> Position:
        with translated():
            document = await self._database.positions.find_one({"_id": position_id(source)})
            if document is None:
                return Position(source, 0)
            outbox = await self._outbox(document["outbox"])
            return Position(
                source, document["decided_to"], outbox, document["epoch"], document["step"]
            )

    @override
    async def take_up(self, sources: Sequence[Source]) -> Sequence[Position]:
        positions = self._database.positions
        ids = [position_id(source) for source in sources]
        with translated():
            # Never one that was used before: a next owner may end it while it waits for its turn.
            session = await settled(self._client.start_session())
            # First of all: what a former owner left open may have these very documents in it.
            known = await positions.find({"_id": {"$in": ids}}, {"session": 1}).to_list(None)
            left = [one["session"] for one in known if one.get("session") is not None]
            if left:
                self._former_sessions.extend(left)
                await self._end_former_owners()
            for one in ids:
                await positions.update_one(
                    {"_id": one},
                    {
                        "$set": {"session": session.session_id},
                        "$inc": {"epoch": 1},
                        "$setOnInsert": {"decided_to": 0, "outbox": [], "step": 0},
                    },
                    upsert=True,
                )
            self._sessions |= dict.fromkeys(sources, session)
        return [await self.position(source) for source in sources]

    async def _end_former_owners(self) -> None:
        """End what former owners have open.

        Also what one of them began late, after it had lost its partition and before it died.
        """
        if self._former_sessions:
            await self._database.command({"killSessions": self._former_sessions})

    @override
    async def mark_published(self, position: Position, rest: Sequence[Outgoing] = ()) -> None:
        with translated():
            marked = await self._database.positions.update_one(
                {
                    "_id": position_id(position.source),
                    "epoch": position.epoch,
                    "step": position.step,
                },
                {"$set": {"outbox": [reference_in(outgoing) for outgoing in rest]}},
            )
        if not marked.matched_count:
            stored = await self.position(position.source)
            if stored.epoch != position.epoch:
                raise PositionLost(f"{position.source} has another owner")

    @override
    async def unpublished_elsewhere(
        self, events: Collection[tuple[str, int]], but: Collection[Source]
    ) -> Collection[tuple[str, int]]:
        ids = {event_id for event in events for event_id in ids_of_event(*event)}
        others = {"$nin": [position_id(source) for source in but]}
        query = {"_id": others, "outbox.event": {"$in": list(ids)}}
        with translated():
            positions = self._database.positions.find(query, {"outbox.event": 1})
            told = {
                reference.get("event")
                for position in await positions.to_list(None)
                for reference in position["outbox"]
            }
            # An id does not tell its event's place in the order's sequence; the event does.
            kept = await self._kept("events", sorted(ids & told))
        return {(event["key"], event["sequence"]) for event in kept.values()} & set(events)

    @override
    async def restart_position(self, position: Position, offset: int) -> Position:
        source = position.source
        with translated():
            result = await self._database.positions.update_one(
                {"_id": position_id(source), "epoch": position.epoch, "step": position.step},
                {"$set": {"decided_to": offset}, "$inc": {"step": 1}},
            )
        if not result.matched_count:
            raise PositionLost(f"{position_id(source)} was moved by another")
        return await self.position(source)

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

    async def _outbox(self, references: list[Document]) -> tuple[Outgoing, ...]:
        events = await self._kept("events", [ref["event"] for ref in references if "event" in ref])
        letters = await self._kept(
            "dead_letters", [ref["dead_letter"] for ref in references if "dead_letter" in ref]
        )
        outgoing: list[Outgoing] = []
        for reference in references:
            match reference:
                case {"event": event_id}:
                    outgoing.append(event_out(events[event_id]))
                case {"dead_letter": letter_id}:
                    outgoing.append(dead_letter_out(letters[letter_id]))
                case {"command": command, "key": key}:
                    outgoing.append(CommandMessage(key, COMMAND.validate_json(command)))
                case {"admission": key}:
                    outgoing.append(Admission(key, reference.get("traceparent")))
                case _:
                    raise ValueError(f"an outbox holds an unknown reference: {sorted(reference)}")
        return tuple(outgoing)

    async def _kept(self, collection: str, ids: list[str]) -> dict[str, Document]:
        if not ids:
            return {}
        cursor = self._database[collection].find({"_id": {"$in": ids}})
        return {document["_id"]: document for document in await cursor.to_list(None)}


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


def _is_conflict(error: BaseException) -> bool:
    return isinstance(error, WriteConflict) or (
        isinstance(error, PyMongoError)
        and not isinstance(error, ConnectionFailure)
        and error.has_error_label("TransientTransactionError")
    )


_UNAVAILABLE = (ConnectionFailure, NotPrimaryError, ExecutionTimeout, WTimeoutError)
_RETRYABLE_CODES = frozenset({6, 7, 89, 91, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436})
"""Server errors of a node that is starting, stopping or handing over."""


@contextmanager
def translated() -> Iterator[None]:
    """Turn the driver's errors of a database that does not answer into one of ours."""
    try:
        yield
    except _UNAVAILABLE as error:
        raise StorageUnavailable(type(error).__name__) from error
    except PyMongoError as error:
        code = getattr(error, "code", None)
        if code in _RETRYABLE_CODES:
            raise StorageUnavailable(f"{type(error).__name__} {code}") from error
        raise
