"""The end of buyer data on MongoDB: it is counted until it expires, and then erased (rule 27)."""

import asyncio
from datetime import datetime

from storage.documents.values import Document
from storage.mongo.driver import Database
from storage.mongo.errors import translate_errors
from storage.queries import BuyerDataCounts

ERASED_AT_ONCE = 500
"""How many documents one update erases: a long one would be in the way of transactions."""

_ORDER_EXPIRES = "buyer_data.expires_at"
_ORDER_DATA = dict.fromkeys(("buyer", "ship_to"), "")
_DEAD_LETTER_EXPIRES = "expires_at"
_DEAD_LETTER_DATA: Document = {"key": None, "value": None, "headers": []}


async def erase_expired(database: Database, at: datetime) -> tuple[int, int]:
    """Erase the buyer data that has expired; return of how many orders and dead letters.

    The orders stay, and so do the dead letters, which an outbox may still refer to.
    """
    orders = await _erase(
        database,
        "amazon_orders",
        {_ORDER_EXPIRES: {"$lte": at}},
        {"$unset": _ORDER_DATA, "$set": {"buyer_data": {"erased_at": at}}},
    )
    dead_letters = await _erase(
        database,
        "dead_letters",
        {_DEAD_LETTER_EXPIRES: {"$lte": at}},
        {
            "$unset": dict.fromkeys((_DEAD_LETTER_EXPIRES, "details_of"), ""),
            "$set": _DEAD_LETTER_DATA | {"erased_at": at},
        },
    )
    return orders, dead_letters


async def count_expiring(database: Database, overdue: datetime, until: datetime) -> BuyerDataCounts:
    """Count what expired before `overdue` and is still there, and what expires until `until`."""
    late: Document = {"$lte": overdue}
    soon: Document = {"$gt": overdue, "$lte": until}
    fields = {"amazon_orders": _ORDER_EXPIRES, "dead_letters": _DEAD_LETTER_EXPIRES}
    with translate_errors():
        late_orders, late_dead_letters, orders, dead_letters = await asyncio.gather(
            *(
                database[collection].count_documents({field: bounds})
                for bounds in (late, soon)
                for collection, field in fields.items()
            )
        )
    return BuyerDataCounts(late_orders + late_dead_letters, orders, dead_letters)


async def _erase(database: Database, collection: str, query: Document, update: Document) -> int:
    erased = 0
    while True:
        with translate_errors():
            expired = database[collection].find(query, {"_id": 1}).limit(ERASED_AT_ONCE)
            ids = [document["_id"] for document in await expired.to_list(None)]
            if not ids:
                return erased
            result = await database[collection].update_many({"_id": {"$in": ids}} | query, update)
        erased += result.modified_count
