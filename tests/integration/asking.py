"""What the rule tests tell a running system, and what they ask it."""

from datetime import datetime
from functools import partial
from typing import Any

from models.keys import commerce_order_id
from models.replay import Selection
from models.topics import TopicName
from order_import.bootstrap import connect_storage
from order_import.operations.replay import Request, begin, open_sender
from streams.clock import now
from tests.integration.kit import System
from tests.integration.wire import Document, key


async def tell(system: System, *facts: Document) -> None:
    """Tell stores and products, and wait until they are taken."""
    for fact in facts:
        of_store = "store_id" in fact
        await system.publish(TopicName.STORES if of_store else TopicName.PRODUCTS, fact)
        await system.eventually(partial(_is_taken, system, fact), f"{fact} is taken")


async def send(system: System, document: Document) -> None:
    await system.publish(TopicName.ORDERS, document)


async def replay(system: System, document: Document) -> None:
    """Begin a replay of one order; the worker carries it out."""
    async with connect_storage(system.settings) as storage:
        request = Request(Selection(), "test", "test")
        async with open_sender(system.settings) as send:
            await begin(storage, send, request, [key(document)], now())


async def sync(system: System, store_id: str) -> None:
    command = {"command": "sync", "store_id": store_id, "requested_at": "2026-11-04T00:00:00Z"}
    await system.publish(TopicName.COMMANDS, command, key=store_id)


async def update(system: System, document: Document, status: str, at: str) -> None:
    order_id = commerce_order_id(key(document))
    body = {"commerce_order_id": order_id, "status": status, "at": at}
    await system.publish(TopicName.ORDER_UPDATES, body, key=order_id)


async def tells(system: System, document: Document, what: str) -> bool:
    """Say whether the order's history has this."""
    return what in [one["what"] for one in (await system.order(key(document))).get("history", [])]


async def tried(system: System, document: Document, times: int) -> bool:
    imported = (await system.order(key(document)))["import"]
    return bool(imported["tried"] == times)


async def received(system: System, document: Document, times: int) -> bool:
    return bool((await system.order(key(document))).get("received") == times)


async def reasons(system: System, document: Document) -> list[Any]:
    found = (await system.order(key(document)))["import"]["reasons"]
    return [one if isinstance(one, str) else one["code"] for one in found]


async def has_reason(system: System, document: Document, reason: str) -> bool:
    return await reasons(system, document) == [reason]


async def status(system: System, document: Document) -> str:
    """Give the status of the Commerce order."""
    found = await system.db.commerce_orders.find_one({"_id": commerce_order_id(key(document))})
    return str(found["status"])


async def is_status(system: System, document: Document, wanted: str) -> bool:
    return await status(system, document) == wanted


async def are(system: System, store_id: str, **states: int) -> bool:
    """Say whether so many orders of a store are in these states."""
    orders = system.db.amazon_orders
    counted = [
        await orders.count_documents({"store_id": store_id, "import.state": state})
        for state in states
    ]
    return counted == list(states.values())


async def events(system: System, document: Document) -> list[str]:
    """Give the types of an order's events, in their order."""
    found = system.db.events.find({"key": key(document)}).sort("sequence", 1)
    return [one["event_type"] async for one in found]


async def _is_taken(system: System, fact: Document) -> bool:
    if "store_id" in fact:
        found, version = await system.db.stores.find_one({"_id": fact["store_id"]}), "updated_at"
    else:
        found, version = await system.db.products.find_one({"_id": fact["sku"]}), "as_of"
    return found is not None and found[version] == datetime.fromisoformat(fact[version])
