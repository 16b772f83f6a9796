"""Orders to publish: Amazon's own bodies unchanged, or the project's order document."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import Field

from order_import_client.messages import Message
from order_import_client.values import (
    Amount,
    ChargeKind,
    FulfillmentChannel,
    Moment,
    Published,
)

ORDERS = "amazon.orders"


def order_message(
    body: bytes | str | Mapping[str, Any],
    *,
    amazon_order_id: str | None = None,
    store_id: str | None = None,
) -> Message:
    """Return the message that publishes a body of Amazon's, as it is.

    Args:
        body: An order, its items, address or buyer, a page of orders, or a notification.
        amazon_order_id: The order it is about, None for several: it keeps the messages of one
            order in their order.
        store_id: The store of the order. Without it, the body's marketplace and seller decide.
    """
    match body:
        case bytes():
            value = body
        case str():
            value = body.encode()
        case _:
            value = json.dumps(body, ensure_ascii=False).encode()
    headers = () if store_id is None else (("store-id", store_id.encode()),)
    key = None if amazon_order_id is None else amazon_order_id.encode()
    return Message(ORDERS, key, value, headers)


class Price(Published):
    """An amount in one currency."""

    amount: Amount
    currency: str = Field(pattern="^[A-Z]{3}$")


class Buyer(Published):
    """Who bought. Personal data."""

    name: str | None = None
    email: str | None = None


class Address(Published):
    """Where to ship. Personal data."""

    name: str | None = None
    lines: tuple[str, ...] = ()
    city: str | None = None
    region: str | None = None
    postal_code: str | None = None
    country: str | None = None
    phone: str | None = None


class Gift(Published):
    """A line that is a gift. Personal data."""

    order_item_id: str
    message: str | None = None
    wrapping: str | None = None


class OrderCharge(Published):
    """What is paid besides the prices of the lines. The amount of a discount is negative."""

    kind: ChargeKind
    amount: Price
    tax: Price | None = None


class OrderTaxCollection(Published):
    """Who collects the tax of a line, and under which scheme, in Amazon's words."""

    model: str | None = None
    responsible_party: str | None = None
    scheme: str | None = None
    ioss_number: str | None = None


class OrderItem(Published):
    """A line of an order. `price` and `tax` are for the whole line."""

    order_item_id: str
    seller_sku: str | None = None
    asin: str | None = None
    title: str | None = None
    quantity: int = Field(ge=0, le=1_000_000)
    quantity_shipped: int | None = None
    price: Price | None = None
    tax: Price | None = None
    charges: tuple[OrderCharge, ...] | None = None
    tax_collection: OrderTaxCollection | None = None
    buyer_requested_cancel: bool | None = None
    cancel_reason: str | None = None


class OrderDocument(Published):
    """An order in the project's own form, for an upstream without Amazon's bodies.

    A field that is None is unknown, and leaves what was known before.
    """

    amazon_order_id: str
    store_id: str
    seller_id: str | None = None
    marketplace_id: str | None = None
    status: str | None = None
    fulfillment_channel: FulfillmentChannel | None = None
    sales_channel: str | None = None
    purchase_date: Moment | None = None
    last_update_date: Moment | None = None
    latest_ship_date: Moment | None = None
    latest_delivery_date: Moment | None = None
    """The end of the delivery window: how long the buyer is kept depends on it."""
    shipping_service: str | None = None
    programs: tuple[str, ...] | None = None
    purchase_order_number: str | None = None
    total: Price | None = None
    charges: tuple[OrderCharge, ...] | None = None
    """Charges that belong to no line."""
    buyer: Buyer | None = None
    ship_to: Address | None = None
    gifts: tuple[Gift, ...] | None = None
    items: tuple[OrderItem, ...] | None = None
    buyer_requested_cancel: bool | None = None

    def message(self) -> Message:
        """Return the message that publishes it."""
        value = self.model_dump_json(exclude_none=True)
        return Message(ORDERS, self.amazon_order_id.encode(), value.encode())
