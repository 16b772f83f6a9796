"""A transaction nobody ends, or that a server forgot, does not hold a partition up for ever."""

import asyncio
from typing import Any

import pytest
from pymongo.errors import OperationFailure

from models.errors import StorageBusy, StorageUnavailable
from models.messages import TopicPartition
from storage import retry
from storage.mongo import errors as mongo_errors
from storage.mongo import storage as mongo
from storage.mongo.driver import Driver
from storage.port import Transaction
from tests.keys import KEYS
from tests.storages import open_storage
from tests.waiting import PATIENCE

SOURCE = TopicPartition("amazon.orders", 0)


@pytest.mark.parametrize("driver", Driver)
async def test_a_partition_does_not_wait_for_ever_for_the_lock_of_a_dead_worker(
    driver: Driver, mongo_url: str, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "CONFLICT_SECONDS", 0.3)
    taken, ended = asyncio.Event(), asyncio.Event()

    async def hang(transaction: Transaction) -> None:
        await transaction.lock()
        taken.set()
        await ended.wait()

    async def work(transaction: Transaction) -> None:
        await transaction.lock()

    async with (
        open_storage(mongo_url, database_name, driver, keys=KEYS) as dead,
        open_storage(mongo_url, database_name, keys=KEYS) as other,
    ):
        await other.prepare()
        await other.transact(work, SOURCE)
        hanging = asyncio.create_task(dead.transact(hang))
        await taken.wait()
        try:
            with pytest.raises(StorageBusy):
                await asyncio.wait_for(other.transact(work, SOURCE), PATIENCE)
        finally:
            ended.set()
            await hanging
        await other.transact(work, SOURCE)


@pytest.mark.parametrize("driver", Driver)
async def test_what_a_former_owner_began_after_it_had_lost_its_partition_is_ended(
    driver: Driver, mongo_url: str, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "CONFLICT_SECONDS", 0.3)
    taken = asyncio.Event()

    async def hang(transaction: Transaction) -> None:
        await transaction.lock()
        taken.set()
        await asyncio.Event().wait()

    async def work(transaction: Transaction) -> None:
        await transaction.lock()

    async with (
        open_storage(mongo_url, database_name, driver, keys=KEYS) as former,
        open_storage(mongo_url, database_name, keys=KEYS) as owner,
    ):
        await owner.prepare()
        await former.claim([SOURCE])
        await former.transact(work, SOURCE)
        await owner.claim([SOURCE])
        hanging = asyncio.create_task(former.transact(hang, SOURCE))
        await taken.wait()
        try:
            with pytest.raises(StorageBusy):
                await asyncio.wait_for(owner.transact(work, SOURCE), PATIENCE)
            await asyncio.wait_for(owner.transact(work, SOURCE), PATIENCE)
        finally:
            hanging.cancel()
            await asyncio.wait([hanging])


async def test_a_commit_that_a_restarted_server_knows_nothing_of_is_left_to_the_ledger() -> None:
    class Session:
        async def commit_transaction(self) -> None:
            labels = {"errorLabels": ["TransientTransactionError"]}
            raise OperationFailure("no such transaction", mongo_errors.NO_SUCH_TRANSACTION, labels)

    session: Any = Session()
    with pytest.raises(StorageUnavailable):
        await mongo._commit(session)
