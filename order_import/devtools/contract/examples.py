"""The examples of the contract: one order in all formats, its facts, events and dead letter."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from models import keys
from models.commands import Recheck, ReplayStep, Sync
from models.dead_letters import DeadLetter
from models.events import Event, EventBody
from models.messages import DeadLetterCode, MessageRef
from streams.messages import encode

Example = dict[str, Any]

STORE, ORDER = "harbor-us", "111-0000001-0000001"
KEY = keys.order_key(STORE, ORDER)
COMMERCE_ORDER = keys.commerce_order_id(KEY)
PRICE = {"amount": "38.00", "currency": "USD"}
SHIPPING = {"amount": "4.99", "currency": "USD"}
TOTAL = {"amount": "42.99", "currency": "USD"}

DOCUMENT: Example = {
    "store_id": STORE,
    "amazon_order_id": ORDER,
    "status": "Unshipped",
    "fulfillment_channel": "MFN",
    "sales_channel": "Amazon",
    "purchase_date": "2026-11-23T09:15:00Z",
    "last_update_date": "2026-11-23T09:20:00Z",
    "latest_ship_date": "2026-11-25T07:59:59Z",
    "total": TOTAL,
    "buyer": {"name": "A. Sample", "email": "sample@example.com"},
    "ship_to": {
        "name": "A. Sample",
        "lines": ["1 Sample Street"],
        "city": "Sampleton",
        "region": "WA",
        "postal_code": "00000",
        "country": "US",
    },
    "items": [
        {
            "order_item_id": "1",
            "seller_sku": "MUG-BLUE-US",
            "asin": "B000000001",
            "title": "Blue mug",
            "quantity": 2,
            "price": PRICE,
            "charges": [{"kind": "shipping", "amount": SHIPPING}],
        }
    ],
    "programs": ["PRIME"],
    "shipping_service": "Standard",
}

V0_ORDER: Example = {
    "payload": {
        "AmazonOrderId": ORDER,
        "PurchaseDate": "2026-11-23T09:15:00Z",
        "LastUpdateDate": "2026-11-23T09:20:00Z",
        "OrderStatus": "Unshipped",
        "FulfillmentChannel": "MFN",
        "MarketplaceId": "ATVPDKIKX0DER",
        "SalesChannel": "Amazon.com",
        "ShipServiceLevel": "Standard",
        "IsPrime": True,
        "OrderTotal": {"CurrencyCode": "USD", "Amount": "42.99"},
    }
}

V0_ITEMS: Example = {
    "payload": {
        "AmazonOrderId": ORDER,
        "OrderItems": [
            {
                "OrderItemId": "1",
                "SellerSKU": "MUG-BLUE-US",
                "ASIN": "B000000001",
                "QuantityOrdered": 2,
                "ItemPrice": {"CurrencyCode": "USD", "Amount": "38.00"},
                "ShippingPrice": {"CurrencyCode": "USD", "Amount": "4.99"},
            }
        ],
    }
}

ORDER_2026: Example = {
    "order": {
        "orderId": ORDER,
        "createdTime": "2026-11-23T09:15:00Z",
        "lastUpdatedTime": "2026-11-23T09:20:00Z",
        "salesChannel": {"channelName": "AMAZON", "marketplaceId": "ATVPDKIKX0DER"},
        "fulfillment": {"fulfillmentStatus": "UNSHIPPED", "fulfilledBy": "MERCHANT"},
        "orderItems": [
            {
                "orderItemId": "1",
                "quantityOrdered": 2,
                "product": {"sellerSku": "MUG-BLUE-US", "asin": "B000000001"},
                "proceeds": {
                    "breakdowns": [
                        {"type": "ITEM", "subtotal": {"amount": "38.00", "currencyCode": "USD"}},
                        {"type": "SHIPPING", "subtotal": {"amount": "4.99", "currencyCode": "USD"}},
                    ]
                },
            }
        ],
        "proceeds": {"grandTotal": {"amount": "42.99", "currencyCode": "USD"}},
    }
}

CHANGE: Example = {
    "NotificationVersion": "1.0",
    "NotificationType": "ORDER_CHANGE",
    "EventTime": "2026-11-23T09:20:01Z",
    "Payload": {
        "OrderChangeNotification": {
            "NotificationLevel": "OrderLevel",
            "SellerId": "A0000000000001",
            "AmazonOrderId": ORDER,
            "OrderChangeTrigger": {"TimeOfOrderChange": "2026-11-23T09:20:00Z"},
            "Summary": {
                "MarketplaceId": "ATVPDKIKX0DER",
                "OrderStatus": "Shipped",
                "FulfillmentType": "MFN",
                "OrderItems": [
                    {"OrderItemId": "1", "SellerSKU": "MUG-BLUE-US", "Quantity": 2},
                ],
            },
        }
    },
}

ENVELOPE: Example = {
    "Type": "Notification",
    "MessageId": "0b5a7d1e-8f0a-5c5e-9c39-2a4d3b1c0f11",
    "TopicArn": "arn:aws:sns:us-east-1:000000000000:orders",
    "Message": json.dumps(CHANGE),
}

STATUS: Example = {
    "NotificationVersion": "1.0",
    "NotificationType": "ORDER_STATUS_CHANGE",
    "EventTime": "2026-11-23T09:20:01Z",
    "Payload": {
        "OrderStatusChangeNotification": {
            "SellerId": "A0000000000001",
            "MarketplaceId": "ATVPDKIKX0DER",
            "AmazonOrderId": ORDER,
            "OrderStatus": "Shipped",
        }
    },
}

STORE_TOLD: Example = {
    "store_id": STORE,
    "name": "Harbor & Pine",
    "marketplace_id": "ATVPDKIKX0DER",
    "integrated_at": "2026-11-01T00:00:00Z",
    "import_amazon_orders": True,
    "import_non_amazon_orders": False,
    "order_number_source": "commerce",
    "stock_id": "default",
    "updated_at": "2026-11-01T00:00:00Z",
}

PRODUCT: Example = {
    "sku": "MUG-BLUE",
    "name": "Blue mug",
    "enabled": True,
    "manage_stock": True,
    "salable_quantity": 10,
    "as_of": "2026-11-23T09:00:00Z",
}

STOCK_ITEM: Example = {
    "stock_id": "north",
    "sku": "MUG-BLUE",
    "salable_quantity": 4,
    "as_of": "2026-11-23T09:00:00Z",
}

LISTING: Example = {
    "store_id": STORE,
    "seller_sku": "MUG-BLUE-US",
    "sku": "MUG-BLUE",
    "updated_at": "2026-11-23T09:00:00Z",
}

UPDATE: Example = {
    "commerce_order_id": COMMERCE_ORDER,
    "status": "shipped",
    "at": "2026-11-24T09:00:00Z",
}

HALF = {"amount": "19.00", "currency": "USD"}
LINE: Example = {
    "order_item_id": "1",
    "seller_sku": "MUG-BLUE-US",
    "sku": "MUG-BLUE",
    "asin": "B000000001",
    "title": "Blue mug",
    "quantity": 2,
    "price": PRICE,
    "tax": None,
    "tax_collection": None,
    "buyer_requested_cancel": False,
}
WHOLE: Example = {
    "commerce_order_id": COMMERCE_ORDER,
    "order_number": "000000007",
    "status": "processing",
    "currency": "USD",
    "total": "42.99",
    "fulfillment_channel": "MFN",
    "stock_id": "default",
    "purchase_date": "2026-11-23T09:15:00Z",
    "lines": [LINE],
    "charges": [{"kind": "shipping", "amount": SHIPPING, "tax": None, "order_item_id": "1"}],
    "prices_include_tax": None,
    "unexplained": None,
    "programs": ["PRIME"],
    "purchase_order_number": None,
    "latest_ship_date": "2026-11-25T07:59:59Z",
    "shipping_service": "Standard",
    "buyer_requested_cancel": False,
    "address_known": True,
}

BODIES: Mapping[str, Example] = {
    "CommerceOrderCreated": {**WHOLE, "replayed": False},
    "CommerceOrderAmended": {
        **WHOLE,
        "total": "23.99",
        "lines": [{**LINE, "quantity": 1, "price": HALF}],
        "changes": [
            {"field": "total", "order_item_id": None, "from": "42.99", "to": "23.99"},
            {"field": "quantity", "order_item_id": "1", "from": 2, "to": 1},
            {"field": "price", "order_item_id": "1", "from": PRICE, "to": HALF},
        ],
    },
    "CommerceOrderCancellationRequested": {
        "commerce_order_id": COMMERCE_ORDER,
        "requested_by": "buyer",
        "reason": "Found cheaper somewhere else.",
        "order_item_ids": ["1"],
    },
    "CommerceOrderStatusChanged": {
        "commerce_order_id": COMMERCE_ORDER,
        "from": "processing",
        "to": "shipped",
    },
    "OrderImportBlocked": {
        "blockers": [
            {
                "code": "out-of-stock",
                "seller_sku": "MUG-BLUE-US",
                "sku": "MUG-BLUE",
                "asin": "B000000001",
                "order_item_ids": ["1"],
                "required": 2,
                "available": 1,
                "remedy": "Update the product's quantity and source options.",
                "stock_id": "default",
            }
        ],
        "purchase_date": "2026-11-23T09:15:00Z",
        "latest_ship_date": "2026-11-25T07:59:59Z",
        "total": TOTAL,
    },
    "OrderImportReleased": {
        "commerce_order_id": COMMERCE_ORDER,
        "blocked_since": "2026-11-23T09:16:00Z",
    },
    "OrderImportWithdrawn": {"reason": "canceled"},
    "OrderImportSkipped": {"reason": "import-disabled"},
}


_AT = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
_TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
_FOR_STORE = {"store-id": STORE}
_CAUSE: Example = {"topic": "amazon.orders", "partition": 2, "offset": 41}


def read_examples() -> Mapping[str, Sequence[Example]]:
    """Return examples of the messages that are read, by message name."""
    return {
        "OrderDocument": [_example(DOCUMENT, key=ORDER)],
        "OrdersApiV0Order": [_example(V0_ORDER, key=ORDER, headers=_FOR_STORE)],
        "OrdersApiV0Details": [_example(V0_ITEMS, key=ORDER, headers=_FOR_STORE)],
        "OrdersApi2026Order": [_example(ORDER_2026, key=ORDER, headers=_FOR_STORE)],
        "OrderChangeNotification": [_example(CHANGE, key=ORDER, headers=_FOR_STORE)],
        "OrderStatusChangeNotification": [_example(STATUS, key=ORDER, headers=_FOR_STORE)],
        "NotificationEnvelope": [_example(ENVELOPE, key=ORDER, headers=_FOR_STORE)],
        "Store": [_example(STORE_TOLD, key=STORE)],
        "Product": [_example(PRODUCT, key="MUG-BLUE")],
        "ProductDeleted": [_example(None, key="MUG-BLUE")],
        "StockItem": [_example(STOCK_ITEM, key="north/MUG-BLUE")],
        "StockItemDeleted": [_example(None, key="north/MUG-BLUE")],
        "Listing": [_example(LISTING, key=f"{STORE}/MUG-BLUE-US")],
        "ListingRemoved": [_example(None, key=f"{STORE}/MUG-BLUE-US")],
        "OrderUpdate": [_example(UPDATE, key=COMMERCE_ORDER)],
        "Recheck": [
            _command(Recheck(fact=keys.depends_on_product("MUG-BLUE")), "product:MUG-BLUE")
        ],
        "Sync": [_command(Sync(store_id=STORE, requested_at=_AT), STORE)],
        "ReplayStep": [_command(ReplayStep(replay_id="2026-11-23-1", step=0), "2026-11-23-1")],
    }


def event_example(event: type[EventBody]) -> Example:
    """Return an example of an event as it is published."""
    name = event.__name__
    event_id = keys.event_id(KEY, name, 2)
    body = event.model_validate(
        {
            "event_id": event_id,
            "occurred_at": _AT,
            "store_id": STORE,
            "amazon_order_id": ORDER,
            "sequence": 2,
            "cause": _CAUSE,
            **BODIES[name],
        }
    )
    cause = MessageRef(**_CAUSE, traceparent=_TRACE)
    data = body.model_dump_json(by_alias=True).encode()
    message = encode(Event(event_id, name, event.topic, KEY, 2, _AT, cause, data))
    headers = {name: (value or b"").decode() for name, value in message.headers}
    return _example(json.loads(data), key=KEY, headers=headers)


def dead_letter_example() -> Example:
    """Return an example of a dead letter; its value is the original message, which is not JSON."""
    dead_letter = DeadLetter(
        topic="amazon.orders",
        partition=1,
        offset=42,
        code=DeadLetterCode.MALFORMED_JSON,
        message="expected JSON: EOF while parsing an object at line 1 column 1",
        key=ORDER.encode(),
        value=b"{",
        headers=(("store-id", STORE.encode()),),
        at=_AT,
    )
    headers = {name: (value or b"").decode() for name, value in encode(dead_letter).headers}
    return _example("{", key=ORDER, headers=headers)


def _example(payload: Any, *, key: str, headers: Mapping[str, str] | None = None) -> Example:
    return {
        **({"headers": dict(headers)} if headers else {}),
        "payload": payload,
        "x-key": key,
    }


def _command(command: Recheck | Sync | ReplayStep, key: str) -> Example:
    return _example(
        command.model_dump(mode="json"), key=key, headers={"content-type": "application/json"}
    )
