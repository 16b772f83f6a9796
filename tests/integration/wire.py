"""Messages as upstream publishes them, with defaults for all that a test does not care about."""

import json
from typing import Any
from zlib import crc32

from models.topics import TopicName
from order_import.operations.health import check_health
from tests.faults.wire.batches import WireRecord
from tests.integration.kit import System

Document = dict[str, Any]


def store(store_id: str = "us", **fields: Any) -> Document:
    return {
        "store_id": store_id,
        "name": f"Store {store_id}",
        "marketplace_id": f"MARKET-{store_id}",
        "integrated_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
        **fields,
    }


def product(sku: str = "LAMP", **fields: Any) -> Document:
    return {
        "sku": sku,
        "enabled": True,
        "salable_quantity": 1_000_000,
        "as_of": "2026-11-01T00:00:00Z",
        **fields,
    }


def item(sku: str | None = "LAMP", quantity: int = 1, **fields: Any) -> Document:
    return {
        "order_item_id": f"item-{sku}",
        "seller_sku": sku,
        "title": "A thing",
        "quantity": quantity,
        "price": {"amount": "10.00", "currency": "USD"},
        **fields,
    }


def order(number: int = 1, store_id: str = "us", **fields: Any) -> Document:
    """Make an order whose number no other store has (rule 22)."""
    of_store = 0 if store_id == "us" else crc32(store_id.encode()) % 10**7
    return {
        "store_id": store_id,
        "amazon_order_id": f"111-{number:07d}-{of_store:07d}",
        "status": "Unshipped",
        "fulfillment_channel": "MFN",
        "purchase_date": "2026-11-02T10:00:00Z",
        "last_update_date": "2026-11-02T10:00:00Z",
        "total": {"amount": "10.00", "currency": "USD"},
        "buyer": {"name": "Jane Marker-Doe", "email": "jane@marker.example"},
        "ship_to": {"name": "Jane Marker-Doe", "lines": ["1 Marker Street"], "city": "Markerville"},
        "items": [item()],
        **fields,
    }


def key(document: Document) -> str:
    return f"{document['store_id']}/{document['amazon_order_id']}"


def record_of(document: Document) -> WireRecord:
    return WireRecord(document["amazon_order_id"].encode(), json.dumps(document).encode())


def orders_of(system: System) -> str:
    return system.settings.topic_prefix + TopicName.ORDERS


async def lag_of(system: System, topic: str) -> int:
    """Measure as `status` does: what is not decided yet, of one topic."""
    health = await check_health(system.settings)
    assert health.kafka.answers
    assert health.mongo.answers
    (lag,) = [one.undecided for one in health.lag if one.topic == topic]
    return lag


async def is_caught_up(system: System, topic: str) -> bool:
    return await lag_of(system, topic) == 0
