"""Publish a store, a product, a listing, and an order as Amazon sends it."""

import asyncio
import os
from datetime import UTC, datetime

from order_import_client import Count, Listing, Store, order_message
from order_import_client.kafka import Producer

ORDER = "701-0000001-0000001"
PRICE = {"CurrencyCode": "CAD", "Amount": "38.00"}


def read_quantity() -> int:
    """Ask your shop how many mugs it can sell."""
    return 10


def ask_amazon(now: str) -> dict[str, object]:
    """Return what getOrder and getOrderItems of Orders API v0 answer."""
    item = {"OrderItemId": "1", "SellerSKU": "TEAL-MUG-CA", "QuantityOrdered": 2}
    return {
        "AmazonOrderId": ORDER,
        "PurchaseDate": now,
        "LastUpdateDate": now,
        "OrderStatus": "Unshipped",
        "FulfillmentChannel": "MFN",
        "MarketplaceId": "A2EUQ1WTGCTBG2",
        "OrderTotal": PRICE,
        "OrderItems": [{**item, "ItemPrice": PRICE}],
    }


async def main() -> None:
    now = datetime.now(UTC)
    store = Store(
        store_id="studio-ca",
        name="Studio",
        marketplace_id="A2EUQ1WTGCTBG2",
        integrated_at=now.replace(hour=0, minute=0, second=0),
        updated_at=now,
    )
    listing = Listing(
        store_id="studio-ca", seller_sku="TEAL-MUG-CA", sku="TEAL-MUG", updated_at=now
    )
    count = Count()  # before the quantity is read
    product = count.product("TEAL-MUG", read_quantity(), enabled=True, name="Teal mug")
    order = order_message(ask_amazon(now.isoformat()), amazon_order_id=ORDER, store_id="studio-ca")
    servers = os.environ["ORDER_IMPORT_KAFKA_BOOTSTRAP_SERVERS"]
    prefix = os.environ.get("ORDER_IMPORT_TOPIC_PREFIX", "")
    async with Producer(servers, prefix=prefix) as producer:
        await producer.send(store.message(), listing.message(), product.message(), order)
    print(f"published the order {ORDER}")


asyncio.run(main())
