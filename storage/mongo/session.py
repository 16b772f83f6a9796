"""A session does one thing at a time; this lets one write run while the program works on."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress

from storage.mongo.driver import ClientSession, Database


class InSession:
    """What reads and writes in one session."""

    def __init__(self, database: Database, session: ClientSession) -> None:
        self._database = database
        self._session = session
        self._background: asyncio.Task[None] | None = None

    async def free_session(self) -> ClientSession:
        """Return the session once nothing runs in it; raise the error of what ran there last."""
        running, self._background = self._background, None
        if running is not None:
            await running
        return self._session

    async def _in_background(self, work: Coroutine[None, None, None]) -> None:
        """Start some work in the free session, and let it get as far as its first wait."""
        self._background = asyncio.create_task(work)
        await asyncio.sleep(0)

    async def _end_background(self) -> None:
        with suppress(Exception):
            await self.free_session()
