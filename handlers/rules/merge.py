"""Two clocks: what is known of an order, and one more message about it (rules 5, 15 and 18).

Each part of an order has the time of the body that last updated it (`Clocks`), and a body is
compared with each part by itself. So the order in which bodies arrive does not matter, but for
those without a time: they are as new as the order is when they come.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from models.amazon_order import (
    MAX_LINES,
    Address,
    AmazonOrder,
    AmazonStatus,
    Buyer,
    CancelRequest,
    Clocks,
    Completeness,
    LineClock,
    OrderItem,
)

_APART = frozenset(
    {
        *("amazon_order_id", "store_id", "is_notification", "clocks", "last_update_date"),
        *("status", "buyer", "ship_to", "items", "items_complete", "buyer_requested_cancel"),
    }
)
_PLAIN = tuple(name for name in AmazonOrder.model_fields if name not in _APART)
"""Fields that are replaced by their newest value."""

_ORDER_DETAILS = frozenset({"total", "latest_ship_date"})
"""Those of them that are details: a notification moves the clock of no detail."""

_NOTHING = AmazonOrder.model_construct(amazon_order_id="")
"""What is known of an order before the first message."""


class BodyTime(NamedTuple):
    """How new a body is. `yields` says that it gives way to what is just as new."""

    at: datetime | None
    yields: bool = False

    def reaches(self, clock: datetime | None) -> bool:
        """Say whether the body is not older than a clock."""
        if clock is None or self.at is None:
            return clock is None
        return self.at > clock or (self.at == clock and not self.yields)


def first(store_id: str, news: AmazonOrder) -> AmazonOrder:
    """Return what is known of an order after the first message about it."""
    names = {"amazon_order_id": news.amazon_order_id, "store_id": store_id}
    if news.is_notification:
        return _Merge(_NOTHING, news).merged(names)
    # All that a body tells is taken, and is as new as the body.
    at = news.last_update_date
    lines = MergedLines(_NOTHING, news, BodyTime(at))
    update: dict[str, object] = {
        **names,
        "items": lines.most(),
        "items_complete": news.items_complete and not lines.is_cut_off(),
        "buyer_requested_cancel": lines.is_cancel_requested(),
        "clocks": Clocks({}, lines.clocks_unlike(at), lines.listed_at, lines.cancel_request),
    }
    return news.model_copy(update=update)


def moves_status(known: AmazonOrder, news: AmazonOrder) -> bool:
    """Say whether the status of the news is the order's from now on (rule 15).

    The newer status is, of equal times the one that is further along. Canceled is final and
    counts whatever its time: Amazon takes no cancellation back, and an event's own time, where
    nothing better is known, is later than the change it tells of.
    """
    if news.status is None or known.status is None:
        return news.status is not None
    if AmazonStatus.CANCELED in {news.status, known.status}:
        return news.status is AmazonStatus.CANCELED
    at, clock = news.last_update_date, known.updated_at("status")
    if at is None or clock is None or at == clock:
        return news.status.rank >= known.status.rank
    return at > clock


def merge(known: AmazonOrder, news: AmazonOrder) -> AmazonOrder:
    """Add what the news tells to what is known, each part by its own clock (rule 15).

    What the news leaves out stays. What was never told before is taken, however old it is.
    """
    return _Merge(known, news).merged({})


class _Merge:
    """One merge. `fields` collects the clock of each field of the result that was ever told."""

    def __init__(self, known: AmazonOrder, news: AmazonOrder) -> None:
        self.known, self.news = known, news
        self.time = BodyTime(
            news.last_update_date or known.last_update_date, _is_behind(known, news)
        )
        # What a notification says of details is taken as long as no body has told them.
        self.details_time = BodyTime(None) if news.is_notification else self.time
        self.fields: dict[str, datetime | None] = {}

    def merged(self, names: Mapping[str, str]) -> AmazonOrder:
        known, news = self.known, self.news
        update: dict[str, object] = {**names}
        for name in _PLAIN:
            old, new = getattr(known, name), getattr(news, name)
            if old is not None or new is not None:
                time = self.details_time if name in _ORDER_DETAILS else self.time
                update[name], _ = self._take(name, old, new, time)
        update["status"] = self._status()
        update["buyer"] = self._buyer()
        update["ship_to"] = self._address()
        lines = MergedLines(self.known, self.news, self.time)
        update["items"] = lines.most()
        # An order that grows without end is cut off, and is never complete.
        update["items_complete"] = not lines.is_cut_off() and (
            known.items_complete or news.items_complete
        )
        update["buyer_requested_cancel"] = lines.is_cancel_requested()
        update["last_update_date"] = at = _later(known.last_update_date, news.last_update_date)
        update["clocks"] = Clocks(
            fields={name: clock for name, clock in self.fields.items() if clock != at},
            lines=lines.clocks_unlike(at),
            listed_at=lines.listed_at,
            cancel_request=lines.cancel_request,
        )
        return known.model_copy(update=update)

    def _take(self, name: str, old: object, new: object, time: BodyTime) -> tuple[object, bool]:
        """Return the newer value, and whether it is the new one; remember its clock."""
        clock = self.known.updated_at(name)
        if _is_absent(new):
            if not _is_absent(old):
                self.fields[name] = clock
            return old, False
        taken = _is_absent(old) or time.reaches(clock)
        self.fields[name] = time.at if taken else clock
        return (new if taken else old), taken

    def _status(self) -> AmazonStatus | None:
        known, news = self.known, self.news
        clock = None if known.status is None else known.updated_at("status")
        if moves_status(known, news):
            again = news.status is known.status
            self.fields["status"] = _later(clock, self.time.at) if again else self.time.at
            return news.status
        if known.status is not None:
            self.fields["status"] = clock
        return known.status

    def _buyer(self) -> Buyer | None:
        known, news = self.known.buyer, self.news.buyer
        if known is None and news is None:
            return None
        update = {
            name: self._take(
                f"buyer.{name}",
                getattr(known, name, None),
                getattr(news, name, None),
                self.details_time,
            )[0]
            for name in Buyer.model_fields
        }
        return (known or Buyer()).model_copy(update=update)

    def _address(self) -> Address | None:
        """Return the newer address, with what only the other tells if it may be the same place."""
        known, news = self.known.ship_to, self.news.ship_to
        _, taken = self._take("ship_to", known, news, self.details_time)
        if known is None or news is None:
            return known or news
        newer, older = (news, known) if taken else (known, news)
        return _filled(newer, older) if _may_be_one_place(newer, older) else newer


def _is_absent(value: object) -> bool:
    return value is None or (isinstance(value, tuple) and not value)


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((at for at in (one, other) if at is not None), default=None)


def _is_behind(known: AmazonOrder, news: AmazonOrder) -> bool:
    if known.status is None or news.status is None:
        return False
    return news.status.rank < known.status.rank


def _may_be_one_place(one: Address, other: Address) -> bool:
    """Say whether two addresses contradict each other nowhere: some bodies tell only a part."""
    return all(
        _plain(getattr(one, field)) == _plain(getattr(other, field))
        for field in Address.model_fields
        if getattr(one, field) and getattr(other, field)
    )


def _plain(value: str | tuple[str, ...]) -> object:
    words = (value,) if isinstance(value, str) else value
    return [" ".join(word.split()).casefold() for word in words]


def _filled(newer: Address, older: Address) -> Address:
    missing = {
        field: getattr(older, field)
        for field in Address.model_fields
        if not getattr(newer, field) and getattr(older, field)
    }
    return newer.model_copy(update=missing) if missing else newer


_LINE_DETAILS = ("seller_sku", "asin", "title", "price", "tax")


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
            for field in _LINE_DETAILS
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
