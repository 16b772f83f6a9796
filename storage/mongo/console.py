"""The console on MongoDB: its own collections, and what gives both it and its questions."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any

from typing_extensions import override

from storage.documents.values import Document
from storage.mongo.console_reader import MongoConsoleReader
from storage.mongo.driver import Driver, connected
from storage.mongo.errors import translated
from storage.port import AuditEntry, ConsoleState, Session


class MongoConsoleState(ConsoleState):
    """See the protocol for what each method gives."""

    def __init__(self, database: Any) -> None:
        self._sessions = database.console_sessions
        self._audit = database.console_audit

    @override
    async def session(self, session_id: str) -> Session | None:
        with translated():
            found = await self._sessions.find_one({"_id": session_id})
        return None if found is None else Session(found.pop("_id"), **found)

    @override
    async def add_session(self, session: Session) -> None:
        fields = asdict(session)
        with translated():
            await self._sessions.delete_many({"expires_at": {"$lt": session.created_at}})
            await self._sessions.insert_one({"_id": fields.pop("session_id"), **fields})

    @override
    async def end_session(self, session_id: str) -> None:
        with translated():
            await self._sessions.delete_one({"_id": session_id})

    @override
    async def record(self, entry: AuditEntry) -> None:
        fields = asdict(entry)
        with translated():
            await self._audit.insert_one({"_id": fields.pop("entry_id"), **fields})

    @override
    async def audit(self, before: tuple[datetime, str] | None, limit: int) -> Sequence[AuditEntry]:
        wanted: Document = {}
        if before is not None:
            at, entry_id = before
            wanted = {"$or": [{"at": {"$lt": at}}, {"at": at, "_id": {"$lt": entry_id}}]}
        with translated():
            found = await (
                self._audit.find(wanted).sort([("at", -1), ("_id", -1)]).limit(limit).to_list(None)
            )
        return [AuditEntry(document.pop("_id"), **document) for document in found]


@asynccontextmanager
async def open_console(
    url: str, database: str, driver: Driver = Driver.MOTOR, **options: Any
) -> AsyncIterator[tuple[MongoConsoleReader, MongoConsoleState]]:
    """Give both of a database, closed at the end."""
    async with connected(url, driver, **options) as client:
        yield MongoConsoleReader(client[database]), MongoConsoleState(client[database])
