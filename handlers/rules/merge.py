"""Two clocks: what is known of an order, and one more message about it (rules 5, 15 and 18).

Each part of an order has the time of the body that last updated it (`Clocks`), and a body is
compared with each part by itself. So the order in which bodies arrive does not matter, but for
those without a time: they are as new as the order is when they come.
"""

from collections.abc import Mapping
from datetime import datetime

from handlers.rules.merged_lines import BodyTime, MergedLines
from models.amazon_order import (
    Address,
    AmazonOrder,
    AmazonStatus,
    Buyer,
    Clocks,
)

_APART = frozenset(
    {
        *("amazon_order_id", "store_id", "is_notification", "clocks", "last_update_date"),
        *("status", "buyer", "ship_to", "items", "items_complete", "buyer_requested_cancel"),
    }
)
_PLAIN = tuple(name for name in AmazonOrder.model_fields if name not in _APART)
"""Fields that are replaced by their newest value."""

_DETAILS = frozenset({"total", "latest_ship_date"})
"""Those of them that are details: a notification moves the clock of no detail."""

_NOTHING = AmazonOrder.model_construct(amazon_order_id="")
"""What is known of an order before the first message."""


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
                time = self.details_time if name in _DETAILS else self.time
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
