"""Lists of orders as queries: the filter, the index ranges of a page, and an order's row."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import NamedTuple

from bson.decimal128 import Decimal128
from pymongo.errors import ExecutionTimeout

from models.keys import depends_on_product
from models.order_query import Cursor, OrderQuery, OrderSort
from models.outcome import ImportState
from models.reasons import BlockerCode
from storage.documents.order_line import (
    DETAIL_FIELDS,
    FIELDS,
    details_from_document,
    line_from_document,
)
from storage.documents.values import Document, present
from storage.mongo.buyer_data import BuyerVault, Content
from storage.mongo.driver import Database
from storage.mongo.errors import translate_errors
from storage.queries import OrderRow, QueryTookTooLong

SORT_FIELD = {
    OrderSort.PURCHASED: "purchase_date",
    OrderSort.RECEIVED: "received_at",
    OrderSort.SHIP_BY: "latest_ship_date",
}

ROW_FIELDS: Document = dict.fromkeys(
    (
        *FIELDS,
        "latest_ship_date",
        "received_at",
        "buyer_data",
        "import.details_pending_since",
        "import.since",
        "import.decided_at",
    ),
    1,
)
"""The fields of an order that its row needs."""
EXPORT_FIELDS: Document = ROW_FIELDS | DETAIL_FIELDS
"""The fields of an order that its row in an export needs."""

BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
"""Earlier than every date: a condition `>= BEGINNING` means that there is a date."""

_LAST = "\uffff"
_READ_MS = 3_000
_COUNT_MS = 800


class IndexRange(NamedTuple):
    """A part of a sorted list that one index holds in order: a condition, and the sort."""

    condition: Document
    sort: list[tuple[str, int]]

    def with_filter(self, conditions: Document) -> Document:
        """Return the query for the orders of this range that meet the conditions."""
        if conditions.keys() & self.condition.keys():
            return {"$and": [conditions, self.condition]}
        return {**conditions, **self.condition}


def to_mongo(query: OrderQuery, *, dates: bool = True) -> Document:
    """Return the filter of a query, without its place; without `dates` for an index range."""
    conditions = _with_store(query) | _with_states(query)
    conditions |= present(status=query.status, fulfillment_channel=query.channel)
    conditions |= present(**{"total.currency": query.currency})
    if query.keys:
        conditions["_id"] = {"$in": list(query.keys)}
    if query.number is not None:
        conditions["amazon_order_id"] = {"$gte": query.number, "$lt": query.number + _LAST}
    limits = present(**{"$gte": query.total_min, "$lte": query.total_max})
    if limits:
        amounts = {operator: Decimal128(str(limit)) for operator, limit in limits.items()}
        conditions["total.amount"] = amounts
    conditions |= _with_dependency(query) | _with_reasons(query)
    if dates:
        conditions |= _dates(query)
    return conditions


def indexed_conditions(query: OrderQuery) -> Document:
    """Return those conditions of a query, except dates, that have an index with its sort."""
    if query.keys or query.number is not None:
        return to_mongo(query, dates=False)
    if query.sort is OrderSort.RECEIVED:
        return _with_store(query)
    return _with_store(query) | _with_states(query) | _with_dependency(query)


def all_orders(sort: OrderSort) -> OrderQuery:
    """Return the query for all orders that can be sorted so."""
    return OrderQuery(sort=sort, state=ImportState.BLOCKED if sort is OrderSort.SHIP_BY else None)


def literal_pattern(text: str) -> str:
    """Return the pattern that matches a text itself. MongoDB refuses a NUL in a pattern."""
    return re.escape(text).replace("\0", r"\x00")


def index_ranges(query: OrderQuery, cursor: Cursor | None, *, forward: bool) -> list[IndexRange]:
    """Return the index ranges after a place (or before it), in the order they are read.

    Orders of the same moment are sorted by their key; orders without a date come last. An index
    bounds each range, so a late page costs as much as the first one.
    """
    field = SORT_FIELD[query.sort]
    descends = query.descending == forward
    direction = -1 if descends else 1
    beyond = "$lt" if descends else "$gt"
    sort = [(field, direction), ("_id", direction)]
    other = _dates(query)
    bounds: Document = other.pop(field, {})
    dated: Document = {field: bounds or {"$gte": BEGINNING}}
    # Every order has been received at some time.
    has_undated = query.sort is not OrderSort.RECEIVED and not bounds
    undated: list[Document] = [{field: None}] if has_undated else []

    conditions: list[Document]
    if cursor is None:
        conditions = [dated, *undated] if forward else [*undated, dated]
    elif cursor.at is not None:
        conditions = [
            {field: cursor.at, "_id": {beyond: cursor.key}},
            {field: tightest_bounds(bounds or {"$gte": BEGINNING}, {beyond: cursor.at})},
            *(undated if forward else ()),
        ]
    else:
        conditions = [{field: None, "_id": {beyond: cursor.key}}, *(() if forward else (dated,))]
    return [IndexRange({**condition, **other}, sort) for condition in conditions]


class OrderReads:
    """Reads orders by an index, each list by one query for each of its ranges."""

    def __init__(self, database: Database) -> None:
        self._orders = database.amazon_orders
        self._oldest: dict[OrderSort, datetime] = {}

    async def split(
        self, part: IndexRange, _conditions: Document, _at: datetime, /
    ) -> Sequence[IndexRange]:
        """Return the parts in which a range is read best, in its order."""
        return [part]

    async def read(
        self, part: IndexRange, conditions: Document, limit: int, fields: Document = ROW_FIELDS
    ) -> Sequence[Document]:
        """Return the first orders of a range that meet the conditions.

        Raises:
            QueryTookTooLong: There are too many that do not.
        """
        async with time_limit(_READ_MS):
            return await self._find(part, conditions, limit, fields)

    async def count(self, conditions: Document, at_most: int) -> int:
        """Count the orders that meet the conditions, but no further than `at_most`.

        Raises:
            QueryTookTooLong: No index has the conditions, and there are too many orders.
        """
        async with time_limit(_COUNT_MS):
            return await self._count(conditions, at_most)

    async def oldest(self, sort: OrderSort, at: datetime) -> datetime:
        """Return about the earliest moment in a list; `at` is the present.

        It is only the best place to begin: earlier orders are read too.
        """
        if sort not in self._oldest:
            with translate_errors():
                self._oldest[sort] = await self._find_oldest(sort, at)
        return self._oldest[sort]

    async def _find(
        self, part: IndexRange, conditions: Document, limit: int, fields: Document
    ) -> list[Document]:
        cursor = self._orders.find(part.with_filter(conditions), fields)
        return await cursor.sort(part.sort).limit(limit).max_time_ms(_READ_MS).to_list(None)

    async def _count(self, conditions: Document, at_most: int) -> int:
        return await self._orders.count_documents(conditions, limit=at_most, maxTimeMS=_COUNT_MS)

    async def _find_oldest(self, sort: OrderSort, at: datetime) -> datetime:
        field = SORT_FIELD[sort]
        conditions = to_mongo(all_orders(sort)) | {field: {"$gte": BEGINNING}}
        cursor = self._orders.find(conditions, {field: 1}).sort([(field, 1), ("_id", 1)])
        dates: list[datetime] = [order[field] for order in await cursor.limit(1).to_list(None)]
        return dates[0] if dates else at


@asynccontextmanager
async def time_limit(milliseconds: int) -> AsyncIterator[None]:
    """Allow a query so much time, which the server knows too; stop waiting half as much later.

    Raises:
        QueryTookTooLong: It took longer.
    """
    with translate_errors():
        try:
            async with asyncio.timeout(1.5 * milliseconds / 1000):
                yield
        except (ExecutionTimeout, TimeoutError) as error:
            raise QueryTookTooLong from error


async def commerce_orders_of(
    database: Database, orders: Sequence[Document]
) -> Mapping[str, Document]:
    """Return what a list shows of the orders' Commerce orders, by their ids."""
    ids = [id_ for order in orders if (id_ := order["import"].get("commerce_order_id"))]
    if not ids:
        return {}
    fields = {"order_number": 1, "status": 1}
    cursor = database.commerce_orders.find({"_id": {"$in": ids}}, fields)
    return {document["_id"]: document for document in await cursor.to_list(None)}


async def read_rows(
    database: Database,
    vault: BuyerVault | None,
    orders: Sequence[Document],
    *,
    exported: bool = False,
) -> list[OrderRow]:
    """Return orders as rows, each with its Commerce order; exported ones with their details.

    The names of buyers are in the `vault`; without it, rows have none.
    """
    with translate_errors():
        commerce_orders = await commerce_orders_of(database, orders)
        with_buyer = [
            order["_id"] for order in orders if "expires_at" in order.get("buyer_data", ())
        ]
        buyers = {} if vault is None else await vault.contents(with_buyer)
    return [
        _row_from_document(order, commerce_orders, buyers.get(order["_id"]), exported=exported)
        for order in orders
    ]


def _row_from_document(
    document: Document,
    commerce_orders: Mapping[str, Document],
    buyer: Content | None,
    *,
    exported: bool,
) -> OrderRow:
    imported = document["import"]
    skus = [
        reason["sku"]
        for reason in imported["reasons"]
        if isinstance(reason, dict) and reason.get("sku")
    ]
    return OrderRow(
        line=line_from_document(document, commerce_orders),
        buyer_name=None if buyer is None else buyer.fields.get("buyer", {}).get("name"),
        skus=tuple(dict.fromkeys(skus)),
        since=imported.get("since"),
        decided_at=imported["decided_at"],
        received_at=document["received_at"],
        latest_ship_date=document.get("latest_ship_date"),
        details=details_from_document(document) if exported else None,
        buyer_erased_at=document.get("buyer_data", {}).get("erased_at"),
    )


def _with_store(query: OrderQuery) -> Document:
    return present(store_id=query.store_id)


def _with_states(query: OrderQuery) -> Document:
    """Return the condition of the states.

    Most indexes begin with the state; MongoDB merges their ranges. Orders as received, keys and
    numbers have indexes of their own.
    """
    states = [state.value for state in query.states]
    if len(states) == 1:
        return {"import.state": states[0]}
    has_other_index = query.sort is OrderSort.RECEIVED or query.keys or query.number is not None
    if has_other_index and len(states) == len(ImportState):
        return {}
    return {"import.state": {"$in": states}}


def _with_dependency(query: OrderQuery) -> Document:
    conditions: Document = {}
    if query.product:
        # Every order that a product blocks depends on it.
        conditions["import.depends_on"] = depends_on_product(query.product)
    if query.overdue_since is not None:
        conditions["import.details_pending_since"] = {"$lte": query.overdue_since}
    return conditions


def _dates(query: OrderQuery) -> Document:
    """Return the bounds of each date that has any. Orders without the date do not meet them."""
    purchased = present(**{"$gte": query.purchased_from, "$lt": query.purchased_to})
    due = present(**{"$lt": query.ship_by_before})
    return present(purchase_date=purchased or None, latest_ship_date=due or None)


def tightest_bounds(*bounds: Document) -> Document:
    """Return the bounds that several bounds of one field amount to."""
    tightest: Document = {}
    for operators in bounds:
        for operator, at in operators.items():
            choose = max if operator in {"$gt", "$gte"} else min
            tightest[operator] = choose(tightest.get(operator, at), at)
    if "$gt" in tightest and "$gte" in tightest:
        del tightest["$gte" if tightest["$gt"] >= tightest["$gte"] else "$gt"]
    return tightest


def _with_reasons(query: OrderQuery) -> Document:
    conditions: list[Document] = []
    blocker: Document = {}
    if query.reason in set(BlockerCode):
        blocker["code"] = query.reason
    elif query.reason is not None:
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
