"""The reader on MongoDB: lists, counts and one order's history, each by an index."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from models.checkpoint import OffsetReset
from models.messages import TopicPartition
from models.order_query import OrderQuery
from models.order_record import OrderRecord
from models.outcome import ImportState
from models.reference_data import Store
from storage.documents.checkpoint import offset_reset_from_document
from storage.documents.commerce_order import commerce_order_from_document
from storage.documents.order_line import FIELDS, line_from_document
from storage.documents.order_record import (
    history_entry_from_document,
    order_from_document,
    with_buyer,
)
from storage.documents.reference_data import store_from_document
from storage.documents.values import Document
from storage.encryption import BuyerKeys
from storage.mongo.buyer_data import BuyerVault
from storage.mongo.driver import Client, maybe_await
from storage.mongo.driver import Collection as MongoCollection
from storage.mongo.errors import translate_errors
from storage.mongo.indexes import INDEXES
from storage.mongo.order_queries import commerce_orders_of, to_mongo
from storage.mongo.statistics import (
    blocked_group_from_document,
    blocked_groups_pipeline,
    blocked_summary_from_documents,
    blocked_summary_pipeline,
)
from storage.queries import (
    BlockedGroup,
    BlockedSummary,
    BuyerDataCounts,
    OrderHistory,
    OrderLine,
    PublishedEvent,
    Standing,
)

_NO_BODY = {"body": 0, "cause": 0}


class MongoReader:
    """Queries of the command line and of the console. They change nothing and take no locks.

    Raises:
        StorageUnavailable: From every method: the database does not answer.
    """

    def __init__(self, client: Client, database: str, keys: BuyerKeys | None = None) -> None:
        """Read from a database; without `keys`, no buyer."""
        self._client = client
        self._database = client[database]
        self._vault = BuyerVault(client, database, keys)

    async def ping(self) -> None:
        """Return as soon as the database answers."""
        with translate_errors():
            await self._client.admin.command("ping")

    async def indexes(self) -> Collection[str]:
        """Return the existing indexes, each as `collection.name`."""
        with translate_errors():
            existing = set(await self._database.list_collection_names())
            existing |= set(await self._vault.keys_database.list_collection_names())
            return {
                f"{collection}.{name}"
                for collection, of_keys in {(index.collection, index.of_keys) for index in INDEXES}
                if collection in existing
                for name in await self._collection(collection, of_keys).index_information()
                if name != "_id_"
            }

    async def stores(self) -> Mapping[str, Store]:
        """Return all stores by id."""
        documents = await self._find("stores", {})
        return {document["_id"]: store_from_document(document) for document in documents}

    async def list_orders(self, query: OrderQuery, limit: int) -> Sequence[OrderLine]:
        """Return orders, newest purchase first; orders without a purchase date come last."""
        with translate_errors():
            cursor = self._database.amazon_orders.find(to_mongo(query), FIELDS)
            cursor = cursor.sort([("purchase_date", -1), ("_id", -1)]).limit(limit)
            orders = await cursor.to_list(None)
            commerce_orders = await commerce_orders_of(self._database, orders)
        return [line_from_document(order, commerce_orders) for order in orders]

    async def order_key(self, amazon_order_id: str) -> str | None:
        """Return the `store/order` key of the order of this Amazon id (rule 22)."""
        query = {"amazon_order_id": amazon_order_id}
        with translate_errors():
            order = await self._database.amazon_orders.find_one(query, {"_id": 1})
        return None if order is None else str(order["_id"])

    async def history(self, key: str) -> OrderHistory | None:
        """Return one order with its history; None if there is none of this `store/order`."""
        with translate_errors():
            order = await self._database.amazon_orders.find_one({"_id": key})
            if order is None:
                return None
            record = await self._with_buyer(order_from_document(order))
            history = tuple(map(history_entry_from_document, order.get("history", ())))
            ids = [event_id for entry in history for event_id in entry.events]
            events = await self._find("events", {"_id": {"$in": ids}}, _NO_BODY)
            commerce_id = order["import"].get("commerce_order_id")
            commerce_order = commerce_id and await self._database.commerce_orders.find_one(
                {"_id": commerce_id}
            )
            store = await self._database.stores.find_one({"_id": record.store_id})
        return OrderHistory(
            record=record,
            history=history,
            events={document["_id"]: _event_from_document(document) for document in events},
            commerce_order=commerce_order_from_document(commerce_order) if commerce_order else None,
            store=store_from_document(store) if store else None,
        )

    async def state_counts(self) -> Mapping[str, Mapping[ImportState, int]]:
        """Return, per store id, how many orders are in each state."""
        counts: dict[str, dict[ImportState, int]] = {}
        by = {"store_id": "$store_id", "state": "$import.state"}
        # Every order matches: with a condition, MongoDB uses an index, and counts by it alone.
        any_store = {"$match": {"store_id": {"$gt": ""}}}
        for group in await self._aggregate("amazon_orders", [any_store, _group_and_count(by)]):
            counts_of_store = counts.setdefault(group["_id"]["store_id"], {})
            counts_of_store[ImportState(group["_id"]["state"])] = group["count"]
        return counts

    async def overdue_counts(self, since: datetime) -> Mapping[str, int]:
        """Return, per store id, how many orders have waited for details since then or longer.

        An unknown purchase date is such a detail. Stores without such orders are left out.
        """
        overdue = {"$match": {"import.details_pending_since": {"$lte": since}}}
        return await self._count("amazon_orders", overdue, _group_and_count("$store_id"))

    async def blocker_counts(self) -> Mapping[str, int]:
        """Return, per blocker code, how many orders it blocks; an order can have several codes."""
        codes = {"$map": {"input": "$import.reasons", "in": "$$this.code"}}
        return await self._count(
            "amazon_orders",
            {"$match": {"import.state": ImportState.BLOCKED.value}},
            # Two products of one order can have the same blocker: the order counts once.
            {"$project": {"code": {"$setUnion": [codes]}}},
            {"$unwind": "$code"},
            _group_and_count("$code"),
        )

    async def blocked_groups(
        self, store_id: str | None, limit: int, ship_by_before: datetime | None = None
    ) -> Sequence[BlockedGroup]:
        """Return blocked orders by cause and product, the earliest ship-by date first.

        Groups without a ship-by date come last. With `ship_by_before`, only orders that must be
        shipped before then count.
        """
        pipeline = blocked_groups_pipeline(store_id, limit, ship_by_before)
        groups = await self._aggregate("amazon_orders", pipeline)
        return [blocked_group_from_document(group) for group in groups]

    async def buyer_data_counts(self, overdue: datetime, until: datetime) -> BuyerDataCounts:
        """Count the buyer data that expired before `overdue`, and that expires until `until`."""
        return await self._vault.count_expiring(overdue, until)

    async def blocked_summary(self, now: datetime) -> BlockedSummary:
        """Return what all blocked orders are worth, and how urgent they are."""
        groups = await self._aggregate("amazon_orders", blocked_summary_pipeline(now))
        return blocked_summary_from_documents(groups)

    async def dead_letter_counts(self) -> Mapping[str, int]:
        """Return, per code, how many messages became dead letters."""
        any_code = {"$match": {"code": {"$gt": ""}}}
        return await self._count("dead_letters", any_code, _group_and_count("$code"))

    async def offset_resets(self, since: datetime, limit: int) -> Sequence[OffsetReset]:
        """Return since then the checkpoints that were outside their logs, newest first."""
        with translate_errors():
            cursor = self._database.offset_resets.find({"at": {"$gte": since}})
            documents = await cursor.sort([("at", -1)]).limit(limit).to_list(None)
        return [offset_reset_from_document(document) for document in documents]

    async def standings(self) -> Mapping[TopicPartition, Standing]:
        """Return the progress of every source partition that was ever read."""
        fields = {"committed_offset": 1, "unpublished": {"$size": "$outbox"}}
        standings = {}
        for document in await self._aggregate("checkpoints", [{"$project": fields}]):
            topic, _, partition = document["_id"].rpartition(":")
            standings[TopicPartition(topic, int(partition))] = Standing(
                document["committed_offset"], document["unpublished"]
            )
        return standings

    def _collection(self, name: str, of_keys: bool) -> MongoCollection:
        return (self._vault.keys_database if of_keys else self._database)[name]

    async def _with_buyer(self, record: OrderRecord) -> OrderRecord:
        if self._vault.keys is None:
            return record
        content = (await self._vault.contents([record.key])).get(record.key)
        return with_buyer(record, None if content is None else content.fields)

    async def _find(
        self, collection: str, query: Document, fields: Document | None = None
    ) -> list[Document]:
        with translate_errors():
            return await self._database[collection].find(query, fields).to_list(None)

    async def _aggregate(self, collection: str, pipeline: list[Document]) -> list[Document]:
        with translate_errors():
            cursor = await maybe_await(self._database[collection].aggregate(pipeline))
            return await cursor.to_list(None)

    async def _count(self, collection: str, *stages: Document) -> dict[str, int]:
        groups = await self._aggregate(collection, [*stages])
        return {group["_id"]: group["count"] for group in groups}


def _group_and_count(by: object) -> Document:
    return {"$group": {"_id": by, "count": {"$sum": 1}}}


def _event_from_document(document: Document) -> PublishedEvent:
    return PublishedEvent(
        event_id=document["_id"],
        event_type=document["event_type"],
        topic=document["topic"],
        sequence=document["sequence"],
        occurred_at=document["occurred_at"],
    )
