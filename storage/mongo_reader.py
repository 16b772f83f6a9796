"""The reader on MongoDB: lists, counts and one order's history, each by an index."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from typing_extensions import override

from models.amazon_order import AmazonStatus, FulfillmentChannel
from models.blockers import BlockerCode
from models.facts import CommerceStatus, Store
from models.ledger import Source
from models.outcomes import ImportState, SkipReason, WaitingReason
from storage.commerce_documents import commerce_order_out
from storage.driver import Driver, open_client, settled
from storage.fact_documents import store_out
from storage.indexes import INDEXES
from storage.mongo import translated
from storage.order_documents import order_out, story_out
from storage.reader import (
    OrderFilter,
    OrderHistory,
    OrderLine,
    PublishedEvent,
    Reader,
    Standing,
)
from storage.values import Document, money_out

_LINE = dict.fromkeys(
    (
        "store_id",
        "amazon_order_id",
        "purchase_date",
        "status",
        "fulfillment_channel",
        "total",
        "import.state",
        "import.reasons",
        "import.commerce_order_id",
    ),
    1,
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
        return {found["_id"]: store_out(found) for found in await self._find("stores", {})}

    @override
    async def list_orders(self, wanted: OrderFilter) -> Sequence[OrderLine]:
        with translated():
            cursor = self._database.amazon_orders.find(_query(wanted), _LINE)
            cursor = cursor.sort([("purchase_date", -1), ("_id", -1)]).limit(wanted.limit)
            found = await cursor.to_list(None)
        ids = [id_ for doc in found if (id_ := doc["import"].get("commerce_order_id"))]
        numbers = {"order_number": 1, "status": 1}
        commerce = await self._find("commerce_orders", {"_id": {"$in": ids}}, numbers)
        orders = {doc["_id"]: doc for doc in commerce}
        return [_line(doc, orders) for doc in found]

    @override
    async def order_keys(self, amazon_order_id: str) -> Sequence[str]:
        found = await self._find("amazon_orders", {"amazon_order_id": amazon_order_id}, {"_id": 1})
        return sorted(document["_id"] for document in found)

    @override
    async def history(self, key: str) -> OrderHistory | None:
        found = await self._find("amazon_orders", {"_id": key})
        if not found:
            return None
        record = order_out(found[0])
        story = tuple(story_out(entry) for entry in found[0].get("story", ()))
        ids = [event_id for entry in story for event_id in entry.events]
        events = await self._find("events", {"_id": {"$in": ids}}, _NO_BODY)
        commerce_id = found[0]["import"].get("commerce_order_id")
        commerce = await self._find("commerce_orders", {"_id": commerce_id}) if commerce_id else []
        stores = await self._find("stores", {"_id": record.store_id})
        return OrderHistory(
            record=record,
            story=story,
            events={document["_id"]: _event(document) for document in events},
            commerce_order=commerce_order_out(commerce[0]) if commerce else None,
            store=store_out(stores[0]) if stores else None,
        )

    @override
    async def state_counts(self) -> Mapping[str, Mapping[ImportState, int]]:
        counts: dict[str, dict[ImportState, int]] = {}
        of = {"store_id": "$store_id", "state": "$import.state"}
        for group in await self._aggregate("amazon_orders", [_counted(of)]):
            store = counts.setdefault(group["_id"]["store_id"], {})
            store[ImportState(group["_id"]["state"])] = group["count"]
        return counts

    @override
    async def blocker_counts(self) -> Mapping[str, int]:
        return await self._count(
            "amazon_orders",
            {"$match": {"import.state": ImportState.BLOCKED.value}},
            {"$unwind": "$import.reasons"},
            # Two products of one order may have the same trouble: the order counts once.
            {"$group": {"_id": {"order": "$_id", "code": "$import.reasons.code"}}},
            _counted("$_id.code"),
        )

    @override
    async def dead_letter_counts(self) -> Mapping[str, int]:
        return await self._count("dead_letters", _counted("$code"))

    @override
    async def standings(self) -> Mapping[Source, Standing]:
        sized = {"decided_to": 1, "unpublished": {"$size": "$outbox"}}
        standings = {}
        for document in await self._aggregate("positions", [{"$project": sized}]):
            topic, _, partition = document["_id"].rpartition(":")
            standings[Source(topic, int(partition))] = Standing(
                document["decided_to"], document["unpublished"]
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
        groups = await self._aggregate(collection, list(stages))
        return {group["_id"]: group["count"] for group in groups}


@asynccontextmanager
async def open_reader(
    url: str, database: str, driver: Driver = Driver.MOTOR, **options: Any
) -> AsyncIterator[MongoReader]:
    """Give a reader of a database, closed at the end."""
    client = open_client(url, driver, **options)
    try:
        yield MongoReader(client, database)
    finally:
        await settled(client.close())


def _query(wanted: OrderFilter) -> Document:
    # The state is always asked for: the indexes begin with it, and are merged in their order.
    states = [wanted.state] if wanted.state is not None else _states_of(wanted.reason)
    query: Document = {"import.state": {"$in": [state.value for state in states]}}
    if wanted.store_id is not None:
        query["store_id"] = wanted.store_id
    if wanted.since is not None:
        query["purchase_date"] = {"$gte": wanted.since}
    if wanted.reason is not None:
        is_blocker = wanted.reason in set(BlockerCode)
        query["import.reasons.code" if is_blocker else "import.reasons"] = wanted.reason
    return query


def _states_of(reason: str | None) -> Collection[ImportState]:
    if reason in set(BlockerCode):
        return [ImportState.BLOCKED]
    if reason in set(WaitingReason):
        return [ImportState.WAITING]
    if reason in set(SkipReason):
        return [ImportState.SKIPPED, ImportState.WITHDRAWN]
    return list(ImportState)


def _counted(by: object) -> Document:
    return {"$group": {"_id": by, "count": {"$sum": 1}}}


def _line(document: Document, commerce_orders: Mapping[str, Document]) -> OrderLine:
    get = document.get
    imported = document["import"]
    commerce_id = imported.get("commerce_order_id")
    commerce = commerce_orders.get(commerce_id or "", {})
    codes = [
        reason if isinstance(reason, str) else reason["code"] for reason in imported["reasons"]
    ]
    status, channel, moved = get("status"), get("fulfillment_channel"), commerce.get("status")
    return OrderLine(
        store_id=document["store_id"],
        amazon_order_id=document["amazon_order_id"],
        purchase_date=get("purchase_date"),
        status=None if status is None else AmazonStatus(status),
        channel=None if channel is None else FulfillmentChannel(channel),
        total=money_out(get("total")),
        state=ImportState(imported["state"]),
        reasons=tuple(dict.fromkeys(codes)),
        commerce_order_id=commerce_id,
        order_number=commerce.get("order_number"),
        commerce_status=None if moved is None else CommerceStatus(moved),
    )


def _event(document: Document) -> PublishedEvent:
    return PublishedEvent(
        event_id=document["_id"],
        event_type=document["event_type"],
        topic=document["topic"],
        sequence=document["sequence"],
        occurred_at=document["occurred_at"],
    )
