"""TODO models.commerce_order."""

from dataclasses import dataclass
from datetime import datetime

from models.amazon_order import FulfillmentChannel, OrderItem
from models.keys import order_key
from models.money import Money
from models.reference_data import CommerceStatus


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
        return order_key(self.store_id, self.amazon_order_id)
