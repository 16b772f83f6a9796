"""A message of very many orders is decided in steps that are bounded, each order once."""

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from models.messages import TopicPartition
from models.topics import TopicName
from tests.builders import STORE, Message, a_message, a_product, a_store
from tests.simulation.clock import run
from tests.simulation.power import Power
from tests.simulation.workers import Workers
from tests.simulation.world import World

SOURCE = TopicPartition(TopicName.ORDERS, 0)
MANY, MOST = 3_210, 500


def a_page(*, named: bool = True) -> Message:
    """Every third order is named twice."""
    numbers = [number - number % 3 // 2 for number in range(MANY)]
    line = {"OrderItemId": "1", "SellerSKU": "SKU-1", "QuantityOrdered": 1}
    orders: list[dict[str, Any]] = [
        {
            "AmazonOrderId": str(number),
            "OrderStatus": "Unshipped",
            "FulfillmentChannel": "MFN",
            "PurchaseDate": "2026-06-15T09:30:00Z",
            "LastUpdateDate": "2026-06-15T09:30:00Z",
            "OrderItems": [line],
        }
        for number in numbers
    ]
    headers = (("store-id", STORE.encode()),) if named else ()
    return a_message({"payload": {"Orders": orders}}, headers=headers)


class Watch:
    """Weather that counts the orders of each transaction; it may cut power after each of a page."""

    def __init__(self, world: World, *, cut_off: bool) -> None:
        self.orders = [0]
        """How many there are after each transaction."""
        self._world = world
        self._cut_off = cut_off

    async def __call__(self, power: Power, what: str) -> None:
        await asyncio.sleep(0)
        if what != "storage.committed":
            return
        contents = self._world.database.contents
        self.orders.append(len(contents.orders))
        if self._cut_off and not contents.checkpoints[SOURCE].committed_offset:
            power.cut()

    @property
    def steps(self) -> list[int]:
        return [after - before for before, after in pairwise(self.orders)]


def decided(message: Message, *, cut_off: bool = False) -> tuple[World, Watch]:
    """Decide a message, if asked by workers of which each is cut off after a transaction."""
    world = World(partitions={})
    watch = Watch(world, cut_off=cut_off)
    stocked = a_product(salable_quantity=MANY // 2)

    async def play() -> None:
        world.log.append(TopicName.STORES, a_message(a_store().model_dump(mode="json")))
        world.log.append(TopicName.PRODUCTS, a_message(stocked.model_dump(mode="json")))
        workers = Workers(world, watch, max_weight=MOST)
        await workers.settle()
        world.log.append(TopicName.ORDERS, message)
        await workers.settle()
        await workers.end()

    assert run(play()) == (None, [])
    assert not world.violations
    return world, watch


@pytest.mark.parametrize("cut_off", [False, True])
def test_no_step_of_a_large_page_stores_more_orders_than_a_transaction_takes(
    cut_off: bool,
) -> None:
    world, watch = decided(a_page(), cut_off=cut_off)
    contents = world.database.contents
    assert len(contents.orders) == MANY - MANY // 3
    assert max(watch.steps) <= MOST
    assert sum(one.received for one in contents.orders.values()) == MANY
    assert len(contents.commerce_orders) == MANY // 2, "as many as there are units"
    assert contents.stocked("SKU-1").reserved == MANY // 2
    assert len(contents.events) == len(contents.orders)


def test_a_large_page_of_no_store_is_one_dead_letter() -> None:
    page = a_page(named=False)
    world, _ = decided(page)
    contents = world.database.contents
    (dead_letter,) = contents.dead_letters.values()
    (sent,) = world.log.partitions[TopicPartition(TopicName.DEAD_LETTER, 0)]
    assert dead_letter.value == sent.value == page.value
    assert not contents.orders
