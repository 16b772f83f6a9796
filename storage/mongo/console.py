"""The console's own collections on MongoDB: sessions, actions, and samples of the health."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime

from pymongo.errors import DuplicateKeyError

from storage.documents.audit import (
    BEGINNING,
    entry_from_document,
    entry_to_document,
    find_break,
    head_before,
    head_from_document,
)
from storage.documents.values import Document
from storage.mongo.driver import Database
from storage.mongo.errors import translate_errors
from storage.port import AuditCheck, AuditEntry, AuditHead, HealthSample, Session

_FIELDS = {field.name: 1 for field in fields(Session)}
"""Another version may have stored more: its sessions go on."""


class MongoConsoleState:
    """The console's own collections.

    Raises:
        StorageUnavailable: From every method: the database does not answer.
    """

    def __init__(self, database: Database) -> None:
        self._sessions = database.console_sessions
        self._audit = database.console_audit
        self._samples = database.console_samples

    async def session(self, session_id: str) -> Session | None:
        """Return a session, expired or not."""
        with translate_errors():
            document = await self._sessions.find_one({"_id": session_id}, _FIELDS)
        return None if document is None else Session(document.pop("_id"), **document)

    async def add_session(self, session: Session) -> None:
        """Add a session, and delete the sessions that have expired before it began."""
        document = asdict(session)
        with translate_errors():
            await self._sessions.delete_many({"expires_at": {"$lt": session.created_at}})
            await self._sessions.insert_one({"_id": document.pop("session_id"), **document})

    async def end_session(self, session_id: str) -> None:
        """Delete a session; harmless to repeat."""
        with translate_errors():
            await self._sessions.delete_one({"_id": session_id})

    async def record(self, entry: AuditEntry) -> AuditHead:
        """Add an entry to the end of the audit log, and return this end."""
        with translate_errors():
            while True:
                last = await self._audit.find_one({}, sort=[("number", -1)])
                head = BEGINNING if last is None else head_from_document(last)
                document = entry_to_document(entry, head)
                try:
                    await self._audit.insert_one(document)
                except DuplicateKeyError:
                    # Another process has added one at the same moment. An id that is stored
                    # already is that of a repeated request.
                    if await self._audit.find_one({"_id": entry.entry_id}, {"_id": 1}):
                        raise
                    continue
                return head_from_document(document)

    async def verify_audit(self, expected: AuditHead | None = None) -> AuditCheck:
        """Check the audit log from its first entry; it must contain the entry of an `expected` end.

        Without one, the loss of its last entries is not noticed.
        """
        first, head = 1, BEGINNING
        stored_hash = None
        with translate_errors():
            async for document in self._audit.find({}).sort([("number", 1)]):
                if head is BEGINNING:
                    head = head_before(document)
                    first = head.number + 1
                if problem := find_break(document, head):
                    return AuditCheck(first, head, problem)
                head = head_from_document(document)
                if expected is not None and head.number == expected.number:
                    stored_hash = head.hash
        if expected is None or expected.hash == stored_hash:
            return AuditCheck(first, head, None)
        if stored_hash is None:
            return AuditCheck(first, head, f"entry {expected.number} is missing")
        return AuditCheck(first, head, f"entry {expected.number} has another hash than expected")

    async def audit(self, before: tuple[datetime, str] | None, limit: int) -> Sequence[AuditEntry]:
        """Return entries, newest first, before a place in the list."""
        query: Document = {}
        if before is not None:
            at, entry_id = before
            query = {"$or": [{"at": {"$lt": at}}, {"at": at, "_id": {"$lt": entry_id}}]}
        with translate_errors():
            cursor = self._audit.find(query).sort([("at", -1), ("_id", -1)]).limit(limit)
            documents = await cursor.to_list(None)
        return [entry_from_document(document) for document in documents]

    async def add_sample(self, sample: HealthSample, keep_since: datetime) -> None:
        """Add a sample, and delete those from before a moment. A second one of a moment is lost."""
        document = asdict(sample)
        with translate_errors():
            await self._samples.delete_many({"_id": {"$lt": keep_since}})
            await self._samples.update_one(
                {"_id": document.pop("at")}, {"$setOnInsert": document}, upsert=True
            )

    async def samples(self, since: datetime) -> Sequence[HealthSample]:
        """Return the samples since a moment, oldest first."""
        with translate_errors():
            cursor = self._samples.find({"_id": {"$gte": since}}).sort("_id", 1)
            documents = await cursor.to_list(None)
        return [HealthSample(document.pop("_id"), **document) for document in documents]
