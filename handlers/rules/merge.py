"""Merging: what is stored of an order, and one more message about it (rules 5, 15 and 18).

Each part of an order has the time of the body that last updated it (`Clocks`), and a body is
compared with each part separately. The order in which bodies arrive makes no difference, except
for bodies without a time: they count as new as the order is when they arrive.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from handlers.rules.merge_lines import BodyTime, MergedLines
from models.amazon_order import (
    MAX_LINES,
    Address,
    AmazonOrder,
    AmazonStatus,
    Buyer,
    ChargesTold,
    Gift,
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
        "gifts",
        "charges_told",
    }
)
_REPLACED = tuple(name for name in AmazonOrder.model_fields if name not in _MERGED_APART)
"""The fields that are replaced by their newest value."""

_ORDER_DETAILS = frozenset(
    {"total", "charges", "purchase_order_number", "latest_ship_date", "latest_delivery_date"}
)
"""Those of them that are details: a notification does not move the clock of a detail."""

_NOTHING = AmazonOrder.model_construct(amazon_order_id="")
"""What is stored of an order before the first message."""


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
        "gifts": _by_line(incoming.gifts),
        "items": lines.kept_items(),
        "buyer_requested_cancel": lines.is_cancel_requested(),
        "charges_told": ChargesTold.ALL,
        "clocks": lines.clocks_of({}, at),
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
        update["gifts"] = self._gifts()
        lines = MergedLines(self.stored, self.incoming, self.time)
        update["items"] = lines.kept_items()
        # An order with too many lines is cut off, and is never complete.
        update["items_complete"] = not lines.is_cut_off() and (
            stored.items_complete or incoming.items_complete
        )
        update["buyer_requested_cancel"] = lines.is_cancel_requested()
        update["last_update_date"] = at = _later(stored.last_update_date, incoming.last_update_date)
        fields = {name: clock for name, clock in self.fields.items() if clock != at}
        update["clocks"] = lines.clocks_of(fields, at)
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

    def _gifts(self) -> tuple[Gift, ...]:
        """Return the gifts of both, for each line the newer texts. One body may have one page."""
        stored, incoming = self.stored.gifts, self.incoming.gifts
        newer = self._take("gifts", stored, incoming, self.details_time)
        if not (stored and incoming):
            return _by_line(stored or incoming)
        first, second = (stored, incoming) if newer is incoming else (incoming, stored)
        return _by_line((*first, *second))


def _by_line(gifts: Iterable[Gift]) -> tuple[Gift, ...]:
    """Return one gift for each line; what a later one leaves out is that of an earlier one."""
    lines: dict[str, Gift] = {}
    for gift in gifts:
        name = gift.order_item_id
        said = {field: value for field, value in gift if value is not None}
        lines[name] = lines[name].model_copy(update=said) if name in lines else gift
    return tuple(lines[name] for name in sorted(lines))[:MAX_LINES]


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
