"""Blocked orders grouped by cause and product: the aggregation, and a group from its document."""

from collections.abc import Iterable
from datetime import UTC, datetime

from models.blockers import BlockerCode
from models.outcome import ImportState
from storage.reader import BlockedGroup
from storage.values import Document, money_from_document

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
