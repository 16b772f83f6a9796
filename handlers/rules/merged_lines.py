"""The lines of an order after one more message about it (rules 5, 6, 15 and 18)."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from models.amazon_order import (
    MAX_LINES,
    AmazonOrder,
    CancelRequest,
    Completeness,
    LineClock,
    OrderItem,
)

_DETAILS = ("seller_sku", "asin", "title", "price", "tax")


class BodyTime(NamedTuple):
    """How new a body is. `yields` says that it gives way to what is just as new."""

    at: datetime | None
    yields: bool = False

    def reaches(self, clock: datetime | None) -> bool:
        """Say whether the body is not older than a clock."""
        if clock is None or self.at is None:
            return clock is None
        return self.at > clock or (self.at == clock and not self.yields)


class MergedLines:
    """The lines after a merge, and their clocks."""

    def __init__(self, known: AmazonOrder, news: AmazonOrder, time: BodyTime) -> None:
        self._known, self._news, self._time = known, news, time
        self._completeness = _completeness(known, news)
        before = {item.order_item_id: item for item in known.items}
        self.clocks = {name: known.line_clock(name) for name in before}
        if known.status is None and news.status is not None and not news.status.is_past_pending:
            # Lines that came before any status came of an order that was pending.
            for name, clock in self.clocks.items():
                self.clocks[name] = clock._replace(completeness=Completeness.PROVISIONAL)
        self.listed_at = known.clocks.listed_at
        self.cancel_request = known.clocks.cancel_request
        self.items = before | dict(self._merge(before, item) for item in news.items)
        if _lists_all(news) and time.reaches(self.listed_at):
            self.listed_at = time.at
            self._take_pieces(before.keys() - {item.order_item_id for item in news.items})
        if news.buyer_requested_cancel is not None and not news.items:
            self._request_all(news.buyer_requested_cancel)

    def is_cancel_requested(self) -> bool | None:
        """Say whether the buyer asks to cancel what is left of the order, or a line of it."""
        items = [item for item in self.items.values() if item.quantity] or self.items.values()
        requests = {item.buyer_requested_cancel for item in items} - {None}
        if requests:
            return True in requests
        of_all = self.cancel_request
        return self._known.buyer_requested_cancel if of_all is None else of_all.requested

    def most(self) -> tuple[OrderItem, ...]:
        """Return as many lines as an order may have; those with units come before the others."""
        items = self.items.values()
        if len(items) <= MAX_LINES:
            return tuple(items)
        return tuple(sorted(items, key=lambda item: not item.quantity))[:MAX_LINES]

    def clocks_unlike(self, at: datetime | None) -> dict[str, LineClock]:
        """Return the clocks of all lines but those that are complete and all of one time."""
        usual = LineClock(at, at, at, Completeness.COMPLETE)
        unlike = {}
        for item in self.most():
            clock = self.clocks[item.order_item_id]
            if item.buyer_requested_cancel is None:
                clock = clock._replace(request_at=at)
            if clock != usual:
                unlike[item.order_item_id] = clock
        return unlike

    def is_cut_off(self) -> bool:
        """Say whether there are more lines with units than an order may have."""
        return len(self.items) > MAX_LINES < sum(1 for one in self.items.values() if one.quantity)

    def _merge(self, before: dict[str, OrderItem], item: OrderItem) -> tuple[str, OrderItem]:
        name = item.order_item_id
        known = before.get(name)
        if known is None:
            return name, self._first(item)
        at, clock = self._time.at, self.clocks[name]
        newest = {
            "quantity": self._time.reaches(clock.quantity_at),
            "request": self._is_newer_request(item, known, clock.request_at),
            "details": not self._news.is_notification and self._time.reaches(clock.details_at),
        }
        self.clocks[name] = LineClock(
            at if newest["quantity"] else clock.quantity_at,
            at if newest["request"] else clock.request_at,
            at if newest["details"] else clock.details_at,
            max(self._completeness, clock.completeness),
        )
        update = {
            field: _first_told(item, known, field, item_first=newest["details"])
            for field in _DETAILS
        }
        update["quantity_shipped"] = _first_told(
            item, known, "quantity_shipped", item_first=newest["quantity"]
        )
        if newest["quantity"]:
            update["quantity"] = item.quantity
        if newest["request"]:
            again = item.buyer_requested_cancel and known.buyer_requested_cancel
            update["buyer_requested_cancel"] = item.buyer_requested_cancel
            update["cancel_reason"] = item.cancel_reason or (known.cancel_reason if again else None)
        return name, known.model_copy(update=update)

    def _first(self, item: OrderItem) -> OrderItem:
        """Take a line that was never told before."""
        at = self._time.at
        details_at = None if self._news.is_notification else at
        clock = LineClock(at, at, details_at, self._completeness)
        if not self._time.reaches(self.listed_at):  # a newer list of all lines has it not
            item, clock = _without_pieces(item), clock._replace(quantity_at=self.listed_at)
        of_all, told = self.cancel_request, item.buyer_requested_cancel
        if of_all is not None and (told is None or not self._time.reaches(of_all.at)):
            item = item.model_copy(update={"buyer_requested_cancel": of_all.requested})
            clock = clock._replace(request_at=of_all.at)
        self.clocks[item.order_item_id] = clock
        return item

    def _is_newer_request(self, item: OrderItem, known: OrderItem, clock: datetime | None) -> bool:
        if item.buyer_requested_cancel is None:
            return False
        return known.buyer_requested_cancel is None or self._time.reaches(clock)

    def _take_pieces(self, names: Iterable[str]) -> None:
        """Take the units from lines that a list of all lines does not have."""
        for name in names:
            if self._time.reaches(self.clocks[name].quantity_at):
                self.items[name] = _without_pieces(self.items[name])
                self.clocks[name] = self.clocks[name]._replace(quantity_at=self._time.at)

    def _request_all(self, requested: bool) -> None:
        """Take what is said of a cancellation of the whole order: it is said of each line."""
        if self.cancel_request is None or self._time.reaches(self.cancel_request.at):
            self.cancel_request = CancelRequest(requested, self._time.at)
        for name, item in self.items.items():
            clock = self.clocks[name]
            if item.buyer_requested_cancel is None or self._time.reaches(clock.request_at):
                reason = {} if requested else {"cancel_reason": None}
                self.items[name] = item.model_copy(
                    update={"buyer_requested_cancel": requested} | reason
                )
                self.clocks[name] = clock._replace(request_at=self._time.at)


def _completeness(known: AmazonOrder, news: AmazonOrder) -> Completeness:
    """Say how much a line is known by this news (rule 5).

    A body that tells no status speaks of the order as it is known. Lines that come before any
    status are settled by the first one.
    """
    if news.is_notification:
        return Completeness.ANNOUNCED
    status = known.status if news.status is None else news.status
    is_pending = status is not None and not status.is_past_pending
    return Completeness.PROVISIONAL if is_pending else Completeness.COMPLETE


def _lists_all(news: AmazonOrder) -> bool:
    """Say whether the news lists all lines of an order: details alone may be the last page."""
    if not news.items_complete or (news.status is None and news.last_update_date is None):
        return False
    return sum(item.quantity for item in news.items) >= (news.items_expected or 0)


def _without_pieces(item: OrderItem) -> OrderItem:
    """Return a line that the order no longer has. What is known of it stays known."""
    return item.model_copy(update={"quantity": 0})


def _first_told(one: OrderItem, other: OrderItem, field: str, *, item_first: bool) -> object:
    values = getattr(one, field), getattr(other, field)
    preferred, alternative = values if item_first else values[::-1]
    return alternative if preferred is None else preferred
