"""Amazon's own example payloads, where they are at hand, and ours of the same kinds."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from handlers.payloads import read_payload
from models.amazon_order import AmazonOrder
from models.topics import TopicName
from tests.integration.kit import ROOT, System
from tests.integration.wire import product, store

OURS = ROOT / "tests" / "samples"
FOLDERS = [folder for folder in (OURS, ROOT.parent / "shared" / "samples") if folder.is_dir()]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)
async def test_sample_payloads_with_their_stores_and_products_come_out_as_the_rules_say(
    system: System, folder: Path
) -> None:
    """Each file is sent as it is, details before their orders where the names sort so."""
    payloads = _payloads(folder)
    told = [order for payload in payloads for order in read_payload(payload).orders]
    marketplaces = {order.marketplace_id for order in told if order.marketplace_id is not None}
    skus = {item.seller_sku for order in told for item in order.items if item.seller_sku}
    assert told
    assert marketplaces
    stores = [
        store(one, marketplace_id=one, integrated_at="1970-01-01T00:00:00Z")
        for one in sorted(marketplaces)
    ]
    own = {order.store_id for order in told if order.store_id is not None}
    stores += [store(one, integrated_at="1970-01-01T00:00:00Z") for one in sorted(own)]
    await system.publish(TopicName.STORES, *stores)
    await system.publish(TopicName.PRODUCTS, *(product(sku) for sku in sorted(skus)))
    async with system.worker():
        await system.eventually(lambda: _count(system, "products", len(skus)), "products are told")
        await system.eventually(lambda: _count(system, "stores", len(stores)), "stores are told")
        await system.publish(TopicName.ORDERS, *payloads, key="one partition")
        # The last message is decided when the orders it names are there.
        heads = {order.amazon_order_id for order in told if order.marketplace_id or order.store_id}
        for amazon_order_id in sorted(heads):
            settled = partial(_settled, system, amazon_order_id)
            await system.eventually(settled, f"{amazon_order_id} is settled")
    for amazon_order_id in sorted(heads):
        stored = await system.db.amazon_orders.find_one({"amazon_order_id": amazon_order_id})
        news = [order for order in told if order.amazon_order_id == amazon_order_id]
        assert stored["import"]["state"] == _expected(news), (amazon_order_id, stored["import"])


def _payloads(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.glob("*.json"))]


def _expected(news: list[AmazonOrder]) -> str:
    """Say what becomes of an order whose store and products are all there (rules' table)."""
    status = [order.status for order in news if order.status is not None][-1]
    channel = [one.fulfillment_channel for one in news if one.fulfillment_channel is not None][-1]
    complete = any(order.items_complete for order in news)
    if status == "Canceled":
        return "skipped"
    ready = {"MFN": {"Unshipped", "PartiallyShipped", "Shipped"}, "AFN": {"Shipped"}}
    return "created" if status in ready[channel] and complete else "waiting"


async def _count(system: System, collection: str, count: int) -> bool:
    return bool(await system.db[collection].count_documents({}) == count)


async def _settled(system: System, amazon_order_id: str) -> bool:
    found: Any = await system.db.amazon_orders.find_one({"amazon_order_id": amazon_order_id})
    return found is not None
