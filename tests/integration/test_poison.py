"""Rubbish in: dead letters with codes and the bytes unchanged, and the good orders go through."""

import asyncio
import json
import random
from collections import Counter
from typing import Any

from aiokafka import AIOKafkaProducer

from handlers.dead_letters import MAX_VALUE_BYTES
from models.messages import DeadLetterCode, TopicPartition
from models.topics import READ_TOPICS, TopicName
from order_import.bootstrap import new_consumer
from storage.documents.checkpoint import checkpoint_id
from tests.builders import Message
from tests.faults.inprocess.fuzz import inputs
from tests.integration.kit import System
from tests.integration.wire import Document, item, key, order, product, store

POISON = 1000
ODD = 2000
GOOD = 50


async def test_a_thousand_mutated_payloads_end_as_dead_letters_and_good_orders_are_created(
    system: System,
) -> None:
    await system.publish(TopicName.STORES, store())
    await system.publish(TopicName.PRODUCTS, product())
    random_source = random.Random(20_261_123)
    poison = [_mutated(number, random_source) for number in range(POISON)]
    async with system.worker():
        for number, value in enumerate(poison):
            await system.publish(TopicName.ORDERS, value, key=f"poison-{number}")
            if number % (POISON // GOOD) == 0:
                await system.publish(TopicName.ORDERS, order(number))
        await system.eventually(lambda: _created(system), "all good orders are created")
        await system.eventually(lambda: _refused(system), "all poison is refused")
    dead_letters = await system.read(TopicName.DEAD_LETTER)
    assert Counter(dead_letter.value for dead_letter in dead_letters) == Counter(poison)
    for dead_letter in dead_letters:
        headers = dict(dead_letter.headers)
        assert headers["error-code"].decode() in {
            "malformed-json",
            "unknown-payload",
            "invalid-order",
            "unknown-store",
            "too-large",
        }
        assert headers["__connect.errors.topic"].decode().endswith(TopicName.ORDERS)
        assert headers["__connect.errors.exception.message"]
        assert b"Marker" not in headers["__connect.errors.exception.message"]
        assert dead_letter.key.startswith(b"poison-")
    assert await system.db.amazon_orders.count_documents({}) == GOOD
    kept = {one.value for one in await system.dead_letters()}
    assert kept == set(poison)


async def test_poison_does_not_stop_any_other_topic(system: System) -> None:
    await system.publish(TopicName.STORES, b"{", {"store_id": "a/b"}, store(), key="us")
    await system.publish(TopicName.PRODUCTS, b"\xff", {"sku": "LAMP"}, product(), key="LAMP")
    await system.publish(TopicName.STOCK, b"[", {"stock_id": "north"}, key="north/LAMP")
    await system.publish(TopicName.LISTINGS, b"[]", {"store_id": "us"}, key="us/LAMP")
    await system.publish(TopicName.ORDER_UPDATES, b"null", {"status": "lost"}, key="x")
    await system.publish(TopicName.COMMANDS, b'{"command": "format-disk"}', key="x")
    async with system.worker():
        await system.publish(TopicName.ORDERS, order(1))
        await system.becomes(key(order(1)), "created")
        await system.eventually(lambda: _letters_are(system, 11), "eleven dead letters")
    topics = Counter([one["topic"].split(".", 1)[1] async for one in system.db.dead_letters.find()])
    assert topics == {
        "commerce.stores": 2,
        "commerce.products": 2,
        "commerce.stock": 2,
        "commerce.listings": 2,
        "commerce.order-updates": 2,
        "order-import.commands": 1,
    }


async def test_an_order_whose_key_somebody_else_has_stored_is_a_dead_letter_and_no_crash_loop(
    system: System,
) -> None:
    """It ended the worker as if it had lost its place, again and again."""
    taken = order(2)
    foreign = {"_id": "foreign", "amazon_order_id": taken["amazon_order_id"]}
    await system.db.commerce_orders.insert_one(foreign)
    await system.publish(TopicName.STORES, store())
    await system.publish(TopicName.PRODUCTS, product())
    orders = [order(1), taken, order(3)]
    async with system.worker() as worker:
        await system.eventually(lambda: _facts_are_there(system), "the facts are there")
        await system.publish(TopicName.ORDERS, *orders)
        await system.becomes(key(orders[0]), "created")
        await system.becomes(key(orders[2]), "created")
        await system.eventually(lambda: _letters_are(system, 1), "one dead letter")
        assert worker.process.returncode is None
    (dead_letter,) = await system.dead_letters()
    assert (dead_letter.code, json.loads(dead_letter.value or b"")) == ("already-stored", taken)
    assert await system.db.amazon_orders.count_documents({}) == 2
    lines = [json.loads(line) for line in worker.log.read_text().splitlines()]
    (told, *_) = [line for line in lines if line["event"] == "duplicate-key"]
    assert told["collection"] == "commerce_orders"
    assert "Marker" not in worker.log.read_text()


async def test_two_thousand_odd_messages_of_every_kind_are_taken_or_refused_with_their_bytes(
    system: System,
) -> None:
    """Payloads, facts, updates and commands, changed in their bytes, values, keys and headers."""
    await system.publish(TopicName.STORES, store())
    await system.publish(TopicName.PRODUCTS, product())
    came: dict[tuple[str, str, str], Message] = {}
    async with system.worker():
        sent = [await _send(system, *one) for one in inputs(seed=20_261_125, count=ODD)]
        for message, place in sent:
            found = await place
            came[found.topic, str(found.partition), str(found.offset)] = message
        await system.publish(TopicName.ORDERS, order(1))
        await system.becomes(key(order(1)), "created")
        await system.eventually(lambda: all_is_decided(system), "all is decided")
        kept = await system.db.dead_letters.count_documents({})
        await system.eventually(lambda: _letters_are_out(system, kept), "all letters are out")
    dead_letters = await system.read(TopicName.DEAD_LETTER)
    assert len(dead_letters) > ODD / 2
    for dead_letter in dead_letters:
        headers = {name: (value or b"").decode() for name, value in dead_letter.headers[-6:]}
        topic, partition, offset = (
            headers[f"__connect.errors.{part}"] for part in ("topic", "partition", "offset")
        )
        message = came[topic, partition, offset]
        assert headers["error-code"] in set(DeadLetterCode)
        assert (dead_letter.key, dead_letter.value) == (message.key, message.value)
        assert tuple(dead_letter.headers[:-6]) == message.headers


async def _send(
    system: System, topic: TopicName, told: Message
) -> tuple[Message, "asyncio.Future[Any]"]:
    """Kafka's client takes no message of nothing, and a compacted topic none without a key."""
    message = told._replace(key=told.key or b"none")
    place = await system.producer.send(
        system.settings.topic_prefix + topic,
        key=message.key,
        value=message.value,
        headers=list(message.headers),
    )
    return message, place


async def all_is_decided(system: System) -> bool:
    topics = [system.settings.topic_prefix + topic for topic in READ_TOPICS]
    consumer = new_consumer(system.settings, topics)
    await consumer.start()
    try:
        ends = await consumer.end_offsets(consumer.assignment())
    finally:
        await consumer.stop()
    decided = {one["_id"]: one["committed_offset"] async for one in system.db.checkpoints.find({})}
    return all(
        end == decided.get(checkpoint_id(TopicPartition(tp.topic, tp.partition)), 0)
        for tp, end in ends.items()
    )


async def _letters_are_out(system: System, count: int) -> bool:
    return len(await system.read(TopicName.DEAD_LETTER)) == count


def _mutated(number: int, source: random.Random) -> bytes:
    """Break a good order in one of the ways that cannot be an order any more."""
    document: Document = order(1_000_000 + number, items=[item(), item("SHADE")])
    text = json.dumps(document).encode()
    match number % 8:
        case 0:
            return text[: source.randrange(1, len(text) - 1)]
        case 1:
            return b"\xff\xfe" + text + str(number).encode()
        case 2:
            del document["amazon_order_id"]
        case 3:
            document["items"] = [item(quantity=-source.randrange(1, 100))]
        case 4:
            document["purchase_date"] = f"yesterday-{number}"
        case 5:
            document["total"] = {"amount": "NaN", "currency": "USD", "n": number}
        case 6:
            document["amazon_order_id"] = f"slash/{number}"
        case _:
            del document["store_id"]
            document["marketplace_id"] = f"nobody-sells-here-{number}"
    return json.dumps({"n": number, **document}).encode()


async def _created(system: System) -> bool:
    return (await system.states())["created"] == GOOD


async def _refused(system: System) -> bool:
    return await _letters_are(system, POISON)


async def _facts_are_there(system: System) -> bool:
    stores, products = system.db.stores, system.db.products
    return bool(await stores.count_documents({}) and await products.count_documents({}))


async def _letters_are(system: System, count: int) -> bool:
    return bool(await system.db.dead_letters.count_documents({}) == count)


async def test_messages_at_the_limits_do_not_stop_their_partition(system: System) -> None:
    nothing, huge = None, b"x" * (2 * 1024 * 1024 - 500)
    compressed = AIOKafkaProducer(
        bootstrap_servers=system.settings.kafka_bootstrap_servers,
        compression_type="gzip",
        max_request_size=64 * 1024 * 1024,
    )
    topic = system.settings.topic_prefix + TopicName.ORDERS
    await system.publish(TopicName.STORES, store())
    await system.publish(TopicName.PRODUCTS, product())
    async with system.worker(), compressed:
        batch = system.producer.create_batch()
        batch.append(key=None, value=nothing, timestamp=None)
        await (await system.producer.send_batch(batch, topic, partition=0))
        await compressed.send_and_wait(topic, b"y" * (20 * 1024 * 1024), partition=0)
        await system.producer.send_and_wait(topic, huge, partition=0)
        good = json.dumps(order(1)).encode()
        await system.producer.send_and_wait(topic, good, partition=0)
        await system.becomes(key(order(1)), "created")
        await system.eventually(lambda: _letters_are(system, 3), "three dead letters")
    dead_letters = await system.read(TopicName.DEAD_LETTER)
    # Of the one that is 20 MB when unpacked, the beginning is kept.
    assert Counter(dead_letter.value for dead_letter in dead_letters) == {
        b"": 1,
        huge: 1,
        b"y" * MAX_VALUE_BYTES: 1,
    }
