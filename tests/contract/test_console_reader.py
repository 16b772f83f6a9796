"""The console's questions on the real protocol: every order once, in order, whatever the page."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
import pytest_asyncio
from bson.decimal128 import Decimal128

from models.amazon_order import AmazonOrder, AmazonStatus, Buyer
from models.order_query import OrderQuery, OrderSort
from models.outcome import ImportState, MissingDetail
from storage.documents.buyer_data import buyer_to_documents
from storage.mongo import order_queries
from storage.mongo.buyer_data import KEYS_SUFFIX, BuyerVault
from storage.mongo.console import MongoConsoleState
from storage.mongo.console_reader import MongoConsoleReader
from storage.mongo.driver import Driver, maybe_await, open_client
from storage.mongo.order_queries import OrderReads
from storage.mongo.orders import MongoReader
from storage.mongo.statistics import blocked_groups_pipeline
from storage.port import AuditEntry, HealthSample, Session
from storage.queries import BlockedSummary, OrderRow
from tests.builders import money
from tests.keys import KEYS

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ORDERS = 60
INDEXED = (OrderSort.PURCHASED, OrderSort.RECEIVED)
OVERDUE = NOW - timedelta(minutes=20)
LATER = NOW + timedelta(days=20_000)


def an_order(number: int) -> dict[str, Any]:
    """Return an order; some have no purchase date, and many were bought at one moment."""
    state = list(ImportState)[number % 5]
    document: dict[str, Any] = {
        "_id": f"store-{number % 2}/{number:03d}",
        "store_id": f"store-{number % 2}",
        "amazon_order_id": f"{number:03d}",
        "received_at": NOW - timedelta(minutes=number // 4),
        "status": "Unshipped",
        "total": {"amount": Decimal128(f"{number}.50"), "currency": "EUR"},
        "buyer_data": {"expires_at": LATER, "reason": "open"},
        "items": [{"seller_sku": f"SKU-{number % 3}"}],
        "import": {"state": state.value, "reasons": [], "decided_at": NOW},
    }
    if number % 7:
        document["purchase_date"] = NOW - timedelta(days=number // 10)
        document["latest_ship_date"] = NOW + timedelta(days=number % 9)
    reasons: list[Any] = []
    if state is ImportState.BLOCKED:
        sku = f"BLOCKS-{number % 3}" if number % 4 else None
        reasons = [{"code": "disabled", "sku": sku, "asin": f"ASIN-{number % 2}"}]
        document["import"]["depends_on"] = [f"product:{sku}"]
    elif state is ImportState.WAITING and number % 3:
        reasons = ["details-pending"]
        document["import"]["missing"] = ["lines", "channel"]
        document["import"]["details_pending_since"] = NOW - timedelta(minutes=number)
    elif state is ImportState.WITHDRAWN:
        reasons = ["canceled"]
    document["import"]["reasons"] = reasons
    if number % 11 == 0:
        del document["total"]
    return document


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def database(mongo_url: str) -> AsyncIterator[Any]:
    client = open_client(mongo_url, Driver.PYMONGO)
    await client.console.amazon_orders.insert_many([an_order(number) for number in range(ORDERS)])
    for number in range(ORDERS):
        key = f"store-{number % 2}/{number:03d}"
        buyer = AmazonOrder(amazon_order_id="-", buyer=Buyer(name=f"Buyer {number % 10} Álvarez"))
        data, data_key = buyer_to_documents(KEYS, key, buyer, LATER)
        await client.console.buyer_data.insert_one({"_id": key, **data})
        await client[f"console{KEYS_SUFFIX}"].buyer_keys.insert_one({"_id": key, **data_key})
    yield client.console
    await maybe_await(client.close())


async def leaf(
    reader: MongoConsoleReader, query: OrderQuery, limit: int, *, forward: bool
) -> list[OrderRow]:
    """Read all pages one way, each from the place where the last one ended."""
    rows: list[OrderRow] = []
    cursor = None
    while page := await reader.page(query, cursor, at=NOW, forward=forward, limit=limit):
        rows = [*rows, *page] if forward else [*page, *rows]
        cursor = (page[-1] if forward else page[0]).cursor(query.sort)
    return rows


@pytest.fixture(params=["as the server is", "as MongoDB"])
def reader(
    database: Any, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> MongoConsoleReader:
    """Reads in the way chosen for the server; and in the way for MongoDB, which works on both."""
    monkeypatch.setattr(order_queries, "_READ_MS", 600_000)  # however slow the machine is
    monkeypatch.setattr(order_queries, "_COUNT_MS", 600_000)
    vault = BuyerVault(database.client, database.name, KEYS)
    is_chosen = request.param == "as the server is"
    return MongoConsoleReader(database, vault, None if is_chosen else OrderReads(database))


SORTED = (
    OrderQuery(sort=OrderSort.PURCHASED),
    OrderQuery(sort=OrderSort.RECEIVED),
    OrderQuery(sort=OrderSort.SHIP_BY, state=ImportState.BLOCKED),
)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("query", "descending"), list(product(SORTED, (True, False))))
async def test_pages_give_every_order_once_in_one_order_both_ways(
    reader: MongoConsoleReader, query: OrderQuery, descending: bool
) -> None:
    query = replace(query, descending=descending)
    whole = [row.key async for row in reader.stream(query)]
    expected = {str(one["_id"]) for one in map(an_order, range(ORDERS)) if _is_in(query, one)}
    assert set(whole) == expected
    assert len(whole) == len(expected) > 0
    for limit in (3, 7, 100):
        for forward in (True, False):
            found = await leaf(reader, query, limit, forward=forward)
            assert [row.key for row in found] == whole


def _is_in(query: OrderQuery, order: dict[str, Any]) -> bool:
    return query.state in (None, order["import"]["state"])


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "query", [SORTED[2], replace(SORTED[2], store_id="store-0", reason="disabled")]
)
async def test_blocked_orders_are_sorted_by_urgency(
    reader: MongoConsoleReader, query: OrderQuery
) -> None:
    query = replace(query, descending=False)
    page = await reader.page(query, None, at=NOW, forward=True, limit=ORDERS)
    dates = [row.latest_ship_date for row in page if row.latest_ship_date is not None]
    assert dates == sorted(dates)
    assert len(set(dates)) > 2
    assert all(row.latest_ship_date is None for row in page[len(dates) :])


@pytest.mark.asyncio(loop_scope="module")
async def test_stores_with_blocked_orders_are_named(reader: MongoConsoleReader) -> None:
    asked = ["store-9", "store-1", "store-0"]
    assert await reader.blocked_stores(asked) == ["store-1", "store-0"]


@pytest.mark.asyncio(loop_scope="module")
async def test_orders_that_wait_for_details_too_long_are_counted_and_listed(
    database: Any, reader: MongoConsoleReader
) -> None:
    overdue = [one for one in map(an_order, range(ORDERS)) if _is_overdue(one)]
    counted = Counter(one["store_id"] for one in overdue)
    assert await MongoReader(database.client, database.name).overdue_counts(OVERDUE) == counted
    lines = await MongoReader(database.client, database.name).list_orders(
        OrderQuery(overdue_since=OVERDUE), ORDERS
    )
    assert {line.amazon_order_id for line in lines} == {one["amazon_order_id"] for one in overdue}
    assert {line.missing for line in lines} == {(MissingDetail.LINES, MissingDetail.CHANNEL)}
    for query in (OrderQuery(sort=sort, overdue_since=OVERDUE) for sort in INDEXED):
        rows = await reader.page(query, None, at=NOW, forward=True, limit=ORDERS)
        assert {row.key for row in rows} == {one["_id"] for one in overdue}
    assert not await MongoReader(database.client, database.name).overdue_counts(
        NOW - timedelta(days=1)
    )


def _is_overdue(order: dict[str, Any]) -> bool:
    since = order["import"].get("details_pending_since")
    return since is not None and since <= OVERDUE


@pytest.mark.asyncio(loop_scope="module")
async def test_filters_of_page_count_and_stream_agree(reader: MongoConsoleReader) -> None:
    for query in (
        OrderQuery(store_id="store-1"),
        OrderQuery(state=ImportState.BLOCKED, store_id="store-0"),
        OrderQuery(number="01"),
        OrderQuery(buyer="buyer 5"),
        OrderQuery(buyer="buyer 5", sort=OrderSort.RECEIVED, state=ImportState.WAITING),
        OrderQuery(buyer="buyer 5", sku="SKU-2", store_id="store-1"),
        OrderQuery(sku="SKU-2"),
        OrderQuery(keys=("store-0/000", "store-1/001")),
        OrderQuery(purchased_from=NOW - timedelta(days=3), purchased_to=NOW - timedelta(days=1)),
        OrderQuery(purchased_from=NOW - timedelta(days=3), sort=OrderSort.RECEIVED),
        *(OrderQuery(overdue_since=OVERDUE, sort=sort) for sort in INDEXED),
        OrderQuery(overdue_since=OVERDUE, store_id="store-1"),
        OrderQuery(overdue_since=OVERDUE, state=ImportState.WAITING),
    ):
        page = await reader.page(query, None, at=NOW, forward=True, limit=1_000)
        assert page
        assert len(page) == await reader.count(query, 1_000)
        assert [row.key for row in page] == [row.key async for row in reader.stream(query)]
        assert await leaf(reader, query, 2, forward=True) == list(page)


SEARCHES = (
    OrderQuery(sku="SKU-2", descending=False),
    OrderQuery(sku="BLOCKS-1", store_id="store-0"),
    OrderQuery(reason="disabled"),
    OrderQuery(reason="disabled", product="BLOCKS-1"),
    OrderQuery(reason="disabled", product="", sort=OrderSort.RECEIVED),
    OrderQuery(product="BLOCKS-1"),
    OrderQuery(product="BLOCKS-2", state=ImportState.BLOCKED, sort=OrderSort.RECEIVED),
    OrderQuery(product=""),
    OrderQuery(asin="ASIN-1", descending=False),
    OrderQuery(reason="canceled", descending=False),
    OrderQuery(total_min=Decimal(20), total_max=Decimal("40.5"), currency="EUR"),
    OrderQuery(status=AmazonStatus.UNSHIPPED, purchased_from=NOW - timedelta(days=3)),
    OrderQuery(overdue_since=OVERDUE, status=AmazonStatus.UNSHIPPED),
    OrderQuery(overdue_since=OVERDUE, sku="SKU-1", sort=OrderSort.RECEIVED),
    OrderQuery(overdue_since=OVERDUE, reason="details-pending"),
    OrderQuery(sku=".*"),
)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("query", "seconds"), [*((query, 0) for query in SEARCHES), (SEARCHES[0], 3600)]
)
async def test_a_search_finds_what_the_database_finds_however_often_it_stops(
    database: Any, query: OrderQuery, seconds: float
) -> None:
    assert query.is_searched
    reader = MongoConsoleReader(database, BuyerVault(database.client, database.name, None))
    expected = [row.key async for row in reader.stream(query)]
    assert bool(expected) is (query.sku != ".*")
    for forward in (True, False):
        found: list[str] = []
        cursor, stops = None, 0
        while True:
            looked = await reader.search(
                query, cursor, at=NOW, forward=forward, limit=4, seconds=seconds, at_least=1
            )
            keys = [row.key for row in looked.rows]
            found = [*found, *keys] if forward else [*keys, *found]
            if looked.reached is not None:
                cursor, stops = looked.reached, stops + 1
            elif looked.rows:
                cursor = looked.rows[-1 if forward else 0].cursor(query.sort)
            else:
                break
        assert found == expected
        assert stops == 0 or seconds == 0


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("buyer", "count"),
    [("5", 6), ("BUYER 5", 6), ("a\u0301lvarez 5", 6), ("Álvarez", ORDERS), ("buy", 0), (".*", 0)],
)
async def test_rule_27_a_buyer_is_found_by_whole_words(
    reader: MongoConsoleReader, buyer: str, count: int
) -> None:
    query = OrderQuery(buyer=buyer)
    page = await reader.page(query, None, at=NOW, forward=True, limit=1_000)
    assert len(page) == count == await reader.count(query, 1_000)
    assert all(row.buyer_name and "Buyer" in row.buyer_name for row in page)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_blocker_described_without_its_code_finds_blocked_orders_alone(
    reader: MongoConsoleReader,
) -> None:
    every = [row async for row in reader.stream(OrderQuery())]
    for state in (None, ImportState.BLOCKED):
        query = OrderQuery(product="BLOCKS-1", state=state)
        wanted = [row.key for row in every if row.skus == ("BLOCKS-1",)]
        assert wanted
        assert [row.key async for row in reader.stream(query)] == wanted
        assert [row.key for row in await leaf(reader, query, 7, forward=True)] == wanted
        assert await reader.count(query, ORDERS) == len(wanted)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_search_that_has_no_time_left_says_how_far_it_came(
    reader: MongoConsoleReader,
) -> None:
    query = OrderQuery(sku="nothing is called so")
    looked = await reader.search(query, None, at=NOW, forward=True, limit=4, seconds=0, at_least=1)
    assert looked.reached is not None
    assert looked.reached.at == NOW - timedelta(hours=1)


@pytest.mark.asyncio(loop_scope="module")
async def test_what_was_received_since_is_counted_no_further_than_asked(
    reader: MongoConsoleReader,
) -> None:
    assert await reader.received_since(None, NOW - timedelta(minutes=2), 100) == 8
    assert await reader.received_since("store-1", NOW - timedelta(minutes=2), 3) == 3


@pytest.mark.asyncio(loop_scope="module")
async def test_sessions_end_and_the_audit_list_is_read_newest_first(database: Any) -> None:
    state = MongoConsoleState(database)
    session = Session("hash", "olga", "password", NOW, NOW + timedelta(hours=1))
    await state.add_session(session)
    more = {"$set": {"of_another_version": 1}}
    await database.console_sessions.update_one({"_id": "hash"}, more)
    assert await state.session("hash") == session
    await state.end_session("hash")
    assert await state.session("hash") is None
    entries = [AuditEntry(f"id-{n}", NOW, "olga", "synced", "*") for n in range(5)]
    await asyncio.gather(*(state.record(entry) for entry in entries))
    first = await state.audit(None, 3)
    rest = await state.audit((first[-1].at, first[-1].entry_id), 3)
    assert [*first, *rest] == entries[::-1]


@pytest.mark.asyncio(loop_scope="module")
async def test_samples_of_the_health_are_kept_for_a_while(database: Any) -> None:
    state = MongoConsoleState(database)
    samples = [
        HealthSample(NOW + timedelta(seconds=20 * at), 100 * at, None if at == 1 else at, None)
        for at in range(4)
    ]
    for sample in (*samples[::-1], replace(samples[2], decided=7)):
        await state.add_sample(sample, NOW - timedelta(hours=1))
    assert await state.samples(NOW) == samples
    assert await state.samples(NOW + timedelta(seconds=30)) == samples[2:]
    await state.add_sample(samples[3], samples[2].at)
    assert await state.samples(NOW) == samples[2:]


@pytest.mark.asyncio(loop_scope="module")
async def test_an_order_counts_once_under_each_of_its_causes(database: Any) -> None:
    codes = [["disabled", "disabled", "out-of-stock"], ["disabled"]]
    orders = [an_order(2 + 5 * at) for at in range(2)]  # both are blocked
    for order, of in zip(orders, codes, strict=True):
        order["import"]["reasons"] = [{"code": code} for code in of]
    counts = database.client.console_counts
    await counts.amazon_orders.insert_many(orders)
    reader = MongoReader(database.client, counts.name)
    assert await reader.blocker_counts() == {"disabled": 2, "out-of-stock": 1}


@pytest.mark.asyncio(loop_scope="module")
async def test_blocked_orders_are_summed_up(database: Any) -> None:
    reader = MongoReader(database.client, "console_summary")
    assert await reader.blocked_summary(NOW) == BlockedSummary((), None, None)
    orders = [an_order(2 + 5 * at) for at in range(5)]
    assert {order["import"]["state"] for order in orders} == {"blocked"}
    totals = [("0.10", "USD"), ("0.20", "USD"), ("7.00", "EUR")]
    for at, order in enumerate(orders):
        order["import"]["since"] = NOW - timedelta(minutes=at)
        order.pop("latest_ship_date", None)
        order.pop("total", None)
        if at < len(totals):
            order["latest_ship_date"] = NOW + timedelta(hours=at)
            amount, currency = totals[at]
            order["total"] = {"amount": Decimal128(amount), "currency": currency}
    others = [an_order(3) | {"latest_ship_date": NOW - timedelta(days=9)}]
    await database.client.console_summary.amazon_orders.insert_many([*orders, *others])
    value = (money("7.00", "EUR"), money("0.30"))
    # They must be shipped now, in one hour and in two; two orders have no such date.
    for now, overdue, at_risk in (
        (NOW, 0, 3),
        (NOW + timedelta(minutes=90), 2, 1),
        (NOW - timedelta(hours=23), 0, 1),
    ):
        summary = BlockedSummary(value, NOW - timedelta(minutes=4), NOW, overdue, at_risk)
        assert await reader.blocked_summary(now) == summary


def test_blockers_are_grouped_without_the_lines_of_their_orders() -> None:
    """One order of a thousand lines kept the embedded database busy for half a minute."""
    handlers = blocked_groups_pipeline(None, 10)
    at = next(at for at, handler in enumerate(handlers) if "$unwind" in handler)
    assert "." not in handlers[at]["$unwind"]
    kept = handlers[at - 1]["$project"]
    assert not {"items", "import", "history", "buyer", "ship_to"} & kept.keys()
