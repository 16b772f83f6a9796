"""What is stored: an order with its outcome and history, and a Commerce order with its holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from models.amazon_order import AmazonOrder
from models.keys import order_key
from models.messages import MessageRef
from models.outcome import Outcome


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One thing that happened to an order, in `amazon_orders.history`.

    `facts` are what the decision was taken on, with their versions; `events` the ids of what
    went out for it.
    """

    at: datetime
    cause: MessageRef
    what: str
    reasons: tuple[str, ...] = ()
    facts: Mapping[str, object] = field(default_factory=dict)
    events: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """All that is known of one Amazon order, and what became of it.

    `depends_on` are the keys of the facts whose change may free it (see `models.keys`). `sequence`
    is that of the last event.
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

    @property
    def key(self) -> str:
        """`store/order`, its `_id` and its key on Kafka."""
        return order_key(self.store_id, self.order.amazon_order_id)
