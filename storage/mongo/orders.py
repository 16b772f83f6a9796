"""The reader on MongoDB: lists, counts and one order's history, each by an index."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from typing_extensions import override

from models.checkpoint import OffsetReset
from models.messages import TopicPartition
from models.order_query import OrderQuery
from models.outcome import ImportState
from models.reference_data import Store
from storage.documents.checkpoint import offset_reset_from_document
from storage.documents.commerce_order import commerce_order_from_document
from storage.documents.order_record import (
    FIELDS,
    commerce_of,
    history_entry_from_document,
    line_out,
    order_from_document,
)
from storage.documents.reference_data import store_from_document
from storage.documents.values import Document
from storage.mongo import statistics as blocked_groups
from storage.mongo.driver import Driver, connected, settled
from storage.mongo.errors import translated
from storage.mongo.indexes import INDEXES
from storage.mongo.order_queries import filter_of, purchased, states_of
from storage.queries import (
    BlockedGroup,
    OrderHistory,
    OrderLine,
    PublishedEvent,
    Reader,
    Standing,
)

_NO_BODY = {"body": 0, "cause": 0}


class MongoReader(Reader):
    """See the protocol for what each method gives."""

    def __init__(self, client: Any, database: str) -> None:
        self._client = client
        self._database = client[database]

    @override
    async def ping(self) -> None:
        with translated():
            await self._client.admin.command("ping")

    @override
    async def indexes(self) -> Collection[str]:
        with translated():
            there = set(await self._database.list_collection_names())
            return {
                f"{collection}.{name}"
                for collection in {index.collection for index in INDEXES} & there
                for name in await self._database[collection].index_information()
                if name != "_id_"
            }

    @override
    async def stores(self) -> Mapping[str, Store]:
        return {
            found["_id"]: store_from_document(found) for found in await self._find("stores", {})
        }

    @override
    async def list_orders(self, wanted: OrderQuery, limit: int) -> Sequence[OrderLine]:
        # The states are always asked for: the indexes begin with them, and are merged.
        query = filter_of(wanted) | {"import.state": {"$in": states_of(wanted)}}
        if bounds := purchased(wanted):
            query["purchase_date"] = bounds
        with translated():
            cursor = self._database.amazon_orders.find(query, FIELDS)
            cursor = cursor.sort([("purchase_date", -1), ("_id", -1)]).limit(limit)
            found = await cursor.to_list(None)
            made = await commerce_of(self._database, found)
        return [line_out(document, made) for document in found]

    @override
    async def order_key(self, amazon_order_id: str) -> str | None:
        found = await self._find("amazon_orders", {"amazon_order_id": amazon_order_id}, {"_id": 1})
        return found[0]["_id"] if found else None

    @override
    async def history(self, key: str) -> OrderHistory | None:
        found = await self._find("amazon_orders", {"_id": key})
        if not found:
            return None
        record = order_from_document(found[0])
        history = tuple(history_entry_from_document(entry) for entry in found[0].get("history", ()))
        ids = [event_id for entry in history for event_id in entry.events]
        events = await self._find("events", {"_id": {"$in": ids}}, _NO_BODY)
        commerce_id = found[0]["import"].get("commerce_order_id")
        commerce = await self._find("commerce_orders", {"_id": commerce_id}) if commerce_id else []
        stores = await self._find("stores", {"_id": record.store_id})
        return OrderHistory(
            record=record,
            history=history,
            events={document["_id"]: _event(document) for document in events},
            commerce_order=commerce_order_from_document(commerce[0]) if commerce else None,
            store=store_from_document(stores[0]) if stores else None,
        )

    @override
    async def state_counts(self) -> Mapping[str, Mapping[ImportState, int]]:
        counts: dict[str, dict[ImportState, int]] = {}
        of = {"store_id": "$store_id", "state": "$import.state"}
        # A condition that all fulfill: MongoDB takes an index for one, and counts by it alone.
        every = {"$match": {"store_id": {"$gt": ""}}}
        for group in await self._aggregate("amazon_orders", [every, _counted(of)]):
            store = counts.setdefault(group["_id"]["store_id"], {})
            store[ImportState(group["_id"]["state"])] = group["count"]
        return counts

    @override
    async def overdue_counts(self, since: datetime) -> Mapping[str, int]:
        overdue = {"$match": {"import.details_pending_since": {"$lte": since}}}
        return await self._count("amazon_orders", overdue, _counted("$store_id"))

    @override
    async def blocker_counts(self) -> Mapping[str, int]:
        codes = {"$map": {"input": "$import.reasons", "in": "$$this.code"}}
        return await self._count(
            "amazon_orders",
            {"$match": {"import.state": ImportState.BLOCKED.value}},
            # Two products of one order may have the same trouble: the order counts once.
            {"$project": {"code": {"$setUnion": [codes]}}},
            {"$unwind": "$code"},
            _counted("$code"),
        )

    @override
    async def blocked_groups(self, store_id: str | None, limit: int) -> Sequence[BlockedGroup]:
        found = await self._aggregate("amazon_orders", blocked_groups.stages_of(store_id, limit))
        return [blocked_groups.group_out(document) for document in found]

    @override
    async def dead_letter_counts(self) -> Mapping[str, int]:
        every = {"$match": {"code": {"$gt": ""}}}
        return await self._count("dead_letters", every, _counted("$code"))

    @override
    async def offset_resets(self, since: datetime, limit: int) -> Sequence[OffsetReset]:
        with translated():
            cursor = self._database.offset_resets.find({"at": {"$gte": since}})
            found = await cursor.sort("at", -1).limit(limit).to_list(None)
        return [offset_reset_from_document(document) for document in found]

    @override
    async def standings(self) -> Mapping[TopicPartition, Standing]:
        sized = {"committed_offset": 1, "unpublished": {"$size": "$outbox"}}
        standings = {}
        for document in await self._aggregate("checkpoints", [{"$project": sized}]):
            topic, _, partition = document["_id"].rpartition(":")
            standings[TopicPartition(topic, int(partition))] = Standing(
                document["committed_offset"], document["unpublished"]
            )
        return standings

    async def _find(
        self, collection: str, query: Document, fields: Document | None = None
    ) -> list[Document]:
        with translated():
            found: list[Document] = (
                await self._database[collection].find(query, fields).to_list(None)
            )
            return found

    async def _aggregate(self, collection: str, stages: list[Document]) -> list[Document]:
        with translated():
            cursor = await settled(self._database[collection].aggregate(stages))
            found: list[Document] = await cursor.to_list(None)
            return found

    async def _count(self, collection: str, *stages: Document) -> dict[str, int]:
        groups = await self._aggregate(collection, [*stages])
        return {group["_id"]: group["count"] for group in groups}


@asynccontextmanager
async def open_reader(
    url: str, database: str, driver: Driver = Driver.MOTOR, **options: Any
) -> AsyncIterator[MongoReader]:
    """Give a reader of a database, closed at the end."""
    async with connected(url, driver, **options) as client:
        yield MongoReader(client, database)


def _counted(by: object) -> Document:
    return {"$group": {"_id": by, "count": {"$sum": 1}}}


def _event(document: Document) -> PublishedEvent:
    told = ("event_type", "topic", "sequence", "occurred_at")
    return PublishedEvent(document["_id"], *(document[name] for name in told))
