"""A store's last hours: what was received, what was created, and how long that took."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from storage.console_reader import Activity, Hour
from storage.driver import settled
from storage.mongo_errors import translated
from storage.values import Document

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
