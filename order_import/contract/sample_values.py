"""The values of the examples: one order, what Amazon says of it, and the facts it is judged by."""

import json
from collections.abc import Mapping
from typing import Any

from models import keys

Example = dict[str, Any]

STORE, ORDER = "harbor-us", "111-0000001-0000001"
KEY = keys.order_key(STORE, ORDER)
COMMERCE_ORDER = keys.commerce_order_id(KEY)
TOTAL = {"amount": "38.00", "currency": "USD"}

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
            "price": TOTAL,
        }
    ],
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
        "OrderTotal": {"CurrencyCode": "USD", "Amount": "38.00"},
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
            }
        ],
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
    "price": TOTAL,
    "tax": None,
    "buyer_requested_cancel": False,
}
WHOLE: Example = {
    "commerce_order_id": COMMERCE_ORDER,
    "order_number": "000000007",
    "status": "processing",
    "currency": "USD",
    "total": "38.00",
    "fulfillment_channel": "MFN",
    "purchase_date": "2026-11-23T09:15:00Z",
    "lines": [LINE],
    "buyer_requested_cancel": False,
    "address_known": True,
}

BODIES: Mapping[str, Example] = {
    "CommerceOrderCreated": {**WHOLE, "replayed": False},
    "CommerceOrderAmended": {
        **WHOLE,
        "total": "19.00",
        "lines": [{**LINE, "quantity": 1, "price": HALF}],
        "changes": [
            {"field": "total", "order_item_id": None, "from": "38.00", "to": "19.00"},
            {"field": "quantity", "order_item_id": "1", "from": 2, "to": 1},
            {"field": "price", "order_item_id": "1", "from": TOTAL, "to": HALF},
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
