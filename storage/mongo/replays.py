"""Replays on MongoDB: the part of a snapshot that only replays need."""

from collections.abc import Sequence
from datetime import datetime

from models.commands import ALL_STORES
from models.replay import RecordedAnswers, Replay, ReplayState, Selection, part_id
from storage.documents.replay import (
    LONG_AGO,
    answers_from_document,
    replay_from_document,
    selection_to_query,
    sync_id,
)
from storage.documents.values import Document
from storage.mongo.session import InSession

_KEYS_AT_ONCE = 10_000


class MongoReplayQueries(InSession):
    """See `storage.port.Snapshot` for what each method promises."""

    async def select_orders(self, selection: Selection) -> Sequence[str]:
        """See the port."""
        query, orders = selection_to_query(selection), []
        if selection.keys is None:
            orders = await self._dated_keys(query)
        else:
            keys = list(dict.fromkeys(selection.keys))
            for start in range(0, len(keys), _KEYS_AT_ONCE):
                with_keys = {"_id": {"$in": keys[start : start + _KEYS_AT_ONCE]}}
                orders += await self._dated_keys(with_keys | query)
        # Sort here: the server would keep whole documents in memory for it.
        orders.sort(key=lambda order: (order.get("purchase_date") or LONG_AGO, order["_id"]))
        return [order["_id"] for order in orders]

    async def replay(self, replay_id: str) -> Replay | None:
        """See the port."""
        query = {"_id": replay_id}
        document = await self._database.replays.find_one(query, session=await self.free_session())
        return None if document is None else replay_from_document(document)

    async def replays(self, *, running: bool, limit: int) -> Sequence[Replay]:
        """See the port."""
        query = {"state": ReplayState.RUNNING.value} if running else {}
        cursor = self._database.replays.find(query, session=await self.free_session())
        cursor = cursor.sort([("_id", -1)]).limit(limit)
        return [replay_from_document(document) for document in await cursor.to_list(None)]

    async def replay_part(self, replay_id: str, step: int) -> Sequence[str]:
        """See the port."""
        document = await self._database.replay_parts.find_one(
            {"_id": part_id(replay_id, step)}, session=await self.free_session()
        )
        return () if document is None else document["keys"]

    async def synced(self, store_id: str | None) -> datetime | None:
        """See the port."""
        document = await self._database.timers.find_one(
            {"_id": sync_id(store_id or ALL_STORES)}, session=await self.free_session()
        )
        return None if document is None else document["requested_at"]

    async def answers(
        self, replay_id: str, after: RecordedAnswers | None, limit: int
    ) -> Sequence[RecordedAnswers]:
        """See the port."""
        start = f"{replay_id}/" if after is None else after.result_id
        # "0" is the character after the slash: this matches all ids with the replay's prefix.
        query = {"_id": {"$gt": start, "$lt": f"{replay_id}0"}}
        cursor = self._database.replay_results.find(query, session=await self.free_session())
        cursor = cursor.sort([("_id", 1)]).limit(limit)
        return [answers_from_document(document) for document in await cursor.to_list(None)]

    async def _dated_keys(self, query: Document) -> list[Document]:
        cursor = self._database.amazon_orders.find(
            query, {"purchase_date": 1}, session=await self.free_session()
        )
        return await cursor.to_list(None)
