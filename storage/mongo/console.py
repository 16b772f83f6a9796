"""The console on MongoDB: its own collections, and one client for them and for its queries."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import datetime

from typing_extensions import override

from storage.documents.values import Document
from storage.encryption import BuyerKeys
from storage.mongo.buyer_data import BuyerVault
from storage.mongo.console_reader import MongoConsoleReader
from storage.mongo.driver import Database, Driver, connected
from storage.mongo.errors import translate_errors
from storage.port import AuditEntry, ConsoleState, Session


class MongoConsoleState(ConsoleState):
    """See the protocol for what each method returns."""

    def __init__(self, database: Database) -> None:
        self._sessions = database.console_sessions
        self._audit = database.console_audit

    @override
    async def session(self, session_id: str) -> Session | None:
        with translate_errors():
            document = await self._sessions.find_one({"_id": session_id})
        return None if document is None else Session(document.pop("_id"), **document)

    @override
    async def add_session(self, session: Session) -> None:
        fields = asdict(session)
        with translate_errors():
            await self._sessions.delete_many({"expires_at": {"$lt": session.created_at}})
            await self._sessions.insert_one({"_id": fields.pop("session_id"), **fields})

    @override
    async def end_session(self, session_id: str) -> None:
        with translate_errors():
            await self._sessions.delete_one({"_id": session_id})

    @override
    async def record(self, entry: AuditEntry) -> None:
        fields = asdict(entry)
        with translate_errors():
            await self._audit.insert_one({"_id": fields.pop("entry_id"), **fields})

    @override
    async def audit(self, before: tuple[datetime, str] | None, limit: int) -> Sequence[AuditEntry]:
        query: Document = {}
        if before is not None:
            at, entry_id = before
            query = {"$or": [{"at": {"$lt": at}}, {"at": at, "_id": {"$lt": entry_id}}]}
        with translate_errors():
            cursor = self._audit.find(query).sort([("at", -1), ("_id", -1)]).limit(limit)
            documents = await cursor.to_list(None)
        return [AuditEntry(document.pop("_id"), **document) for document in documents]


@asynccontextmanager
async def open_console(
    url: str,
    database: str,
    driver: Driver = Driver.MOTOR,
    keys: BuyerKeys | None = None,
    **options: object,
) -> AsyncIterator[tuple[MongoConsoleReader, MongoConsoleState]]:
    """Open both on a database, and close them at the end."""
    async with connected(url, driver, **options) as client:
        vault = BuyerVault(client, database, keys)
        yield MongoConsoleReader(client[database], vault), MongoConsoleState(client[database])
