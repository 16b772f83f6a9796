"""Dead letters on MongoDB, for people: lists, counts, and the mark of a redrive."""

from collections.abc import Collection, Mapping, Sequence

from pymongo import UpdateOne

from models.dead_letters import DeadLetterFilter, DeadLetterLine, Redrive, StoredDeadLetter
from models.errors import KeyMissing
from models.messages import DeadLetterCode
from storage.documents.buyer_data import dead_letter_data_id
from storage.documents.checkpoint import dead_letter_from_document
from storage.documents.values import Document, present
from storage.encryption import BuyerKeys
from storage.mongo.buyer_data import BuyerVault
from storage.mongo.driver import Client, maybe_await
from storage.mongo.errors import translate_errors

_LINE: Document = {
    **dict.fromkeys(("code", "topic", "at", "message", "redriven", "claimed", "cut"), 1),
    "erased_at": 1,
    "redrive_count": 1,
    "size": 1,
    "has_key": 1,
}
"""The fields of a line."""

_OPEN: Document = {name: {"$exists": False} for name in ("redriven", "claimed", "erased_at")}


class MongoDeadLetters:
    """Queries about dead letters, and the mark that one was redriven.

    Raises:
        StorageUnavailable: From every method: the database does not answer.
    """

    def __init__(self, client: Client, database: str, keys: BuyerKeys | None = None) -> None:
        """Query a database; without `keys`, no bytes of a message can be read."""
        self._dead_letters = client[database].dead_letters
        self._vault = BuyerVault(client, database, keys)

    async def counts(
        self, topic: str | None = None, *, only_open: bool = False
    ) -> Mapping[DeadLetterCode, int]:
        """Count dead letters per code, of one topic or of all; with `only_open`, open ones."""
        groups = await self._aggregate(
            # Every dead letter has a code: with the condition, MongoDB uses the index by code.
            {"$match": {"code": {"$gt": ""}} | present(topic=topic) | (_OPEN if only_open else {})},
            {"$group": {"_id": "$code", "count": {"$sum": 1}}},
        )
        return {DeadLetterCode(group["_id"]): group["count"] for group in groups}

    async def find(self, query: DeadLetterFilter) -> Sequence[DeadLetterLine]:
        """Return dead letters, newest first unless the filter says otherwise."""
        # The index begins with the code: name all codes, so that MongoDB merges their ranges.
        codes = [query.code] if query.code is not None else list(DeadLetterCode)
        match = {
            "code": {"$in": [code.value for code in codes]},
            **present(topic=query.topic),
            **(_OPEN if query.is_open else {}),
        }
        direction = 1 if query.oldest_first else -1
        documents = await self._aggregate(
            {"$match": match},
            {"$sort": {"at": direction, "_id": direction}},
            {"$limit": query.limit},
            {"$project": _LINE},
        )
        return [_line_from_document(document) for document in documents]

    async def lines(self, ids: Collection[str]) -> Mapping[str, DeadLetterLine]:
        """Return the dead letters that exist of these ids, as lines."""
        documents = await self._aggregate({"$match": _with_ids(ids)}, {"$project": _LINE})
        return {document["_id"]: _line_from_document(document) for document in documents}

    async def dead_letters(self, ids: Collection[str]) -> Mapping[str, StoredDeadLetter]:
        """Return the dead letters that exist of these ids, with their bytes.

        Raises:
            KeyMissing: The bytes cannot be decrypted.
        """
        if self._vault.keys is None:
            raise KeyMissing("dead letters cannot be read without the key file of buyer data")
        with translate_errors():
            documents = await self._dead_letters.find(_with_ids(ids)).to_list(None)
            data_ids = [dead_letter_data_id(document["_id"]) for document in documents]
            contents = await self._vault.contents(data_ids)
        return {
            document["_id"]: StoredDeadLetter(
                dead_letter_from_document(document, content.fields if content else {}),
                _redrives_from_document(document),
            )
            for document, data_id in zip(documents, data_ids, strict=True)
            for content in (contents.get(data_id),)
        }

    async def mark_redriven(self, marks: Mapping[str, Redrive]) -> None:
        """Record, per id, that a dead letter was redriven."""
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
            with translate_errors():
                await self._dead_letters.bulk_write(writes, ordered=False)

    async def _aggregate(self, *stages: Document) -> list[Document]:
        with translate_errors():
            cursor = await maybe_await(self._dead_letters.aggregate(list(stages)))
            return await cursor.to_list(None)


def _with_ids(ids: Collection[str]) -> Document:
    return {"_id": {"$in": list(ids)}}


def _redrives_from_document(document: Document) -> tuple[Redrive, ...]:
    return tuple(
        Redrive(mark["at"], mark["count"], mark["to"]) for mark in document.get("redriven", ())
    )


def _line_from_document(document: Document) -> DeadLetterLine:
    redriven = _redrives_from_document(document)
    return DeadLetterLine(
        dead_letter_id=document["_id"],
        code=DeadLetterCode(document["code"]),
        topic=document["topic"],
        at=document["at"],
        size=document.get("size"),
        message=document["message"],
        has_key=document["has_key"],
        claimed=document.get("claimed", False),
        redriven=redriven,
        chain=max([document.get("redrive_count", 0), *(redrive.count for redrive in redriven)]),
        cut=tuple(document.get("cut", ())),
        is_erased="erased_at" in document,
    )
