"""Every query of a worker's, an operator's and the console's life is answered by an index."""

import inspect
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
import pytest_asyncio

from models.amazon_order import AmazonStatus, FulfillmentChannel
from models.change_set import ChangeSet, OrderWrite
from models.checkpoint import OffsetReset
from models.commands import OrderCursor
from models.dead_letters import DeadLetterFilter, Redrive
from models.keys import DEFAULT_STOCK
from models.messages import DeadLetterCode, TopicPartition
from models.order_query import Cursor, OrderQuery, OrderSort
from models.outcome import Created, ImportState
from models.reasons import BlockerCode, SkipReason, WaitingReason
from models.reference_data import CommerceStatus
from models.replay import RecordedAnswers, ReplayAnswer, ReplayResult, Selection
from storage.encryption import KEY_BYTES, BuyerKeys
from storage.mongo import order_queries
from storage.mongo.console import MongoConsoleState
from storage.mongo.console_reader import MongoConsoleReader
from storage.mongo.database import open_database
from storage.mongo.dead_letters import MongoDeadLetters
from storage.mongo.driver import Driver
from storage.mongo.indexes import INDEXES, Index
from storage.mongo.inspection import MongoInspection
from storage.mongo.order_queries import SORT_FIELD, OrderReads
from storage.mongo.orders import MongoReader
from storage.mongo.storage import LAYOUT, MongoStorage
from storage.mongo.transaction import MongoTransaction
from storage.port import AuditEntry, HealthSample, Session, Transaction
from tests.builders import (
    KEY,
    NOW,
    ORDER,
    PURCHASED,
    STORE,
    a_block,
    a_commerce_order,
    a_dead_letter,
    a_listing,
    a_product,
    a_record,
    a_store,
    an_event,
    an_order,
    stocked,
)
from tests.contract.queries import Listening, Query, indexes_for
from tests.keys import KEYS

SOURCE = TopicPartition("amazon.orders", 0)
WHOLE = {
    "stores": "there are few, and all are wanted",
    "checkpoints": "one for each partition, and all are wanted",
    "console_audit": "`audit verify` reads it from the first entry to the last",
    "console_sessions": "who is signed in; each one that signs in removes what has expired",
}
"""Collections that may be read as a whole, and why."""
BY_THE_STORAGE = {"committed", "failed", "free_session"}
"""What the storage itself calls of its transactions."""

Names = dict[type, set[str]]
ANSWERED = RecordedAnswers("r-1", 0, 0, (ReplayAnswer(KEY, ReplayResult.CREATED),), NOW)
A_RESET = OffsetReset(SOURCE, 3, 9, NOW)


class Asked:
    """Stands before an object and keeps the names of what is called."""

    def __init__(self, of: Any, names: Names) -> None:
        self._of = of
        self._names = names.setdefault(type(of), set())

    def __getattr__(self, name: str) -> Any:
        self._names.add(name)
        return getattr(self._of, name)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def life(mongo_url: str) -> tuple[Listening, Names]:
    """All that is asked in one life of everybody, and what was called for it."""
    listening, names = Listening(), Names()
    where: Any = (mongo_url, "indexes", Driver.PYMONGO, KEYS)
    options: Any = {"event_listeners": [listening]}
    async with open_database(*where, **options) as database:
        await work(Asked(database.storage, names), names)
        await operate(Asked(database.reader, names))
        await handle_letters(Asked(database.dead_letters, names))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(order_queries, "_READ_MS", 600_000)  # however slow the machine is
            await look_around(Asked(database.console_reader, names))
            # Each server is read in a way of its own: ask in the way for MongoDB in any case.
            orders = database.console_reader._database
            reader = MongoConsoleReader(orders, database.storage.vault, OrderReads(orders))
            await look_around(Asked(reader, names))
            await keep_state(Asked(database.console_state, names))
        await inspect_database(Asked(database.inspection, names))
    await _end_buyer_data(where, options)
    return listening, names


async def _end_buyer_data(where: Any, options: Any) -> None:
    """What is asked of buyer data alone: an erasure, and a new key."""
    url, name, driver, _ = where
    both = BuyerKeys([b"n" * KEY_BYTES, *KEYS.keys.values()], KEYS.search_key)
    async with open_database(url, name, driver, both, **options) as database:
        vault = database.storage.vault
        await database.storage.prepare()
        await vault.find_orders_by_email("dana@example.org")
        dead_letters = await vault.find_dead_letters(["malformed"])
        await vault.erase([KEY], dead_letters, NOW)
        await vault.rewrap()


async def work(storage: Any, names: Names) -> None:
    """A worker's life: facts, orders, their judgment, replays, and the checkpoint."""
    await storage.prepare()
    await storage.check_layout()
    [checkpoint] = await storage.claim([SOURCE])
    blocked = a_record(outcome=a_block(), depends_on=("product:SKU-1",))
    other = a_record(order=an_order(amazon_order_id="902-2"), outcome=Created("c-2"))
    changes = ChangeSet(
        orders=[OrderWrite(one, (), is_new=True, details=False) for one in (blocked, other)],
        new_commerce_orders=[
            a_commerce_order(acknowledged_at=NOW),
            a_commerce_order(amazon_order_id="902-2", status=CommerceStatus.SHIPPED),
        ],
        stores=[a_store(), a_store(store_id="store-2", stock_id="north")],
        **stocked(a_product()),
        listings=[a_listing()],
        reserved={DEFAULT_STOCK: {"SKU-1": 1}},
        events=[an_event()],
        dead_letters=[a_dead_letter(details_of=ORDER)],
        offset_resets=[A_RESET],
    )

    async def first(transaction: Transaction) -> None:
        asked = Asked(transaction, names)
        await asked.lock()
        await asked.write_ahead(ChangeSet())
        await asked.write(changes, [(checkpoint, checkpoint.moved(1, (an_event(),)))])

    await storage.transact(first, SOURCE)

    async def then(transaction: Transaction) -> None:
        asked = Asked(transaction, names)
        await asked.likely_stores()
        await asked.likely_stocks({"c-2"})
        await asked.lock()
        await ask(asked)
        again = ChangeSet(
            orders=[OrderWrite(blocked, (), is_new=False, details=True)],
            changed_commerce_orders=[a_commerce_order(status=CommerceStatus.SHIPPED)],
            claimed=[a_dead_letter().dead_letter_id],
            deleted_products=["SKU-1"],
            deleted_stock_items=["default/SKU-1"],
            deleted_listings=[f"{STORE}/SELLER"],
            answers=[ANSWERED],
        )
        await asked.write(again)

    await storage.transact(then)
    await storage.snapshot(lambda view: select(Asked(view, names)))
    stored = await storage.checkpoint(SOURCE)
    await storage.trim_outbox(stored, ())
    await storage.pending_in_other_outboxes({(KEY, 1)}, [SOURCE])
    await storage.vault.erase_expired(NOW)
    await storage.claim_sync(NOW, NOW + timedelta(minutes=5))


async def ask(asked: Any) -> None:
    """What a transaction asks."""
    await asked.stores()
    record = (await asked.orders({KEY}))[KEY]
    await asked.orders_of({ORDER})
    await asked.commerce_orders({"c-2"})
    await asked.catalog({(STORE, "SELLER"), (STORE, "SKU-1"), (STORE, "sku-1")})
    await asked.products({"SKU-1"})
    await asked.product_versions({"SKU-1"})
    await asked.stock_items({"default/SKU-1"})
    await asked.listings({f"{STORE}/SELLER"})
    assert await asked.facts_depended_on({"product:SKU-1"})
    dates = (record.order.purchase_date, None)
    for after in (None, *(OrderCursor(purchase_date=date, key=KEY) for date in dates)):
        await asked.orders_depending_on("product:SKU-1", after, 10)
        for store in (None, STORE):
            await asked.blocked_orders(store, after, 10)
    for store in (None, STORE):
        await asked.shipped_commerce_orders(store, 10)
        await asked.pending_reservations(store, NOW, 10)
    await asked.counted_orders({"SKU-1"})
    await asked.details_of({ORDER})
    await asked.replay_part("r-1", 0)


async def select(asked: Any) -> None:
    """What a replay asks of one moment."""
    reasons = (None, BlockerCode.DISABLED, SkipReason.CANCELED, WaitingReason.DETAILS_PENDING)
    for store, reason, since in product((None, STORE), reasons, (None, PURCHASED)):
        await asked.select_orders(Selection(store, reason, since=since))
        await asked.select_orders(Selection(store, reason, since=since, keys=(KEY,)))
    await asked.select_orders(Selection(sku="SKU-1"))
    await asked.select_orders(Selection(state=ImportState.SKIPPED))
    await asked.replay("r-1")
    await asked.creation_facts([KEY])
    await asked.synced(None)
    for running in (True, False):
        await asked.replays(running=running, limit=5)
    for after in (None, ANSWERED):
        await asked.answers("r-1", after, 10)


async def inspect_database(inspection: Any) -> None:
    """All that the preflight asks for."""
    assert (await inspection.server()).replica_set is not None
    assert await inspection.layout() == LAYOUT
    assert not await inspection.index_problems()
    await inspection.missing_permissions()


async def operate(reader: Any) -> None:
    """What the command line asks."""
    await reader.ping()
    await reader.indexes()
    await reader.stores()
    for state, store, since, reason in product(
        (None, ImportState.BLOCKED),
        (None, STORE),
        (None, PURCHASED),
        (None, BlockerCode.DISABLED, SkipReason.CANCELED),
    ):
        wanted = OrderQuery(store_id=store, state=state, reason=reason, purchased_from=since)
        await reader.list_orders(wanted, 5)
    await reader.order_key(ORDER)
    assert await reader.history(KEY)
    await reader.state_counts()
    await reader.blocker_counts()
    await reader.overdue_counts(NOW)
    for store in (None, STORE):
        await reader.list_orders(OrderQuery(store_id=store, overdue_since=NOW), 50)
    for store in (None, STORE):
        for before in (None, NOW):
            await reader.blocked_groups(store, 5, before)
    await reader.blocked_summary(NOW)
    await reader.dead_letter_counts()
    await reader.buyer_data_counts(NOW, NOW + timedelta(days=7))
    assert await reader.offset_resets(NOW - timedelta(days=1), 5) == [A_RESET]
    assert not await reader.offset_resets(NOW + timedelta(days=1), 5)
    await reader.standings()


async def handle_letters(dead_letters: Any) -> None:
    """What is asked of dead letters."""
    for topic, code, is_open in product(
        (None, "amazon.orders"), (None, DeadLetterCode.MALFORMED_JSON), (True, False)
    ):
        await dead_letters.counts(topic)
        await dead_letters.find(DeadLetterFilter(code=code, topic=topic, is_open=is_open))
    dead_letter = a_dead_letter().dead_letter_id
    await dead_letters.lines([dead_letter])
    await dead_letters.dead_letters([dead_letter])
    await dead_letters.mark_redriven({dead_letter: Redrive(NOW, 1, "amazon.orders:0:9")})


QUESTIONS: Mapping[str, OrderQuery] = {
    "all": OrderQuery(),
    "one state": OrderQuery(state=ImportState.BLOCKED),
    "one store": OrderQuery(store_id=STORE),
    "one store, one state": OrderQuery(store_id=STORE, state=ImportState.CREATED),
    "a status, a channel": OrderQuery(
        status=AmazonStatus.SHIPPED, channel=FulfillmentChannel.AFN, currency="EUR"
    ),
    "a blocker": OrderQuery(reason=BlockerCode.OUT_OF_STOCK, product="SKU-1", asin="B0"),
    "a reason": OrderQuery(reason=SkipReason.CANCELED),
    "a number's beginning": OrderQuery(number="902"),
    "a buyer": OrderQuery(buyer="Dana"),
    "a product": OrderQuery(sku="SKU-1"),
    "days": OrderQuery(purchased_from=PURCHASED, purchased_to=NOW),
    "money": OrderQuery(total_min=Decimal(1), total_max=Decimal(9)),
    "a selection": OrderQuery(keys=(KEY,)),
    "too long without details": OrderQuery(overdue_since=NOW),
    "too long without details, one store": OrderQuery(overdue_since=NOW, store_id=STORE),
}


async def look_around(console: Any) -> None:
    """What the console asks."""
    for question, sort, descending in product(QUESTIONS.values(), OrderSort, (True, False)):
        query = replace(question, sort=sort, descending=descending)
        if not query.has_index_for_its_sort:
            continue
        cursors = (None, Cursor(PURCHASED, KEY), Cursor(None, KEY))
        for cursor, forward in product(cursors, (True, False)):
            if sort is OrderSort.RECEIVED and cursor == Cursor(None, KEY):
                continue  # every order has been received at some time
            asked: dict[str, Any] = {"forward": forward, "limit": 3}
            await console.page(query, cursor, at=NOW, **asked)
            if query.is_searched:
                await console.search(query, cursor, at=NOW, seconds=3600, **asked)
        await console.count(query, 100)
        async for _ in console.stream(query):
            pass
    for store in (None, STORE):
        await console.received_since(store, PURCHASED, 100)
        await console.activity(store, NOW - timedelta(hours=3), NOW)
    await console.blocked_stores([STORE])
    await console.commerce_order("c-2")
    await console.products(["SKU-1"])
    await console.skus_like("SKU", 5)
    await console.similar_skus("sku-1")
    await console.listing(f"{STORE}/SELLER")


async def keep_state(state: Any) -> None:
    """What the console keeps of its own."""
    await state.add_session(Session("s-1", "ann", "operator", NOW, NOW))
    await state.session("s-1")
    await state.end_session("s-1")
    await state.record(AuditEntry("a-1", NOW, "ann", "replay", KEY))
    for before in (None, (NOW, "a-2")):
        await state.audit(before, 5)
    await state.verify_audit()
    await state.add_sample(HealthSample(NOW, 1, 0, 0.0), NOW)
    await state.samples(NOW)


@pytest.mark.asyncio(loop_scope="module")
async def test_every_query_is_answered_by_an_index(life: tuple[Listening, Names]) -> None:
    queries = life[0].heard
    assert len(queries) > 500, "hardly anything was heard"
    scans = {
        str(query) for query in queries if query.collection not in WHOLE and not indexes_for(query)
    }
    assert not scans, "\n".join(sorted(scans))


@pytest.mark.asyncio(loop_scope="module")
async def test_everything_that_can_be_asked_was_asked(life: tuple[Listening, Names]) -> None:
    rooms: tuple[type, ...] = (
        MongoStorage,
        MongoTransaction,
        MongoReader,
        MongoDeadLetters,
        MongoConsoleReader,
        MongoConsoleState,
        MongoInspection,
    )
    for room in rooms:
        methods = {
            name
            for name, _ in inspect.getmembers(room, inspect.isfunction)
            if not name.startswith("_")
        }
        assert methods - BY_THE_STORAGE <= life[1][room], room.__name__


@pytest.mark.asyncio(loop_scope="module")
async def test_every_index_answers_something(life: tuple[Listening, Names]) -> None:
    """An index that nothing is asked by costs every write of its collection."""
    used = {str(index.keys) for query in life[0].heard for index in indexes_for(query)}
    idle = [index for index in INDEXES if str(index.keys) not in used and not index.unique]
    assert not idle


def is_for_a_sort(index: Index) -> bool:
    """Whether others bound the same queries: this one gives their order."""
    return any(
        other.collection == index.collection and other.keys[0] == index.keys[0]
        for other in INDEXES
        if other is not index
    )


@pytest.mark.parametrize("sort", OrderSort)
def test_every_sort_of_orders_has_an_index(sort: OrderSort) -> None:
    """Behind what a list is filtered by at once, one index has the date and then the key."""
    assert any(
        [name for name, _ in index.keys if name not in {"store_id", "import.state"}]
        == [SORT_FIELD[sort], "_id"]
        and index.collection == "amazon_orders"
        for index in INDEXES
    )


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("index", [one for one in INDEXES if one.only and not is_for_a_sort(one)])
async def test_without_an_index_of_some_documents_there_is_a_scan(
    life: tuple[Listening, Names], index: Any
) -> None:
    """The check itself can fail: no other index answers what these are for."""
    without = [one for one in INDEXES if one is not index]
    mine = [query for query in life[0].heard if index in indexes_for(query)]
    assert any(not indexes_for(query, without) for query in mine)


def test_a_query_without_an_index_is_a_scan() -> None:
    assert not indexes_for(Query("amazon_orders", {"status": "Shipped"}))
    assert not indexes_for(Query("amazon_orders", {}, (("purchase_date", 1),), limited=True))
    assert not indexes_for(Query("amazon_orders", {"$or": [{"_id": "a"}, {"status": "b"}]}))
    assert not indexes_for(Query("amazon_orders", {"import.depends_on": None}))
    assert not indexes_for(Query("commerce_orders", {"reservations.sku": "a"}))
    assert indexes_for(Query("commerce_orders", {"status": "shipped", "store_id": "a"}))
