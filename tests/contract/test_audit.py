"""The audit log is a chain: an entry that is changed, deleted or inserted is noticed."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from pymongo.errors import DuplicateKeyError

from models.errors import StorageBroken
from storage.mongo.console import MongoConsoleState
from storage.mongo.database import open_database
from storage.port import AuditEntry, AuditHead
from tests.builders import NOW
from tests.keys import KEYS

Change = Callable[[Any], Awaitable[object]]


def an_entry(number: int) -> AuditEntry:
    at = NOW + timedelta(milliseconds=number)
    return AuditEntry(f"entry-{number}", at, "olga", "showed-buyer", f"us/{number}", "ü: 1")


@pytest.fixture
async def opened(mongo_url: str, database_name: str) -> Any:
    async with open_database(mongo_url, database_name, keys=KEYS) as database:
        await database.storage.prepare()
        yield database


@pytest.fixture
def state(opened: Any) -> MongoConsoleState:
    return opened.console_state  # type: ignore[no-any-return]  # a database


@pytest.fixture
def entries(opened: Any) -> Any:
    return opened.storage._database.console_audit


async def test_entries_of_several_processes_are_one_chain(state: MongoConsoleState) -> None:
    assert (await state.verify_audit()).head == AuditHead(0, "")
    ends = await asyncio.gather(*(state.record(an_entry(number)) for number in range(20)))
    assert sorted(end.number for end in ends) == [*range(1, 21)]
    check = await state.verify_audit(ends[7])
    assert (check.problem, check.head) == (None, max(ends, key=lambda end: end.number))
    assert [entry.entry_id for entry in await state.audit(None, 2)] == ["entry-19", "entry-18"]


async def test_an_entry_that_is_recorded_twice_is_refused(state: MongoConsoleState) -> None:
    await state.record(an_entry(1))
    with pytest.raises((StorageBroken, DuplicateKeyError)):
        await state.record(an_entry(1))
    assert (await state.verify_audit()).problem is None


@pytest.mark.parametrize(
    ("change", "problem", "whole"),
    [
        (lambda log: log.update_one({"number": 3}, {"$set": {"user": "vera"}}), "3 was changed", 2),
        (lambda log: log.update_one({"number": 1}, {"$set": {"more": 1}}), "1 was changed", 0),
        (lambda log: log.delete_one({"number": 4}), "4 is missing", 3),
        (lambda log: log.update_one({"number": 2}, {"$set": {"previous": "0"}}), "not follow", 1),
        (lambda log: log.insert_one({"_id": "x", "number": 6}), "does not follow", 5),
    ],
)
async def test_a_change_is_found_where_it_was_made(
    change: Change, problem: str, whole: int, state: MongoConsoleState, entries: Any
) -> None:
    for number in range(5):
        await state.record(an_entry(number))
    await change(entries)
    check = await state.verify_audit()
    assert problem in (check.problem or "")
    assert check.head.number == whole


async def test_old_entries_may_be_deleted_and_that_is_seen(
    state: MongoConsoleState, entries: Any
) -> None:
    for number in range(5):
        await state.record(an_entry(number))
    await entries.delete_many({"number": {"$lt": 3}})
    check = await state.verify_audit()
    assert (check.first, check.head.number, check.problem) == (3, 5, None)


async def test_a_log_that_was_cut_or_written_anew_is_found_by_an_expected_entry(
    state: MongoConsoleState, entries: Any
) -> None:
    ends = [await state.record(an_entry(number)) for number in range(5)]
    await entries.delete_many({"number": {"$gt": 3}})
    assert (await state.verify_audit()).problem is None
    assert (await state.verify_audit(ends[2])).problem is None
    assert (await state.verify_audit(ends[4])).problem == "entry 5 is missing"
    await entries.delete_many({})
    for number in range(5, 10):
        await state.record(an_entry(number))
    assert (await state.verify_audit()).problem is None
    problem = (await state.verify_audit(ends[4])).problem
    assert problem == "entry 5 has another hash than expected"
