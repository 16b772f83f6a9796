"""`ORDER_CHANGE`, and `ORDER_STATUS_CHANGE` which it replaced.

Source: `schemas/notifications/` of amzn/selling-partner-api-models (the retired one at commit
7a60d69). They announce: no price, no buyer, no address, and never known to have all items.
The event time says nothing of the purchase: Amazon's own example is older than its order.
"""

from typing import Annotated, Any, Final

from pydantic import AliasPath, FailFast

from handlers.payloads.fields import (
    LISTED,
    MOST_PIECES,
    Channel,
    Flag,
    Moment,
    Programs,
    Quantity,
    SellerSku,
    Status,
    StoreId,
    Text,
    TimeOrEpoch,
    is_blank,
    units,
)
from handlers.payloads.wire import Object, becomes, finished, named
from models.amazon_order import AmazonOrder, Clocks, OrderItem

_CHANGE: Final = ("Payload", "OrderChangeNotification")
_SUMMARY: Final = (*_CHANGE, "Summary")
_STATUS_CHANGE: Final = ("Payload", "OrderStatusChangeNotification")

_CHANGED = "OrderChangeTrigger.TimeOfOrderChange or EventTime"
"""Where the time of the change is put; named as the two places it may come from."""

_ASKED = "BuyerRequestedChange"
"""The type of a change that the buyer asks for: to cancel."""

_ITEM = "item"
"""Where the one item of an `ORDER_STATUS_CHANGE` is put."""

_ALL_ITEMS = "OrderLevel"
"""The `NotificationLevel` of a notification that lists all items of its order."""

_UNTOLD: Object = {
    "items_complete": False,
    "items_expected": None,
    "total": None,
    "buyer": None,
    "ship_to": None,
    "shipping_service": None,
    "packages": (),
    "sales_channel": None,
    "buyer_requested_cancel": None,
    "is_notification": True,
    "clocks": Clocks(),
}
"""What no notification tells, whatever else its envelope holds."""


class NotifiedItem(OrderItem):
    """An item of either notification."""

    model_config = named(
        order_item_id="OrderItemId",
        seller_sku="SellerSKU",
        quantity="Quantity",
        quantity_shipped="QuantityShipped",
        buyer_requested_cancel="IsBuyerRequestedCancel",
    )
    seller_sku: SellerSku = None
    quantity: Quantity
    quantity_shipped: Quantity | None = None
    buyer_requested_cancel: Flag = None


NotifiedItems = Annotated[
    tuple[Annotated[NotifiedItem, becomes(OrderItem)], ...], FailFast(), LISTED
]


class NotifiedOrder(AmazonOrder):
    """What both notifications tell. Without a time, news could not be told from old news."""

    store_id: StoreId = None
    seller_id: Text = None
    marketplace_id: Text = None
    status: Status
    fulfillment_channel: Channel = None
    purchase_date: TimeOrEpoch = None
    last_update_date: Moment
    latest_ship_date: TimeOrEpoch = None
    items: NotifiedItems = ()


class OrderWrite(NotifiedOrder):
    """`ORDER_CHANGE` of an order, or with `OrderItemLevel` of one of its items."""

    model_config = named(
        amazon_order_id=AliasPath(*_CHANGE, "AmazonOrderId"),
        seller_id=AliasPath(*_CHANGE, "SellerId"),
        marketplace_id=AliasPath(*_SUMMARY, "MarketplaceId"),
        status=AliasPath(*_SUMMARY, "OrderStatus"),
        fulfillment_channel=AliasPath(*_SUMMARY, "FulfillmentType"),
        purchase_date=AliasPath(*_SUMMARY, "PurchaseDate"),
        last_update_date=_CHANGED,
        latest_ship_date=AliasPath(*_SUMMARY, "LatestShipDate"),
        items=AliasPath(*_SUMMARY, "OrderItems"),
        programs=AliasPath(*_SUMMARY, "OrderPrograms"),
    )
    programs: Programs = ()


class OrderStatusChange(NotifiedOrder):
    """`ORDER_STATUS_CHANGE`: one item of an order; the purchase date is in milliseconds."""

    model_config = named(
        amazon_order_id=AliasPath(*_STATUS_CHANGE, "AmazonOrderId"),
        seller_id=AliasPath(*_STATUS_CHANGE, "SellerId"),
        marketplace_id=AliasPath(*_STATUS_CHANGE, "MarketplaceId"),
        status=AliasPath(*_STATUS_CHANGE, "OrderStatus"),
        fulfillment_channel=AliasPath(*_STATUS_CHANGE, "FulfillmentChannel"),
        purchase_date=AliasPath(*_STATUS_CHANGE, "PurchaseDate"),
        last_update_date="EventTime",
        items=_ITEM,
    )


def _at(message: object, *path: str) -> object:
    found = message
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def read_order_change(message: Object) -> AmazonOrder:
    """Read an `ORDER_CHANGE`; it is as new as the change, else as the event.

    One that announces a change the buyer asks for, and marks none of its items, asks to cancel
    them all.

    Raises:
        ValidationError: a field is not as the schema has it.
    """
    changed = _at(message, *_CHANGE, "OrderChangeTrigger", "TimeOfOrderChange")
    newest = {_CHANGED: message.get("EventTime") if is_blank(changed) else changed}
    counted = {"items_expected": _pieces(_at(message, *_CHANGE))}
    order = OrderWrite.model_validate(message | _UNTOLD | newest | counted)
    if _at(message, *_CHANGE, "OrderChangeType") == _ASKED:
        is_whole = _at(message, *_CHANGE, "NotificationLevel") == _ALL_ITEMS
        marked = any(item.buyer_requested_cancel is not None for item in order.items)
        if not marked and (order.items or is_whole):
            order = order.model_copy(update={"buyer_requested_cancel": True})
    return finished(order)


def _pieces(change: object) -> int | None:
    """Count the units of the order: Amazon's counts, else those of a list of all its items."""
    summary = _at(change, "Summary")
    told = units(summary) if isinstance(summary, dict) else None
    items = _at(summary, "OrderItems")
    if told or not isinstance(items, list) or _at(change, "NotificationLevel") != _ALL_ITEMS:
        return told
    quantities = [_at(item, "Quantity") for item in items]
    counted = sum(one for one in quantities if isinstance(one, int) and 0 <= one <= MOST_PIECES)
    return counted or None


def read_order_status_change(message: Object) -> AmazonOrder:
    """Read an `ORDER_STATUS_CHANGE`; it is as new as the event, and has one item or none.

    Raises:
        ValidationError: a field is not as the schema has it.
    """
    body = _at(message, *_STATUS_CHANGE)
    item = {_ITEM: [body] if isinstance(body, dict) and "OrderItemId" in body else []}
    return finished(OrderStatusChange.model_validate(message | _UNTOLD | item))


NOTIFICATIONS: Final = {
    "ORDER_CHANGE": read_order_change,
    "ORDER_STATUS_CHANGE": read_order_status_change,
}
"""The accepted values of `NotificationType`."""


_CAPITALS: Final = {"sellerSku": "SellerSKU"}
"""The one name that has more than its first letter in capitals."""


def capitalized(value: Any) -> Any:
    """Write the names of a lower-camel-case notification as the schema has them."""
    if isinstance(value, dict):
        return {
            _CAPITALS.get(name, name[:1].upper() + name[1:]): capitalized(part)
            for name, part in value.items()
        }
    return [capitalized(part) for part in value] if isinstance(value, list) else value
