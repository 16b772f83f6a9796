"""Rules 4 and 12 to 18 on the whole path, by their numbers. Rule 10 is in test_stock.py.

One installation and one worker; each test has a store and products of its own.
"""

from collections.abc import AsyncIterator
from functools import partial

import pytest
import pytest_asyncio

from models.topics import TopicName
from order_import.devtools.embedded.servers import Addresses
from tests.integration import asking as ask
from tests.integration.kit import System, open_system
from tests.integration.wire import Document, item, key, order, product, store

pytestmark = pytest.mark.asyncio(loop_scope="session")
MANY, IN_STOCK = 1200, 700


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running(
    addresses: Addresses, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[System]:
    async with open_system(addresses, tmp_path_factory.mktemp("rules"), "rules") as system:
        worker = await system.start_worker()
        yield system
        assert await worker.stop() == 0, worker.log.read_text()


async def test_rule_4_what_was_ready_while_import_was_off_comes_in_only_by_a_replay(
    running: System,
) -> None:
    await ask.tell(running, store("r4", import_amazon_orders=False), product("R4"))
    late = order(1, store_id="r4", items=[item("R4")])
    await ask.send(running, late)
    await running.becomes(key(late), "skipped")
    await ask.tell(running, store("r4", updated_at="2026-01-02T00:00:00Z"))
    other = order(2, store_id="r4", items=[item("R4")])
    await ask.send(running, other)
    await running.becomes(key(other), "created")
    assert await running.state_of(key(late)) == "skipped"
    await ask.replay(running, late)
    await running.becomes(key(late), "created")


async def test_rule_4_what_was_blocked_before_import_was_off_is_released_when_it_is_on_again(
    running: System,
) -> None:
    await ask.tell(running, store("r4b"))
    blocked = order(1, store_id="r4b", items=[item("R4B")])
    await ask.send(running, blocked)
    await running.becomes(key(blocked), "blocked")
    off = store("r4b", import_amazon_orders=False, updated_at="2026-01-02T00:00:00Z")
    await ask.tell(running, off, product("R4B"))
    await ask.replay(running, blocked)
    await running.eventually(lambda: ask.tells(running, blocked, "rechecked"), "it is replayed")
    assert await running.state_of(key(blocked)) == "blocked"
    await ask.tell(running, store("r4b", updated_at="2026-01-03T00:00:00Z"))
    await running.becomes(key(blocked), "created")


async def test_rule_12_a_fix_judges_exactly_those_that_wait_on_it_oldest_purchase_first(
    running: System,
) -> None:
    await ask.tell(running, store("r12"), product("R12-OTHER", salable_quantity=0))
    days = {1: 3, 2: 1, 3: 4, 4: 2}
    waiting = [
        order(n, store_id="r12", purchase_date=f"2026-11-0{day}T00:00:00Z", items=[item("R12")])
        for n, day in days.items()
    ]
    apart = order(9, store_id="r12", items=[item("R12-OTHER")])
    for document in (*waiting, apart):
        await ask.send(running, document)
        await running.becomes(key(document), "blocked")
    before = await running.order(key(apart))
    await ask.tell(running, product("R12", salable_quantity=2))
    for document in (waiting[1], waiting[3]):
        await running.becomes(key(document), "created")
    for document in (waiting[0], waiting[2]):
        await running.eventually(
            partial(ask.has_reason, running, document, "out-of-stock"),
            "the younger ones are judged too",
        )
    assert await running.order(key(apart)) == before


async def test_rule_12_many_waiting_orders_are_freed_oldest_first_as_far_as_the_stock_goes(
    running: System,
) -> None:
    await ask.tell(running, store("many"))
    # Published youngest first, and more than are judged again in one transaction.
    for number in reversed(range(MANY)):
        bought = f"2026-11-01T{number // 3600:02d}:{number // 60 % 60:02d}:{number % 60:02d}Z"
        await ask.send(
            running, order(number, store_id="many", purchase_date=bought, items=[item("MANY")])
        )
    await running.eventually(lambda: ask.are(running, "many", blocked=MANY), "all are blocked")
    await ask.tell(running, product("MANY", salable_quantity=IN_STOCK))
    await running.eventually(
        lambda: ask.are(running, "many", created=IN_STOCK, blocked=MANY - IN_STOCK),
        "some are freed",
    )
    freed = running.db.amazon_orders.find({"store_id": "many", "import.state": "created"})
    oldest = {order(number, "many")["amazon_order_id"] for number in range(IN_STOCK)}
    assert {document["amazon_order_id"] async for document in freed} == oldest
    numbered = running.db.commerce_orders.find({"store_id": "many"}).sort("order_number", 1)
    in_order = [document["purchase_date"] async for document in numbered]
    assert in_order == sorted(in_order)
    assert (await running.db.stock_items.find_one({"sku": "MANY"}))["reserved"] == IN_STOCK


async def test_rule_13_a_block_is_told_again_only_when_it_is_another_block(
    running: System,
) -> None:
    await ask.tell(running, store("r13"), product("R13", enabled=False))
    blocked = order(1, store_id="r13", items=[item("R13")])
    await ask.send(running, blocked)
    await running.becomes(key(blocked), "blocked")
    same = product("R13", enabled=False, name="Renamed", as_of="2026-11-01T00:00:01Z")
    other = product("R13", salable_quantity=0, as_of="2026-11-01T00:00:02Z")
    await ask.tell(running, same)
    await running.eventually(lambda: ask.tried(running, blocked, 2), "it is judged again")
    assert await ask.events(running, blocked) == ["OrderImportBlocked"]
    await ask.tell(running, other)
    await running.eventually(lambda: ask.tried(running, blocked, 3), "it is judged again")
    assert await ask.events(running, blocked) == ["OrderImportBlocked"] * 2


async def test_rule_14_a_replay_creates_once_and_refuses_what_may_not_be(running: System) -> None:
    await ask.tell(running, store("r14", import_amazon_orders=False), product("R14"))
    disabled, canceled, early = (
        order(n, store_id="r14", items=[item("R14")], **fields)
        for n, fields in (
            (1, {}),
            (2, {"status": "Canceled"}),
            (3, {"purchase_date": "2025-12-31T23:59:59Z"}),
        )
    )
    for document in (disabled, canceled, early):
        await ask.send(running, document)
        await running.becomes(key(document), "skipped")
    await ask.tell(running, store("r14", updated_at="2026-01-02T00:00:00Z"))
    for document in (canceled, early, disabled, disabled):
        await ask.replay(running, document)
    # Commands are carried out one after the other: with this one, the others are.
    last = order(4, store_id="r14", status="Pending", items=[item("R14")])
    await ask.send(running, last)
    await running.becomes(key(last), "waiting")
    await ask.replay(running, last)
    await running.eventually(lambda: ask.tells(running, last, "rechecked"), "all are replayed")
    assert await ask.events(running, disabled) == ["OrderImportSkipped", "CommerceOrderCreated"]
    assert await ask.reasons(running, canceled) == ["canceled"]
    assert await ask.reasons(running, early) == ["before-integration"]
    for document in (canceled, early):
        assert await ask.events(running, document) == ["OrderImportSkipped"]


async def test_rule_15_newer_wins_and_canceled_is_final(running: System) -> None:
    await ask.tell(running, store("r15"), product("R15"))
    at = "2026-11-02T{}:00:00Z".format
    news = [
        ("10", "Unshipped"),  # first
        ("09", "Shipped"),  # older
        ("10", "Pending"),  # as old, and less far along
        ("10", "PartiallyShipped"),  # as old, and further along
        ("11", "Canceled"),
        ("12", "Shipped"),  # newer, but canceled is final
    ]
    documents = [
        order(1, store_id="r15", status=status, last_update_date=at(hour), items=[item("NONE")])
        for hour, status in news
    ]
    await running.publish(TopicName.ORDERS, *documents)
    await running.eventually(lambda: ask.received(running, documents[0], 6), "all are received")
    found = await running.order(key(documents[0]))
    assert (found["status"], found["ignored"]) == ("Canceled", 3)


async def test_rule_16_a_cancellation_withdraws_the_order_or_cancels_what_was_created(
    running: System,
) -> None:
    await ask.tell(running, store("r16"), product("R16", salable_quantity=1))
    fields: dict[int, Document] = {
        1: {"items": [item("R16")]},
        2: {"items": [item("NOWHERE")]},
        3: {"status": "Pending"},
    }
    created, blocked, waiting = (order(n, store_id="r16", **told) for n, told in fields.items())
    expected = ((created, "created"), (blocked, "blocked"), (waiting, "waiting"))
    for document, state in expected:
        await ask.send(running, document)
        await running.becomes(key(document), state)
    second = order(4, store_id="r16", items=[item("R16")])
    await ask.send(running, second)
    await running.becomes(key(second), "blocked")
    for document, _ in expected:
        canceled = {"status": "Canceled", "last_update_date": "2026-11-03T00:00:00Z"}
        await ask.send(running, document | canceled)
    await running.becomes(key(blocked), "withdrawn")
    await running.becomes(key(waiting), "withdrawn")
    await running.becomes(key(second), "created")
    assert await ask.events(running, blocked) == ["OrderImportBlocked", "OrderImportWithdrawn"]
    assert await ask.events(running, waiting) == []
    assert await ask.status(running, created) == "canceled"
    assert (await running.db.stock_items.find_one({"sku": "R16"}))["reserved"] == 1


async def test_rule_17_a_commerce_order_goes_forward_only_and_is_completed_at_the_sync(
    running: System,
) -> None:
    await ask.tell(running, store("r17"), product("R17"))
    by_amazon, by_commerce = (order(n, store_id="r17", items=[item("R17")]) for n in (1, 2))
    for document in (by_amazon, by_commerce):
        await ask.send(running, document)
        await running.becomes(key(document), "created")
    shipped = {"status": "Shipped", "last_update_date": "2026-11-03T00:00:00Z"}
    await ask.send(running, by_amazon | shipped)
    await running.eventually(lambda: ask.is_status(running, by_amazon, "complete"), "complete")
    for hour, status in enumerate(("processing", "shipped", "processing", "canceled")):
        await ask.update(running, by_commerce, status, f"2026-11-03T0{hour}:00:00Z")
    await running.eventually(
        lambda: ask.tells(running, by_commerce, "commerce-canceled"), "all heard"
    )
    assert await ask.status(running, by_commerce) == "shipped"
    assert (await running.order(key(by_commerce)))["status"] == "Shipped"
    await ask.sync(running, "r17")
    await running.eventually(lambda: ask.is_status(running, by_commerce, "complete"), "complete")
    changes = ["CommerceOrderCreated", "CommerceOrderStatusChanged", "CommerceOrderStatusChanged"]
    assert await ask.events(running, by_commerce) == changes


async def test_rule_18_later_details_are_added_and_nothing_is_created_again(
    running: System,
) -> None:
    await ask.tell(running, store("r18"), product("R18"))
    first = order(1, store_id="r18", items=[item("R18")], ship_to=None)
    await ask.send(running, first)
    await running.becomes(key(first), "created")
    more = {"last_update_date": "2026-11-03T00:00:00Z"}
    await ask.send(running, order(1, store_id="r18") | more)
    await ask.send(running, first)
    await running.eventually(lambda: ask.received(running, first, 3), "all are received")
    found = await running.order(key(first))
    assert found["ship_to"]["city"] == "Markerville"
    assert await running.db.commerce_orders.count_documents({"store_id": "r18"}) == 1
    told = ["CommerceOrderCreated", "CommerceOrderAmended"]
    assert await ask.events(running, first) == told
