"""Rule 27 on MongoDB: buyer data that has expired is erased, and nothing else is."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import bson
import pytest

from models.amazon_order import Address, Buyer
from models.buyer_data import Erased, Retained, RetentionReason
from models.change_set import BuyerWrite, ChangeSet, OrderWrite
from models.commerce_order import PendingReservation, Reservation
from models.dead_letters import DeadLetterFilter
from models.errors import KeyMissing
from models.order_record import OrderRecord
from storage.documents.buyer_data import dead_letter_data_id
from storage.encryption import KEY_BYTES, BuyerKeys
from storage.mongo import buyer_data
from storage.mongo.dead_letters import MongoDeadLetters
from storage.mongo.driver import Driver
from storage.mongo.orders import MongoReader
from storage.mongo.storage import MongoStorage
from storage.port import Transaction
from storage.queries import BuyerDataCounts
from tests.builders import STORE, a_dead_letter, a_record, an_order
from tests.keys import KEYS
from tests.storages import open_storage

NOW = datetime(2126, 7, 1, 12, tzinfo=UTC)
"""In the future: the server's own clock, by which it erases once a minute, has not come there."""

WEEK = timedelta(days=7)


@pytest.fixture(params=Driver)
async def storage(
    request: pytest.FixtureRequest, mongo_url: str, database_name: str
) -> AsyncIterator[MongoStorage]:
    async with open_storage(mongo_url, database_name, request.param, keys=KEYS) as opened:
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


async def sealed_ids(storage: MongoStorage) -> tuple[list[str], list[str]]:
    """Return the ids of the contents and of the data keys there are."""
    data, keys = storage._database.buyer_data, storage.vault.keys_database.buyer_keys
    lists = [await one.find({}, {"_id": 1}).sort("_id").to_list(None) for one in (data, keys)]
    contents, data_keys = ([document["_id"] for document in one] for one in lists)
    return contents, data_keys


async def change(storage: MongoStorage, record: OrderRecord, **fields: Any) -> None:
    async def work(transaction: Transaction) -> None:
        await transaction.lock()
        await transaction.orders([record.key])
        write = OrderWrite(record, (), is_new=False, details=True, **fields)
        await transaction.write(ChangeSet(orders=[write]))

    await storage.transact(work)


def reader_of(storage: MongoStorage) -> MongoReader:
    return MongoReader(storage._client, storage._database.name, KEYS)


async def test_rule_27_orders_lose_their_buyer_when_it_has_expired_and_nothing_else(
    storage: MongoStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buyer_data, "ERASED_AT_ONCE", 2)
    expired = [an_order_until(number, NOW - timedelta(seconds=number)) for number in range(5)]
    other = an_order_until(9, NOW + timedelta(milliseconds=1))
    without = a_record(order=an_order(amazon_order_id="902-10"))
    await store(storage, *expired, other, without)
    assert await stored(storage, *expired, other, without) == [*expired, other, without]
    assert await storage.vault.erase_expired(NOW) == (5, 0)
    nothing = {"buyer": None, "ship_to": None}
    for before, now in zip(expired, await stored(storage, *expired), strict=True):
        assert now.buyer_data == Erased(NOW)
        assert now.order == before.order.model_copy(update=nothing)
    assert await stored(storage, other, without) == [other, without]
    assert await sealed_ids(storage) == ([other.key], [other.key])
    assert await storage.vault.erase_expired(NOW) == (0, 0)


async def test_rule_27_a_dead_letter_loses_its_bytes_after_30_days(storage: MongoStorage) -> None:
    old = a_dead_letter(offset=1, at=NOW - timedelta(days=30), details_of="902-1")
    new = a_dead_letter(offset=2, at=NOW - timedelta(days=29))
    await store(storage, dead_letters=[old, new])
    assert await storage.vault.erase_expired(NOW) == (0, 1)
    dead_letters = MongoDeadLetters(storage._client, storage._database.name, KEYS)
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

    await change(storage, erased)
    assert await stored(storage, before) == [erased]
    assert await sealed_ids(storage) == ([], [])


async def test_rule_27_no_document_shows_a_buyer_or_the_bytes_of_a_dead_letter(
    storage: MongoStorage,
) -> None:
    dead_letter = a_dead_letter(value=b'{"name": "Dana 1"}', key=b"Dana 1", headers=())
    await store(storage, an_order_until(1, NOW), dead_letters=[dead_letter])
    for database in (storage._database, storage.vault.keys_database):
        for name in await database.list_collection_names():
            async for document in database[name].find({}):
                assert b"Dana" not in bson.encode(document), name
    both = dead_letter_data_id(dead_letter.dead_letter_id), f"{STORE}/902-1"
    assert await sealed_ids(storage) == ([*both], [*both])


async def test_rule_27_a_later_message_is_sealed_with_the_orders_own_key(
    storage: MongoStorage,
) -> None:
    before = an_order_until(1, NOW)
    await store(storage, before)
    old = await storage._database.buyer_data.find_one({})
    order = before.order.model_copy(update={"buyer": Buyer(name="Kim")})
    after = replace(before, order=order, buyer_data=Retained(NOW + WEEK, RetentionReason.OPEN))
    await change(storage, after)
    assert await stored(storage, after) == [after]
    # A backup of the database without its keys can still be read with the present ones.
    await storage._database.buyer_data.replace_one({}, old or {})
    restored = await stored(storage, before)
    assert restored[0].order == before.order


@pytest.mark.parametrize("left", ["both", "content", "data key"])
async def test_rule_27_what_is_left_of_an_order_that_a_backup_lacks_is_replaced(
    storage: MongoStorage, left: str
) -> None:
    record = an_order_until(1, NOW + WEEK)
    await store(storage, record)
    await storage._database.amazon_orders.delete_many({})
    if left == "content":
        await storage.vault.keys_database.buyer_keys.delete_many({})
    elif left == "data key":
        await storage._database.buyer_data.delete_many({})
    again = replace(record, order=record.order.model_copy(update={"buyer": Buyer(name="Emil")}))
    await store(storage, again)
    assert [one.order.buyer for one in await stored(storage, again)] == [Buyer(name="Emil")]
    assert await sealed_ids(storage) == ([record.key], [record.key])


async def test_rule_25_an_order_with_a_pending_reservation_is_read_with_its_buyer(
    storage: MongoStorage,
) -> None:
    pending = PendingReservation("default", (Reservation("SKU-1", 1),), NOW)
    record = replace(an_order_until(1, NOW + WEEK), pending_reservation=pending)
    await store(storage, record)
    silent = await storage.transact(lambda view: view.pending_reservations(None, NOW + WEEK, 10))
    assert list(silent) == [record]


async def test_rule_27_a_new_end_is_stored_without_the_content(storage: MongoStorage) -> None:
    before = an_order_until(1, NOW)
    await store(storage, before)
    content = await storage._database.buyer_data.find_one({}, {"content": 1})
    after = replace(before, buyer_data=Retained(NOW + WEEK, RetentionReason.SHIPPED))
    await change(storage, after, buyer=BuyerWrite.EXPIRY)
    assert await stored(storage, after) == [after]
    assert await storage._database.buyer_data.find_one({}, {"content": 1}) == content
    assert await storage.vault.erase_expired(NOW) == (0, 0)
    assert await stored(storage, after) == [after]


async def test_rule_27_an_order_that_moves_to_another_store_takes_its_buyer_with_it(
    storage: MongoStorage,
) -> None:
    before = an_order_until(1, NOW)
    await store(storage, before)
    order = before.order.model_copy(update={"store_id": "other"})
    after = replace(before, store_id="other", order=order)

    async def work(transaction: Transaction) -> None:
        await transaction.lock()
        write = OrderWrite(after, (), is_new=True, details=True, moved_from=before.key)
        await transaction.write(ChangeSet(orders=[write]))

    await storage.transact(work)
    assert await stored(storage, after) == [after]
    assert await sealed_ids(storage) == ([after.key], [after.key])


async def test_rule_27_without_its_data_key_a_buyer_is_erased(storage: MongoStorage) -> None:
    before = an_order_until(1, NOW)
    await store(storage, before)
    await storage.vault.keys_database.buyer_keys.delete_many({})
    [record] = await stored(storage, before)
    assert (record.order.buyer, record.buyer_data) == (None, Erased(NOW))


async def test_rule_27_a_transaction_that_fails_leaves_neither_content_nor_key(
    storage: MongoStorage,
) -> None:
    async def work(transaction: Transaction) -> None:
        await transaction.lock()
        writes = [OrderWrite(an_order_until(1, NOW), (), is_new=True, details=False)]
        await transaction.write(ChangeSet(orders=writes))
        raise LookupError

    with pytest.raises(LookupError):
        await storage.transact(work)
    assert await sealed_ids(storage) == ([], [])


async def test_rule_27_keys_of_another_database_are_refused(storage: MongoStorage) -> None:
    await store(storage, an_order_until(1, NOW))
    other = BuyerKeys([b"o" * KEY_BYTES], bytes(KEY_BYTES))
    name = storage._database.name
    with pytest.raises(KeyMissing, match="was encrypted with other keys"):
        await MongoStorage(storage._client, name, other).prepare()
    # A new first key beside the one in use is recorded.
    both = BuyerKeys([*other.keys.values(), *KEYS.keys.values()], bytes(KEY_BYTES))
    await MongoStorage(storage._client, name, both).prepare()
    assert {*await storage.vault.used_keys()} == {KEYS.current, other.current}


async def test_rule_27_a_new_key_wraps_the_data_keys_and_the_data_stays(
    storage: MongoStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buyer_data, "REWRAPPED_AT_ONCE", 2)
    records = [an_order_until(number, NOW) for number in range(5)]
    await store(storage, *records)
    contents = await storage._database.buyer_data.find({}).sort("_id").to_list(None)
    new = BuyerKeys([b"n" * KEY_BYTES], bytes(KEY_BYTES))
    both = BuyerKeys([*new.keys.values(), *KEYS.keys.values()], bytes(KEY_BYTES))
    name = storage._database.name
    rotating = MongoStorage(storage._client, name, both)
    # No worker has been started with the new key yet: it is recorded as one in use before.
    assert await rotating.vault.rewrap() == 5
    await MongoStorage(storage._client, name, new).prepare()
    assert await rotating.vault.rewrap() == 0
    assert await storage._database.buyer_data.find({}).sort("_id").to_list(None) == contents
    assert await stored(MongoStorage(storage._client, name, new), *records) == records
    with pytest.raises(KeyMissing, match="which the key file lacks"):
        await stored(storage, *records)


async def test_rule_27_without_a_key_file_orders_are_read_and_nothing_personal_is_stored(
    storage: MongoStorage,
) -> None:
    before = an_order_until(1, NOW)
    await store(storage, before)
    without = MongoStorage(storage._client, storage._database.name)
    [record] = await stored(without, before)
    assert (record.order.buyer, record.buyer_data) == (None, before.buyer_data)
    with pytest.raises(KeyMissing, match="without its key file"):
        await store(without, an_order_until(2, NOW))


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
    await storage.vault.erase_expired(NOW)
    assert await reader.buyer_data_counts(late, NOW + WEEK) == BuyerDataCounts(0, 1, 2)
