"""Merging: what is stored of an order, and one more message about it (rules 5, 15 and 18).

Each part of an order has the time of the body that last updated it (`Clocks`), and a body is
compared with each part separately. The order in which bodies arrive makes no difference, except
for bodies without a time: they count as new as the order is when they arrive.
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

_MERGED_APART = frozenset(
    {
        "amazon_order_id",
        "store_id",
        "is_notification",
        "clocks",
        "last_update_date",
        "status",
        "buyer",
        "ship_to",
        "items",
        "items_complete",
        "buyer_requested_cancel",
    }
)
_REPLACED = tuple(name for name in AmazonOrder.model_fields if name not in _MERGED_APART)
"""The fields that are replaced by their newest value."""

_ORDER_DETAILS = frozenset({"total", "charges", "purchase_order_number", "latest_ship_date"})
"""Those of them that are details: a notification does not move the clock of a detail."""

_NOTHING = AmazonOrder.model_construct(amazon_order_id="")
"""What is stored of an order before the first message."""


class BodyTime(NamedTuple):
    """How new a body is. If it `yields`, it gives way to values that are just as new."""

    at: datetime | None
    yields: bool = False

    def reaches(self, clock: datetime | None) -> bool:
        """Return whether the body is not older than a clock."""
        if clock is None or self.at is None:
            return clock is None
        return self.at > clock or (self.at == clock and not self.yields)


def new_order(store_id: str, incoming: AmazonOrder) -> AmazonOrder:
    """Return the order after the first message about it."""
    names = {"amazon_order_id": incoming.amazon_order_id, "store_id": store_id}
    if incoming.is_notification:
        return _Merge(_NOTHING, incoming).result(names)
    # Everything in a body is taken, and is as new as the body.
    at = incoming.last_update_date
    lines = MergedLines(_NOTHING, incoming, BodyTime(at))
    update: dict[str, object] = {
        **names,
        "items": lines.kept_items(),
        "buyer_requested_cancel": lines.is_cancel_requested(),
        "clocks": Clocks({}, lines.clocks_unlike(at), lines.listed_at, lines.cancel_request),
    }
    return incoming.model_copy(update=update)


def status_applies(stored: AmazonOrder, incoming: AmazonOrder) -> bool:
    """Return whether the status of a message becomes the status of the order (rule 15).

    The newer status wins; of equal times, the one that is further along. Canceled is final,
    whatever its time: Amazon does not undo a cancellation, and the time of an event, if there is
    nothing better, is later than the change that it reports.
    """
    if incoming.status is None or stored.status is None:
        return incoming.status is not None
    if AmazonStatus.CANCELED in {incoming.status, stored.status}:
        return incoming.status is AmazonStatus.CANCELED
    at, clock = incoming.last_update_date, stored.updated_at("status")
    if at is None or clock is None:
        return incoming.status.rank >= stored.status.rank
    return (at, incoming.status.rank) >= (clock, stored.status.rank)


def merge(stored: AmazonOrder, incoming: AmazonOrder) -> AmazonOrder:
    """Merge a message into the stored order, each part by its own clock (rule 15).

    What the message leaves out stays. A value that was missing so far is taken, however old it is.
    """
    return _Merge(stored, incoming).result({})


class _Merge:
    """One merge. `fields` collects the clock of each field that has ever had a value."""

    def __init__(self, stored: AmazonOrder, incoming: AmazonOrder) -> None:
        self.stored, self.incoming = stored, incoming
        self.time = BodyTime(
            incoming.last_update_date or stored.last_update_date, _is_behind(stored, incoming)
        )
        # A notification's details are taken as long as no body has brought any.
        self.details_time = BodyTime(None) if incoming.is_notification else self.time
        self.fields: dict[str, datetime | None] = {}

    def result(self, names: Mapping[str, str]) -> AmazonOrder:
        stored, incoming = self.stored, self.incoming
        update: dict[str, object] = {**names}
        for name in _REPLACED:
            old, new = getattr(stored, name), getattr(incoming, name)
            if old is not None or new is not None:
                time = self.details_time if name in _ORDER_DETAILS else self.time
                update[name] = self._take(name, old, new, time)
        update["status"] = self._status()
        update["buyer"] = self._buyer()
        update["ship_to"] = self._address()
        lines = MergedLines(self.stored, self.incoming, self.time)
        update["items"] = lines.kept_items()
        # An order with too many lines is cut off, and is never complete.
        update["items_complete"] = not lines.is_cut_off() and (
            stored.items_complete or incoming.items_complete
        )
        update["buyer_requested_cancel"] = lines.is_cancel_requested()
        update["last_update_date"] = at = _later(stored.last_update_date, incoming.last_update_date)
        update["clocks"] = Clocks(
            fields={name: clock for name, clock in self.fields.items() if clock != at},
            lines=lines.clocks_unlike(at),
            listed_at=lines.listed_at,
            cancel_request=lines.cancel_request,
        )
        return stored.model_copy(update=update)

    def _take(self, name: str, old: object, new: object, time: BodyTime) -> object:
        """Return the newer value; record its clock."""
        clock = self.stored.updated_at(name)
        if _is_absent(new):
            if not _is_absent(old):
                self.fields[name] = clock
            return old
        taken = _is_absent(old) or time.reaches(clock)
        self.fields[name] = time.at if taken else clock
        return new if taken else old

    def _status(self) -> AmazonStatus | None:
        stored, incoming = self.stored, self.incoming
        clock = stored.updated_at("status")
        if status_applies(stored, incoming):
            again = incoming.status is stored.status
            self.fields["status"] = _later(clock, self.time.at) if again else self.time.at
            return incoming.status
        if stored.status is not None:
            self.fields["status"] = clock
        return stored.status

    def _buyer(self) -> Buyer | None:
        stored, incoming = self.stored.buyer, self.incoming.buyer
        if stored is None and incoming is None:
            return None
        update = {
            name: self._take(
                f"buyer.{name}",
                getattr(stored, name, None),
                getattr(incoming, name, None),
                self.details_time,
            )
            for name in Buyer.model_fields
        }
        return (stored or Buyer()).model_copy(update=update)

    def _address(self) -> Address | None:
        """Return the newer address, completed from the older one if both may be the same place."""
        stored, incoming = self.stored.ship_to, self.incoming.ship_to
        newest = self._take("ship_to", stored, incoming, self.details_time)
        if stored is None or incoming is None:
            return stored or incoming
        newer, older = (incoming, stored) if newest is incoming else (stored, incoming)
        return _filled(newer, older) if _may_be_one_place(newer, older) else newer


def _is_absent(value: object) -> bool:
    return value is None or (isinstance(value, tuple) and not value)


def _later(*times: datetime | None) -> datetime | None:
    return max((at for at in times if at is not None), default=None)


def _is_behind(stored: AmazonOrder, incoming: AmazonOrder) -> bool:
    if stored.status is None or incoming.status is None:
        return False
    return incoming.status.rank < stored.status.rank


def _may_be_one_place(newer: Address, older: Address) -> bool:
    """Return whether two addresses do not contradict each other: some bodies have only a part."""
    return all(
        _normalized(getattr(newer, field)) == _normalized(getattr(older, field))
        for field in Address.model_fields
        if getattr(newer, field) and getattr(older, field)
    )


def _normalized(value: str | tuple[str, ...]) -> object:
    words = (value,) if isinstance(value, str) else value
    return [word.casefold().split() for word in words]


def _filled(newer: Address, older: Address) -> Address:
    missing = {
        field: getattr(older, field)
        for field in Address.model_fields
        if not getattr(newer, field) and getattr(older, field)
    }
    return newer.model_copy(update=missing)


_LINE_DETAILS = ("seller_sku", "asin", "title", "price", "tax", "charges", "tax_collection")


class MergedLines:
    """The lines after a merge, and their clocks."""

    def __init__(self, stored: AmazonOrder, incoming: AmazonOrder, time: BodyTime) -> None:
        self._incoming, self._time = incoming, time
        self._completeness = _completeness(stored, incoming)
        before = {item.order_item_id: item for item in stored.items}
        self.clocks = {name: stored.line_clock(name) for name in before}
        if (
            stored.status is None
            and incoming.status is not None
            and not incoming.status.is_past_pending
        ):
            # Lines that came before any status belong to an order that was pending.
            for name, clock in self.clocks.items():
                self.clocks[name] = clock._replace(completeness=Completeness.PROVISIONAL)
        self.listed_at = stored.clocks.listed_at
        self.cancel_request = stored.clocks.cancel_request
        self.items = before | dict(self._merge(before, item) for item in incoming.items)
        if _lists_all(incoming) and time.reaches(self.listed_at):
            self.listed_at = time.at
            self._clear_units(before.keys() - {item.order_item_id for item in incoming.items})
        if incoming.buyer_requested_cancel is not None and not incoming.items:
            self._request_all(incoming.buyer_requested_cancel)

    def is_cancel_requested(self) -> bool | None:
        """Return whether the buyer asks to cancel what is left of the order, or a line of it."""
        items = [item for item in self.items.values() if item.quantity] or self.items.values()
        requests = {item.buyer_requested_cancel for item in items} - {None}
        if requests:
            return True in requests
        return None if self.cancel_request is None else self.cancel_request.requested

    def kept_items(self) -> tuple[OrderItem, ...]:
        """Return the lines up to the limit, those with units first."""
        items = self.items.values()
        if len(items) <= MAX_LINES:
            return tuple(items)
        return tuple(sorted(items, key=lambda item: not item.quantity))[:MAX_LINES]

    def clocks_unlike(self, at: datetime | None) -> dict[str, LineClock]:
        """Return the clocks of all lines that are incomplete or have another time than `at`."""
        usual = LineClock(at, at, at, Completeness.COMPLETE)
        unlike = {}
        for item in self.kept_items():
            clock = self.clocks[item.order_item_id]
            if item.buyer_requested_cancel is None:
                clock = clock._replace(request_at=at)
            if clock != usual:
                unlike[item.order_item_id] = clock
        return unlike

    def is_cut_off(self) -> bool:
        """Return whether there are more lines with units than an order may have."""
        return sum(item.quantity > 0 for item in self.items.values()) > MAX_LINES

    def _merge(self, before: dict[str, OrderItem], item: OrderItem) -> tuple[str, OrderItem]:
        name = item.order_item_id
        stored = before.get(name)
        if stored is None:
            return name, self._new_line(item)
        at, clock = self._time.at, self.clocks[name]
        newest = {
            "quantity": self._time.reaches(clock.quantity_at),
            "request": self._is_newer_request(item, stored, clock.request_at),
            "details": not self._incoming.is_notification and self._time.reaches(clock.details_at),
        }
        self.clocks[name] = LineClock(
            at if newest["quantity"] else clock.quantity_at,
            at if newest["request"] else clock.request_at,
            at if newest["details"] else clock.details_at,
            max(self._completeness, clock.completeness),
        )
        update = {
            field: _prefer(item, stored, field, item_first=newest["details"])
            for field in _LINE_DETAILS
        }
        update["quantity_shipped"] = _prefer(
            item, stored, "quantity_shipped", item_first=newest["quantity"]
        )
        if newest["quantity"]:
            update["quantity"] = item.quantity
        if newest["request"]:
            again = item.buyer_requested_cancel and stored.buyer_requested_cancel
            update["buyer_requested_cancel"] = item.buyer_requested_cancel
            update["cancel_reason"] = item.cancel_reason or (
                stored.cancel_reason if again else None
            )
        return name, stored.model_copy(update=update)

    def _new_line(self, item: OrderItem) -> OrderItem:
        """Add a line that is not stored yet."""
        at = self._time.at
        details_at = None if self._incoming.is_notification else at
        clock = LineClock(at, at, details_at, self._completeness)
        if not self._time.reaches(self.listed_at):  # a newer list of all lines leaves it out
            item, clock = _without_units(item), clock._replace(quantity_at=self.listed_at)
        of_all, requested = self.cancel_request, item.buyer_requested_cancel
        if of_all is not None and (requested is None or not self._time.reaches(of_all.at)):
            item = item.model_copy(update={"buyer_requested_cancel": of_all.requested})
            clock = clock._replace(request_at=of_all.at)
        self.clocks[item.order_item_id] = clock
        return item

    def _is_newer_request(self, item: OrderItem, stored: OrderItem, clock: datetime | None) -> bool:
        if item.buyer_requested_cancel is None:
            return False
        return stored.buyer_requested_cancel is None or self._time.reaches(clock)

    def _clear_units(self, names: Iterable[str]) -> None:
        """Remove the units of lines that are missing from a complete list of lines."""
        for name in names:
            if self._time.reaches(self.clocks[name].quantity_at):
                self.items[name] = _without_units(self.items[name])
                self.clocks[name] = self.clocks[name]._replace(quantity_at=self._time.at)

    def _request_all(self, requested: bool) -> None:
        """Apply a cancellation request for the whole order to each line."""
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


def _completeness(stored: AmazonOrder, incoming: AmazonOrder) -> Completeness:
    """Return how complete a line is after this message (rule 5).

    A body without a status describes the order as stored. Lines that come before any status are
    classified by the first one.
    """
    if incoming.is_notification:
        return Completeness.ANNOUNCED
    status = stored.status if incoming.status is None else incoming.status
    is_pending = status is not None and not status.is_past_pending
    return Completeness.PROVISIONAL if is_pending else Completeness.COMPLETE


def _lists_all(incoming: AmazonOrder) -> bool:
    """Return whether a message lists all lines of an order: details alone may be the last page."""
    if not incoming.items_complete or (
        incoming.status is None and incoming.last_update_date is None
    ):
        return False
    return sum(item.quantity for item in incoming.items) >= (incoming.items_expected or 0)


def _without_units(item: OrderItem) -> OrderItem:
    """Return a line that the order no longer has, without units. Its details stay."""
    return item.model_copy(update={"quantity": 0})


def _prefer(item: OrderItem, stored: OrderItem, field: str, *, item_first: bool) -> object:
    values = getattr(item, field), getattr(stored, field)
    preferred, alternative = values if item_first else values[::-1]
    return alternative if preferred is None else preferred
