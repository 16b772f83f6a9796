"""Rule 27 on MongoDB: buyer data that has expired is erased, and nothing else is."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from models.amazon_order import Address, Buyer
from models.buyer_data import Erased, Retained, RetentionReason
from models.change_set import ChangeSet, OrderWrite
from models.dead_letters import DeadLetterFilter
from models.order_record import OrderRecord
from storage.mongo import buyer_data
from storage.mongo.dead_letters import MongoDeadLetters
from storage.mongo.driver import Driver
from storage.mongo.orders import MongoReader
from storage.mongo.storage import MongoStorage, open_storage
from storage.port import Transaction
from storage.queries import BuyerDataCounts
from tests.builders import NOW, a_dead_letter, a_record, an_order

WEEK = timedelta(days=7)


@pytest.fixture(params=Driver)
async def storage(
    request: pytest.FixtureRequest, mongo_url: str, database_name: str
) -> AsyncIterator[MongoStorage]:
    async with open_storage(mongo_url, database_name, request.param) as opened:
        await opened.prepare()
        yield opened


def an_order_until(number: int, expires_at: datetime) -> OrderRecord:
    """Return an order with a buyer that expires at a moment."""
    order = an_order(
        amazon_order_id=f"902-{number}",
        buyer=Buyer(name=f"Dana {number}"),
        ship_to=Address(city="Lübeck"),
    )
    return a_record(order=order, buyer_data=Retained(expires_at, RetentionReason.SHIPPED))


async def store(storage: MongoStorage, *records: OrderRecord, **changes: Any) -> None:
    async def work(transaction: Transaction) -> None:
        await transaction.lock()
        writes = [OrderWrite(record, (), is_new=True, details=False) for record in records]
        await transaction.write(ChangeSet(orders=writes, **changes))

    await storage.transact(work)


async def stored(storage: MongoStorage, *records: OrderRecord) -> list[OrderRecord]:
    keys = [record.key for record in records]
    found = await storage.transact(lambda transaction: transaction.orders(keys))
    return [found[key] for key in keys]


def reader_of(storage: MongoStorage) -> MongoReader:
    return MongoReader(storage._client, storage._database.name)


async def test_rule_27_orders_lose_their_buyer_when_it_has_expired_and_nothing_else(
    storage: MongoStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buyer_data, "ERASED_AT_ONCE", 2)
    expired = [an_order_until(number, NOW - timedelta(seconds=number)) for number in range(5)]
    other = an_order_until(9, NOW + timedelta(milliseconds=1))
    without = a_record(order=an_order(amazon_order_id="902-10"))
    await store(storage, *expired, other, without)
    assert await stored(storage, *expired, other, without) == [*expired, other, without]
    assert await storage.erase_expired(NOW) == (5, 0)
    nothing = {"buyer": None, "ship_to": None}
    for before, now in zip(expired, await stored(storage, *expired), strict=True):
        assert now.buyer_data == Erased(NOW)
        assert now.order == before.order.model_copy(update=nothing)
    assert await stored(storage, other, without) == [other, without]
    documents = await storage._database.amazon_orders.find({}).to_list(None)
    assert sum("Dana" in str(document) for document in documents) == 1
    assert await storage.erase_expired(NOW) == (0, 0)


async def test_rule_27_a_dead_letter_loses_its_bytes_after_30_days(storage: MongoStorage) -> None:
    old = a_dead_letter(offset=1, at=NOW - timedelta(days=30), details_of="902-1")
    new = a_dead_letter(offset=2, at=NOW - timedelta(days=29))
    await store(storage, dead_letters=[old, new])
    assert await storage.erase_expired(NOW) == (0, 1)
    dead_letters = MongoDeadLetters(storage._client, storage._database.name)
    both = await dead_letters.dead_letters([old.dead_letter_id, new.dead_letter_id])
    erased = both[old.dead_letter_id].dead_letter
    assert (erased.key, erased.value, erased.headers) == (None, None, ())
    assert (erased.code, erased.message, erased.erased_at) == (old.code, old.message, NOW)
    assert both[new.dead_letter_id].dead_letter == new
    # Nothing can be done with it any more: no order claims it, and it is not open.
    assert not await storage.transact(lambda transaction: transaction.details_of(["902-1"]))
    lines = await dead_letters.lines([old.dead_letter_id])
    assert lines[old.dead_letter_id].is_erased
    still_open = await dead_letters.find(DeadLetterFilter(is_open=True))
    assert [line.dead_letter_id for line in still_open] == [new.dead_letter_id]
    # The topic was recreated, and counts its offsets from 0 again.
    again = a_dead_letter(offset=1, at=NOW)
    await store(storage, dead_letters=[again])
    both = await dead_letters.dead_letters([old.dead_letter_id])
    assert both[old.dead_letter_id].dead_letter == again


async def test_rule_27_a_decision_that_ends_the_buyer_data_removes_it(
    storage: MongoStorage,
) -> None:
    before = an_order_until(1, NOW)
    await store(storage, before)
    order = before.order.model_copy(update={"buyer": None, "ship_to": None})
    erased = a_record(order=order, buyer_data=Erased(NOW))

    async def work(transaction: Transaction) -> None:
        await transaction.lock()
        write = OrderWrite(erased, (), is_new=False, details=True)
        await transaction.write(ChangeSet(orders=[write]))

    await storage.transact(work)
    assert await stored(storage, before) == [erased]
    document = await storage._database.amazon_orders.find_one({})
    assert document is not None
    assert {"buyer", "ship_to"}.isdisjoint(document)


async def test_rule_27_what_is_overdue_and_what_expires_within_a_week_is_counted(
    storage: MongoStorage,
) -> None:
    late = NOW - timedelta(minutes=5)
    records = [
        an_order_until(number, at)
        for number, at in enumerate((late, NOW, NOW + WEEK, NOW + WEEK + timedelta(hours=1)))
    ]
    dead_letters = [
        a_dead_letter(offset=days, at=NOW - timedelta(days=days)) for days in (0, 23, 29, 31)
    ]
    await store(storage, *records, dead_letters=dead_letters)
    reader = reader_of(storage)
    assert await reader.buyer_data_counts(late, NOW + WEEK) == BuyerDataCounts(2, 2, 2)
    await storage.erase_expired(NOW)
    assert await reader.buyer_data_counts(late, NOW + WEEK) == BuyerDataCounts(0, 1, 2)
