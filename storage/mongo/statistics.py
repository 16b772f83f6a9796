"""Statistics: a store's last hours, and blocked orders grouped by cause and product."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from models.keys import order_key
from models.money import Money
from models.outcome import AT_RISK, ImportState
from models.reasons import BlockerCode
from storage.documents.values import Document, money_from_document, present
from storage.mongo.driver import Collection, Database, maybe_await
from storage.mongo.embedded import of_store
from storage.mongo.errors import translate_errors
from storage.queries import Activity, BlockedGroup, BlockedSummary, Hour

_SAMPLE = 500
"""How many of the newest Commerce orders the seconds are measured on."""
_HOUR = timedelta(hours=1)


async def read_activity(
    database: Database, store_id: str | None, since: datetime, until: datetime
) -> Activity:
    """Return what happened in the hours between; each query reads an index alone."""
    hour = since.replace(minute=0, second=0, microsecond=0)
    received = await _count_per_hour(database.amazon_orders, "received_at", store_id, hour)
    created = await _count_per_hour(database.commerce_orders, "created_at", store_id, hour)
    hours = []
    while hour <= until:
        hours.append(Hour(hour, received.get(hour, 0), created.get(hour, 0)))
        hour += _HOUR
    seconds = sorted(await _seconds_to_create(database, store_id, since))
    return Activity(hours, _quantile(seconds, 0.5), _quantile(seconds, 0.95))


async def _count_per_hour(
    orders: Collection, field: str, store_id: str | None, since: datetime
) -> dict[datetime, int]:
    match = _since(field, since, store_id)
    hour = {"$dateTrunc": {"date": f"${field}", "unit": "hour"}}
    stages = [{"$match": match}, {"$group": {"_id": hour, "count": {"$sum": 1}}}]
    with translate_errors():
        cursor = await maybe_await(orders.aggregate(stages))
        return {group["_id"]: group["count"] for group in await cursor.to_list(None)}


async def _seconds_to_create(
    database: Database, store_id: str | None, since: datetime
) -> list[float]:
    match = _since("created_at", since, store_id)
    fields = {"created_at": 1, "store_id": 1, "amazon_order_id": 1}
    with translate_errors():
        newest = database.commerce_orders.find(match, fields).sort([("created_at", -1)])
        created_at = {
            order_key(order["store_id"], order["amazon_order_id"]): order["created_at"]
            for order in await newest.limit(_SAMPLE).to_list(None)
        }
        orders = await database.amazon_orders.find(
            {"_id": {"$in": list(created_at)}}, {"received_at": 1}
        ).to_list(None)
    return [
        max((created_at[order["_id"]] - order["received_at"]).total_seconds(), 0.0)
        for order in orders
    ]


def _since(field: str, since: datetime, store_id: str | None) -> Document:
    match: Document = {field: {"$gte": since}}
    return match if store_id is None else match | {"store_id": of_store(store_id)}


def _quantile(ordered: Sequence[float], share: float) -> float | None:
    return ordered[int(share * (len(ordered) - 1))] if ordered else None


_NEVER = datetime(9999, 12, 31, tzinfo=UTC)
"""Sorts groups without a ship-by date last; the database sorts missing values first."""


def blocked_groups_pipeline(
    store_id: str | None, limit: int, ship_by_before: datetime | None = None
) -> list[Document]:
    """Return the aggregation over `amazon_orders`. It begins with an index by state.

    An order has a cause once per product, so it counts once in each of its groups. Money is
    summed per currency first, in Decimal128.
    """
    match = {"import.state": ImportState.BLOCKED.value, **present(store_id=store_id)}
    if ship_by_before is not None:
        match["latest_ship_date"] = {"$lt": ship_by_before}
    return [
        {"$match": match},
        # An order can have a thousand blockers, and $unwind copies it for each of them: keep only
        # the fields that are grouped.
        {"$project": _GROUPED},
        {"$unwind": "$reason"},
        {"$group": {"_id": {**_CAUSE, "currency": "$total.currency"}, **_PER_CURRENCY}},
        {"$group": {"_id": _CAUSE_AGAIN, **_PER_CAUSE}},
        {"$set": {"due": {"$ifNull": ["$ship_by", _NEVER]}}},
        {"$sort": {"due": 1, "orders": -1, "_id": 1}},
        {"$limit": limit},
    ]


def blocked_group_from_document(document: Document) -> BlockedGroup:
    """Return a group that the aggregation returned."""
    cause = document["_id"]
    return BlockedGroup(
        code=BlockerCode(cause["code"]),
        sku=cause["sku"],
        stock_id=cause["stock_id"],
        similar_sku=document["similar_sku"],
        seller_skus=_distinct(document["seller_skus"]),
        asins=_distinct(document["asins"]),
        orders=document["orders"],
        value=_money(document["values"]),
        oldest_purchase_date=document["purchased"],
        earliest_ship_date=document["ship_by"],
        blocked_since=document["since"],
        tried=document["tried"],
    )


def blocked_summary_pipeline(now: datetime) -> list[Document]:
    """Return the aggregation over `amazon_orders`. It begins with an index by state."""
    return [
        {"$match": {"import.state": ImportState.BLOCKED.value}},
        {
            "$group": {
                "_id": "$total.currency",
                "amount": {"$sum": "$total.amount"},
                "since": {"$min": "$import.since"},
                "ship_by": {"$min": "$latest_ship_date"},
                "overdue": _count_if_before(now),
                "due": _count_if_before(now + AT_RISK),
            }
        },
    ]


def _count_if_before(moment: datetime) -> Document:
    # A missing date is before every date.
    is_before = {"$lt": [{"$ifNull": ["$latest_ship_date", _NEVER]}, moment]}
    return {"$sum": {"$cond": [is_before, 1, 0]}}


def blocked_summary_from_documents(groups: Sequence[Document]) -> BlockedSummary:
    """Return the summary that the aggregation returned, one document per currency."""
    return BlockedSummary(
        value=_money({**group, "currency": group["_id"]} for group in groups),
        since=min((group["since"] for group in groups if group["since"]), default=None),
        earliest_ship_by=min(
            (group["ship_by"] for group in groups if group["ship_by"]), default=None
        ),
        overdue=sum(group["overdue"] for group in groups),
        at_risk=sum(group["due"] - group["overdue"] for group in groups),
    )


def _money(sums: Iterable[Document]) -> tuple[Money, ...]:
    of_orders = [value for value in sums if value.get("currency") is not None]
    money = [value for value in map(money_from_document, of_orders) if value is not None]
    return tuple(sorted(money, key=lambda value: value.currency))


def _distinct(lists: Iterable[Iterable[str | None]]) -> tuple[str, ...]:
    return tuple(sorted({value for values in lists for value in values if value}))


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
    "stock_id": {"$ifNull": ["$reason.stock_id", None]},
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

_CAUSE_AGAIN: Document = {name: f"$_id.{name}" for name in _CAUSE}

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
