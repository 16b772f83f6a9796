"""Replays on real servers, asked for on the command line (rule 14)."""

import asyncio
import json
import signal
from collections import Counter
from datetime import UTC, datetime
from functools import partial
from typing import Any

from handlers.blocker_check import STEP
from models.replay import Selection
from models.topics import TOPICS, TopicName
from order_import.bootstrap import connect_storage, new_consumer
from storage.mongo.driver import Driver
from storage.port import Snapshot
from tests.fakes.memory_replays import select
from tests.forks import Command
from tests.integration.commands import Commands
from tests.integration.kit import OUT, Document, System, only
from tests.integration.wire import item, key, order, product, store

EXECUTE = ("--execute", "--reason-text", "import was off by mistake")


def start(system: System, *arguments: str) -> Command:
    return Commands(system).start(*arguments)


async def told(system: System, *arguments: str, status: int = 0) -> Any:
    return await Commands(system).json(*arguments, status=status)


async def refused(system: System, *arguments: str) -> str:
    _, err = await start(system, *arguments).ended(1)
    return err


async def replays(system: System) -> list[Document]:
    return [one async for one in system.db.replays.find().sort("_id", 1)]


async def count(system: System, collection: str, at_least: int, **query: Any) -> bool:
    return bool(await system.db[collection].count_documents(query) >= at_least)


def counts(answer: Document) -> tuple[int, ...]:
    """How many orders were created, blocked and refused."""
    return tuple(answer[name]["orders"] for name in ("created", "blocked", "refused"))


async def skip_orders(system: System, orders: int, **fields: Any) -> None:
    """Have so many orders skipped as import-disabled, and import on again."""
    await system.publish(TopicName.STORES, store(import_amazon_orders=False))
    await system.publish(TopicName.PRODUCTS, product("LAMP"), product("RARE", salable_quantity=5))
    await system.eventually(partial(count, system, "stores", 1), "the store is told")
    await system.eventually(partial(count, system, "products", 2), "the products are told")
    await system.publish(TopicName.ORDERS, *(order(n, **fields) for n in range(orders)))
    skipped = {"import.reasons": "import-disabled"}
    there = partial(count, system, "amazon_orders", orders, **skipped)
    await system.eventually(there, "the orders are skipped")
    await switch_on(system)


async def switch_on(system: System) -> None:
    await system.publish(TopicName.STORES, store(updated_at="2026-02-01T00:00:00Z"))
    opened = partial(count, system, "stores", 1, import_amazon_orders=True)
    await system.eventually(opened, "import is on")


async def everything(system: System) -> Document:
    """All that is stored, and where every topic ends."""
    stored = {
        name: [one async for one in system.db[name].find().sort("_id", 1)]
        for name in sorted(await system.db.list_collection_names())
    }
    names = [system.settings.topic_prefix + topic.name for topic in TOPICS]
    consumer = new_consumer(system.settings, names)
    await consumer.start()
    try:
        return {"stored": stored, "ends": await consumer.end_offsets(consumer.assignment())}
    finally:
        await consumer.stop()


async def created_once(system: System, orders: int) -> None:
    """Every order was created, stored and told exactly once, and by a replay."""
    assert await system.db.commerce_orders.count_documents({"replayed": True}) == orders
    events = only(await system.events(), event_type="CommerceOrderCreated", replayed=True)
    assert len(events) == orders
    assert max(Counter(one["amazon_order_id"] for one in events).values()) == 1


async def test_a_dry_run_changes_nothing_anywhere(system: System) -> None:
    async with system.worker():
        await skip_orders(system, 3)
        await system.publish(TopicName.ORDERS, order(7, items=[item("NOWHERE", 2)]))
        await system.becomes(key(order(7)), "blocked")
    before = await everything(system)
    dry = await told(system, "replay")
    assert counts(dry) == (3, 1, 0)
    assert dry["created"]["value"] == [{"amount": "30.00", "currency": "USD"}]
    assert dry["blocked"]["causes"] == [
        {
            "code": "not-in-catalog",
            "sku": "NOWHERE",
            "orders": 1,
            "required": 2,
            "available": None,
        }
    ]
    fixed = ("--assume", "product:NOWHERE:salable_quantity=2")
    assert counts(await told(system, "replay", *fixed)) == (4, 0, 0)
    assert counts(await told(system, "replay", "--sku", "NOWHERE", status=1)) == (0, 1, 0)
    out, _ = await start(system, "replay", *fixed).ended(0)
    assert "assumed: product:NOWHERE:salable_quantity=2" in out
    assert "Would be created: 4 orders, 40.00 USD" in out
    none = await refused(system, "replay", "--store", "nowhere")
    assert none == "order-import: no orders match; nothing to replay\n"
    assert await everything(system) == before


async def test_rule_14_what_was_skipped_is_imported_and_the_rest_is_refused(
    system: System,
) -> None:
    early = order(21, purchase_date="2025-12-31T00:00:00Z")
    canceled, made = order(22, status="Canceled"), order(23)
    async with system.worker():
        await skip_orders(system, 2)
        await system.publish(TopicName.ORDERS, early, canceled, made, key="k")
        await system.becomes(key(made), "created")
        await system.becomes(key(early), "skipped")
        named = [name for one in (early, canceled, made) for name in ("--order", key(one))]
        answer = await told(system, "replay", *named, *EXECUTE)
        assert counts(answer) == (0, 0, 3)
        assert answer["refused"]["reasons"] == {
            "before-integration": 1,
            "canceled": 1,
            "already-created": 1,
        }
        answer = await told(system, "replay", "--order", order(0)["amazon_order_id"], *EXECUTE)
        assert counts(answer) == (1, 0, 0)
        assert await system.state_of(key(order(1))) == "skipped"
        out, _ = await start(system, "replay", *EXECUTE).ended(0)
        assert "Created: 1 order, 10.00 USD" in out
    await created_once(system, 2)
    (*_, last) = (await system.order(key(order(0))))["history"]
    assert (last["what"], last["facts"]["replay_id"]) == ("created", answer["replay_id"])
    kept = await system.db.replays.find_one({"_id": answer["replay_id"]})
    assert (kept["state"], kept["results"]["created"]) == ("done", 1)
    assert kept["reason_text"] == "import was off by mistake"
    assert "@" in kept["who"]


async def test_rule_14_what_is_replayed_ten_times_is_created_once(system: System) -> None:
    async with system.worker():
        await skip_orders(system, 20, items=[item("RARE")])
        first = await told(system, "replay", *EXECUTE)
        assert counts(first) == (5, 15, 0)
        events = len(await system.events())
        for _ in range(8):
            assert counts(await told(system, "replay", *EXECUTE)) == (0, 15, 0)
        every = [name for n in range(20) for name in ("--order", key(order(n)))]
        assert counts(await told(system, "replay", *every, *EXECUTE)) == (0, 15, 5)
        assert len(await system.events()) == events
    await created_once(system, 5)
    assert (await system.db.stock_items.find_one({"sku": "RARE"}))["reserved"] == 5


async def test_a_replay_outlives_the_command_that_began_it(system: System) -> None:
    orders = 2 * STEP + 1
    worker = await system.start_worker()
    await skip_orders(system, orders)
    assert await worker.stop() == 0
    began = start(system, "replay", *EXECUTE)
    await system.eventually(partial(_commands, system, "replay"), "the first step is asked for")
    began.kill()
    await began.wait()
    async with system.worker():
        (replay,) = await replays(system)
        out, _ = await start(system, "replays", "watch", replay["_id"]).ended(0)
        assert f"done, {orders} of {orders} done" in out
        (listed,) = await told(system, "replays", "list")
        assert (listed["state"], listed["done"]) == ("done", orders)
    assert [one["state"] for one in await replays(system)] == ["done"]
    await created_once(system, orders)


async def test_a_replay_is_canceled_from_anywhere(system: System) -> None:
    worker = await system.start_worker()
    await skip_orders(system, 3)
    assert await worker.stop() == 0
    for stop in ("interrupt", "command"):
        running = start(system, "replay", *EXECUTE, "--json")
        begun = partial(count, system, "replays", 1, state="running")
        await system.eventually(begun, "the replay has begun")
        (replay,) = [one for one in await replays(system) if one["state"] == "running"]
        if stop == "interrupt":
            running.send_signal(signal.SIGINT)
        else:
            cancel = start(system, "replays", "cancel", replay["_id"])
            assert "Canceled after 0 of 3 orders" in (await cancel.ended(0))[0]
        out, _ = await running.ended(1)
        answer = json.loads(out)
        assert (answer["state"], answer["unanswered"]) == ("canceled", 3)
        over = await refused(system, "replays", "cancel", replay["_id"])
        assert over == f"order-import: replay {replay['_id']} is over: canceled\n"
    async with system.worker():
        assert counts(await told(system, "replay", *EXECUTE)) == (3, 0, 0)
    none = await refused(system, "replays", "watch", "of-nobody")
    assert none == "order-import: there is no replay of-nobody\n"
    await created_once(system, 3)


async def test_from_topic_replays_what_was_told_to_be_blocked_in_that_time(
    system: System,
) -> None:
    async with system.worker():
        await system.publish(TopicName.STORES, store(), store("eu"))
        await system.eventually(partial(count, system, "stores", 2), "the stores are told")
        blocked = [order(n, items=[item("SOON")]) for n in range(3)]
        blocked += [order(9, store_id="eu", items=[item("SOON")])]
        for one in blocked:
            await system.publish(TopicName.ORDERS, one)
            await system.becomes(key(one), "blocked")
        await system.eventually(partial(_told_blocks, system, 4), "the blocks are told")
    times = {
        record.key.decode(): record.timestamp for record in await system.read(TopicName.BLOCKED)
    }
    window = (
        *("--since", _iso(times[key(blocked[1])])),
        *("--until", _iso(times[key(blocked[3])])),
    )
    dry = await told(system, "replay", "--from-topic", *window, status=1)
    assert {one["order"] for one in dry["blocked"]["first"]} == {key(one) for one in blocked[1:]}
    one_store = ("replay", "--from-topic", *window, "--store", "us")
    assert counts(await told(system, *one_store, status=1)) == (0, 2, 0)
    assert counts(await told(system, "replay", "--from-topic", status=1)) == (0, 4, 0)
    await refused(system, "replay", "--from-topic", "--reason", "disabled")
    async with system.worker():
        answer = await told(system, *one_store, *EXECUTE)
        assert counts(answer) == (0, 2, 0)
        assert answer["selected"] == 2


async def test_a_replay_during_load_loses_and_doubles_nothing(system: System) -> None:
    skipped = 2 * STEP
    async with system.worker():
        await skip_orders(system, skipped, items=[item("RARE")])
        running = asyncio.create_task(
            told(system, "replay", "--reason", "import-disabled", *EXECUTE)
        )
        fresh = 0
        while not running.done():
            sku = "RARE" if fresh % 2 else "LAMP"
            await system.publish(TopicName.ORDERS, order(1000 + fresh, items=[item(sku)]))
            fresh += 1
            # As fast as they are taken: on a slow machine the load is not a backlog.
            taken = partial(_at_least, system, skipped + fresh - 20)
            await system.eventually(taken, "the load is taken")
        answer = await running
        received = partial(count, system, "amazon_orders", skipped + fresh)
        await system.eventually(received, "all orders are received")
    assert sum(counts(answer)) == skipped
    assert answer["refused"]["orders"] == answer["unanswered"] == 0
    assert (await system.db.stock_items.find_one({"sku": "RARE"}))["reserved"] == 5
    scarce = skipped + fresh // 2 - 5
    assert await system.states() == {"created": skipped + fresh - scarce, "blocked": scarce}
    events = Counter(json.loads(one.value)["event_id"] for one in await system.read(*OUT))
    assert max(events.values()) == 1
    assert len(events) == await system.db.events.count_documents({})


async def _at_least(system: System, orders: int) -> bool:
    return bool(await system.db.amazon_orders.estimated_document_count() >= orders)


async def test_the_next_sync_now(system: System) -> None:
    async with system.worker():
        await system.publish(TopicName.STORES, store())
        await system.eventually(partial(count, system, "stores", 1), "the store is told")
        await system.publish(TopicName.ORDERS, order(1), order(2, items=[item("NOWHERE")]))
        await system.becomes(key(order(1)), "blocked")
        await system.becomes(key(order(2)), "blocked")
        # A product that nobody was woken for, as if a wake-up had been lost.
        found = {"enabled": True, "manage_stock": False, "disabled_for": (), "deleted": False}
        at = (await system.db.stores.find_one({}))["updated_at"]
        await system.db.products.insert_one({"_id": "LAMP", "as_of": at, **found})
        # Who changes a fact takes the lock: else the worker goes by what it remembers.
        await system.db.locks.update_one({"_id": "default"}, {"$inc": {"version": 1}})
        answer = await told(system, "sync")
        assert (answer["were_blocked"], counts(answer)) == (2, (1, 1, 0))
        assert (await told(system, "sync", "--store", "us"))["were_blocked"] == 1
        assert not (await told(system, "sync", "--no-wait"))["carried_out"]
        assert "there is no store x" in await refused(system, "sync", "--store", "x")
        out, _ = await start(system, "sync").ended(0)
        assert "Still blocked: 1 order" in out


async def test_mongodb_selects_the_orders_that_memory_selects(system: System) -> None:
    async with system.worker():
        await skip_orders(system, 2, purchase_date="2026-11-05T00:00:00Z")
        await system.publish(
            TopicName.ORDERS,
            order(3, items=[item("NOWHERE"), item("RARE", 9)]),
            order(4, items=[item("RARE", 6)]),
            order(5, status="Canceled"),
            order(6, status="Pending", purchase_date=None),
            order(7),
            order(8, store_id="alien"),
        )
        for number, state in {4: "blocked", 7: "created", 3: "blocked", 6: "waiting"}.items():
            await system.becomes(key(order(number)), state)
        await system.becomes(key(order(8, "alien")), "waiting")

    async def compare(view: Snapshot) -> int:
        keys = [one["_id"] async for one in system.db.amazon_orders.find()]
        orders = await view.orders(keys)
        found = 0
        date = orders[key(order(4))].order.purchase_date
        for wanted in (
            *(Selection(), Selection(store_id="alien"), Selection(sku="RARE")),
            *(Selection(sku="RARE", reason="not-in-catalog"), Selection(reason="out-of-stock")),
            *(Selection(reason="import-disabled"), Selection(reason="canceled")),
            *(Selection(reason="store-unknown"), Selection(keys=(*keys[:3], "x/y"))),
            *(Selection(keys=tuple(keys), reason="out-of-stock"), Selection(keys=tuple(keys))),
            *(Selection(since=date), Selection(until=date), Selection(since=date, until=date)),
        ):
            selected = await view.select_orders(wanted)
            assert selected == select(orders, wanted), wanted
            found += len(selected)
        return found

    for driver in Driver:
        settings = system.settings.model_copy(update={"mongo_driver": driver})
        async with connect_storage(settings) as storage:
            assert await storage.snapshot(compare) > 30


def _iso(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def _told_blocks(system: System, blocks: int) -> bool:
    return len(await system.read(TopicName.BLOCKED)) >= blocks


async def _commands(system: System, name: str) -> bool:
    sent = [json.loads(one.value) for one in await system.read(TopicName.COMMANDS)]
    return any(one["command"] == name for one in sent)
