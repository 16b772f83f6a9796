"""A message of very many orders is decided in steps that are bounded, each order once."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from typing_extensions import override

from models.change_set import ChangeSet
from models.dead_letters import DeadLetter
from models.messages import TopicPartition
from models.topics import TopicName
from storage.port import R, Transaction
from streams.app import HANDLERS
from streams.processor import Batch, TopicProcessor
from tests.builders import NOW, STORE, Message, a_message, a_product, a_store
from tests.fakes.memory import MemoryStorage
from tests.model.simulation import LogPublisher

SOURCE = TopicPartition(TopicName.ORDERS, 0)
MANY, MOST = 3_210, 500


class Counting(MemoryStorage):
    """Counts the orders that each transaction stores."""

    def __init__(self) -> None:
        super().__init__()
        self.orders: list[int] = []

    @override
    async def transact(
        self, work: Callable[[Transaction], Awaitable[R]], source: TopicPartition | None = None
    ) -> R:
        before = len(self.contents.orders)
        result = await super().transact(work, source)
        self.orders.append(len(self.contents.orders) - before)
        return result


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


async def decided(message: Message, storage: Counting, *, cut_off: bool = False) -> LogPublisher:
    """Decide a message, if asked by processors of which each is cut off after a step or two."""
    publisher = LogPublisher(copies=False)
    storage.contents.stores[STORE] = a_store()
    stocked = a_product(salable_quantity=MANY // 2)
    await storage.transact(lambda transaction: _tell(transaction, stocked))
    while True:
        processor = TopicProcessor(
            await storage.claim([SOURCE]),
            HANDLERS[TopicName.ORDERS],
            storage,
            publisher,
            lambda: NOW,
            max_weight=MOST,
        )
        running, before = asyncio.create_task(processor.run()), len(storage.orders)
        processor.enqueue(SOURCE, Batch(0, [message], 1))
        while processor.published_offset[SOURCE] < 1 and not running.done():
            await asyncio.sleep(0)
            is_within = not storage.contents.checkpoints[SOURCE].committed_offset
            if cut_off and is_within and len(storage.orders) > before:
                running.cancel()
        if not running.done():
            processor.drain()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        if processor.published_offset[SOURCE]:
            return publisher


async def _tell(transaction: Transaction, stocked: Any) -> None:
    await transaction.write(ChangeSet(products=[stocked]))


@pytest.mark.parametrize("cut_off", [False, True])
async def test_no_step_of_a_large_page_stores_more_orders_than_a_transaction_takes(
    cut_off: bool,
) -> None:
    storage = Counting()
    publisher = await decided(a_page(), storage, cut_off=cut_off)
    orders = storage.contents.orders.values()
    assert len(orders) == sum(storage.orders) == MANY - MANY // 3
    assert max(storage.orders) <= MOST
    assert sum(one.received for one in orders) == MANY
    assert len(storage.contents.commerce_orders) == MANY // 2, "as many as there are units"
    assert storage.contents.products["SKU-1"].reserved == MANY // 2
    assert len(publisher.events) == len(orders)


async def test_a_large_page_of_no_store_is_one_dead_letter() -> None:
    storage = Counting()
    unit_of_work = a_page(named=False)
    publisher = await decided(unit_of_work, storage)
    (dead_letter,) = storage.contents.dead_letters.values()
    assert dead_letter.value == unit_of_work.value
    assert [one for one in publisher._sent.values() if isinstance(one, DeadLetter)] == [dead_letter]
    assert not storage.contents.orders
