"""Once and in order, whatever comes twice, late, or not at all; with the handler's own writes."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from order_import_client import (
    CommerceOrderAmended,
    CommerceOrderCreated,
    CommerceOrderStatusChanged,
    Event,
    Gap,
    MemoryStore,
    Once,
    OrderImportBlocked,
    OrderImportReleased,
    SqlStore,
    read_event,
)
from order_import_client.testing import make_event, make_record


def created(sequence: int = 1, **fields: Any) -> Event:
    return make_event(CommerceOrderCreated, sequence=sequence, **fields)


def changed(sequence: int, **fields: Any) -> Event:
    return make_event(CommerceOrderStatusChanged, sequence=sequence, **fields)


class HandlerFailedError(Exception):
    """The shop does not answer."""


class Handled:
    """A handler that notes what it is called with, and the gaps."""

    def __init__(self) -> None:
        self.sequences: list[int] = []
        self.gaps: list[tuple[int, int]] = []

    async def __call__(self, event: Event, _transaction: object) -> None:
        self.sequences.append(getattr(event, "sequence", 0))

    def gap(self, gap: Gap) -> None:
        self.gaps.append((gap.after, gap.event.sequence))


@pytest.fixture(params=["memory", "sql"])
def make_once(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Callable[[Handled], Callable[[Event], Any]]]:
    with closing(sqlite3.connect(tmp_path / "progress.db")) as connection:
        store: Any = MemoryStore() if request.param == "memory" else SqlStore(connection)
        yield lambda handled: Once(store, handled, handled.gap)


async def feed(make_once: Callable[[Handled], Callable[[Event], Any]], *events: Event) -> Handled:
    handled = Handled()
    once = make_once(handled)
    for event in events:
        await once(event)
    return handled


async def test_a_duplicate_is_dropped(make_once: Any) -> None:
    handled = await feed(make_once, created(), created(), changed(2), created(), changed(2))
    assert (handled.sequences, handled.gaps) == ([1, 2], [])


async def test_a_topic_read_again_changes_nothing(make_once: Any) -> None:
    history = [created(), changed(2), changed(3)]
    first = await feed(make_once, *history)
    again = await feed(make_once, *history, changed(4))
    assert (first.sequences, again.sequences, again.gaps) == ([1, 2, 3], [4], [])


async def test_an_older_event_is_never_handled_after_a_newer_one(make_once: Any) -> None:
    handled = await feed(make_once, created(), changed(3), changed(2))
    assert (handled.sequences, handled.gaps) == ([1, 3], [(1, 3)])


async def test_missing_events_are_reported(make_once: Any) -> None:
    handled = await feed(make_once, created(), changed(2), changed(4), changed(5), changed(8))
    assert handled.gaps == [(2, 4), (5, 8)]


async def test_an_order_that_begins_without_its_creation_is_a_gap(make_once: Any) -> None:
    assert (await feed(make_once, changed(2))).gaps == [(0, 2)]


async def test_the_release_of_a_blocked_order_is_no_gap(make_once: Any) -> None:
    """It is the event after the creation, on another topic."""
    assert (await feed(make_once, created(2), changed(4), changed(5))).gaps == []


async def test_only_the_event_after_a_blocked_order_s_creation_may_be_elsewhere(
    make_once: Any,
) -> None:
    assert (await feed(make_once, created(2), changed(3), changed(5))).gaps == [(3, 5)]
    other = {"amazon_order_id": "111-0000002-0000002"}
    assert (await feed(make_once, created(1, **other), changed(3, **other))).gaps == [(1, 3)]


async def test_orders_installations_and_topics_are_apart(make_once: Any) -> None:
    record = make_record(CommerceOrderCreated)
    headers = [
        (name, b"/order-import/staging" if name == "ce_source" else value)
        for name, value in record.headers
    ]
    staging = read_event(record.value, headers, topic="commerce.orders")
    prefixed = read_event(record.value, record.headers, topic="eu.commerce.orders")
    handled = await feed(
        make_once,
        created(),
        created(amazon_order_id="111-0000002-0000002"),
        staging,
        prefixed,
        make_event(OrderImportBlocked, sequence=1),
        make_event(OrderImportReleased, sequence=4),
    )
    assert (handled.sequences, handled.gaps) == ([1, 1, 1, 1, 1, 4], [])


async def test_an_event_of_a_later_type_counts_in_its_order(make_once: Any) -> None:
    unknown = make_record(
        CommerceOrderStatusChanged, event_type="CommerceOrderMerged", sequence=2
    ).read()
    handled = await feed(make_once, created(), unknown, unknown, changed(3))
    assert (handled.sequences, handled.gaps) == ([1, 0, 3], [])


async def test_an_event_without_an_order_is_known_by_its_id(make_once: Any) -> None:
    first, second = (
        read_event(b"{}", [("ce_type", b"Heartbeat"), ("ce_id", name)]) for name in (b"1", b"2")
    )
    assert (await feed(make_once, first, first, second)).sequences == [0, 0]


async def test_an_event_comes_again_after_its_handler_failed(make_once: Any) -> None:
    class Failing(Handled):
        async def __call__(self, event: Event, transaction: object) -> None:
            await super().__call__(event, transaction)
            if len(self.sequences) == 1:
                raise HandlerFailedError

    handled = Failing()
    once = make_once(handled)
    with pytest.raises(HandlerFailedError):
        await once(created())
    assert (await once(created()), await once(created())) == (True, False)
    assert handled.sequences == [1, 1]


async def test_a_gap_may_stop_the_consumer(make_once: Any) -> None:
    class Strict(Handled):
        def gap(self, gap: Gap) -> None:
            raise LookupError(f"{gap.event.key} after {gap.after}")

    handled = Strict()
    once = make_once(handled)
    await once(created())
    with pytest.raises(LookupError, match="after 1"):
        await once(changed(3))
    assert handled.sequences == [1]
    assert await once(changed(2))


async def test_a_gap_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    once = Once(MemoryStore(), Handled())
    await once(created())
    await once(changed(4))
    assert [record.getMessage() for record in caplog.records] == [
        "events are missing: order=harbor-us/111-0000001-0000001 after=1 before=4"
    ]


async def test_what_the_handler_writes_is_committed_with_the_position(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        connection.execute("CREATE TABLE turnover (amount INTEGER)")
        store = SqlStore(connection)

        async def add(event: Event, cursor: sqlite3.Cursor, *, fails: bool = False) -> None:
            cursor.execute("INSERT INTO turnover VALUES (?)", (getattr(event, "sequence", 0),))
            if fails:
                raise HandlerFailedError

        with pytest.raises(HandlerFailedError):
            await Once(store, partial(add, fails=True))(created())
        for _ in range(2):
            await Once(store, add)(created())
        assert connection.execute("SELECT amount FROM turnover").fetchall() == [(1,)]
        # Another connection sees both, because they are committed.
        with closing(sqlite3.connect(tmp_path / "shop.db")) as other:
            assert other.execute("SELECT count(*) FROM turnover").fetchone() == (1,)
            assert other.execute("SELECT first, last FROM order_import_progress").fetchall() == [
                (1, 1)
            ]


async def test_a_canceled_handler_leaves_nothing(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        begun = asyncio.Event()

        async def wait(_event: Event, _cursor: sqlite3.Cursor) -> None:
            begun.set()
            await asyncio.Event().wait()

        store = SqlStore(connection)
        task = asyncio.create_task(Once(store, wait)(created()))
        await begun.wait()
        task.cancel()
        await asyncio.wait([task])
        assert connection.execute("SELECT * FROM order_import_progress").fetchall() == []
        assert await Once(store, Handled())(created())


@pytest.mark.parametrize("store", ["memory", "sql"])
async def test_one_event_at_once_is_handled_once(store: str) -> None:
    """Two tasks with the same event: one of them finds it handled."""
    with closing(sqlite3.connect(":memory:")) as connection:
        handled = Handled()
        chosen: Any = MemoryStore() if store == "memory" else SqlStore(connection)
        once: Once[Any] = Once(chosen, handled)
        assert sorted(await asyncio.gather(*(once(created()) for _ in range(5)))) == [
            *([False] * 4),
            True,
        ]
        assert handled.sequences == [1]


async def test_events_handled_at_once_have_transactions_of_their_own(tmp_path: Path) -> None:
    """One connection has one transaction: the failure of one must not take the other with it."""
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        connection.execute("CREATE TABLE orders (name TEXT)")

        async def save(event: Event, cursor: sqlite3.Cursor) -> None:
            assert isinstance(event, CommerceOrderCreated)
            cursor.execute("INSERT INTO orders VALUES (?)", (event.order_number,))
            for _ in range(3):
                await asyncio.sleep(0)
            if event.order_number == "fails":
                raise HandlerFailedError

        once = Once(SqlStore(connection), save)
        events = [
            created(order_number=name, amazon_order_id=name) for name in ("1", "fails", "2", "3")
        ]
        results = await asyncio.gather(*map(once, events), return_exceptions=True)
        assert [result is True for result in results] == [True, False, True, True]
        stored = connection.execute("SELECT name FROM orders ORDER BY name").fetchall()
        assert stored == [("1",), ("2",), ("3",)]


async def test_of_two_consumers_one_handles_an_event(tmp_path: Path) -> None:
    """The second reads the progress before the first commits, as PostgreSQL lets it."""

    class Late:
        """A cursor that reads what was there before the other consumer came."""

        def __init__(self, cursor: sqlite3.Cursor) -> None:
            self._cursor = cursor

        def execute(self, statement: str, parameters: Any = ()) -> None:
            self._cursor.execute(statement, parameters)

        def fetchone(self) -> tuple[int, int]:
            self._cursor.fetchone()
            return (1, 1)

        @property
        def rowcount(self) -> int:
            return self._cursor.rowcount

    class LateConnection:
        def __init__(self, connection: sqlite3.Connection) -> None:
            self._connection = connection
            self.commit, self.rollback = connection.commit, connection.rollback

        def cursor(self) -> Late:
            return Late(self._connection.cursor())

    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        first, second = Handled(), Handled()
        for event in (created(), changed(2)):
            await Once(SqlStore(connection), first)(event)
        assert not await Once(SqlStore(LateConnection(connection)), second)(changed(2))
        assert (first.sequences, second.sequences) == ([1, 2], [])


def test_a_connection_that_commits_by_itself_is_refused() -> None:
    with (
        closing(sqlite3.connect(":memory:", isolation_level=None)) as connection,
        pytest.raises(ValueError, match="autocommit"),
    ):
        SqlStore(connection)


def test_a_table_has_a_plain_name() -> None:
    with (
        closing(sqlite3.connect(":memory:")) as connection,
        pytest.raises(ValueError, match="plain name"),
    ):
        SqlStore(connection, table="x; DROP TABLE orders")


async def test_amendments_follow_their_order() -> None:
    handled = Handled()
    once = Once(MemoryStore(), handled, handled.gap)
    for event in (created(), make_event(CommerceOrderAmended, sequence=2), changed(3)):
        assert await once(event)
    assert (handled.sequences, handled.gaps) == ([1, 2, 3], [])
