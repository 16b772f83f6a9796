"""Notifications of blocked orders: what is to be sent, and what people were last notified of."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import IntEnum, StrEnum

from models.money import Money
from models.reasons import BlockerCode


class NotificationKind(StrEnum):
    """Why a notification is sent."""

    BLOCKED = "blocked"
    """Orders are blocked by a new cause."""
    MORE = "more"
    """A cause blocks at least twice as many orders as in its last notification."""
    SHIP_BY = "ship-by"
    """The earliest ship-by date of a cause has come near, or has passed."""
    RESOLVED = "resolved"
    """A cause does not block any orders any more."""
    DIGEST = "digest"
    """Several causes in one message."""


class Urgency(IntEnum):
    """How near the earliest ship-by date of a cause is."""

    LATER = 0
    NEAR = 1
    OVERDUE = 2


CauseKey = tuple[BlockerCode, str | None, str | None, str | None]
"""What makes a cause: the code, the catalog SKU, without a SKU the ASIN, and the stock."""


@dataclass(frozen=True, slots=True)
class BlockingCause:
    """A cause as a notification describes it; see `storage.queries.BlockedGroup` for the fields."""

    code: BlockerCode
    sku: str | None
    asin: str | None
    stock_id: str | None = None
    orders: int = 0
    value: tuple[Money, ...] = ()
    earliest_ship_by: datetime | None = None
    similar_sku: str | None = None

    @property
    def key(self) -> CauseKey:
        """What makes it the same cause."""
        return self.code, self.sku, self.asin, self.stock_id


@dataclass(frozen=True, slots=True)
class Notified:
    """What people were last notified of about a cause, and when."""

    key: CauseKey
    orders: int
    urgency: Urgency
    at: datetime


@dataclass(frozen=True, slots=True)
class Notification:
    """A message for one channel, with the causes as they were when it was composed.

    The copies for several channels, and repeated attempts, have the same id: a receiver drops
    duplicates by it. `more` is the number of causes that a digest leaves out.
    """

    notification_id: str
    channel: str
    kind: NotificationKind
    at: datetime
    causes: tuple[BlockingCause, ...]
    more: int = 0

    @property
    def key(self) -> tuple[str, str]:
        """What the ledger knows it by: its id and its channel."""
        return self.notification_id, self.channel


@dataclass(frozen=True, slots=True)
class NotificationLedger:
    """Everything that a restart must not forget.

    `version` counts the changes. `outbox` are the notifications that a channel has not accepted
    yet, oldest first. `digest_on` is the local day of the last daily digest.
    """

    version: int = 0
    notified: tuple[Notified, ...] = ()
    outbox: tuple[Notification, ...] = ()
    digest_on: date | None = None
