"""What is stored: an order with its outcome and history, and a Commerce order with its holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from models.amazon_order import AmazonOrder, FulfillmentChannel, OrderItem
from models.facts import CommerceStatus, Product
from models.money import Money
from models.outcomes import Outcome


@dataclass(frozen=True, slots=True)
class MessageRef:
    """The Kafka message something was decided for. `traceparent` is W3C's, if it had one."""

    topic: str
    partition: int
    offset: int
    traceparent: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class MessageContext:
    """For which message, and when, a decision is taken."""

    cause: MessageRef
    at: datetime


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
        return f"{self.store_id}/{self.order.amazon_order_id}"


@dataclass(frozen=True, slots=True)
class Reservation:
    """Units of one product that a Commerce order keeps from others (rule 10)."""

    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class CommerceLine:
    """A line of a Commerce order: the Amazon line and the catalog product it stands for."""

    item: OrderItem
    sku: str


@dataclass(frozen=True, slots=True)
class CommerceOrder:
    """An order in Commerce, made from one Amazon order.

    `lines` are as they are now; one that is gone stays, with no units, and every line keeps the
    product it stood for when it became one. `reservations` is what the order still keeps from
    others: emptied when it is canceled, shrunk when it is amended, and product by product as
    Commerce's own count includes it. `acknowledged_at` is when Commerce first spoke of it,
    `updated_at` when it last did. `grown_at` is when more units were last reserved for it: until
    Commerce speaks of it from then on, it is not acknowledged.
    """

    commerce_order_id: str
    order_number: str
    store_id: str
    amazon_order_id: str
    status: CommerceStatus
    fulfillment_channel: FulfillmentChannel
    purchase_date: datetime
    total: Money | None
    lines: tuple[CommerceLine, ...]
    reservations: tuple[Reservation, ...]
    buyer_requested_cancel: bool
    replayed: bool
    created_at: datetime
    address_known: bool = False
    acknowledged_at: datetime | None = None
    updated_at: datetime | None = None
    grown_at: datetime | None = None

    @property
    def key(self) -> str:
        """`store/order` of the Amazon order it stands for."""
        return f"{self.store_id}/{self.amazon_order_id}"


@dataclass(frozen=True, slots=True)
class StockedProduct:
    """A product as told, and the units of it that are held (rule 10)."""

    product: Product
    reserved: int

    def with_reserved(self, units: int) -> "StockedProduct":
        """Return it with so many more units held."""
        return StockedProduct(self.product, self.reserved + units)

    @property
    def available(self) -> float:
        """Units free for the next order."""
        return self.product.salable_quantity - self.reserved
