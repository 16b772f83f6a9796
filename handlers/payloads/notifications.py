"""`ORDER_CHANGE`, and `ORDER_STATUS_CHANGE`, which it replaced.

Source: `schemas/notifications/` of amzn/selling-partner-api-models (the retired one at commit
7a60d69). They only announce: no price, no buyer, no address, and never certainly all items.
The event time says nothing about the purchase: Amazon's own example is older than its order.
"""

from typing import Annotated, Any, Final

from pydantic import AliasPath, FailFast

from handlers.payloads.fields import (
    LISTED,
    MAX_UNITS,
    Channel,
    Moment,
    Programs,
    Status,
    StoreId,
    Text,
    TimeOrEpoch,
    count_units,
    is_blank,
)
from handlers.payloads.wire import Object, WireItem, becomes, finish_order, named
from models.amazon_order import AmazonOrder, OrderItem

_CHANGE: Final = ("Payload", "OrderChangeNotification")
_SUMMARY: Final = (*_CHANGE, "Summary")
_STATUS_CHANGE: Final = ("Payload", "OrderStatusChangeNotification")

_CHANGED = "OrderChangeTrigger.TimeOfOrderChange or EventTime"
"""The key for the time of the change, named after the two places it may come from."""

_BUYER_REQUEST = "BuyerRequestedChange"
"""The type of a change that the buyer asks for: a cancellation."""

_ITEM = "item"
"""The key for the one item of an `ORDER_STATUS_CHANGE`."""

_ALL_ITEMS = "OrderLevel"
"""The `NotificationLevel` of a notification that lists all items of its order."""


class NotifiedItem(WireItem):
    """An item of either notification."""

    model_config = named(
        order_item_id="OrderItemId",
        seller_sku="SellerSKU",
        quantity="Quantity",
        quantity_shipped="QuantityShipped",
        buyer_requested_cancel="IsBuyerRequestedCancel",
    )


NotifiedItems = Annotated[
    tuple[Annotated[NotifiedItem, becomes(OrderItem)], ...], FailFast(), LISTED
]


class NotifiedOrder(AmazonOrder):
    """The fields of both notifications.

    Without a timestamp, newer and older notifications cannot be distinguished.
    """

    store_id: StoreId = None
    seller_id: Text = None
    marketplace_id: Text = None
    status: Status
    fulfillment_channel: Channel = None
    purchase_date: TimeOrEpoch = None
    last_update_date: Moment
    latest_ship_date: TimeOrEpoch = None
    items: NotifiedItems = ()


_NOTIFIED = {"amazon_order_id", "programs", *NotifiedOrder.__annotations__}
_NOT_NOTIFIED: Object = {
    name: value
    for name, value in AmazonOrder.model_construct(amazon_order_id="")
    if name not in _NOTIFIED
} | {"is_notification": True}
"""The fields that no notification has, whatever else its envelope holds."""


class OrderChange(NotifiedOrder):
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
    value = message
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def read_order_change(message: Object) -> AmazonOrder:
    """Read an `ORDER_CHANGE`; it is as new as the change, else as the event.

    A notification of a change that the buyer asks for, with none of its items marked, asks to
    cancel all of them.

    Raises:
        ValidationError: A field does not match the schema.
    """
    changed = _at(message, *_CHANGE, "OrderChangeTrigger", "TimeOfOrderChange")
    newest = {_CHANGED: message.get("EventTime") if is_blank(changed) else changed}
    counted = {"items_expected": _count_units(_at(message, *_CHANGE))}
    order = OrderChange.model_validate(message | _NOT_NOTIFIED | newest | counted)
    if _at(message, *_CHANGE, "OrderChangeType") == _BUYER_REQUEST:
        is_whole = _at(message, *_CHANGE, "NotificationLevel") == _ALL_ITEMS
        marked = any(item.buyer_requested_cancel is not None for item in order.items)
        if not marked and (order.items or is_whole):
            order = order.model_copy(update={"buyer_requested_cancel": True})
    return finish_order(order)


def _count_units(change: object) -> int | None:
    """Return the units of the order: Amazon's count, else the sum of a list of all its items."""
    summary = _at(change, "Summary")
    counted = count_units(summary) if isinstance(summary, dict) else None
    items = _at(summary, "OrderItems")
    if counted or not isinstance(items, list) or _at(change, "NotificationLevel") != _ALL_ITEMS:
        return counted
    quantities = [_at(item, "Quantity") for item in items]
    units = sum(units for units in quantities if isinstance(units, int) and 0 <= units <= MAX_UNITS)
    return units or None


def read_order_status_change(message: Object) -> AmazonOrder:
    """Read an `ORDER_STATUS_CHANGE`; it is as new as the event, and has one item or none.

    Raises:
        ValidationError: A field does not match the schema.
    """
    body = _at(message, *_STATUS_CHANGE)
    item = {_ITEM: [body] if isinstance(body, dict) and "OrderItemId" in body else []}
    return finish_order(OrderStatusChange.model_validate(message | _NOT_NOTIFIED | item))


NOTIFICATIONS: Final = {
    "ORDER_CHANGE": read_order_change,
    "ORDER_STATUS_CHANGE": read_order_status_change,
}
"""The accepted values of `NotificationType`."""


_CAPITALS: Final = {"sellerSku": "SellerSKU"}
"""The one name with more than its first letter in upper case."""


def capitalized(value: Any) -> Any:
    """Return a lower-camel-case notification with the names as in the schema."""
    if isinstance(value, dict):
        return {
            _CAPITALS.get(name, name[:1].upper() + name[1:]): capitalized(part)
            for name, part in value.items()
        }
    return [capitalized(part) for part in value] if isinstance(value, list) else value
