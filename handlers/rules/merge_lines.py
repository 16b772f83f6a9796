"""Merging the lines of an order: what is stored of each, and one more message (rules 5 and 15)."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from models.amazon_order import (
    MAX_LINES,
    AmazonOrder,
    CancelRequest,
    ChargesTold,
    Clocks,
    Completeness,
    LineClock,
    OrderItem,
)
from models.charges import Charge, ChargeKind

_LINE_DETAILS = ("seller_sku", "asin", "title", "price", "tax", "tax_collection")


class BodyTime(NamedTuple):
    """How new a body is. If it `yields`, it gives way to values that are just as new."""

    at: datetime | None
    yields: bool = False

    def reaches(self, clock: datetime | None) -> bool:
        """Return whether the body is not older than a clock."""
        if clock is None or self.at is None:
            return clock is None
        return self.at > clock or (self.at == clock and not self.yields)


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
        self._charges_at = stored.clocks.charges_at
        self.listed_at = stored.clocks.listed_at
        self._cancel_request = stored.clocks.cancel_request
        if incoming.charges_told is ChargesTold.GIFT_WRAP:
            self.items = before | dict(self._wrapped(before))
            return
        self.items = before | dict(self._merge(before, item) for item in incoming.items)
        if any(map(self._says_all_charges, incoming.items)) and time.reaches(self._charges_at):
            self._charges_at = time.at
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
        return None if self._cancel_request is None else self._cancel_request.requested

    def kept_items(self) -> tuple[OrderItem, ...]:
        """Return the lines up to the limit, those with units first."""
        items = self.items.values()
        if len(items) <= MAX_LINES:
            return tuple(items)
        return tuple(sorted(items, key=lambda item: not item.quantity))[:MAX_LINES]

    def clocks_of(self, fields: Mapping[str, datetime | None], at: datetime | None) -> Clocks:
        """Return the clocks of an order that is as new as `at`, with those of its `fields`."""
        lines = self._clocks_unlike(at)
        return Clocks(fields, lines, self._charges_at, self.listed_at, self._cancel_request)

    def _clocks_unlike(self, at: datetime | None) -> dict[str, LineClock]:
        """Return the clocks of all lines that are incomplete or have another time than `at`."""
        usual = LineClock(at, at, at, Completeness.COMPLETE, self._charges_at)
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
            "wrap": self._says_wrap(item) and self._time.reaches(clock.wrap_at),
        }
        self.clocks[name] = LineClock(
            at if newest["quantity"] else clock.quantity_at,
            at if newest["request"] else clock.request_at,
            at if newest["details"] else clock.details_at,
            max(self._completeness, clock.completeness),
            at if newest["wrap"] else clock.wrap_at,
        )
        update = {
            field: _prefer(item, stored, field, item_first=newest["details"])
            for field in _LINE_DETAILS
        }
        charges = _prefer(item, stored, "charges", item_first=newest["details"])
        wrap = _gift_wrap(item if newest["wrap"] else stored)
        update["charges"] = None if charges is None else _with_gift_wrap(charges, wrap)
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

    def _wrapped(self, before: Mapping[str, OrderItem]) -> Iterator[tuple[str, OrderItem]]:
        """Yield the lines that a body has gift wrap of, and nothing else.

        A line that no other body has named yet has no units, and nothing of it is known: it has the
        oldest of all clocks.
        """
        at = self._time.at
        for item in self._incoming.items:
            name, stored = item.order_item_id, before.get(item.order_item_id)
            if item.charges is None:
                continue
            if stored is None:
                self.clocks[name] = LineClock(None, None, None, Completeness.ANNOUNCED, at)
                yield name, item
            elif self._time.reaches(self.clocks[name].wrap_at):
                self.clocks[name] = self.clocks[name]._replace(wrap_at=at)
                charges = _with_gift_wrap(stored.charges or (), item.charges)
                yield name, stored.model_copy(update={"charges": charges})

    def _says_all_charges(self, item: OrderItem) -> bool:
        is_all = self._incoming.charges_told is ChargesTold.ALL
        return is_all and item.charges is not None and not self._incoming.is_notification

    def _says_wrap(self, item: OrderItem) -> bool:
        return self._says_all_charges(item) or bool(_gift_wrap(item))

    def _new_line(self, item: OrderItem) -> OrderItem:
        at = self._time.at
        details_at = None if self._incoming.is_notification else at
        wrap_at = at if self._says_wrap(item) else None
        clock = LineClock(at, at, details_at, self._completeness, wrap_at)
        if not self._time.reaches(self.listed_at):  # a newer list of all lines leaves it out
            item, clock = _without_units(item), clock._replace(quantity_at=self.listed_at)
        of_all, requested = self._cancel_request, item.buyer_requested_cancel
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
        if self._cancel_request is None or self._time.reaches(self._cancel_request.at):
            self._cancel_request = CancelRequest(requested, self._time.at)
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


def _gift_wrap(item: OrderItem) -> tuple[Charge, ...]:
    return tuple(charge for charge in item.charges or () if charge.kind is ChargeKind.GIFT_WRAP)


def _with_gift_wrap(charges: Iterable[Charge], wrap: tuple[Charge, ...]) -> tuple[Charge, ...]:
    """Return charges with this gift wrap in place of theirs.

    It comes after shipping, where Orders API v0 has it: the same body again changes nothing.
    """
    others = [charge for charge in charges if charge.kind is not ChargeKind.GIFT_WRAP]
    at = sum(charge.kind is ChargeKind.SHIPPING for charge in others)
    return (*others[:at], *wrap, *others[at:])


def _prefer(item: OrderItem, stored: OrderItem, field: str, *, item_first: bool) -> Any:
    values = getattr(item, field), getattr(stored, field)
    preferred, alternative = values if item_first else values[::-1]
    return alternative if preferred is None else preferred
