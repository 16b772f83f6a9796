"""Where `Once` remembers what was handled: in memory, in SQL, or in MongoDB."""

import asyncio
import inspect
import re
import sqlite3
from collections import defaultdict
from typing import Any, Generic, Protocol, TypeVar

from order_import_client.once import Effect, Progress

TABLE = "order_import_progress"
"""The default name of the table."""

_REPEATED = ("TransientTransactionError", "UnknownTransactionCommitResult")
"""MongoDB's labels of errors after which a transaction is repeated."""
_REPEATS_SECONDS = 120.0
_PAUSE = 0.05


class MemoryStore:
    """Remembers progress until the process ends. The transaction is None. For tests."""

    def __init__(self) -> None:
        self._progress: dict[str, Progress] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def advance(self, name: str, sequence: int, effect: Effect[None]) -> bool:
        """Advance the progress, as `Store` says."""
        async with self._locks[name]:
            progress = self._progress.get(name)
            if progress is not None and sequence <= progress.last:
                return False
            await effect(progress, None)
            first = sequence if progress is None else progress.first
            self._progress[name] = Progress(first, sequence)
            return True


class Cursor(Protocol):
    """A cursor of the Python DB API."""

    def execute(self, operation: Any, parameters: Any = ..., /) -> Any:
        """Run a statement."""
        ...

    def fetchone(self) -> Any:
        """Return the next row."""
        ...

    @property
    def rowcount(self) -> int:
        """How many rows the last statement changed."""
        ...


C = TypeVar("C", bound=Cursor)
C_co = TypeVar("C_co", bound=Cursor, covariant=True)


class Connection(Protocol[C_co]):
    """A connection of the Python DB API."""

    def cursor(self) -> C_co:
        """Return a cursor."""
        ...

    def commit(self) -> None:
        """Commit the transaction."""
        ...

    def rollback(self) -> None:
        """Roll the transaction back."""
        ...


class SqlStore(Generic[C]):
    """Remembers progress in a table of SQLite or PostgreSQL. The transaction is a cursor.

    The connection belongs to the store: it commits after each event. The table is created if it is
    missing. `placeholder` is how the driver writes a parameter: `?` for sqlite3, `%s` for psycopg.

    Raises:
        ValueError: The connection commits every statement by itself, or the name is not plain.
    """

    def __init__(
        self, connection: Connection[C], *, placeholder: str = "?", table: str = TABLE
    ) -> None:
        if _commits_by_itself(connection):
            raise ValueError("the connection is in autocommit mode: turn it off")
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.]*", table):
            raise ValueError("a table has a plain name")
        self._connection = connection
        self._lock = asyncio.Lock()
        p = placeholder
        # The table's name is plain, and everything else is a parameter.
        self._add = (
            f"INSERT INTO {table} (name, first, last) VALUES ({p}, {p}, 0)"  # noqa: S608
            " ON CONFLICT (name) DO NOTHING"
        )
        self._select = f"SELECT first, last FROM {table} WHERE name = {p}"  # noqa: S608
        self._move = f"UPDATE {table} SET last = {p} WHERE name = {p} AND last < {p}"  # noqa: S608
        connection.cursor().execute(
            f"CREATE TABLE IF NOT EXISTS {table} "
            "(name VARCHAR(600) PRIMARY KEY, first BIGINT NOT NULL, last BIGINT NOT NULL)"
        )
        connection.commit()

    async def advance(self, name: str, sequence: int, effect: Effect[C]) -> bool:
        """Advance the progress, as `Store` says."""
        async with self._lock:
            cursor = self._connection.cursor()
            try:
                progress = self._advance(cursor, name, sequence)
                if progress is None:
                    self._connection.rollback()
                    return False
                await effect(progress if progress.last else None, cursor)
                self._connection.commit()
            except BaseException:
                self._connection.rollback()
                raise
            return True

    def _advance(self, cursor: Cursor, name: str, sequence: int) -> Progress | None:
        """Advance the progress, and return the one before; None if it is there already."""
        cursor.execute(self._add, (name, sequence))
        cursor.execute(self._select, (name,))
        progress = Progress(*cursor.fetchone())
        # Another consumer may have come here meanwhile: only one of them changes the row.
        cursor.execute(self._move, (sequence, name, sequence))
        return progress if cursor.rowcount else None


def _commits_by_itself(connection: object) -> bool:
    if isinstance(connection, sqlite3.Connection) and connection.isolation_level is None:
        return True
    return getattr(connection, "autocommit", False) is True


class MongoStore:
    """Remembers progress in a collection of MongoDB. The transaction is a session.

    Pass it to each of your operations: `collection.insert_one(order, session=session)`. MongoDB
    repeats a transaction that collides with another, so the handler may run more than once for an
    event; all but one of them leave nothing behind in MongoDB.

    `collection` is one of Motor or of PyMongo's asynchronous API, on a replica set.
    """

    def __init__(self, collection: Any) -> None:
        self._collection = collection

    async def advance(self, name: str, sequence: int, effect: Effect[Any]) -> bool:
        """Advance the progress, as `Store` says."""

        async def work(session: Any) -> bool:
            stored = await self._collection.find_one({"_id": name}, session=session)
            progress = None if stored is None else Progress(stored["first"], stored["last"])
            if progress is not None and sequence <= progress.last:
                return False
            first = sequence if progress is None else progress.first
            await self._collection.replace_one(
                {"_id": name}, {"first": first, "last": sequence}, upsert=True, session=session
            )
            await effect(progress, session)
            return True

        loop = asyncio.get_running_loop()
        until = loop.time() + _REPEATS_SECONDS
        while True:
            started = self._collection.database.client.start_session()
            session = await started if inspect.isawaitable(started) else started
            async with session:
                try:
                    return bool(await session.with_transaction(work))
                except Exception as error:
                    # Motor passes on errors at the commit. Whether or not it was committed, the
                    # progress says what is left to do.
                    if loop.time() > until or not _may_repeat(error):
                        raise
            await asyncio.sleep(_PAUSE)


def _may_repeat(error: Exception) -> bool:
    has_label = getattr(error, "has_error_label", None)
    return has_label is not None and any(map(has_label, _REPEATED))
