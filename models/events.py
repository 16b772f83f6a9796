"""Published events: their bodies, and the envelope around them."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

from pydantic import ConfigDict, Field

from models.amazon_order import FulfillmentChannel
from models.base import UtcTime, Value
from models.blockers import Blocker
from models.charges import Charge, TaxCollection
from models.messages import MessageRef
from models.money import Amount, Money
from models.reasons import SkipReason
from models.reference_data import CommerceStatus
from models.topics import TopicName

SCHEMA_VERSION = 1


def schema_urn(name: str) -> str:
    """Return the identifier of a message's JSON Schema, with its version: its `$id`."""
    return f"urn:order-import:schema:{name}:{SCHEMA_VERSION}"


class EventCause(Value):
    """The Kafka message that caused an event."""

    topic: str
    partition: int
    offset: int


class EventBody(Value):
    """The fields of every event. Never a buyer's name, address, phone or e-mail."""

    topic: ClassVar[str]

    event_id: str = Field(
        description="The same for the same decision, even if messages are repeated"
    )
    event_type: str
    schema_version: int = SCHEMA_VERSION
    occurred_at: UtcTime
    store_id: str
    amazon_order_id: str
    sequence: int = Field(description="1, 2, 3 … per order, over all event types", ge=1)
    cause: EventCause


class EventCharge(Charge):
    """A charge besides the prices of the lines. The amount of a discount is negative."""

    order_item_id: str | None = Field(
        default=None, description="The line, if the charge belongs to one"
    )


class EventComponent(Value):
    """A product of a kit or multipack."""

    sku: str
    quantity: int = Field(description="Its units in one piece of the line")


class EventLine(Value):
    """A line of a Commerce order. `price` and `tax` are for the whole line."""

    order_item_id: str
    seller_sku: str | None
    sku: str | None = Field(
        description="The catalog product; null if the line is a kit or multipack: see components"
    )
    components: tuple[EventComponent, ...] = Field(
        description="What one piece of a kit or multipack contains, as it was when the line was "
        "created; empty if the line has a sku"
    )
    asin: str | None
    title: str | None
    quantity: int
    price: Money | None
    tax: Money | None = Field(description="The tax on the price; a charge has its own")
    tax_collection: TaxCollection | None = Field(
        description="Who collects the tax, and under which scheme. Null: the seller, or unknown"
    )
    buyer_requested_cancel: bool = Field(description="Whether the buyer asks to cancel this line")


class CommerceOrderBody(EventBody):
    """A whole Commerce order, as it is when the event occurs."""

    topic: ClassVar[str] = TopicName.COMMERCE_ORDERS.value

    commerce_order_id: str
    order_number: str
    status: CommerceStatus
    currency: str | None
    total: Amount | None
    fulfillment_channel: FulfillmentChannel
    stock_id: str = Field(description="The stock that it reserves in")
    purchase_date: UtcTime
    lines: tuple[EventLine, ...] = Field(description="Lines of at least one unit")
    charges: tuple[EventCharge, ...] = Field(
        description="Shipping, discounts and the like. Prices of the lines + amounts of the "
        "charges + unexplained = total; unless prices_include_tax, plus the taxes of both"
    )
    prices_include_tax: bool | None = Field(
        description="Whether prices and charges include their taxes, as far as the total shows it; "
        "null if no tax or no total is known"
    )
    unexplained: Amount | None = Field(
        description="The part of the total that lines and charges do not explain, in the currency "
        "of the total; null if there is none, or no total is known"
    )
    programs: tuple[str, ...] = Field(
        description="PRIME, BUSINESS, REPLACEMENT and other programs of Amazon"
    )
    purchase_order_number: str | None = Field(description="The buyer's own number of the order")
    latest_ship_date: UtcTime | None
    shipping_service: str | None = Field(description="The service level, in Amazon's words")
    buyer_requested_cancel: bool = Field(
        description="Whether the buyer asks to cancel a line, or all"
    )
    address_known: bool = Field(description="Whether Amazon has sent a shipping address")


class CommerceOrderCreated(CommerceOrderBody):
    """A Commerce order was created."""

    event_type: Literal["CommerceOrderCreated"] = "CommerceOrderCreated"
    replayed: bool


class FieldChange(Value):
    """One changed field of a Commerce order, with its old and its new value."""

    model_config = ConfigDict(populate_by_name=True)

    field: str = Field(
        description="total, currency, address_known, address, purchase_order_number, "
        "latest_ship_date, shipping_service, programs (an added one); for a line: quantity, price, "
        "tax, buyer_requested_cancel; for a line or the order: charges.KIND, charges.KIND.tax. "
        "Others may follow"
    )
    order_item_id: str | None = Field(
        default=None, description="The line, if the field belongs to one"
    )
    from_: bool | int | str | Money | None = Field(
        serialization_alias="from",
        validation_alias="from",
        description="The old value, null if it was unknown. For an address: known",
    )
    to: bool | int | str | Money | None = Field(
        description="The new value; a quantity of 0 is a removed line. For an address: changed"
    )


class CommerceOrderAmended(CommerceOrderBody):
    """A later message from Amazon changed a created order: its current state, and the changes."""

    event_type: Literal["CommerceOrderAmended"] = "CommerceOrderAmended"
    changes: tuple[FieldChange, ...]


class CommerceOrderCancellationRequested(EventBody):
    """The buyer asks to cancel lines of a created order. This alone cancels nothing."""

    topic: ClassVar[str] = TopicName.COMMERCE_ORDERS.value

    event_type: Literal["CommerceOrderCancellationRequested"] = "CommerceOrderCancellationRequested"
    commerce_order_id: str
    requested_by: str = Field(description="buyer. Others may follow")
    reason: str | None = Field(default=None, description="The reason the buyer chose at Amazon")
    order_item_ids: tuple[str, ...] = Field(description="The lines to cancel")


class CommerceOrderStatusChanged(EventBody):
    """The status of a Commerce order has changed."""

    topic: ClassVar[str] = TopicName.COMMERCE_ORDERS.value

    event_type: Literal["CommerceOrderStatusChanged"] = "CommerceOrderStatusChanged"
    commerce_order_id: str
    from_: CommerceStatus = Field(serialization_alias="from", validation_alias="from")
    to: CommerceStatus


class OrderImportBlocked(EventBody):
    """An order cannot be imported, with every cause."""

    topic: ClassVar[str] = TopicName.BLOCKED.value

    event_type: Literal["OrderImportBlocked"] = "OrderImportBlocked"
    blockers: tuple[Blocker, ...]
    purchase_date: UtcTime | None
    latest_ship_date: UtcTime | None
    total: Money | None


class OrderImportReleased(EventBody):
    """A blocked order became a Commerce order."""

    topic: ClassVar[str] = TopicName.BLOCKED.value

    event_type: Literal["OrderImportReleased"] = "OrderImportReleased"
    commerce_order_id: str
    blocked_since: UtcTime


class OrderImportWithdrawn(EventBody):
    """A blocked order will never be imported."""

    topic: ClassVar[str] = TopicName.BLOCKED.value

    event_type: Literal["OrderImportWithdrawn"] = "OrderImportWithdrawn"
    reason: SkipReason


class OrderImportSkipped(EventBody):
    """An order is not imported."""

    topic: ClassVar[str] = TopicName.NOT_IMPORTED.value

    event_type: Literal["OrderImportSkipped"] = "OrderImportSkipped"
    reason: SkipReason


EVENT_TYPES: tuple[type[EventBody], ...] = (
    CommerceOrderCreated,
    CommerceOrderStatusChanged,
    CommerceOrderAmended,
    CommerceOrderCancellationRequested,
    OrderImportBlocked,
    OrderImportReleased,
    OrderImportWithdrawn,
    OrderImportSkipped,
)
"""All event types."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event as it is stored in `events` and published: `body` is the published bytes."""

    event_id: str
    event_type: str
    topic: str
    key: str
    sequence: int
    occurred_at: datetime
    cause: MessageRef
    body: bytes
