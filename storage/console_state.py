"""What the console keeps of its own: who is signed in, and what was done through it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody signed in. `session_id` is a hash: who reads the database cannot sign in by it.

    `password` is a hash of the password's hash: with another password the session is over.
    """

    session_id: str
    user: str
    password: str
    csrf: str
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing that was done through the console, by whom and to what. No buyer in it."""

    entry_id: str
    at: datetime
    user: str
    action: str
    target: str
    detail: str = ""


class ConsoleState(Protocol):
    """The console's own collections.

    Raises:
        StorageUnavailable: From every method: the database does not answer.
    """

    async def session(self, session_id: str) -> Session | None:
        """Give a session, whether or not it has expired."""
        ...

    async def add_session(self, session: Session) -> None:
        """Keep a session, and forget those that had expired when it began."""
        ...

    async def end_session(self, session_id: str) -> None:
        """Forget a session; harmless to repeat."""
        ...

    async def record(self, entry: AuditEntry) -> None:
        """Keep what was done."""
        ...

    async def audit(self, before: tuple[datetime, str] | None, limit: int) -> Sequence[AuditEntry]:
        """Give what was done, newest first, before a place in the list."""
        ...
