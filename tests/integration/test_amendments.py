"""Rules 6 and 16 after the creation of an order, on the whole path: field cases of integrations.

Each order is told as Orders API v0 and the notifications tell it, and what follows is read from
Kafka and MongoDB.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from models.keys import commerce_order_id, order_key
from models.topics import TopicName
from order_import.devtools.embedded.servers import Addresses
from tests.integration import asking as ask
from tests.integration.kit import System, open_system
from tests.integration.wire import Document, product, store

pytestmark = pytest.mark.asyncio(loop_scope="session")
CREATED, AMENDED = "CommerceOrderCreated", "CommerceOrderAmended"
REQUESTED, MOVED = "CommerceOrderCancellationRequested", "CommerceOrderStatusChanged"
STORE = "field"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running(
    addresses: Addresses, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[System]:
    async with open_system(addresses, tmp_path_factory.mktemp("amended"), "amended") as system:
        worker = await system.start_worker()
        await ask.tell(system, store(STORE))
        yield system
        assert await worker.stop() == 0, worker.log.read_text()


def usd(amount: str) -> Document:
    return {"CurrencyCode": "USD", "Amount": amount}


def line(item: str, sku: str, quantity: int, amount: str, **fields: Any) -> Document:
    ordered = {"OrderItemId": item, "SellerSKU": sku, "QuantityOrdered": quantity}
    return ordered | {"ASIN": "B0FIELD001", "ItemPrice": usd(amount)} | fields


def order(name: str, hour: int, total: str, *lines: Document, **fields: Any) -> Document:
    body = {
        "AmazonOrderId": name,
        "PurchaseDate": "2026-11-20T09:00:00Z",
        "LastUpdateDate": f"2026-11-20T{hour}:30:00Z",
        "OrderStatus": "Unshipped",
        "FulfillmentChannel": "MFN",
        "OrderTotal": usd(total),
        "OrderItems": list(lines),
    }
    return {"payload": body | fields}


async def send(system: System, name: str, *bodies: Document) -> None:
    await system.publish(TopicName.ORDERS, *bodies, key=name, store=STORE)


async def told(system: System, name: str, *types: str) -> list[Document]:
    """Wait until these events of an order are published, and give their bodies."""
    found: list[Document] = []

    async def are() -> bool:
        events = [one for one in await system.events() if one["amazon_order_id"] == name]
        found[:] = sorted(events, key=lambda one: int(one["sequence"]))
        return [one["event_type"] for one in found] == list(types)

    await system.eventually(are, f"{name}: {types}")
    return found


async def commerce_order(system: System, name: str) -> Document:
    order_id = commerce_order_id(order_key(STORE, name))
    found: Document = await system.db.commerce_orders.find_one({"_id": order_id})
    return found


async def reserved(system: System, sku: str) -> int:
    found = await system.db.stock_items.find_one({"sku": sku})
    return int(found["reserved"])


async def received(system: System, name: str, times: int) -> None:
    """Wait until so many messages of an order are decided."""

    async def are() -> bool:
        return (await system.order(order_key(STORE, name))).get("received") == times

    await system.eventually(are, f"{name}: {times} messages")


async def test_rule_16_a_partial_cancellation_is_told_and_frees_what_the_next_order_needs(
    running: System,
) -> None:
    await ask.tell(
        running, product("C06-A", salable_quantity=3), product("C06-B", salable_quantity=1)
    )
    whole = line("1", "C06-A", 3, "30.00"), line("2", "C06-B", 1, "10.00")
    await send(running, "06-1", order("06-1", 10, "40.00", *whole))
    await running.becomes(order_key(STORE, "06-1"), "created")
    other = order("06-2", 10, "10.00", line("1", "C06-B", 1, "10.00"))
    await send(running, "06-2", other)
    await running.becomes(order_key(STORE, "06-2"), "blocked")
    rest = line("1", "C06-A", 1, "10.00"), line("2", "C06-B", 0, "0.00")
    await send(running, "06-1", *[order("06-1", 11, "10.00", *rest)] * 2)
    await running.becomes(order_key(STORE, "06-2"), "created")
    await received(running, "06-1", 3)
    created, amended = await told(running, "06-1", CREATED, AMENDED)
    assert (created["total"], amended["total"]) == ("40.00", "10.00")
    assert [(one["sku"], one["quantity"]) for one in amended["lines"]] == [("C06-A", 1)]
    changes = {
        (one["field"], one["order_item_id"]): (one["from"], one["to"]) for one in amended["changes"]
    }
    assert changes == {
        ("total", None): ("40.00", "10.00"),
        ("quantity", "1"): (3, 1),
        ("price", "1"): (
            {"amount": "30.00", "currency": "USD"},
            {"amount": "10.00", "currency": "USD"},
        ),
        ("quantity", "2"): (1, 0),
    }
    kept = await commerce_order(running, "06-1")
    assert [(one["sku"], one["quantity"]) for one in kept["lines"]] == [("C06-A", 1), ("C06-B", 0)]
    assert kept["reservations"] == [{"sku": "C06-A", "quantity": 1}]
    assert (await reserved(running, "C06-A"), await reserved(running, "C06-B")) == (1, 1)


def change(name: str, items: list[Document], **fields: Any) -> Document:
    summary = {"OrderStatus": "Unshipped", "FulfillmentType": "MFN", "OrderItems": items}
    notification = {
        "NotificationLevel": "OrderLevel",
        "AmazonOrderId": name,
        "OrderChangeType": "BuyerRequestedChange",
        "OrderChangeTrigger": {"TimeOfOrderChange": "2026-11-20T11:20:00.000Z"},
        "Summary": summary,
    }
    return {
        "NotificationType": "ORDER_CHANGE",
        "Payload": {"OrderChangeNotification": notification | fields},
    }


async def test_rule_6_a_request_after_the_creation_is_told_once_and_its_end_too(
    running: System,
) -> None:
    await ask.tell(running, product("C07"))
    await send(running, "07-1", order("07-1", 10, "10.00", line("1", "C07", 1, "10.00")))
    await running.becomes(order_key(STORE, "07-1"), "created")
    item = {"OrderItemId": "1", "SellerSKU": "C07", "Quantity": 1, "IsBuyerRequestedCancel": True}
    asked = {"IsBuyerRequestedCancel": "true", "BuyerCancelReason": "Found cheaper"}
    items = line("1", "C07", 1, "10.00", BuyerRequestedCancel=asked)
    await send(
        running,
        "07-1",
        change("07-1", [item]),
        order("07-1", 12, "10.00", items),
        {"payload": {"AmazonOrderId": "07-1", "OrderItems": [items]}},
    )
    await received(running, "07-1", 4)
    _, request = await told(running, "07-1", CREATED, REQUESTED)
    kept = await commerce_order(running, "07-1")
    assert kept["buyer_requested_cancel"] is True
    assert kept["lines"][0]["buyer_requested_cancel"] is True
    asked_for = {
        name: request[name] for name in ("commerce_order_id", "requested_by", "order_item_ids")
    }
    assert asked_for == {
        "commerce_order_id": kept["_id"],
        "requested_by": "buyer",
        "order_item_ids": ["1"],
    }
    back = line("1", "C07", 1, "10.00", BuyerRequestedCancel={"IsBuyerRequestedCancel": "false"})
    await send(running, "07-1", order("07-1", 13, "10.00", back))
    *_, amended = await told(running, "07-1", CREATED, REQUESTED, AMENDED)
    assert amended["buyer_requested_cancel"] is False
    assert (await commerce_order(running, "07-1"))["buyer_requested_cancel"] is False


async def test_rule_16_an_address_that_comes_later_is_told_without_its_text(
    running: System,
) -> None:
    await ask.tell(running, product("C66"))
    await send(running, "66-1", order("66-1", 10, "10.00", line("1", "C66", 1, "10.00")))
    await running.becomes(order_key(STORE, "66-1"), "created")
    address = {"Name": "N N", "AddressLine1": "1 Test St", "City": "Testville", "CountryCode": "US"}
    await send(
        running,
        "66-1",
        {"payload": {"AmazonOrderId": "66-1", "ShippingAddress": address}},
        {"payload": {"AmazonOrderId": "66-1", "BuyerEmail": "x@marketplace.example"}},
    )
    await received(running, "66-1", 3)
    created, amended = await told(running, "66-1", CREATED, AMENDED)
    assert (created["address_known"], amended["address_known"]) == (False, True)
    assert [(one["field"], one["from"], one["to"]) for one in amended["changes"]] == [
        ("address_known", False, True)
    ]
    assert "Test" not in str(amended)
    kept = await commerce_order(running, "66-1")
    assert kept["address_known"] is True
    assert "Test" not in str(kept)


async def test_rule_16_canceled_after_an_amendment_and_shipped_short(running: System) -> None:
    await ask.tell(running, product("C45", salable_quantity=3))
    await send(running, "45-1", order("45-1", 10, "30.00", line("1", "C45", 3, "30.00")))
    await running.becomes(order_key(STORE, "45-1"), "created")
    await send(running, "45-2", order("45-2", 10, "20.00", line("1", "C45", 2, "20.00")))
    await running.becomes(order_key(STORE, "45-2"), "blocked")
    await send(running, "45-1", order("45-1", 11, "20.00", line("1", "C45", 2, "20.00")))
    await received(running, "45-1", 2)
    gone = order("45-1", 12, "0.00", line("1", "C45", 0, "0.00"), OrderStatus="Canceled")
    await send(running, "45-1", gone)
    await running.becomes(order_key(STORE, "45-2"), "created")
    await told(running, "45-1", CREATED, AMENDED, MOVED)
    assert await reserved(running, "C45") == 2
    short = order("45-2", 11, "10.00", line("1", "C45", 1, "10.00"), OrderStatus="Shipped")
    await send(running, "45-2", short)
    released = "OrderImportBlocked", CREATED, "OrderImportReleased"
    await told(running, "45-2", *released, AMENDED, MOVED)
    made = await commerce_order(running, "45-2")
    assert (made["status"], made["lines"][0]["quantity"]) == ("complete", 1)
    assert await reserved(running, "C45") == 1
