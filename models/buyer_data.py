"""How long the personal data of a buyer is kept, and why (rule 27)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

DEAD_LETTERS_KEPT = timedelta(days=30)
"""For how long the bytes of a dead letter are kept after its receipt."""


class RetentionReason(StrEnum):
    """Why the buyer data of an order is still kept."""

    OPEN = "open"
    """The order is waiting, blocked, or created and not shipped."""
    SHIPPED = "shipped"
    """Shipped, and nothing is known of its delivery."""
    DELIVERY_DUE = "delivery-due"
    """Shipped; the end of Amazon's delivery window counts as its delivery."""
    DELIVERED = "delivered"
    ENDED = "ended"
    """Canceled, withdrawn or skipped."""


@dataclass(frozen=True, slots=True)
class Retained:
    """Buyer data that is kept until a moment."""

    expires_at: datetime
    reason: RetentionReason


@dataclass(frozen=True, slots=True)
class Erased:
    """Buyer data that was erased. Whatever a later message says of the buyer is not stored."""

    at: datetime


BuyerData = Retained | Erased
