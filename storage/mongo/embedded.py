"""Queries for the embedded database, which reads an index range to its end before it answers.

Nothing here is needed on MongoDB. See docs/decisions/0018-console-queries.md.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from typing_extensions import override

from models.order_query import OrderSort
from models.outcome import ImportState
from storage.documents.values import Document
from storage.mongo.driver import Database
from storage.mongo.errors import translate_errors
from storage.mongo.order_queries import (
    BEGINNING,
    SORT_FIELD,
    IndexRange,
    OrderReads,
    all_orders,
    to_mongo,
)
from storage.mongo.search import FIRST_WIDTH, TimeSlices

_SELECTIVE = {"_id", "amazon_order_id", "import.depends_on", "import.details_pending_since"}
_IMPLIED_STATE = {
    "import.depends_on": ImportState.BLOCKED,
    "import.details_pending_since": ImportState.WAITING,
}
"""The state of the orders in an index of some of them."""

_WIDER = 8
_SHIPPED_WITHIN = timedelta(days=365)
_FARTHEST = timedelta(days=7_300)
_NEARER = 0.95
_CLOSE = timedelta(hours=1)


async def open_reads(database: Database) -> OrderReads:
    """Return what reads orders best on this server."""
    with translate_errors():
        server = await database.command("buildInfo")
    return EmbeddedReads(database) if "secantusVersion" in server else OrderReads(database)


class EmbeddedReads(OrderReads):
    """Reads in slices of time that widen, and one state at a time."""

    @override
    async def split(
        self, part: IndexRange, conditions: Document, at: datetime, /
    ) -> Sequence[IndexRange]:
        field, direction = part.sort[0]
        if not isinstance(part.condition.get(field), dict) or conditions.keys() & _SELECTIVE:
            return [part]
        [sort] = [sort for sort, name in SORT_FIELD.items() if name == field]
        oldest = await self.oldest(sort, at) if direction > 0 else None
        latest = at + _SHIPPED_WITHIN if sort is OrderSort.SHIP_BY else at
        slices = TimeSlices(part, latest, oldest)
        parts, width = [], FIRST_WIDTH
        while (piece := slices.cut(width)) is not None:
            parts.append(piece)
            width *= _WIDER
        return parts

    @override
    async def _find(
        self, part: IndexRange, conditions: Document, limit: int, fields: Document
    ) -> list[Document]:
        find = super()._find
        states = by_state(conditions)
        lists = await asyncio.gather(*(find(part, of_state, limit, fields) for of_state in states))
        return merge(lists, part.sort)[:limit]

    @override
    async def _count(self, conditions: Document, at_most: int) -> int:
        count = super()._count
        states = by_state(conditions)
        counts = await asyncio.gather(*(count(of_state, at_most) for of_state in states))
        return min(sum(counts), at_most)

    @override
    async def _find_oldest(self, sort: OrderSort, at: datetime) -> datetime:
        field = SORT_FIELD[sort]

        async def is_empty_before(moment: datetime) -> bool:
            for of_state in by_state(to_mongo(all_orders(sort))):
                before = of_state | {field: {"$gte": BEGINNING, "$lt": moment}}
                if await self._orders.find_one(before, {"_id": 1}):
                    return False
            return True

        return await approximate_beginning(at, is_empty_before)


def of_store(store_id: str) -> Document:
    """Return the condition of one store, so that an aggregation uses an index by time.

    MongoDB makes an equality of it; for one, the embedded database takes an index by store.
    """
    return {"$in": [store_id]}


def by_state(conditions: Document) -> list[Document]:
    """Return the conditions for each state: after several states, no index bounds the dates.

    An index of some orders is preferred to that of their state if the state is left out.
    """
    condition = conditions.get("import.state")
    others = {field: value for field, value in conditions.items() if field != "import.state"}
    if any(
        field in conditions and condition == state.value for field, state in _IMPLIED_STATE.items()
    ):
        return [others]
    if not isinstance(condition, dict) or "_id" in conditions or "amazon_order_id" in conditions:
        return [conditions]
    return [others | {"import.state": state} for state in condition["$in"]]


def merge(lists: Sequence[Sequence[Document]], sort: list[tuple[str, int]]) -> list[Document]:
    """Return several sorted lists as one."""
    (field, direction), _ = sort
    orders = [order for documents in lists for order in documents]
    if len(lists) > 1:
        orders.sort(key=lambda order: (order.get(field) or BEGINNING, order["_id"]))
        if direction < 0:
            orders.reverse()
    return orders


async def approximate_beginning(
    at: datetime, is_empty_before: Callable[[datetime], Awaitable[bool]]
) -> datetime:
    """Return a moment up to an hour before the first of a list; `at` is the present.

    The steps become smaller from long ago on: each question about an empty time is cheap.
    """
    far = _FARTHEST
    near = far * _NEARER
    while near > _CLOSE and await is_empty_before(at - near):
        far, near = near, near * _NEARER
    while far - near > _CLOSE:
        middle = near + (far - near) / 2
        if await is_empty_before(at - middle):
            far = middle
        else:
            near = middle
    return at - far
