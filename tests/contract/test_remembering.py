"""What a process remembers between its turns holds only while nobody else changed it."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from models.errors import PositionLost
from models.ledger import Changes, OrderChange, Source
from models.outcomes import Created
from models.records import OrderRecord, StockedProduct
from storage.driver import Driver
from storage.mongo import MongoStorage, open_storage
from storage.port import Transaction, Turn
from storage.turn_cache import Handover, TurnCache
from tests.builders import KEY, a_commerce_order, a_product, a_record, an_order

SKU = "SKU-1"


@pytest_asyncio.fixture
async def processes(
    mongo_url: str, database_name: str
) -> AsyncIterator[tuple[MongoStorage, MongoStorage]]:
    """Give two storages of one database, as two processes have them."""
    async with (
        open_storage(mongo_url, database_name, Driver.PYMONGO) as one,
        open_storage(mongo_url, database_name, Driver.MOTOR) as other,
    ):
        await one.prepare()
        yield one, other


async def _tell(storage: MongoStorage, *, enabled: bool, held: int = 0) -> None:
    async def work(transaction: Transaction) -> None:
        await transaction.take_turn(Turn.STOCK)
        await transaction.write(
            Changes(products=[a_product(sku=SKU, enabled=enabled)], held={SKU: held})
        )

    await storage.transact(work)


async def _product(storage: MongoStorage) -> StockedProduct:
    async def work(transaction: Transaction) -> StockedProduct:
        await transaction.take_turn(Turn.STOCK)
        return (await transaction.products({SKU}))[SKU]

    return await storage.transact(work)


async def _hold(storage: MongoStorage, pieces: int) -> None:
    async def work(transaction: Transaction) -> None:
        await transaction.take_turn(Turn.STOCK)
        await transaction.products({SKU})
        await transaction.write(Changes(held={SKU: pieces}))

    await storage.transact(work)


async def _admit(storage: MongoStorage, record: OrderRecord, *, is_new: bool) -> None:
    async def work(transaction: Transaction) -> None:
        await transaction.take_turn(Turn.POLICY)
        change = OrderChange(record, (), is_new=is_new, details=True)
        await transaction.write(Changes(orders=[change]))

    await storage.transact(work)


async def _judge(storage: MongoStorage) -> OrderRecord:
    """Make its Commerce order, if it is still admitted; give the order as it was found."""

    async def work(transaction: Transaction) -> OrderRecord:
        await transaction.take_turn(Turn.STOCK)
        record = (await transaction.admitted_orders({KEY}))[KEY]
        if record.admitted:
            await transaction.write(_creation(record))
        return record

    return await storage.transact(work)


def _creation(record: OrderRecord) -> Changes:
    made = a_commerce_order()
    created = replace(record, admitted=False, outcome=Created(made.commerce_order_id))
    change = OrderChange(created, (), is_new=False, details=False)
    return Changes(orders=[change], new_commerce_orders=[made])


async def test_what_another_process_told_is_seen(
    processes: tuple[MongoStorage, MongoStorage],
) -> None:
    """A product read before is read again after another process had the turn."""
    one, other = processes
    await _tell(one, enabled=True)
    assert (await _product(one)).product.enabled
    await _tell(other, enabled=False)
    assert not (await _product(one)).product.enabled


async def test_what_was_held_is_counted_on(processes: tuple[MongoStorage, MongoStorage]) -> None:
    """What this process took is in what it remembers, and what the other took is too."""
    one, other = processes
    await _tell(one, enabled=True)
    await _hold(one, 2)
    await _hold(one, 3)
    assert (await _product(one)).held == 5
    await _hold(other, 4)
    assert (await _product(one)).held == 9
    assert (await _product(other)).held == 9


async def test_a_transaction_that_failed_is_forgotten(
    processes: tuple[MongoStorage, MongoStorage],
) -> None:
    """Pieces of a transaction that did not take place are not counted."""
    one, _ = processes
    await _tell(one, enabled=True)

    async def fails(transaction: Transaction) -> None:
        await transaction.take_turn(Turn.STOCK)
        await transaction.products({SKU})
        await transaction.write(Changes(held={SKU: 7}))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await one.transact(fails)
    assert (await _product(one)).held == 0


async def test_an_admitted_order_is_handed_over(
    processes: tuple[MongoStorage, MongoStorage],
) -> None:
    """The same value comes back, also after another process had the turn for another order."""
    one, other = processes
    record = a_record()
    await _admit(one, record, is_new=True)
    await _admit(other, a_record(order=an_order(amazon_order_id="902-2")), is_new=True)
    assert (await _judge(one)) is record
    assert one.conflicts == 0


async def test_a_handed_over_order_that_another_changed_is_read(
    processes: tuple[MongoStorage, MongoStorage],
) -> None:
    """Also when this process had the policy's turn again in between."""
    one, other = processes
    record = a_record()
    await _admit(one, record, is_new=True)
    await _admit(other, a_record(received=record.received + 1), is_new=False)
    await _admit(one, a_record(order=an_order(amazon_order_id="902-2")), is_new=True)
    assert (await _judge(one)).received == record.received + 1
    assert one.conflicts == 1
    stored = await _judge(other)
    assert (stored.received, stored.admitted) == (record.received + 1, False)


async def test_a_handed_over_order_that_another_judged_is_not_created_again(
    processes: tuple[MongoStorage, MongoStorage],
) -> None:
    """It collides with its Commerce order, which is no lost position."""
    one, other = processes
    await _admit(one, a_record(), is_new=True)
    assert (await _judge(other)).admitted
    assert not (await _judge(one)).admitted
    assert one.conflicts == 1


async def test_a_position_lost_is_told_beside_a_handed_over_order(
    processes: tuple[MongoStorage, MongoStorage],
) -> None:
    """The second try has no handed-over order in it."""
    one, other = processes
    await _admit(one, a_record(), is_new=True)
    (mine,) = await one.take_up([Source("amazon.orders.admitted", 0)])
    await other.take_up([mine.source])

    async def work(transaction: Transaction) -> None:
        await transaction.take_turn(Turn.STOCK)
        record = (await transaction.admitted_orders({KEY}))[KEY]
        await transaction.write(_creation(record), [(mine, mine.moved(1, ()))])

    with pytest.raises(PositionLost):
        await one.transact(work)
    assert (await _judge(other)).admitted


def test_a_cache_holds_only_right_after_our_own_turn() -> None:
    """A number left out was someone else's turn."""
    cache = TurnCache()
    cache.begin(1)
    cache.products["A"] = None
    cache.committed(1, [])
    cache.begin(2)
    assert "A" in cache.products
    cache.begin(4)
    assert not cache.products


def test_the_handover_gives_an_order_once() -> None:
    """The second time it is read."""
    handover = Handover()
    handover.put([Changes(orders=[OrderChange(a_record(), (), is_new=True, details=False)])])
    assert handover.take({KEY}).keys() == {KEY}
    assert handover.take({KEY}) == {}
