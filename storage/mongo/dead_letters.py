"""The dead letters on MongoDB."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from pymongo import UpdateOne

from models.dead_letters import DeadLetterFilter, DeadLetterLine, Redrive, StoredDeadLetter
from models.messages import DeadLetterCode
from storage.documents.checkpoint import dead_letter_from_document
from storage.documents.values import Document
from storage.mongo.driver import Driver, connected, settled
from storage.mongo.errors import translated

_LINE: Document = {
    **dict.fromkeys(("code", "topic", "at", "message", "redriven", "claimed", "cut"), 1),
    "redrive_count": 1,
    "size": {"$binarySize": "$value"},
    "key_size": {"$binarySize": "$key"},
}
"""All but key, value and headers, which may be long and a buyer's."""

_OPEN: Document = {"redriven": {"$exists": False}, "claimed": {"$exists": False}}


class MongoDeadLetters:
    """Questions about dead letters, and the one mark people leave on them.

    Raises:
        StorageUnavailable: From every method: the database does not answer.
    """

    def __init__(self, client: Any, database: str) -> None:
        self._dead_letters = client[database].dead_letters

    async def counts(
        self, topic: str | None = None, *, only_open: bool = False
    ) -> Mapping[DeadLetterCode, int]:
        """Count dead letters per code, of one topic or of all; all, or open ones."""
        groups = await self._aggregate(
            # A code is always asked for, so that the index by code is taken.
            {
                "$match": {"code": {"$gt": ""}}
                | ({} if topic is None else {"topic": topic})
                | (_OPEN if only_open else {})
            },
            {"$group": {"_id": "$code", "count": {"$sum": 1}}},
        )
        return {DeadLetterCode(group["_id"]): group["count"] for group in groups}

    async def find(self, wanted: DeadLetterFilter) -> Sequence[DeadLetterLine]:
        """Give letters, newest first unless asked otherwise."""
        # The code is always asked for: the index begins with it, and is merged in its order.
        codes = [wanted.code] if wanted.code is not None else list(DeadLetterCode)
        match: Document = {"code": {"$in": [code.value for code in codes]}}
        if wanted.topic is not None:
            match["topic"] = wanted.topic
        if wanted.is_open:
            match |= _OPEN
        way = 1 if wanted.oldest_first else -1
        found = await self._aggregate(
            {"$match": match},
            {"$sort": {"at": way, "_id": way}},
            {"$limit": wanted.limit},
            {"$project": _LINE},
        )
        return [_line_out(document) for document in found]

    async def lines(self, ids: Collection[str]) -> Mapping[str, DeadLetterLine]:
        """Give those that exist of these ids, as lines."""
        found = await self._aggregate({"$match": _among(ids)}, {"$project": _LINE})
        return {document["_id"]: _line_out(document) for document in found}

    async def dead_letters(self, ids: Collection[str]) -> Mapping[str, StoredDeadLetter]:
        """Give those that exist of these ids, with their bytes."""
        with translated():
            found = await self._dead_letters.find(_among(ids)).to_list(None)
        return {
            document["_id"]: StoredDeadLetter(
                dead_letter_from_document(document), _redriven_out(document)
            )
            for document in found
        }

    async def mark_redriven(self, marks: Mapping[str, Redrive]) -> None:
        """Note, per id, that a dead letter was redriven."""
        writes = [
            UpdateOne(
                {"_id": dead_letter_id},
                {
                    "$push": {
                        "redriven": {"at": mark.at, "count": mark.count, "to": mark.to},
                    }
                },
            )
            for dead_letter_id, mark in marks.items()
        ]
        if writes:
            with translated():
                await self._dead_letters.bulk_write(writes, ordered=False)

    async def _aggregate(self, *stages: Document) -> list[Document]:
        with translated():
            cursor = await settled(self._dead_letters.aggregate(list(stages)))
            found: list[Document] = await cursor.to_list(None)
            return found


@asynccontextmanager
async def open_dead_letters(
    url: str, database: str, driver: Driver = Driver.MOTOR, **options: Any
) -> AsyncIterator[MongoDeadLetters]:
    """Give the dead letters of a database, closed at the end."""
    async with connected(url, driver, **options) as client:
        yield MongoDeadLetters(client, database)


def _among(ids: Collection[str]) -> Document:
    return {"_id": {"$in": list(ids)}}


def _redriven_out(document: Document) -> tuple[Redrive, ...]:
    return tuple(
        Redrive(mark["at"], mark["count"], mark["to"]) for mark in document.get("redriven", ())
    )


def _line_out(document: Document) -> DeadLetterLine:
    redriven = _redriven_out(document)
    return DeadLetterLine(
        dead_letter_id=document["_id"],
        code=DeadLetterCode(document["code"]),
        topic=document["topic"],
        at=document["at"],
        size=document["size"],
        message=document["message"],
        has_key=document["key_size"] is not None,
        claimed=document.get("claimed", False),
        redriven=redriven,
        chain=max([document.get("redrive_count", 0), *(one.count for one in redriven)]),
        cut=tuple(document.get("cut", ())),
    )
