"""Searching orders by what no index has: read by an index in pieces, and looked at one by one."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from bson.decimal128 import Decimal128

from models.blockers import BlockerCode
from models.order_query import OrderQuery, OrderSort
from storage.documents.values import Document
from storage.mongo.order_queries import BEGINNING, FIELD, Stretch, moved, states_of

FIRST = timedelta(hours=1)
"""How much of a list the first piece holds."""
_FARTHEST = timedelta(days=10_000)


class Pieces:
    """Cuts a stretch of a list into pieces of time, each as wide as asked for.

    They begin where reading begins: at the newest, or about at the `oldest`. A stretch without
    bounds of time is one piece.
    """

    def __init__(
        self, stretch: Stretch, sort: OrderSort, at: datetime, oldest: datetime | None
    ) -> None:
        self._stretch = stretch
        self._field = FIELD[sort]
        self._descends = stretch.sort[0][1] < 0
        bounds = stretch.condition.get(self._field)
        self._bounds: Document = bounds if isinstance(bounds, dict) else {}
        low = self._bounds.get("$gte", BEGINNING)
        low = max(low, self._bounds.get("$gt", BEGINNING))
        high = self._bounds.get("$lt")
        if low == BEGINNING and not self._descends and oldest is not None:
            low = oldest
        elif low == BEGINNING:
            low = at - _FARTHEST
        start, end = low, min(high or at, at)
        self._end = start if self._descends else end
        self.reached = end if self._descends else start
        """Up to here all was cut off."""
        self._inner: Document = {}
        self._is_over = False

    @property
    def goes_on(self) -> bool:
        """Whether there are more pieces, which begin where was `reached`."""
        return bool(self._bounds) and not self._is_over

    def cut(self, width: timedelta) -> Stretch | None:
        """Give the next piece; None where there is none."""
        if self._is_over:
            return None
        if not self._bounds:
            self._is_over = True
            return self._stretch
        farther = moved(self.reached, -width if self._descends else width)
        self._is_over = farther <= self._end if self._descends else farther >= self._end
        outer: Document = {}
        if not self._is_over:
            outer = {"$gte" if self._descends else "$lt": farther}
        conditions = [{self._field: one} for one in (self._bounds, self._inner, outer) if one]
        self._inner = {"$lt" if self._descends else "$gte": farther}
        self.reached = farther
        return Stretch(
            {**self._stretch.condition, self._field: _within(self._field, conditions)},
            self._stretch.sort,
        )


def matcher(query: OrderQuery) -> Callable[[Document], bool]:
    """Give what says whether an order is asked for: the same as `filter_of` asks of it."""
    states = set(states_of(query))
    buyer = None if query.buyer is None else re.compile(re.escape(query.buyer), re.IGNORECASE)

    def matches(order: Document) -> bool:
        total = order.get("total") or {}
        return (
            order["import"]["state"] in states
            and query.status in (None, order.get("status"))
            and query.channel in (None, order.get("fulfillment_channel"))
            and query.currency in (None, total.get("currency"))
            and (
                buyer is None
                or buyer.search((order.get("buyer") or {}).get("name") or "") is not None
            )
            and _has_amount(query, total.get("amount"))
            and _has_reason(query, order["import"]["reasons"])
            and _has_sku(query, order)
            and _is_overdue(query, order["import"].get("details_pending_since"))
        )

    return matches


def _within(field: str, conditions: list[Document]) -> Document:
    """Give the tightest of several bounds of one field."""
    tightest: dict[str, Any] = {}
    for condition in conditions:
        for how, at in condition[field].items():
            known = tightest.get(how)
            is_lower = how in ("$gt", "$gte")
            tightest[how] = at if known is None else max(known, at) if is_lower else min(known, at)
    if "$gt" in tightest and "$gte" in tightest:
        del tightest["$gte" if tightest["$gt"] >= tightest["$gte"] else "$gt"]
    return tightest


def _has_amount(query: OrderQuery, stored: Decimal128 | None) -> bool:
    if query.total_min is None and query.total_max is None:
        return True
    if stored is None:
        return False
    amount = stored.to_decimal()
    return (query.total_min is None or amount >= query.total_min) and (
        query.total_max is None or amount <= query.total_max
    )


def _has_reason(query: OrderQuery, reasons: list[Any]) -> bool:
    is_blocker = query.reason in set(BlockerCode)
    if query.reason is not None and not is_blocker and query.reason not in reasons:
        return False
    if not is_blocker and not query.asks_for_a_blocker:
        return True
    return any(
        (not is_blocker or one.get("code") == query.reason)
        and (query.product is None or one.get("sku") == (query.product or None))
        and query.asin in (None, one.get("asin"))
        for one in reasons
        if isinstance(one, dict)
    )


def _is_overdue(query: OrderQuery, since: datetime | None) -> bool:
    asked = query.overdue_since
    return asked is None or (since is not None and since <= asked)


def _has_sku(query: OrderQuery, order: Document) -> bool:
    if query.sku is None:
        return True
    named = [item.get("seller_sku") for item in order.get("items") or ()]
    named += [one.get("sku") for one in order["import"]["reasons"] if isinstance(one, dict)]
    return query.sku in named
