"""Replays on MongoDB: the part of a view that only replays ask for."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from models.commands import ALL_STORES
from models.replay import RecordedAnswer, Replay, ReplayState, Selection, part_id
from storage.documents.replay import (
    LONG_AGO,
    answer_from_document,
    query_of,
    replay_from_document,
    sync_id,
)
from storage.documents.values import Document

_KEYS_AT_ONCE = 10_000


class MongoReplayQueries:
    """See `storage.port.View` for what each method promises."""

    _database: Any
    _session: Any

    async def select_orders(self, wanted: Selection) -> Sequence[str]:
        """See the port."""
        query, found = query_of(wanted), []
        if wanted.keys is None:
            found = await self._dated_keys(query)
        else:
            keys = list(dict.fromkeys(wanted.keys))
            for at in range(0, len(keys), _KEYS_AT_ONCE):
                named = {"_id": {"$in": keys[at : at + _KEYS_AT_ONCE]}}
                found += await self._dated_keys(named | query)
        # Sorted here: the server would keep whole documents in memory for it.
        found.sort(key=lambda one: (one.get("purchase_date") or LONG_AGO, one["_id"]))
        return [one["_id"] for one in found]

    async def replay(self, replay_id: str) -> Replay | None:
        """See the port."""
        query = {"_id": replay_id}
        document = await self._database.replays.find_one(query, session=self._session)
        return None if document is None else replay_from_document(document)

    async def replays(self, *, running: bool, limit: int) -> Sequence[Replay]:
        """See the port."""
        query = {"state": ReplayState.RUNNING.value} if running else {}
        cursor = self._database.replays.find(query, session=self._session)
        cursor = cursor.sort([("_id", -1)]).limit(limit)
        return [replay_from_document(document) for document in await cursor.to_list(None)]

    async def replay_part(self, replay_id: str, step: int) -> Sequence[str]:
        """See the port."""
        document = await self._database.replay_parts.find_one(
            {"_id": part_id(replay_id, step)}, session=self._session
        )
        return () if document is None else document["keys"]

    async def synced(self, store_id: str | None) -> datetime | None:
        """See the port."""
        document = await self._database.timers.find_one(
            {"_id": sync_id(store_id or ALL_STORES)}, session=self._session
        )
        return None if document is None else document["requested_at"]

    async def answers(
        self, replay_id: str, after: RecordedAnswer | None, limit: int
    ) -> Sequence[RecordedAnswer]:
        """See the port."""
        start = f"{replay_id}/" if after is None else after.result_id
        # "0" is the character after the slash: all ids that begin with the replay's.
        query = {"_id": {"$gt": start, "$lt": f"{replay_id}0"}}
        cursor = self._database.replay_results.find(query, session=self._session)
        cursor = cursor.sort([("_id", 1)]).limit(limit)
        return [answer_from_document(document) for document in await cursor.to_list(None)]

    async def _dated_keys(self, query: Document) -> list[Document]:
        cursor = self._database.amazon_orders.find(
            query, {"purchase_date": 1}, session=self._session
        )
        found: list[Document] = await cursor.to_list(None)
        return found
