"""An Amazon order in one form, whatever payload it came in."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, Field

from models.base import Identifier, UtcTime, Value
from models.charges import MAX_CHARGES, UNKNOWN_BALANCE, Balance, Charge, TaxCollection, balance
from models.money import Money


class AmazonStatus(StrEnum):
    """Amazon's order status, in the spelling of Orders API v0."""

    PENDING_AVAILABILITY = "PendingAvailability"
    PENDING = "Pending"
    UNKNOWN = "Unknown"
    """A status that this program does not know: never importable."""
    UNFULFILLABLE = "Unfulfillable"
    UNSHIPPED = "Unshipped"
    PARTIALLY_SHIPPED = "PartiallyShipped"
    INVOICE_UNCONFIRMED = "InvoiceUnconfirmed"
    SHIPPED = "Shipped"
    CANCELED = "Canceled"

    @property
    def rank(self) -> int:
        """How far along its life an order with this status is (rule 15's order of statuses)."""
        return _RANKS[self]

    @property
    def is_past_pending(self) -> bool:
        """Whether Amazon has prices for an order with this status (rule 5)."""
        return self.rank > AmazonStatus.UNKNOWN.rank


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
"""The most lines of an order. With more, its events would outgrow a message."""

TEXT_LENGTH = 1000
ASIN_LENGTH = 64
REASON_LENGTH = 200

Text = Annotated[str, AfterValidator(lambda text: text[:TEXT_LENGTH])]
"""Text for people, cut off at a length that no one reads: an order is worth more than its title."""


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


class Gift(Value):
    """A line that is a gift. Personal data: never in an event, never in a log."""

    order_item_id: Annotated[str, Field(min_length=1, max_length=128)]
    message: Text | None = None
    """What the buyer writes to the recipient."""
    wrapping: Text | None = None
    """The gift wrap that the buyer chose, in Amazon's words."""


class Package(Value):
    """A shipped parcel."""

    carrier: str | None = None
    tracking_number: str | None = None
    shipped_at: UtcTime | None = None
    delivered_at: UtcTime | None = None
    """When Amazon reported that it was delivered."""


class OrderItem(Value):
    """One line of an order. `price` and `tax` are for the whole line, not for one unit.

    `tax` is the tax on the price alone, as far as Amazon splits it: each charge has its own.
    """

    order_item_id: str = Field(min_length=1, max_length=128)
    seller_sku: str | None = Field(default=None, min_length=1, max_length=128)
    asin: Annotated[str, AfterValidator(lambda asin: asin[:ASIN_LENGTH])] | None = None
    title: Text | None = None
    quantity: int = Field(ge=0, le=1_000_000)
    quantity_shipped: int | None = Field(default=None, ge=0, le=1_000_000)
    price: Money | None = None
    tax: Money | None = None
    charges: tuple[Charge, ...] | None = Field(default=None, max_length=MAX_CHARGES)
    """Besides the price; None as long as they are unknown."""
    tax_collection: TaxCollection | None = None
    buyer_requested_cancel: bool | None = None
    """Whether the buyer asks to cancel this line (rule 6); None if that is unknown."""
    cancel_reason: Annotated[str, AfterValidator(lambda text: text[:REASON_LENGTH])] | None = None
    """Why the buyer asks, in Amazon's words."""


class Completeness(IntEnum):
    """How much is known of a line, besides its quantity. It only ever grows (rule 5)."""

    ANNOUNCED = 0
    """Only notifications have named the line."""
    PROVISIONAL = 1
    """A body of a pending order: Amazon gives no prices then."""
    COMPLETE = 2
    """A body of an order past pending, with or without prices."""


class LineClock(NamedTuple):
    """When the parts of a line were last updated, each by its own clock (rule 15)."""

    quantity_at: datetime | None
    request_at: datetime | None
    """When it was last known whether the buyer asks to cancel the line."""
    details_at: datetime | None
    """SKU, title, price, tax and charges; None while only notifications have named the line."""
    completeness: Completeness
    wrap_at: datetime | None = None
    """Gift wrap; None while nothing was said of it."""


class ChargesTold(StrEnum):
    """Which charges a body has of its lines, if they have any."""

    ALL = "all"
    GIFT_WRAP_OPTIONAL = "gift-wrap-optional"
    """Without gift wrap it says nothing of it: Amazon leaves it out if the seller's program may not
    see the buyer."""
    GIFT_WRAP = "gift-wrap"
    """It says nothing of its lines but their gift wrap: not even how many units they have."""


class CancelRequest(NamedTuple):
    """The last cancellation request for all lines at once (rule 6)."""

    requested: bool
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Clocks:
    """When each part of an order was last updated (rule 15), if not together with the order.

    A field or line that is missing here was updated at the order's `last_update_date`, and such a
    line is complete. `None` is older than any time.
    """

    fields: Mapping[str, datetime | None] = field(default_factory=dict)
    """By field name; those of the buyer are `buyer.name` and so on."""
    lines: Mapping[str, LineClock] = field(default_factory=dict)
    """By `order_item_id`."""
    charges_at: datetime | None = None
    """When a body last had all charges: the gift wrap of a line that is missing here is as new."""
    listed_at: datetime | None = None
    """When a body last listed all lines of the order: a line that it leaves out has no units."""
    cancel_request: CancelRequest | None = None
    """It also applies to lines that come later."""


class AmazonOrder(Value):
    """What one payload, or all payloads so far, say about one order.

    A field that is `None` is unknown. `items_complete` says that a body has listed all lines of the
    order, or the last of them; a notification never does.
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
    `None` for a body that only adds details (items, address, buyer): it is as new as the order."""
    latest_ship_date: UtcTime | None = None
    latest_delivery_date: UtcTime | None = None
    total: Money | None = None
    charges: tuple[Charge, ...] = Field(default=(), max_length=MAX_CHARGES)
    """Charges that belong to no line."""
    purchase_order_number: Text | None = None
    """The buyer's own number, which a business wants to see on its invoice."""
    buyer: Buyer | None = None
    ship_to: Address | None = None
    gifts: tuple[Gift, ...] = Field(default=(), max_length=MAX_LINES)
    """Of the lines that are gifts, what the buyer chose."""
    items: tuple[OrderItem, ...] = Field(default=(), max_length=MAX_LINES)
    items_complete: bool = False
    items_expected: int | None = Field(default=None, ge=0, le=1_000_000_000)
    """How many units the order has in all, if Amazon counts them."""
    buyer_requested_cancel: bool | None = None
    """Whether the buyer asks to cancel the order, or a line of it (rule 6)."""
    shipping_service: str | None = None
    programs: tuple[str, ...] = ()
    packages: tuple[Package, ...] = ()
    is_notification: bool = False
    """Whether this is an announcement: it brings status and quantities, and no details."""
    charges_told: ChargesTold = ChargesTold.ALL
    clocks: Clocks = Field(default_factory=Clocks)
    """The clocks of a stored order. Everything in one payload has the same time."""

    def updated_at(self, name: str) -> datetime | None:
        """Return when a known field was last updated."""
        return self.clocks.fields.get(name, self.last_update_date)

    def line_clock(self, order_item_id: str) -> LineClock:
        """Return when a line was last updated, and how complete it is."""
        at = self.last_update_date
        return self.clocks.lines.get(order_item_id) or LineClock(
            at, at, at, Completeness.COMPLETE, self.clocks.charges_at
        )

    @property
    def personal(self) -> tuple[Buyer | None, Address | None, tuple[Gift, ...]]:
        """All that names the buyer, or may do so: stored encrypted, and erased (rule 27)."""
        return self.buyer, self.ship_to, self.gifts

    @property
    def units_expected(self) -> int | None:
        """Amazon's own count of the order's units, unless a list of all lines is newer."""
        counted_at, listed_at = self.updated_at("items_expected"), self.clocks.listed_at
        if listed_at is not None and (counted_at is None or counted_at < listed_at):
            return None
        return self.items_expected

    @property
    def balance(self) -> Balance:
        """How lines with units and charges add up to the total."""
        return order_balance(self.total, self.items, self.charges)

    @property
    def unexplained(self) -> Money | None:
        """What people are shown of the balance: nothing as long as no price is known."""
        unexplained = self.balance.unexplained
        if unexplained is None or self.total is None:
            return None
        if all(item.price is None for item in self.items):
            return None
        return Money.model_construct(amount=unexplained, currency=self.total.currency)

    @property
    def all_charges(self) -> tuple[tuple[Charge, str | None], ...]:
        """The charges of lines with units, each with its line's id, and those of the order."""
        return order_charges(self.items, self.charges)


def order_balance(
    total: Money | None, items: Iterable[OrderItem], charges: Iterable[Charge]
) -> Balance:
    """Return how an order's lines with units and its charges add up to its total."""
    if total is None:
        return UNKNOWN_BALANCE
    priced: list[tuple[Money | None, Money | None]] = []
    for item in items:
        if item.quantity:
            priced.append((item.price, item.tax))
            if item.charges:
                priced += [(charge.amount, charge.tax) for charge in item.charges]
    priced += [(charge.amount, charge.tax) for charge in charges]
    return balance(total, priced)


def order_charges(
    items: Iterable[OrderItem], charges: Iterable[Charge]
) -> tuple[tuple[Charge, str | None], ...]:
    """Return the charges of an order's lines with units, each with its line, and its own."""
    of_lines = [
        (charge, item.order_item_id)
        for item in items
        if item.charges and item.quantity
        for charge in item.charges
    ]
    return (*of_lines, *((charge, None) for charge in charges))
