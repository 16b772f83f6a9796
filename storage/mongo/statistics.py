"""A store's last hours: what was received, what was created, and how long that took."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from models.blockers import BlockerCode
from models.outcome import ImportState
from storage.documents.values import Document, money_from_document
from storage.mongo.driver import settled
from storage.mongo.errors import translated
from storage.queries import Activity, BlockedGroup, Hour

_SAMPLE = 500
"""How many of the newest Commerce orders the seconds are taken from."""
_HOUR = timedelta(hours=1)


async def activity_of(
    database: Any, store_id: str | None, since: datetime, until: datetime
) -> Activity:
    """Give what happened; each question is answered by an index alone."""
    begin = since.replace(minute=0, second=0, microsecond=0)
    received = await _per_hour(database.amazon_orders, "received_at", store_id, begin)
    created = await _per_hour(database.commerce_orders, "created_at", store_id, begin)
    hours = []
    while begin <= until:
        hours.append(Hour(begin, received.get(begin, 0), created.get(begin, 0)))
        begin += _HOUR
    seconds = sorted(await _seconds(database, store_id, since))
    return Activity(hours, _share(seconds, 0.5), _share(seconds, 0.95))


async def _per_hour(
    collection: Any, field: str, store_id: str | None, since: datetime
) -> dict[datetime, int]:
    match: Document = {field: {"$gte": since}}
    if store_id is not None:
        match["store_id"] = {"$in": [store_id]}  # see console_queries.filter_of
    stages = [
        {"$match": match},
        {
            "$group": {
                "_id": {"$dateTrunc": {"date": f"${field}", "unit": "hour"}},
                "count": {"$sum": 1},
            }
        },
    ]
    with translated():
        cursor = await settled(collection.aggregate(stages))
        return {group["_id"]: group["count"] for group in await cursor.to_list(None)}


async def _seconds(database: Any, store_id: str | None, since: datetime) -> list[float]:
    match: Document = {"created_at": {"$gte": since}}
    if store_id is not None:
        match["store_id"] = {"$in": [store_id]}  # see console_queries.filter_of
    fields = {"created_at": 1, "store_id": 1, "amazon_order_id": 1}
    with translated():
        made = await (
            database.commerce_orders.find(match, fields)
            .sort([("created_at", -1)])
            .limit(_SAMPLE)
            .to_list(None)
        )
        keys = {f"{one['store_id']}/{one['amazon_order_id']}": one["created_at"] for one in made}
        found = await database.amazon_orders.find(
            {"_id": {"$in": list(keys)}}, {"received_at": 1}
        ).to_list(None)
    return [max((keys[one["_id"]] - one["received_at"]).total_seconds(), 0.0) for one in found]


def _share(ordered: Sequence[float], share: float) -> float | None:
    return ordered[int(share * (len(ordered) - 1))] if ordered else None


_NEVER = datetime(9999, 12, 31, tzinfo=UTC)
"""Sorts groups without a ship-by date last; the database has what is missing first."""


def stages_of(store_id: str | None, limit: int) -> list[Document]:
    """Give the aggregation over `amazon_orders`. It begins with an index by state.

    An order has a cause once per product, so it counts once in each of its groups. Money is
    summed per currency first, in Decimal128.
    """
    match: Document = {"import.state": ImportState.BLOCKED.value}
    if store_id is not None:
        match["store_id"] = store_id
    return [
        {"$match": match},
        # An order can have a thousand blockers. Only what is grouped is repeated for each: of a
        # whole order, lines and all, that takes some servers seconds.
        {"$project": _GROUPED},
        {"$unwind": "$reason"},
        {"$group": {"_id": {**_CAUSE, "currency": "$total.currency"}, **_PER_CURRENCY}},
        {"$group": {"_id": _CAUSE_AGAIN, **_PER_CAUSE}},
        {"$set": {"due": {"$ifNull": ["$ship_by", _NEVER]}}},
        {"$sort": {"due": 1, "orders": -1, "_id": 1}},
        {"$limit": limit},
    ]


def group_out(document: Document) -> BlockedGroup:
    """Give a group as it came out of the aggregation."""
    by = document["_id"]
    values = [value for value in document["values"] if value.get("currency") is not None]
    money = [found for value in values if (found := money_from_document(value)) is not None]
    return BlockedGroup(
        code=BlockerCode(by["code"]),
        sku=by["sku"],
        similar_sku=document["similar_sku"],
        seller_skus=_each_once(document["seller_skus"]),
        asins=_each_once(document["asins"]),
        orders=document["orders"],
        value=tuple(sorted(money, key=lambda one: one.currency)),
        oldest_purchase=document["purchased"],
        earliest_ship_by=document["ship_by"],
        since=document["since"],
        tried=document["tried"],
    )


def _each_once(lists: Iterable[Iterable[str | None]]) -> tuple[str, ...]:
    return tuple(sorted({one for found in lists for one in found if one}))


_GROUPED: Document = {
    "reason": "$import.reasons",
    "total": 1,
    "purchase_date": 1,
    "latest_ship_date": 1,
    "since": "$import.since",
    "tried": "$import.tried",
}

_SKU = {"$ifNull": ["$reason.sku", None]}

_CAUSE: Document = {
    "code": "$reason.code",
    "sku": _SKU,
    # Lines without a SKU are told apart by what else is known of them.
    "asin": {
        "$cond": [{"$eq": [_SKU, None]}, {"$ifNull": ["$reason.asin", None]}, None],
    },
}

_PER_CURRENCY: Document = {
    "orders": {"$sum": 1},
    "amount": {"$sum": "$total.amount"},
    "purchased": {"$min": "$purchase_date"},
    "ship_by": {"$min": "$latest_ship_date"},
    "since": {"$min": "$since"},
    "tried": {"$max": "$tried"},
    "similar_sku": {"$max": "$reason.similar_sku"},
    "seller_skus": {"$addToSet": "$reason.seller_sku"},
    "asins": {"$addToSet": "$reason.asin"},
}

_CAUSE_AGAIN: Document = {"code": "$_id.code", "sku": "$_id.sku", "asin": "$_id.asin"}

_PER_CAUSE: Document = {
    "orders": {"$sum": "$orders"},
    "values": {"$push": {"currency": "$_id.currency", "amount": "$amount"}},
    "purchased": {"$min": "$purchased"},
    "ship_by": {"$min": "$ship_by"},
    "since": {"$min": "$since"},
    "tried": {"$max": "$tried"},
    "similar_sku": {"$max": "$similar_sku"},
    "seller_skus": {"$push": "$seller_skus"},
    "asins": {"$push": "$asins"},
}
