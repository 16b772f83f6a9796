"""Rule 26: when Commerce's count leaves out an order is a setting of its store.

`COUNTED_ORDERS=10000 pytest tests/unit/test_counts_from.py` is the long form.
"""

import json
import os
from collections import Counter
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from handlers.unit_of_work import UnitOfWork
from models.checkpoint import Outgoing
from models.events import Event
from models.messages import CommandMessage
from models.reference_data import CommerceStatus, CountsOrdersFrom
from models.topics import TopicName
from storage.port import Transaction
from streams.app import HANDLERS
from streams.messages import encode
from tests.builders import (
    NOW,
    SOURCE,
    Message,
    a_commerce_order,
    a_document,
    a_message,
    a_product,
    a_store,
    an_update,
    later,
)
from tests.fakes.memory import MemoryStorage
from tests.unit.kit import World

ORDERS = int(os.environ.get("COUNTED_ORDERS", "1000"))
BATCH = 100
SKUS = 16
UNITS = ORDERS * 7 // 5 // SKUS
"""Of each product, seven for every five orders, which need more: stock is scarce in the end."""


def told(value: Any) -> dict[str, Any]:
    body: dict[str, Any] = value.model_dump(mode="json", exclude_none=True)
    return body


def a_count(units: int, at: float, sku: str = "SKU-1") -> dict[str, Any]:
    return told(a_product(sku=sku, salable_quantity=units, as_of=later(at)))


async def a_world(counts_from: str, *, judged: bool = True) -> World:
    world = World(judged=judged)
    await world.tell(TopicName.STORES, told(a_store(commerce_counts_orders_from=counts_from)))
    await world.tell(TopicName.PRODUCTS, a_count(5, 0))
    await world.tell(TopicName.ORDERS, a_document())
    return world


@pytest.mark.parametrize(
    ("counts_from", "reserved"),
    [("acknowledged", [0, 0, 0]), ("shipped", [1, 0, 0]), ("never", [1, 1, 0])],
)
async def test_rule_26_the_first_count_from_then_on_ends_the_reservation(
    counts_from: str, reserved: list[int]
) -> None:
    world = await a_world(counts_from)
    seen: list[int] = []
    for hour, status in enumerate(("processing", "shipped", "complete"), 1):
        await world.tell(TopicName.ORDER_UPDATES, told(an_update(status, at=later(hour))))
        assert world.reserved() == ([1, *seen][-1])
        await world.tell(TopicName.PRODUCTS, a_count(5, hour))
        seen.append(world.reserved())
    assert seen == reserved


@pytest.mark.parametrize("counts_from", list(CountsOrdersFrom))
async def test_rule_26_a_cancellation_releases_at_once(counts_from: str) -> None:
    world = await a_world(counts_from)
    canceled = a_document(status="Canceled", last_update_date=later(1))
    await world.tell(TopicName.ORDERS, canceled)
    assert world.reserved() == 0


async def test_rule_26_what_amazon_completes_is_counted_from_this_decision_on() -> None:
    world = await a_world("never")
    world.now = later(2)
    await world.tell(TopicName.ORDERS, a_document(status="Shipped", last_update_date=later(1)))
    assert world.commerce_order().completed_at == later(2)
    await world.tell(TopicName.PRODUCTS, a_count(5, 1.9))
    assert world.reserved() == 1
    await world.tell(TopicName.PRODUCTS, a_count(4, 2))
    assert world.reserved() == 0


async def test_rule_26_commerce_ships_what_amazon_has_completed_before() -> None:
    world = await a_world("shipped")
    await world.tell(TopicName.ORDERS, a_document(status="Shipped", last_update_date=later(1)))
    await world.tell(TopicName.PRODUCTS, a_count(5, 2))
    assert world.reserved() == 1
    await world.tell(TopicName.PRODUCTS, a_count(4, 4))
    await world.tell(TopicName.ORDER_UPDATES, told(an_update("shipped", at=later(3))))
    assert (world.reserved(), world.commerce_order().shipped_at) == (0, later(3))


async def test_rule_26_a_change_of_the_setting_applies_from_the_next_count_on() -> None:
    world = await a_world("shipped", judged=False)
    await world.tell(TopicName.ORDER_UPDATES, told(an_update("processing", at=later(1))))
    await world.tell(TopicName.PRODUCTS, a_count(5, 2))
    await world.tell(TopicName.STORES, told(a_store(updated_at=NOW)))
    assert world.reserved() == 1
    await world.tell(TopicName.PRODUCTS, a_count(4, 3))
    assert world.reserved() == 0


def test_rule_26_an_order_that_has_grown_is_not_counted_before_its_next_update() -> None:
    shipped = a_commerce_order(status=CommerceStatus.SHIPPED, shipped_at=NOW)
    assert shipped.counted_from(CountsOrdersFrom.SHIPPED) is None


class Importer:
    """Decides each batch at once in memory. Nothing is judged: with many orders that takes long."""

    def __init__(self) -> None:
        self.now = NOW
        self.storage = MemoryStorage()
        self.events: list[Event] = []

    async def tell(self, topic: TopicName, *values: Any) -> None:
        messages = [a_message(value, offset=n) for n, value in enumerate(values)]
        pending = [(topic, messages)]
        while pending:
            outgoing = await self._decide(*pending.pop(0))
            self.events += [one for one in outgoing if isinstance(one, Event)]
            for one in outgoing:
                if isinstance(one, CommandMessage):
                    sent = encode(one, SOURCE)
                    pending.append((TopicName.COMMANDS, [a_message(sent.value, key=sent.key)]))

    async def _decide(self, topic: TopicName, messages: list[Message]) -> list[Outgoing]:
        handler: Any = HANDLERS[topic]
        unit_of_work = UnitOfWork(topic, self.now)

        async def work(transaction: Transaction) -> None:
            await handler.handle(handler.parse(messages), unit_of_work, transaction)
            await transaction.write(unit_of_work.take_changes())

        await self.storage.transact(work)
        return unit_of_work.outgoing


class Shop:
    """A shop that makes no reservation: it counts what is in its warehouse.

    It takes each Commerce order over as soon as it hears of it, and ships it some rounds later.
    """

    def __init__(self, importer: Importer, source: Random) -> None:
        self.importer = importer
        self.source = source
        self.warehouse = Counter({f"SKU-{n}": UNITS for n in range(SKUS)})
        self.promised = Counter[str]()
        self.to_ship: list[tuple[int, dict[str, Any]]] = []

    async def work(self, round_: int) -> None:
        """Take over what is new, ship what is due, and count."""
        self.importer.now += timedelta(minutes=1)
        events, self.importer.events = self.importer.events, []
        created = [
            json.loads(event.body) for event in events if event.event_type == "CommerceOrderCreated"
        ]
        for body in created:
            self.promised.update({line["sku"]: line["quantity"] for line in body["lines"]})
            self.to_ship.append((round_ + self.source.randint(2, 9), body))
        await self._update("processing", created)
        due = [body for when, body in self.to_ship if when <= round_]
        self.to_ship = [(when, body) for when, body in self.to_ship if when > round_]
        for body in due:
            self.warehouse.subtract({line["sku"]: line["quantity"] for line in body["lines"]})
        await self._update("shipped", due)
        at = (self.importer.now - NOW) / timedelta(hours=1)
        counts = [a_count(units, at, sku) for sku, units in self.warehouse.items()]
        await self.importer.tell(TopicName.PRODUCTS, *counts)

    async def _update(self, status: str, bodies: list[dict[str, Any]]) -> None:
        updates = [
            an_update(status, amazon_order_id=body["amazon_order_id"], at=self.importer.now)
            for body in bodies
        ]
        if updates:
            await self.importer.tell(TopicName.ORDER_UPDATES, *map(told, updates))


@pytest.mark.parametrize("counts_from", ["shipped", "acknowledged"])
async def test_rule_26_a_shop_that_makes_no_reservation_is_oversold_unless_it_is_told(
    counts_from: str,
) -> None:
    """Orders for more units than there are. The setting `acknowledged` is the negative control."""
    importer = Importer()
    await importer.tell(TopicName.STORES, told(a_store(commerce_counts_orders_from=counts_from)))
    source = Random(26)
    shop = Shop(importer, source)
    await shop.work(0)
    for round_ in range(1, ORDERS // BATCH + 1):
        documents = [
            a_document(amazon_order_id=f"902-{round_}-{n}", items=[_line(source)])
            for n in range(BATCH)
        ]
        await importer.tell(TopicName.ORDERS, *documents)
        await shop.work(round_)
    oversold = {sku: units for sku, units in shop.promised.items() if units > UNITS}
    if counts_from == "shipped":
        assert not oversold
        assert sum(shop.promised.values()) > 0.95 * SKUS * UNITS, "stock was never scarce"
    else:
        assert oversold, "the control shows no oversell"


def _line(source: Random) -> dict[str, Any]:
    return {
        "order_item_id": "1",
        "seller_sku": f"SKU-{source.randrange(SKUS)}",
        "quantity": source.randint(1, 2),
        "price": {"amount": "10.00", "currency": "USD"},
    }
