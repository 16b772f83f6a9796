"""Dead letters on real servers: look, mend upstream, redrive, and nothing is doubled."""

import base64
import json
from collections import Counter
from datetime import timedelta
from typing import Any

from models.topics import TopicName
from order_import.bootstrap import connect_storage
from streams.clock import now
from tests.integration.commands import Commands
from tests.integration.kit import System, only
from tests.integration.wire import Document, key, order, product, store


async def letters_are(system: System, count: int) -> None:
    async def there() -> bool:
        return bool(await system.db.dead_letters.count_documents({}) == count)

    await system.eventually(there, f"{count} dead letters")


async def ids(commands: Commands, *asked: str) -> list[str]:
    return [
        one["id"] for one in (await commands.json("dead-letters", "list", *asked))["dead_letters"]
    ]


def homeless(number: int) -> Document:
    """An order whose store is to be found by its marketplace."""
    document = order(number, marketplace_id="MARKET-us")
    del document["store_id"]
    return document


async def test_letters_are_listed_by_code_and_shown_without_the_buyer(system: System) -> None:
    commands = Commands(system)
    assert "No dead letters." in await commands.text("dead-letters", "list")
    await system.publish(TopicName.ORDERS, homeless(1), key="first", store="a/b")
    await system.publish(TopicName.PRODUCTS, b"\xff\x00{", key="LAMP")
    async with system.worker():
        await letters_are(system, 2)
    told = await commands.json("dead-letters", "list")
    assert told["codes"] == {"malformed-json": 1, "unknown-store": 1}
    assert len(told["dead_letters"]) == 2
    by_code = {one["code"]: one for one in told["dead_letters"]}
    assert by_code["malformed-json"]["size"] == 3
    assert by_code["malformed-json"]["redriven"] == []
    (unknown,) = await ids(commands, "--code", "unknown-store")
    assert await ids(commands, "--topic", "amazon.orders") == [unknown]
    assert await ids(commands, "--topic", f"{system.settings.topic_prefix}amazon.orders") == [
        unknown
    ]
    assert await ids(commands, "--limit", "1", "--topic", "commerce.products") == [
        by_code["malformed-json"]["id"]
    ]
    table = await commands.text("dead-letters", "list")
    assert unknown in table
    assert by_code["unknown-store"]["message"].startswith(
        "order 111-0000001-0000000: the header a/b is no store's id; store-id: expected a header"
    )

    masked = await commands.text("dead-letters", "show", unknown)
    assert '"amazon_order_id": "111-0000001-0000000"' in masked
    assert "Header store-id: a/b" in masked
    assert "Marker" not in table + masked
    shown = await commands.json("dead-letters", "show", unknown)
    assert "value_base64" not in shown
    assert shown["value"]["buyer"] == {"name": "***", "email": "***"}
    open_ = await commands.json("dead-letters", "show", unknown, "--unmask")
    assert open_["value"] == homeless(1)
    audited = [(row["action"], row["target"]) async for row in system.db.console_audit.find({})]
    assert audited == [("showed-buyer", unknown)]
    assert json.loads(base64.b64decode(open_["value_base64"])) == homeless(1)
    garbage = await commands.text("dead-letters", "show", by_code["malformed-json"]["id"])
    assert r"\xff" in garbage
    assert "no dead letter nowhere:0:1" in await commands.text(
        "dead-letters", "show", "nowhere:0:1", status=1
    )


async def test_after_the_store_is_told_the_letters_become_orders_once(system: System) -> None:
    commands = Commands(system)
    orders = [homeless(number) for number in range(1, 6)]
    await system.publish(TopicName.ORDERS, *orders)
    await system.publish(TopicName.PRODUCTS, product())
    async with system.worker():
        await letters_are(system, 5)
        plan = await commands.json("dead-letters", "redrive", "--all")
        assert plan["executed"] is False
        assert len(plan["planned"]) == 5
        before = await system.read(TopicName.ORDERS)
        assert len(before) == 5
        assert "Nothing was sent." in await commands.text("dead-letters", "redrive", "--all")

        await system.publish(TopicName.STORES, store())
        await system.eventually(lambda: has_store(system), "the store is known")
        one = plan["planned"][0]
        told = await commands.json("dead-letters", "redrive", one, "--execute")
        assert [sent["id"] for sent in told["sent"]] == [one]
        assert told["afterwards"] == {"taken": 1, "refused_again": {}, "unread": 0}
        told = await commands.text(
            *("dead-letters", "redrive", "--all", "--code", "unknown-store"),
            *("--topic", "amazon.orders", "--execute"),
        )
        assert "Sent 4 of 4." in told
        assert "4 accepted by the worker" in told
        for number in range(1, 6):
            await system.becomes(key(order(number)), "created")

        # All of them are answered for; asked for by name, they go once more and change nothing.
        assert (await commands.json("dead-letters", "redrive", "--all"))["planned"] == []
        again = await commands.json("dead-letters", "redrive", *plan["planned"], "--execute")
        assert again["afterwards"]["taken"] == 5
    assert await system.db.dead_letters.count_documents({}) == 5
    assert await system.db.commerce_orders.count_documents({}) == 5
    created = only(await system.events(), event_type="CommerceOrderCreated")
    assert len({event["event_id"] for event in created}) == len(created) == 5

    arrived = await system.read(TopicName.ORDERS)
    assert Counter(one.value for one in arrived) == {one.value: 3 for one in before}
    driven = [one for one in arrived if dict(one.headers).get("redrive-count")]
    assert Counter(dict(one.headers)["redrive-count"] for one in driven) == {b"1": 5, b"2": 5}
    assert {one.key for one in driven} == {one.key for one in before}
    assert {dict(one.headers)["redriven-from"].decode() for one in driven} == set(plan["planned"])
    kept = await commands.json("dead-letters", "show", plan["planned"][0])
    assert [mark["count"] for mark in kept["redriven"]] == [1, 2]


async def has_store(system: System) -> bool:
    return bool(await system.db.stores.count_documents({}))


async def test_a_letter_that_is_refused_again_stops_after_three_times(system: System) -> None:
    commands = Commands(system)
    await system.publish(TopicName.ORDERS, b"{not json", key="odd key", store="us")
    async with system.worker():
        await letters_are(system, 1)
        (dead_letter,) = await ids(commands)
        for count in (1, 2, 3):
            told = await commands.json("dead-letters", "redrive", "--all", "--execute", status=1)
            (dead_letter,) = told["afterwards"]["refused_again"]
            assert told["afterwards"]["refused_again"][dead_letter] == "malformed-json"
            assert told["sent"][0]["to"] == dead_letter
            await letters_are(system, count + 1)
        shown = await commands.json("dead-letters", "show", dead_letter)
        assert shown["redrive_count"] == 3
        headers = {one["name"]: one["value"] for one in shown["headers"]}
        assert headers["redrive-count"] == "3"
        assert headers["store-id"] == "us"
        assert len([one for one in shown["headers"] if one["name"] == "redrive-count"]) == 1
        for asked in (("--all",), (dead_letter,)):
            refused = await commands.json("dead-letters", "redrive", *asked, "--execute", status=1)
            assert refused["planned"] == []
            assert refused["refused"][0]["id"] == dead_letter
            assert "redriven 3 times already" in refused["refused"][0]["why"]
        assert await system.db.dead_letters.count_documents({}) == 4
        forced = await commands.json(
            "dead-letters", "redrive", dead_letter, "--force", "--execute", status=1
        )
        assert len(forced["sent"]) == 1
        await letters_are(system, 5)
    (last, *_) = (await commands.json("dead-letters", "list"))["dead_letters"]
    assert last["redrive_count"] == 4
    on_topic = await system.read(TopicName.DEAD_LETTER)
    assert Counter(one.value for one in on_topic) == {b"{not json": 5}
    assert {one.key for one in on_topic} == {b"odd key"}


async def test_without_a_worker_what_was_sent_is_not_read_yet(system: System) -> None:
    commands = Commands(system)
    await system.publish(TopicName.PRODUCTS, b"[]", key="LAMP")
    async with system.worker():
        await letters_are(system, 1)
    told: Any = await commands.json("dead-letters", "redrive", "--all", "--execute", "--wait", "0")
    assert told["afterwards"] == {"taken": 0, "refused_again": {}, "unread": 1}
    missing = await commands.text("dead-letters", "redrive", "no:0:1", status=1)
    assert "there is no such dead letter" in missing
    (dead_letter,) = await ids(commands)
    async with connect_storage(system.settings) as storage:
        assert await storage.vault.erase_expired(now() + timedelta(days=31)) == (0, 1)
    erased = await commands.json("dead-letters", "redrive", dead_letter, "--execute", status=1)
    assert "erased" in erased["refused"][0]["why"]
    assert "Erased at" in await commands.text("dead-letters", "show", dead_letter)
