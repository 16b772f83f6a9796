"""An order as the reference model knows it, and how news is added to it (rules 15 and 18)."""

from dataclasses import dataclass, field

from tests.model import messages as m
from tests.model.end import EventFacts

RANKS = ["Pending", "Unfulfillable", "Unshipped", "PartiallyShipped", "Shipped", "Canceled"]


@dataclass
class Order:
    store: str
    name: str
    status: str | None = None
    channel: str | None = None
    purchase: int | None = None
    updated: int | None = None
    expected: int | None = None
    sold_on: str | None = None
    lines: dict[str, m.Line] = field(default_factory=dict)
    complete: bool = False
    state: str = "new"
    reasons: frozenset[object] = frozenset()
    waits: set[str] = field(default_factory=set)
    commerce: str | None = None
    kept: dict[str, int] = field(default_factory=dict)
    """The pieces it was created with, where the merchant ships."""
    acknowledged: int | None = None
    heard: int | None = None
    events: list[EventFacts] = field(default_factory=list)

    @property
    def key(self) -> str:
        return f"{self.store}/{self.name}"

    @property
    def judged_by(self) -> tuple[object, ...]:
        return dict(self.lines), self.complete, self.expected, self.channel, self.status

    def is_older(self, news: m.News) -> bool:
        """Rule 15: is the news older than what is known?"""
        if news.status is None and news.updated is None:
            return False  # details only
        if self.status == "Canceled" and news.status != "Canceled":
            return True
        if news.updated is None or self.updated is None or news.updated > self.updated:
            return False
        return news.updated < self.updated or (
            news.status is not None
            and self.status is not None
            and RANKS.index(news.status) < RANKS.index(self.status)
        )

    def merge(self, news: m.News) -> None:
        """Rule 18: what comes later is added. Only a whole order takes lines away."""
        for name in ("status", "channel", "purchase", "updated", "expected", "sold_on"):
            if getattr(news, name) is not None:
                setattr(self, name, getattr(news, name))
        if news.lines is None:
            return
        told = {line.item: line for line in news.lines}
        for item, line in told.items():
            if line.seller is None and item in self.lines:
                told[item] = line._replace(seller=self.lines[item].seller)
        if news.complete and news.status is not None:
            self.lines, self.complete = told, True
        else:
            self.complete = news.complete or (self.complete and told.keys() <= self.lines.keys())
            self.lines = self.lines | told
