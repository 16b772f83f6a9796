"""What a process remembers of facts holds only while nobody else takes the stock's lock."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from models.change_set import ChangeSet
from models.keys import DEFAULT_STOCK
from models.reference_data import StockedProduct
from storage.mongo.driver import Driver
from storage.mongo.fact_cache import FactCache
from storage.mongo.storage import MongoStorage
from storage.port import Transaction
from tests.builders import a_product, a_store, stocked
from tests.keys import KEYS
from tests.storages import open_storage

SKU = "SKU-1"


@pytest_asyncio.fixture
async def processes(
    mongo_url: str, database_name: str
) -> AsyncIterator[tuple[MongoStorage, MongoStorage]]:
    """Give two storages of one database, as two processes have them."""
    async with (
        open_storage(mongo_url, database_name, Driver.PYMONGO, keys=KEYS) as one,
        open_storage(mongo_url, database_name, Driver.MOTOR, keys=KEYS) as other,
    ):
        await one.prepare()
        yield one, other


async def _tell(storage: MongoStorage, *, enabled: bool, stocks: tuple[str, ...] = ()) -> None:
    async def work(transaction: Transaction) -> None:
        await transaction.lock({DEFAULT_STOCK, *stocks})
        await transaction.products({SKU})
        await transaction.write(ChangeSet(**stocked(a_product(sku=SKU, enabled=enabled))))

    await storage.transact(work)


async def _product(storage: MongoStorage, stock: str = DEFAULT_STOCK) -> StockedProduct:
    async def work(transaction: Transaction) -> StockedProduct:
        await transaction.lock({stock})
        return (await transaction.products({SKU}, stock))[SKU]

    return await storage.transact(work)


async def _reserve(storage: MongoStorage, units: int) -> None:
    async def work(transaction: Transaction) -> None:
        await transaction.lock()
        await transaction.products({SKU})
        await transaction.write(ChangeSet(reserved={DEFAULT_STOCK: {SKU: units}}))

    await storage.transact(work)


async def test_what_another_process_told_is_seen(
    processes: tuple[MongoStorage, MongoStorage],
) -> None:
    """A product read before is read again after another process had the lock."""
    one, other = processes
    await _tell(one, enabled=True)
    assert (await _product(one)).product.enabled
    await _tell(other, enabled=False)
    assert not (await _product(one)).product.enabled


async def test_what_was_held_is_counted_on(processes: tuple[MongoStorage, MongoStorage]) -> None:
    """What this process took is in what it remembers, and what the other took is too."""
    one, other = processes
    await _tell(one, enabled=True)
    await _reserve(one, 2)
    await _reserve(one, 3)
    assert (await _product(one)).reserved == 5
    await _reserve(other, 4)
    assert (await _product(one)).reserved == 9
    assert (await _product(other)).reserved == 9


async def test_what_one_process_told_of_several_stocks_is_seen_in_each(
    processes: tuple[MongoStorage, MongoStorage],
) -> None:
    one, _ = processes
    await _tell(one, enabled=True, stocks=("other",))
    for stock in (DEFAULT_STOCK, "other"):
        assert (await _product(one, stock)).product.enabled
    await _tell(one, enabled=False, stocks=("other",))
    for stock in (DEFAULT_STOCK, "other"):
        assert not (await _product(one, stock)).product.enabled


async def test_what_is_held_in_one_stock_is_not_counted_in_another(
    processes: tuple[MongoStorage, MongoStorage],
) -> None:
    one, _ = processes
    await _tell(one, enabled=True, stocks=("other",))
    for stock in (DEFAULT_STOCK, "other"):
        await _product(one, stock)

    async def reserve(transaction: Transaction) -> None:
        await transaction.lock({DEFAULT_STOCK, "other"})
        await transaction.write(ChangeSet(reserved={DEFAULT_STOCK: {SKU: 2}}))

    await one.transact(reserve)
    assert [(await _product(one, stock)).reserved for stock in (DEFAULT_STOCK, "other")] == [2, 0]


async def test_a_store_that_changes_its_stock_brings_nothing_outdated_along(
    processes: tuple[MongoStorage, MongoStorage],
) -> None:
    """What a stock without stores remembers of products may be outdated."""
    one, _ = processes
    await _tell(one, enabled=True, stocks=("other",))
    await _product(one, "other")
    await _tell(one, enabled=False)

    async def work(transaction: Transaction) -> None:
        await transaction.lock({DEFAULT_STOCK, "other"})
        await transaction.write(ChangeSet(stores=[a_store(stock_id="other")]))

    await one.transact(work)
    assert not (await _product(one, "other")).product.enabled


async def test_a_transaction_that_failed_is_forgotten(
    processes: tuple[MongoStorage, MongoStorage],
) -> None:
    """Units of a transaction that did not take place are not counted."""
    one, _ = processes
    await _tell(one, enabled=True)

    async def fails(transaction: Transaction) -> None:
        await transaction.lock()
        await transaction.products({SKU})
        await transaction.write(ChangeSet(reserved={DEFAULT_STOCK: {SKU: 7}}))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await one.transact(fails)
    assert (await _product(one)).reserved == 0


def test_a_cache_holds_only_while_the_count_of_its_lock_is_unbroken() -> None:
    """A number left out is somebody else's."""
    cache = FactCache()
    cache.begin(1)
    cache.products["A"] = None
    cache.committed(1, [])
    cache.begin(2)
    assert "A" in cache.products
    cache.begin(4)
    assert not cache.products
