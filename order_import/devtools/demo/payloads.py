"""Write the demo's orders in each of the accepted formats, as Amazon and upstream do."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from models.amazon_order import AmazonStatus, FulfillmentChannel, SalesChannel
from order_import.devtools.demo.orders import DemoOrder, Format, Line

Body = dict[str, Any]
Message = Body | str
"""A message's value, as JSON or its text."""

_DETAILS_AFTER = timedelta(minutes=2)
"""How long after the purchase Amazon sends the details."""
_V0_MONEY, _2026_MONEY = ("Amount", "CurrencyCode"), ("amount", "currencyCode")
_V0_SITES: Final = {
    SalesChannel.AMAZON: "Amazon.com",
    SalesChannel.NON_AMAZON: "Non-Amazon US",
}
_BUYERS: Final = ("Ada Sample", "Ben Beispiel", "Cleo Example", "Dana Muster", "Eli Specimen")
"""Invented names. The database stores them; no event, log or table ever shows one."""


def first_messages(order: DemoOrder) -> list[Message]:
    """Return the first messages of an order, in the order they are sent."""
    messages: list[Message] = []
    if order.announced:
        messages.append(order_change(order, order.status, order.purchased + timedelta(minutes=1)))
    match order.format:
        case Format.DOCUMENT:
            messages.append(_document(order))
        case Format.V0:
            messages.append({"payload": _v0(order) | {"OrderItems": _v0_items(order)}})
        case Format.V0_ITEMS_AFTER:
            messages += [{"payload": _v0(order)}, _v0_items_body(order)]
        case Format.V0_ITEMS_BEFORE:
            messages += [_v0_items_body(order), {"payload": _v0(order)}]
        case Format.API_2026:
            messages.append({"order": _2026(order)})
        case Format.ANNOUNCED:
            pass
    return messages


def polled_messages(order: DemoOrder, at: datetime) -> list[Message]:
    """Return the messages of a later poll of Orders API v0: the order, then its items."""
    body = _v0(order) | {"LastUpdateDate": _time(at)}
    return [{"payload": body}, _v0_items_body(order)]


def order_change(order: DemoOrder, status: AmazonStatus, at: datetime) -> Message:
    """Return an ORDER_CHANGE; every third one is encoded twice, as some queues do."""
    shipped = status is AmazonStatus.SHIPPED
    body = {
        "NotificationVersion": "1.0",
        "NotificationType": "ORDER_CHANGE",
        "PayloadVersion": "1.0",
        "EventTime": _time(at),
        "Payload": {
            "OrderChangeNotification": {
                "NotificationLevel": "OrderLevel",
                "SellerId": order.store.store.seller_id,
                "AmazonOrderId": order.order_id,
                "OrderChangeType": "OrderStatusChange",
                "OrderChangeTrigger": {"TimeOfOrderChange": _time(at), "ChangeReason": None},
                "Summary": {
                    "MarketplaceId": order.store.store.marketplace_id,
                    "OrderStatus": status.value,
                    "PurchaseDate": _time(order.purchased),
                    "FulfillmentType": order.channel.value,
                    "OrderType": "StandardOrder",
                    "OrderPrograms": [],
                    "OrderItems": [
                        {
                            "OrderItemId": line.item_id,
                            "SellerSKU": line.seller_sku,
                            "Quantity": line.quantity,
                            "QuantityShipped": line.quantity if shipped else 0,
                        }
                        for line in order.lines
                    ],
                },
            }
        },
    }
    return json.dumps(json.dumps(body)) if int(order.order_id[-1]) % 3 == 0 else body


def _document(order: DemoOrder) -> Body:
    body: Body = {
        "store_id": order.store.store_id,
        "amazon_order_id": order.order_id,
        "status": order.status.value,
        "fulfillment_channel": order.channel.value,
        "sales_channel": order.sold_on.value,
        "purchase_date": _time(order.purchased),
        "last_update_date": _time(order.purchased + _DETAILS_AFTER),
        "latest_ship_date": _time(_ship_by(order)),
        "total": _money(order.total, order),
        "buyer": {"name": _buyer(order), "email": f"{order.order_id}@marketplace.example"},
        "ship_to": {"name": _buyer(order), "city": "Lübeck", "country": "DE"},
        "buyer_requested_cancel": order.cancel_requested,
        "items": [
            {
                "order_item_id": line.item_id,
                "seller_sku": line.seller_sku,
                "asin": line.article.asin,
                "title": line.article.title,
                "quantity": line.quantity,
                "price": _money(line.price, order),
                "charges": [
                    {"kind": "shipping", "amount": _money(shipping, order)}
                    for shipping in _shipping(line, order)
                ],
            }
            for line in order.lines
        ],
    }
    if not order.has_purchase_date:
        del body["purchase_date"]
    return body


def _v0(order: DemoOrder) -> Body:
    units = sum(line.quantity for line in order.lines)
    shipped = units if order.status is AmazonStatus.SHIPPED else 0
    total = {} if _is_pending(order) else {"OrderTotal": _money(order.total, order, *_V0_MONEY)}
    return {
        **total,
        "AmazonOrderId": order.order_id,
        "PurchaseDate": _time(order.purchased),
        "LastUpdateDate": _time(order.purchased + _DETAILS_AFTER),
        "OrderStatus": order.status.value,
        "FulfillmentChannel": order.channel.value,
        "MarketplaceId": order.store.store.marketplace_id,
        "SalesChannel": _V0_SITES[order.sold_on],
        "ShipServiceLevel": "Standard",
        "NumberOfItemsShipped": shipped,
        "NumberOfItemsUnshipped": units - shipped,
        "LatestShipDate": _time(_ship_by(order)),
        "IsPrime": order.channel is FulfillmentChannel.AFN,
        "IsBusinessOrder": False,
        "BuyerInfo": {"BuyerName": _buyer(order)},
    }


def _v0_items_body(order: DemoOrder) -> Body:
    return {"payload": {"AmazonOrderId": order.order_id, "OrderItems": _v0_items(order)}}


def _v0_items(order: DemoOrder) -> list[Body]:
    return [_v0_item(line, order) for line in order.lines]


def _v0_item(line: Line, order: DemoOrder) -> Body:
    shipped = order.status is AmazonStatus.SHIPPED
    amounts: Body = {}
    if not _is_pending(order):
        amounts["ItemPrice"] = _money(line.price, order, *_V0_MONEY)
        for shipping in _shipping(line, order):
            amounts["ShippingPrice"] = _money(shipping, order, *_V0_MONEY)
    return {
        **amounts,
        "ASIN": line.article.asin,
        "OrderItemId": line.item_id,
        "SellerSKU": line.seller_sku,
        "Title": line.article.title,
        "QuantityOrdered": line.quantity,
        "QuantityShipped": line.quantity if shipped else 0,
        "IsGift": "false",
        "BuyerRequestedCancel": {"IsBuyerRequestedCancel": str(order.cancel_requested).lower()},
    }


def _2026(order: DemoOrder) -> Body:
    amazon = order.channel is FulfillmentChannel.AFN
    return {
        "orderId": order.order_id,
        "createdTime": _time(order.purchased),
        "lastUpdatedTime": _time(order.purchased + _DETAILS_AFTER),
        "programs": ["PRIME"] if amazon else [],
        "salesChannel": {
            "channelName": order.sold_on.name,
            "marketplaceId": order.store.store.marketplace_id,
        },
        "buyer": {"buyerName": _buyer(order)},
        "proceeds": {"grandTotal": _money(order.total, order, *_2026_MONEY)},
        "fulfillment": {
            "fulfillmentStatus": order.status.name.replace("CANCELED", "CANCELLED"),
            "fulfilledBy": "AMAZON" if amazon else "MERCHANT",
            "shipByWindow": {"latestDateTime": _time(_ship_by(order))},
        },
        "orderItems": [_2026_item(line, order) for line in order.lines],
    }


def _2026_item(line: Line, order: DemoOrder) -> Body:
    proceeds = [
        ("ITEM", line.price),
        *(("SHIPPING", shipping) for shipping in _shipping(line, order)),
    ]
    item: Body = {
        "orderItemId": line.item_id,
        "quantityOrdered": line.quantity,
        "product": {
            "asin": line.article.asin,
            "title": line.article.title,
            "sellerSku": line.seller_sku,
            "price": {"unitPrice": _money(line.article.price, order, *_2026_MONEY)},
        },
        "proceeds": {
            "breakdowns": [
                {"type": kind, "subtotal": _money(amount, order, *_2026_MONEY)}
                for kind, amount in proceeds
            ]
        },
    }
    if order.cancel_requested:
        item["cancellation"] = {"cancellationRequest": {"requester": "BUYER"}}
    return item


def _shipping(line: Line, order: DemoOrder) -> list[Decimal]:
    """Return the price of shipping, which is on the first line, if there is one."""
    return [order.shipping] if order.shipping and line is order.lines[0] else []


def _is_pending(order: DemoOrder) -> bool:
    """Return whether Amazon does not reveal the order's prices yet."""
    return order.status is AmazonStatus.PENDING


def _ship_by(order: DemoOrder) -> datetime:
    return order.purchased + timedelta(days=2)


def _buyer(order: DemoOrder) -> str:
    return _BUYERS[int(order.order_id[-1]) % len(_BUYERS)]


def _money(
    amount: Decimal, order: DemoOrder, amount_name: str = "amount", currency_name: str = "currency"
) -> Mapping[str, str]:
    return {amount_name: str(amount), currency_name: order.store.currency}


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}Z"
