"""The console's lists of orders as queries: filters, and the stretches a page is read from."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from bson.decimal128 import Decimal128
from pymongo.errors import ExecutionTimeout

from models.blockers import BlockerCode
from models.keys import depends_on_product
from models.order_query import Cursor, OrderQuery, OrderSort
from models.outcome import ImportState
from storage.documents.order_record import FIELDS, commerce_of, line_out
from storage.documents.values import Document
from storage.mongo.errors import translated
from storage.queries import OrderRow, QueryTookTooLong

FIELD = {
    OrderSort.PURCHASED: "purchase_date",
    OrderSort.RECEIVED: "received_at",
    OrderSort.TOTAL: "total.amount",
    OrderSort.SHIP_BY: "latest_ship_date",
}

ROW_FIELDS: Document = dict.fromkeys(
    (
        *(*FIELDS, "latest_ship_date", "received_at", "buyer.name"),
        *("import.details_pending_since", "import.since", "import.decided_at"),
    ),
    1,
)
"""What is read of an order for its row."""

BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
"""Before every date there is: what is compared with it has one."""

_LAST = "\uffff"
_END = datetime.max.replace(tzinfo=UTC)


class Stretch(NamedTuple):
    """A part of a sorted list that one index gives in order: a condition more, and the sort."""

    condition: Document
    sort: list[tuple[str, int]]

    def within(self, filtered: Document) -> Document:
        """Give the conditions of a filter and of this stretch; flat, for planners that need it."""
        if filtered.keys() & self.condition.keys():
            return {"$and": [filtered, self.condition]}
        return {**filtered, **self.condition}


def filter_of(query: OrderQuery) -> Document:
    """Give the conditions of a query without its place, and without its states."""
    match: Document = {}
    for field, value in (
        ("store_id", query.store_id),
        ("status", query.status),
        ("fulfillment_channel", query.channel),
        ("total.currency", query.currency),
    ):
        if value is not None:
            match[field] = str(value)
    if query.store_id is not None and query.sort is OrderSort.RECEIVED:
        # The same to MongoDB; others would take an index that begins with the store.
        match["store_id"] = {"$in": [query.store_id]}
    if query.keys:
        match["_id"] = {"$in": list(query.keys)}
    if query.number is not None:
        match["amazon_order_id"] = {"$gte": query.number, "$lt": query.number + _LAST}
    if query.buyer is not None:
        match["buyer.name"] = {"$regex": literal(query.buyer), "$options": "i"}
    totals = {"$gte": query.total_min, "$lte": query.total_max}
    amounts = {how: Decimal128(str(one)) for how, one in totals.items() if one is not None}
    if amounts:
        match["total.amount"] = amounts
    if query.product:
        # Every order that a product blocks waits on it: this has an index.
        match |= waiting_on(query.product)
    if query.overdue_since is not None:
        match |= overdue(query.overdue_since)
    return match | _of_reasons(query)


def literal(text: str) -> str:
    """Return the pattern of a text itself. A pattern may hold no NUL, which is escaped too."""
    return re.escape(text).replace("\0", r"\x00")


def states_of(query: OrderQuery) -> list[str]:
    """Give the states that the orders asked for can be in."""
    return [state.value for state in query.states]


def by_state(query: OrderQuery) -> list[Document]:
    """Give the conditions a page is read by, one state at a time where its index begins with it.

    What one has found is merged with the others. Keys and numbers have indexes of their own.
    """
    states = states_of(query)
    if query.product and states == [ImportState.BLOCKED.value]:
        return [{}]  # only blocked orders wait on a product, and one index is enough
    if query.overdue_since is not None and states == [ImportState.WAITING.value]:
        return [{}]  # so do only waiting ones for details
    if query.sort is not OrderSort.RECEIVED and not query.keys and query.number is None:
        return [{"import.state": state} for state in states]
    return [among(states)]


def among(states: list[str]) -> Document:
    """Give the condition of some states; of all of them it is none."""
    if len(states) == len(ImportState):
        return {}
    return {"import.state": states[0] if len(states) == 1 else {"$in": states}}


def purchased(query: OrderQuery) -> Document:
    """Give the bounds of the purchase date; empty where there are none."""
    bounds: Document = {}
    if query.purchased_from is not None:
        bounds["$gte"] = query.purchased_from
    if query.purchased_to is not None:
        bounds["$lt"] = query.purchased_to
    return bounds


def waiting_on(sku: str) -> Document:
    """Give the condition of the orders that wait on a product."""
    return {"import.depends_on": depends_on_product(sku)}


def overdue(since: datetime) -> Document:
    """Return the condition of the orders that have waited for details since then or longer."""
    return {"import.details_pending_since": {"$lte": since}}


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
    bounds = purchased(query)
    by_purchase = query.sort is OrderSort.PURCHASED
    other: Document = {"purchase_date": bounds} if bounds and not by_purchase else {}
    own = bounds if by_purchase else {}
    dated: Document = {field: own or {"$gte": BEGINNING}}
    undated: Document | None = {field: None} if by_purchase and not own else None

    parts: list[Document] = []
    if cursor is None:
        parts = [dated] if undated is None else [dated, undated]
        if not forward:
            parts.reverse()
    elif cursor.at is not None:
        parts = [
            {field: cursor.at, "_id": {beyond: cursor.key}},
            {field: {**(own or {"$gte": BEGINNING}), **_past(cursor, way, own)}},
        ]
        if undated is not None and forward:
            parts.append(undated)
    else:
        parts = [{field: None, "_id": {beyond: cursor.key}}]
        if not forward:
            parts.append(dated)
    # The key is the id of a selection too: both conditions have to hold.
    return [Stretch({**part, **other}, sort) for part in parts]


def moved(at: datetime, by: timedelta) -> datetime:
    """Return a moment moved by some time, but not beyond the calendar's ends."""
    try:
        return at + by
    except OverflowError:
        return _END if by > timedelta(0) else BEGINNING


def merged(found: list[list[Document]], sort: list[tuple[str, int]], limit: int) -> list[Document]:
    """Give the first of several sorted lists together."""
    (field, way), _ = sort
    rows = [row for rows in found for row in rows]
    if len(found) > 1:
        rows.sort(key=lambda row: (place_of(row, field), row["_id"]), reverse=way < 0)
    return rows[:limit]


def place_of(row: Document, field: str) -> tuple[Any, ...]:
    """Give what a row is sorted by, as a tuple; an empty one where it has nothing."""
    found: object = row
    for name in field.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    if found is None:
        return ()
    return (found.to_decimal() if isinstance(found, Decimal128) else found,)


def _past(cursor: Cursor, way: int, own: Document) -> Document:
    """Give what lies beyond a place. A place outside of the bounds is one that they leave out."""
    at = cursor.at
    if at is None:
        return {}
    if way > 0:
        low = own.get("$gte")
        return {} if low is not None and low > at else {"$gt": at, "$gte": at}
    high = own.get("$lt")
    return {} if high is not None and high < at else {"$lt": at}


def _of_reasons(query: OrderQuery) -> Document:
    conditions: list[Document] = []
    blocker: Document = {}
    if query.reason is not None:
        is_blocker = query.reason in set(BlockerCode)
        if is_blocker:
            blocker["code"] = query.reason
        else:
            conditions.append({"import.reasons": query.reason})
    if query.product is not None:
        blocker["sku"] = query.product or None
    if query.asin is not None:
        blocker["asin"] = query.asin
    if blocker:
        conditions.append({"import.reasons": {"$elemMatch": blocker}})
    if query.sku is not None:
        conditions.append(
            {"$or": [{"items.seller_sku": query.sku}, {"import.reasons.sku": query.sku}]}
        )
    return {"$and": conditions} if conditions else {}


async def rows_of(database: Any, found: Sequence[Document]) -> list[OrderRow]:
    """Give orders as rows, each with its Commerce order."""
    with translated():
        made = await commerce_of(database, found)
    return [row_out(document, made) for document in found]


def row_out(document: Document, commerce_orders: Mapping[str, Document]) -> OrderRow:
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


@asynccontextmanager
async def patiently(milliseconds: int) -> AsyncIterator[None]:
    """Wait no longer than that. The server is told so too, but not every one listens."""
    with translated():
        try:
            async with asyncio.timeout(1.5 * milliseconds / 1000):
                yield
        except (ExecutionTimeout, TimeoutError) as error:
            raise QueryTookTooLong from error
