"""What Amazon says of an order, in one form whatever payload it came in."""

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field

from models.base import Identifier, UtcTime, Value
from models.money import Money


class AmazonStatus(StrEnum):
    """Amazon's order status, in the spelling of Orders API v0."""

    PENDING_AVAILABILITY = "PendingAvailability"
    PENDING = "Pending"
    UNKNOWN = "Unknown"
    """A status Amazon has and this program has not: never importable."""
    UNFULFILLABLE = "Unfulfillable"
    UNSHIPPED = "Unshipped"
    PARTIALLY_SHIPPED = "PartiallyShipped"
    INVOICE_UNCONFIRMED = "InvoiceUnconfirmed"
    SHIPPED = "Shipped"
    CANCELED = "Canceled"

    @property
    def rank(self) -> int:
        """How far along its life an order of this status is (rule 15's order of statuses)."""
        return _RANKS[self]


_RANKS = {status: rank for rank, status in enumerate(AmazonStatus)}


class FulfillmentChannel(StrEnum):
    """Who ships: the merchant (MFN) or Amazon (AFN)."""

    MFN = "MFN"
    AFN = "AFN"


class SalesChannel(StrEnum):
    """Where an order was placed. Amazon also ships orders of the merchant's own shop (MCF)."""

    AMAZON = "Amazon"
    NON_AMAZON = "Non-Amazon"


MAX_LINES = 1000
"""The most lines an order may have: more is no order, and its events would outgrow a message."""

TEXT_LENGTH = 2000

Text = Annotated[str, AfterValidator(lambda text: text[:TEXT_LENGTH])]
"""Words for people, cut off where no one reads on: an order is worth more than its title."""


class Buyer(Value):
    """Who bought. Personal data: never in an event, never in a log."""

    name: Text | None = None
    email: Text | None = None


class Address(Value):
    """Where to ship. Personal data: never in an event, never in a log."""

    name: Text | None = None
    lines: Annotated[tuple[Text, ...], Field(max_length=10)] = ()
    city: Text | None = None
    region: Text | None = None
    postal_code: Text | None = None
    country: Text | None = None
    phone: Text | None = None


class Package(Value):
    """A parcel on its way."""

    carrier: str | None = None
    tracking_number: str | None = None
    shipped_at: UtcTime | None = None


class OrderItem(Value):
    """One line of an order. `price` and `tax` are for the whole line, not for one piece."""

    order_item_id: str = Field(min_length=1, max_length=128)
    seller_sku: str | None = Field(default=None, min_length=1, max_length=128)
    asin: Annotated[str, AfterValidator(lambda asin: asin[:64])] | None = None
    title: Text | None = None
    quantity: int = Field(ge=0, le=1_000_000)
    quantity_shipped: int | None = Field(default=None, ge=0, le=1_000_000)
    price: Money | None = None
    tax: Money | None = None
    buyer_requested_cancel: bool | None = None
    """Whether the buyer asks to cancel this line (rule 6); `None` if nothing was said of it."""
    cancel_reason: Text | None = None
    """Why the buyer asks, in Amazon's words."""


class AmazonOrder(Value):
    """All that one payload, or all payloads so far, told of one order.

    A field that is `None` was not told. `items_complete` says that `items` are all lines of
    the order with what a Commerce order needs of them; a notification never has that.
    """

    amazon_order_id: Identifier
    store_id: Identifier | None = None
    seller_id: str | None = None
    marketplace_id: str | None = None
    status: AmazonStatus | None = None
    fulfillment_channel: FulfillmentChannel | None = None
    sales_channel: SalesChannel | None = None
    purchase_date: UtcTime | None = None
    last_update_date: UtcTime | None = None
    """When Amazon last changed the order: last update, else time of change, else event time.
    `None` for a body that only adds details (items, address, buyer)."""
    latest_ship_date: UtcTime | None = None
    total: Money | None = None
    buyer: Buyer | None = None
    ship_to: Address | None = None
    items: tuple[OrderItem, ...] = Field(default=(), max_length=MAX_LINES)
    items_complete: bool = False
    items_expected: int | None = Field(default=None, ge=0, le=1_000_000_000)
    """How many pieces the order has in all, where Amazon counts them."""
    buyer_requested_cancel: bool | None = None
    """Whether the buyer asks to cancel the order, or a line of it (rule 6)."""
    shipping_service: str | None = None
    programs: tuple[str, ...] = ()
    packages: tuple[Package, ...] = ()
