"""How long the personal data of a buyer is kept, and why (rule 27); and how a service gets it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from models.amazon_order import Address, Buyer, Gift
from models.base import UtcTime, Value

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


class ClaimedBuyer(Value):
    """The buyer, the address and the gifts of one order, for a service that claims them.

    Personal data: keep it for no longer than `kept_until`, which a later update of the order may
    move.
    """

    store_id: str
    amazon_order_id: str
    buyer: Buyer | None
    ship_to: Address | None
    gifts: tuple[Gift, ...] = ()
    kept_until: UtcTime
