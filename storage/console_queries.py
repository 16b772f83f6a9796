"""The console's lists of orders as queries: filters, and the stretches a page is read from."""

import re
from datetime import UTC, datetime
from typing import NamedTuple

from bson.decimal128 import Decimal128

from models.blockers import BlockerCode
from models.outcomes import ImportState, SkipReason, WaitingReason
from storage.console_reader import Cursor, OrderQuery, OrderRow, OrderSort
from storage.order_lines import line_out
from storage.values import Document

FIELD = {OrderSort.PURCHASED: "purchase_date", OrderSort.RECEIVED: "received_at"}

ROW_FIELDS: Document = dict.fromkeys(
    (
        "store_id",
        "amazon_order_id",
        "purchase_date",
        "latest_ship_date",
        "received_at",
        "status",
        "fulfillment_channel",
        "total",
        "buyer.name",
        "import.state",
        "import.reasons",
        "import.commerce_order_id",
        "import.since",
        "import.decided_at",
    ),
    1,
)
"""What is read of an order for its row."""

_BEGINNING = datetime(1, 1, 1, tzinfo=UTC)


class Stretch(NamedTuple):
    """A part of a sorted list that one index gives in order: a condition more, and the sort."""

    condition: Document
    sort: list[tuple[str, int]]


def filter_of(query: OrderQuery) -> Document:
    """Give the conditions of a query without its place.

    By purchase the state is always asked for: the indexes begin with it, and are merged.
    """
    match: Document = {}
    if query.sort is OrderSort.PURCHASED:
        match["import.state"] = {"$in": [state.value for state in _states(query)]}
    elif query.state is not None:
        match["import.state"] = query.state.value
    for field, value in (
        ("store_id", query.store_id),
        ("status", query.status),
        ("fulfillment_channel", query.channel),
    ):
        if value is not None:
            match[field] = str(value)
    if query.keys:
        match["_id"] = {"$in": list(query.keys)}
    if query.number is not None:
        match["amazon_order_id"] = {"$regex": "^" + re.escape(query.number)}
    if query.buyer is not None:
        match["buyer.name"] = {"$regex": re.escape(query.buyer), "$options": "i"}
    totals = {"$gte": query.total_min, "$lte": query.total_max}
    amounts = {how: Decimal128(str(one)) for how, one in totals.items() if one is not None}
    if amounts:
        match["total.amount"] = amounts
    return match | _of_reasons(query)


def stretches(query: OrderQuery, cursor: Cursor | None, *, forward: bool) -> list[Stretch]:
    """Give the stretches after a place, in the order they are read.

    Orders of one moment are told apart by their key; those without a date come last. Each
    stretch is bounded by an index, so a late page costs what the first one does.
    """
    field = FIELD[query.sort]
    descends = query.descending == forward
    way = -1 if descends else 1
    beyond = "$lt" if descends else "$gt"
    sort = [(field, way), ("_id", way)]
    bounds: Document = {}
    if query.purchased_from is not None:
        bounds["$gte"] = query.purchased_from
    if query.purchased_to is not None:
        bounds["$lt"] = query.purchased_to
    by_purchase = query.sort is OrderSort.PURCHASED
    other: Document = {"purchase_date": bounds} if bounds and not by_purchase else {}
    own = bounds if by_purchase else {}
    dated: Document = {field: own or {"$gte": _BEGINNING}}
    undated: Document | None = {field: None} if by_purchase and not bounds else None

    parts: list[Document] = []
    if cursor is None:
        parts = [dated] if undated is None else [dated, undated]
        if not forward:
            parts.reverse()
    elif cursor.at is not None:
        parts = [
            {field: cursor.at, "_id": {beyond: cursor.key}},
            {"$and": [dated, {field: {beyond: cursor.at}}]} if own else {field: _past(cursor, way)},
        ]
        if undated is not None and forward:
            parts.append(undated)
    else:
        parts = [{field: None, "_id": {beyond: cursor.key}}]
        if not forward:
            parts.append(dated)
    # The key is the id of a selection too: both conditions have to hold.
    return [Stretch({"$and": [part, other]} if other else part, sort) for part in parts]


def row_out(document: Document, commerce_orders: dict[str, Document]) -> OrderRow:
    """Give an order's row; its Commerce order is found by its id."""
    imported = document["import"]
    named = [one["sku"] for one in imported["reasons"] if isinstance(one, dict) and one.get("sku")]
    return OrderRow(
        line=line_out(document, commerce_orders),
        buyer_name=(document.get("buyer") or {}).get("name"),
        skus=tuple(dict.fromkeys(named)),
        since=imported.get("since"),
        decided_at=imported["decided_at"],
        received_at=document["received_at"],
        latest_ship_date=document.get("latest_ship_date"),
    )


def _past(cursor: Cursor, way: int) -> Document:
    if way > 0:
        return {"$gt": cursor.at}
    return {"$lt": cursor.at, "$gte": _BEGINNING}


def _of_reasons(query: OrderQuery) -> Document:
    conditions: list[Document] = []
    if query.reason is not None:
        is_blocker = query.reason in set(BlockerCode)
        blocker: Document = {"code": query.reason} if is_blocker else {}
        if query.product is not None:
            blocker["sku"] = query.product or None
        if query.asin is not None:
            blocker["asin"] = query.asin
        conditions.append(
            {"import.reasons": {"$elemMatch": blocker} if is_blocker else query.reason}
        )
    if query.sku is not None:
        conditions.append(
            {"$or": [{"items.seller_sku": query.sku}, {"import.reasons.sku": query.sku}]}
        )
    return {"$and": conditions} if conditions else {}


def _states(query: OrderQuery) -> list[ImportState]:
    if query.state is not None:
        return [query.state]
    if query.reason in set(BlockerCode):
        return [ImportState.BLOCKED]
    if query.reason in set(WaitingReason):
        return [ImportState.WAITING]
    if query.reason in set(SkipReason):
        return [ImportState.SKIPPED, ImportState.WITHDRAWN]
    return list(ImportState)
