"""An order as the reference model knows it: all that was ever told of it, looked at as a whole.

Nothing is merged. Every part of the order is looked up among all messages, by its own clock
(rules 5, 15 and 18).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple, TypeVar

from tests.model import messages as m
from tests.model.end import EventFacts

RANKS = [
    *("PendingAvailability", "Pending", "Unfulfillable", "Unshipped"),
    *("PartiallyShipped", "Shipped", "Canceled"),
]
PENDING = {"PendingAvailability", "Pending"}
T = TypeVar("T")
ANNOUNCED, PROVISIONAL, COMPLETE = range(3)


class Message(NamedTuple):
    """What was told, how new it was, and the status it spoke of.

    `yields`: of two that are as new as each other, it is the one that does not count.
    """

    news: m.News
    at: int | None
    yields: bool
    status: str | None

    def replaces(self, clock: int | None) -> bool:
        if clock is None or self.at is None:
            return clock is None
        return self.at > clock or (self.at == clock and not self.yields)

    @property
    def is_body(self) -> bool:
        return "notification" not in self.news.form

    @property
    def lists_all(self) -> bool:
        news = self.news
        if not news.has_all_lines or (news.status is None and news.updated is None):
            return False
        return sum(line.quantity for line in news.lines or ()) >= (news.expected or 0)


@dataclass
class Made:
    """A line of a Commerce order, and what it stood for when it became one."""

    stands_for: str | tuple[tuple[str, int], ...]
    quantity: int
    price: int | None
    asked: bool


@dataclass
class Order:
    store: str
    name: str
    status: str | None = None
    status_at: int | None = None
    updated: int | None = None
    told: list[Message] = field(default_factory=list)
    state: str = "new"
    reasons: frozenset[object] = frozenset()
    waits: set[str] = field(default_factory=set)
    commerce: str | None = None
    made: dict[str, Made] = field(default_factory=dict)
    made_total: int | None = None
    stock: str = ""
    """The stock that its Commerce order reserves in."""
    addressed: bool = False
    kept: dict[str, int] = field(default_factory=dict)
    """The units that are reserved, if the merchant ships."""
    held: dict[str, int] = field(default_factory=dict)
    """The units that it reserves while it is pending, in `held_in`."""
    held_in: str = ""
    acknowledged: int | None = None
    shipped: int | None = None
    completed: int | None = None
    grown: bool = False
    heard: int | None = None
    events: list[EventFacts] = field(default_factory=list)
    ignored: int = 0
    """How many messages changed nothing."""

    @property
    def key(self) -> str:
        return f"{self.store}/{self.name}"

    @property
    def stocks(self) -> set[str]:
        """The stocks in which it may reserve."""
        return {self.stock, self.held_in}

    @property
    def channel(self) -> str | None:
        return self._newest(lambda news: news.channel)[0]

    @property
    def sold_on(self) -> str | None:
        return self._newest(lambda news: news.sold_on)[0]

    @property
    def purchase(self) -> int | None:
        return self._newest(lambda news: news.purchase)[0]

    @property
    def total(self) -> int | None:
        return self._newest(lambda news: news.total)[0]

    @property
    def address(self) -> str | None:
        return self._newest(lambda news: news.address)[0]

    @property
    def whole(self) -> tuple[object, ...]:
        """The Commerce order as its events tell it."""
        made = {name: line for name, line in self.made.items() if line.quantity}
        lines = {(name, *vars(line).values()) for name, line in made.items()}
        asked = any(line.asked for line in made.values())
        return self.commerce, self.stock, self.made_total, self.addressed, asked, frozenset(lines)

    @property
    def known(self) -> tuple[object, ...]:
        """All that a message may change of an order, but for when it was told."""
        asked = self._newest(lambda news: None if news.lines else news.asked)
        counted = self._newest(lambda news: news.counted)
        return (
            *(self.status, self.channel, self.sold_on, self.purchase, self.total, self.address),
            *(self.lines, self.missing, not self.lines and asked[0], counted[0]),
            *(any(one.news.has_all_lines for one in self.told), self.charged),
            *(self.state, self.reasons, len(self.events)),
        )

    @property
    def charged(self) -> set[str]:
        """The lines whose charges are known: one of Amazon's prices says that there are none."""
        bodies = [one.news for one in self.told if one.news.form in {"v0", "items"}]
        lines = [line for news in bodies for line in news.lines or ()]
        return {line.item for line in lines if line.price is not None}

    @property
    def judged_by(self) -> tuple[object, ...]:
        return self.lines, self.missing, self.channel, self.status

    def hear(self, news: m.News) -> bool:
        """Rule 15: take a message, and say whether the status it tells is the order's."""
        at = self.updated if news.updated is None else news.updated
        rank = RANKS.index(news.status) if news.status else None
        known = RANKS.index(self.status) if self.status else None
        behind = rank is not None and known is not None and rank < known
        status = self.status if news.status is None else news.status
        self.told.append(Message(news, at, behind, status))
        moves = news.status is not None and self._moves(news, behind=behind)
        if moves:
            canceled_again = news.status == self.status == "Canceled"
            self.status_at = _later(self.status_at, at) if canceled_again else at
            self.status = news.status
        self.updated = _later(self.updated, news.updated)
        return moves

    def _moves(self, news: m.News, *, behind: bool) -> bool:
        if self.status is None or news.status == "Canceled":
            return True
        if self.status == "Canceled":
            return False  # final
        if news.updated is None or self.status_at is None or news.updated == self.status_at:
            return not behind
        return news.updated > self.status_at

    @property
    def lines(self) -> dict[str, m.Line]:
        names = dict.fromkeys(line.item for one in self.told for line in one.news.lines or ())
        return {
            name: m.Line(
                name,
                self._detail(name, lambda line: line.seller),
                self._quantity(name),
                self._detail(name, lambda line: line.price),
                self._newest(partial(_asked, name))[0],
            )
            for name in names
        }

    @property
    def missing(self) -> set[str]:
        """Rule 5: what the order waits for."""
        lines = [line for line in self.lines.values() if line.quantity]
        known = [self._completeness(line.item) for line in lines]
        missing = set[str]()
        if self.status is None:
            missing.add("status")
        if self.channel is None:
            missing.add("channel")
        counted, counted_at = self._newest(lambda news: news.counted)
        listed_at = self._listed_at()
        if listed_at is not None and (counted_at is None or counted_at < listed_at):
            counted = None
        there = (
            any(one.news.has_all_lines for one in self.told)
            if counted is None
            else sum(line.quantity for line in lines) >= counted
        )
        if ANNOUNCED in known or not there:
            missing.add("lines")
        elif PROVISIONAL in known and any(line.price is None for line in lines):
            missing.add("prices-after-pending")
        return missing

    def _newest(self, part: Callable[[m.News], T | None]) -> tuple[T | None, int | None]:
        """Give the newest word on a part, else the first one, and how new it is."""
        value, clock = None, None
        for one in self.told:
            said = part(one.news)
            if said is not None and (value is None or one.replaces(clock)):
                value, clock = said, one.at
        return value, clock

    def _listed_at(self) -> int | None:
        clock = None
        for one in self.told:
            if one.lists_all and one.replaces(clock):
                clock = one.at
        return clock

    def _quantity(self, item: str) -> int:
        """A list of all lines says of every line that is not in it that it has no units."""
        value, clock = None, None
        for one in self.told:
            said = {line.item: line.quantity for line in one.news.lines or ()}.get(item)
            if said is None and not one.lists_all:
                continue
            if value is None or one.replaces(clock):
                value, clock = said or 0, one.at
        assert value is not None
        return value

    def _detail(self, item: str, part: Callable[[m.Line], T | None]) -> T | None:
        """Of a line's details, a body's word counts before that of any notification."""
        value: T | None = None
        clock: int | None = None
        by_body = False
        for one in self.told:
            for line in one.news.lines or ():
                if line.item != item:
                    continue
                counts = one.is_body and (not by_body or one.replaces(clock))
                if part(line) is not None and (counts or value is None):
                    value = part(line)
                if counts:
                    clock, by_body = one.at, True
        return value

    def _completeness(self, item: str) -> int:
        first = next((one.news.status for one in self.told if one.news.status), None)
        return max(
            ANNOUNCED
            if not one.is_body
            else PROVISIONAL
            if (one.status or first) in PENDING
            else COMPLETE
            for one in self.told
            if any(line.item == item for line in one.news.lines or ())
        )


def _asked(item: str, news: m.News) -> bool | None:
    """Rule 6: what is said of the whole order is said of all its lines."""
    if not news.lines:
        return news.asked
    said = {line.item: line.asked for line in news.lines}
    return news.asked if item in said and said[item] is None else said.get(item)


def _later(one: int | None, other: int | None) -> int | None:
    return max((at for at in (one, other) if at is not None), default=None)
