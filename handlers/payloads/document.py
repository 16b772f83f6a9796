"""The project's own order document (docs: "Accepted on amazon.orders", form 1)."""

from typing import Annotated

from pydantic import FailFast

from handlers.payloads.fields import (
    LISTED,
    OPTIONAL,
    Amount,
    Channel,
    Flag,
    Quantity,
    SellerSku,
    SoldOn,
    Status,
    StoreId,
    Time,
)
from handlers.payloads.wire import Object, becomes, finished
from models.amazon_order import Address, AmazonOrder, Buyer, OrderItem
from models.money import Money

MARKS = frozenset({"amazon_order_id", "purchase_date", "fulfillment_channel"})
"""A message with any of these names is meant to be an order document."""

_NOT_IN_DOCUMENT: Object = {
    "items_expected": None,
    "shipping_service": None,
    "programs": (),
    "packages": (),
}
"""Fields of an `AmazonOrder` that are unknown fields here, and ignored as such."""


class DocumentMoney(Money):
    """An amount as a decimal string, with its currency."""

    amount: Amount


class DocumentItem(OrderItem):
    """A line of the document."""

    seller_sku: SellerSku = None
    quantity: Quantity
    quantity_shipped: Quantity | None = None
    price: Annotated[DocumentMoney, becomes(Money)] | None = None
    tax: Annotated[DocumentMoney, becomes(Money)] | None = None
    buyer_requested_cancel: Flag = None


class DocumentAddress(Address):
    """Where to ship."""

    lines: Annotated[tuple[str, ...], FailFast(), LISTED] = ()


class DocumentOrder(AmazonOrder):
    """The document. Only the order's id is required; a missing or null field was not told."""

    store_id: StoreId = None
    status: Status = None
    fulfillment_channel: Channel = None
    sales_channel: SoldOn = None
    purchase_date: Time = None
    last_update_date: Time = None
    latest_ship_date: Time = None
    total: Annotated[DocumentMoney, becomes(Money)] | None = None
    buyer: Annotated[Buyer | None, OPTIONAL] = None
    ship_to: Annotated[Annotated[DocumentAddress, becomes(Address)] | None, OPTIONAL] = None
    items: Annotated[
        tuple[Annotated[DocumentItem, becomes(OrderItem)], ...], FailFast(), LISTED
    ] = ()
    buyer_requested_cancel: Flag = None


def read_document(body: Object) -> AmazonOrder:
    """Read an order document; its items are complete when it has any list of them.

    Raises:
        ValidationError: a field is not as the contract has it.
    """
    complete = {"items_complete": body.get("items") is not None}
    return finished(DocumentOrder.model_validate(body | _NOT_IN_DOCUMENT | complete))
