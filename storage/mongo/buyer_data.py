"""Buyer data on MongoDB: encrypted in one database, its data keys in another (rule 27).

A backup without the second database is unreadable as far as it is personal.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from pymongo import ReturnDocument, UpdateOne

from models.errors import KeyMissing
from storage.documents.buyer_data import (
    content_from_document,
    data_key_from_document,
    dead_letter_data_id,
    rewrap,
)
from storage.documents.values import Document
from storage.encryption import BuyerKeys
from storage.mongo.driver import Client, ClientSession
from storage.mongo.errors import translate_errors
from storage.queries import BuyerDataCounts

KEYS_SUFFIX = "_keys"
"""What the name of the database with the data keys ends with."""
ERASED_AT_ONCE = 500
"""How many documents one update erases: a long one would be in the way of transactions."""
REWRAPPED_AT_ONCE = 1_000
_READ_AT_ONCE = 20
"""How many dead letters, which can be large, are read at a time."""
MOST_FOUND = 2_000
"""How many orders a search by buyer finds at most."""

_ORDER_EXPIRES = "buyer_data.expires_at"
_DEAD_LETTER_EXPIRES = "expires_at"


class Content(NamedTuple):
    """A decrypted content, and its data key."""

    fields: Document
    data_key: bytes


class BuyerVault:
    """The encrypted buyer data of a database. Without `keys`, nothing in it can be read."""

    def __init__(self, client: Client, database: str, keys: BuyerKeys | None) -> None:
        self.keys = keys
        self._database = client[database]
        self._data = self._database.buyer_data
        self.keys_database = client[database + KEYS_SUFFIX]
        self._data_keys = self.keys_database.buyer_keys

    async def check_keys(self) -> None:
        """Record the first key as used here; refuse a key file with none of the keys used here.

        Raises:
            KeyMissing: The keys are of another database.
        """
        if self.keys is None:
            return
        used, query = self.keys_database.wrapping_keys, {"_id": "used"}
        with translate_errors():
            begin = {"$setOnInsert": {"ids": [self.keys.current]}}
            document = await used.find_one_and_update(
                query, begin, upsert=True, return_document=ReturnDocument.AFTER
            )
            if document is None or self.keys.keys.keys().isdisjoint(document["ids"]):
                raise KeyMissing(
                    f"the buyer data of database {self._database.name} was encrypted with other "
                    "keys than the key file has"
                )
            if self.keys.current not in document["ids"]:
                await used.update_one(query, {"$addToSet": {"ids": self.keys.current}})

    async def used_keys(self) -> Sequence[str]:
        """Return the ids of the keys that were ever used here."""
        with translate_errors():
            document = await self.keys_database.wrapping_keys.find_one({"_id": "used"})
        return [] if document is None else document["ids"]

    async def rewrap(self) -> int:
        """Wrap every data key with the first key; return how many were wrapped by another one.

        Raises:
            KeyMissing: A data key was wrapped by a key that the key file lacks, or the keys are of
                another database.
        """
        if self.keys is None:
            raise KeyMissing("data keys cannot be wrapped without the key file")
        await self.check_keys()  # or no worker could start once the file has the first key alone
        rewrapped = 0
        while count := await self._rewrap_all(self.keys):
            rewrapped += count
        return rewrapped

    async def _rewrap_all(self, keys: BuyerKeys) -> int:
        rewrapped = 0
        last = ""
        while True:
            query: Document = {"_id": {"$gt": last}}
            with translate_errors():
                # By id: an index of the keys would make every new order slower.
                cursor = self._data_keys.find(query).sort([("_id", 1)]).limit(REWRAPPED_AT_ONCE)
                documents = await cursor.to_list(None)
                if not documents:
                    return rewrapped
                last = documents[-1]["_id"]
                writes = [
                    # Not if a worker has replaced it meanwhile.
                    UpdateOne(
                        {"_id": document["_id"], "data_key": document["data_key"]},
                        {"$set": rewrap(keys, document)},
                    )
                    for document in documents
                    if document["wrapped_by"] != keys.current
                ]
                if writes:
                    result = await self._data_keys.bulk_write(writes, ordered=False)
                    rewrapped += result.modified_count

    async def contents(
        self, ids: Collection[str], session: ClientSession | None = None
    ) -> Mapping[str, Content]:
        """Return the contents that exist of these ids, decrypted; none of them without keys.

        Raises:
            KeyMissing: They were encrypted with another key.
        """
        if not ids or self.keys is None:
            return {}
        query: Document = {"_id": {"$in": list(ids)}}
        wrapped = await self._data_keys.find(query, session=session).to_list(None)
        data_keys = {doc["_id"]: data_key_from_document(self.keys, doc) for doc in wrapped}
        documents = await self._data.find(query, session=session).to_list(None)
        contents: dict[str, Content] = {}
        for document in documents:
            data_key = data_keys.get(document["_id"])
            fields = data_key and content_from_document(document, data_key)
            if data_key and fields:
                contents[document["_id"]] = Content(fields, data_key)
        return contents

    async def find_orders(self, buyer: str) -> list[str]:
        """Return the `store/order` keys of orders whose buyer's name has all words of a text."""
        return await self._find([] if self.keys is None else self.keys.hash_words(buyer))

    async def find_orders_by_email(self, email: str) -> list[str]:
        """Return the `store/order` keys of orders whose buyer has an e-mail address."""
        return await self._find([] if self.keys is None else [self.keys.hash_email(email)])

    async def _find(self, words: list[bytes]) -> list[str]:
        if not words:
            return []
        with translate_errors():
            cursor = self._data_keys.find({"words": {"$all": words}}, {"_id": 1})
            return [document["_id"] for document in await cursor.limit(MOST_FOUND).to_list(None)]

    async def find_dead_letters(self, texts: Collection[str]) -> list[str]:
        """Return the ids of the dead letters in whose bytes any of some texts occurs, in any case.

        All bytes that are kept are decrypted for this, a few at a time.
        """
        needles = [text.encode().lower() for text in texts]
        matching: list[str] = []
        last = ""
        while True:
            with translate_errors():
                query = {"_id": {"$gt": last}, _DEAD_LETTER_EXPIRES: {"$exists": True}}
                cursor = self._database.dead_letters.find(query, {"_id": 1}).sort([("_id", 1)])
                documents = await cursor.limit(_READ_AT_ONCE).to_list(None)
                if not documents:
                    return matching
                ids = {dead_letter_data_id(document["_id"]): document for document in documents}
                contents = await self.contents(ids.keys())
            matching += [
                ids[data_id]["_id"]
                for data_id, content in contents.items()
                if any(needle in part for part in _parts(content.fields) for needle in needles)
            ]
            last = documents[-1]["_id"]

    async def erase(
        self, orders: Collection[str], dead_letters: Collection[str], at: datetime
    ) -> None:
        """Erase the buyer data of orders, by key, and the bytes of dead letters, by id.

        The orders are marked first: a transaction that is still storing a buyer then conflicts.
        Whatever later messages say of a buyer is not stored.
        """
        data_ids = [*orders, *map(dead_letter_data_id, dead_letters)]
        with translate_errors():
            await self._database.amazon_orders.update_many(
                {"_id": {"$in": [*orders]}, "buyer_data.erased_at": {"$exists": False}},
                {"$set": {"buyer_data": {"erased_at": at}}},
            )
            await self._database.dead_letters.update_many(
                {"_id": {"$in": [*dead_letters]}}, _erased_dead_letter(at)
            )
            for collection in (self._data_keys, self._data):
                await collection.delete_many({"_id": {"$in": data_ids}})

    async def erase_expired(self, at: datetime) -> tuple[int, int]:
        """Erase what has expired; return of how many orders and dead letters.

        The keys go first: without them the rest is unreadable. The orders stay, and so do the dead
        letters, which an outbox may still refer to.
        """
        expired: Document = {"$lte": at}
        with translate_errors():
            await self._data_keys.delete_many({"expires_at": expired})
            await self._data.delete_many({"expires_at": expired})
        orders = await self._mark(
            "amazon_orders",
            {_ORDER_EXPIRES: expired},
            {"$set": {"buyer_data": {"erased_at": at}}},
        )
        dead_letters = await self._mark(
            "dead_letters",
            {_DEAD_LETTER_EXPIRES: expired},
            _erased_dead_letter(at),
        )
        return orders, dead_letters

    async def count_expiring(self, overdue: datetime, until: datetime) -> BuyerDataCounts:
        """Count what expired before `overdue` and is still there, and what expires until `until`.

        What is still there are contents and their keys.
        """
        late: Document = {"$lte": overdue}
        soon: Document = {"$gt": overdue, "$lte": until}
        orders, dead_letters = self._database.amazon_orders, self._database.dead_letters
        with translate_errors():
            *overdue_counts, expiring_orders, expiring_dead_letters = await asyncio.gather(
                self._data.count_documents({"expires_at": late}),
                self._data_keys.count_documents({"expires_at": late}),
                orders.count_documents({_ORDER_EXPIRES: soon}),
                dead_letters.count_documents({_DEAD_LETTER_EXPIRES: soon}),
            )
        return BuyerDataCounts(max(overdue_counts), expiring_orders, expiring_dead_letters)

    async def _mark(self, collection: str, query: Document, update: Document) -> int:
        marked = 0
        while True:
            with translate_errors():
                expired = self._database[collection].find(query, {"_id": 1}).limit(ERASED_AT_ONCE)
                ids = [document["_id"] for document in await expired.to_list(None)]
                if not ids:
                    return marked
                result = await self._database[collection].update_many(
                    {"_id": {"$in": ids}} | query, update
                )
            marked += result.modified_count


def _erased_dead_letter(at: datetime) -> Document:
    return {
        "$unset": dict.fromkeys((_DEAD_LETTER_EXPIRES, "details_of"), ""),
        "$set": {"erased_at": at},
    }


def _parts(content: Document) -> list[bytes]:
    """Return the bytes of a dead letter in lower case: value, key and its headers' values."""
    values = [content["value"], content["key"], *(value for _, value in content["headers"])]
    return [value.lower() for value in values if value is not None]
