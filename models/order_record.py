"""An Amazon order as it is stored: with its outcome and its history."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from models.amazon_order import AmazonOrder
from models.commerce_order import PendingReservation
from models.keys import order_key
from models.messages import MessageRef
from models.outcome import Outcome

CREATED = "created"
"""The history code of the decision that creates the Commerce order: once in each history."""


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One entry of an order's history, in `amazon_orders.history`.

    `facts` are what the decision is based on, with versions; `events` the ids of the events that
    were published for it.
    """

    at: datetime
    cause: MessageRef
    what: str
    reasons: tuple[str, ...] = ()
    facts: Mapping[str, object] = field(default_factory=dict)
    events: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """Everything stored of one Amazon order, with its outcome.

    `depends_on` are the keys of the facts whose change may unblock it (see `models.keys`).
    `sequence` is that of the last event. `pending_reservation` are units that it reserves while it
    waits, if its store reserves for pending orders.
    """

    store_id: str
    order: AmazonOrder
    outcome: Outcome
    depends_on: tuple[str, ...]
    sequence: int
    received: int
    ignored: int
    received_at: datetime
    decided_at: datetime
    pending_reservation: PendingReservation | None = None

    @property
    def key(self) -> str:
        """`store/order`: its `_id`, and its key on Kafka."""
        return order_key(self.store_id, self.order.amazon_order_id)
