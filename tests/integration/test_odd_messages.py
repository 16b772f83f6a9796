"""Messages with more than anybody sends: each is a dead letter, and its partition goes on."""

import json

from aiokafka import AIOKafkaProducer

from handlers.dead_letters import MAX_HEADERS, MAX_KEY_BYTES
from models.dead_letters import StoredDeadLetter
from models.topics import TopicName
from order_import.operations.dead_letters import view_of
from tests.integration.commands import Commands
from tests.integration.kit import System
from tests.integration.wire import key, order, product, store

Header = tuple[str, bytes | None]
KIB = 1024


async def test_rule_28_no_number_of_headers_and_no_length_of_a_key_stops_a_partition(
    system: System,
) -> None:
    odd: list[tuple[bytes | None, bytes | None, list[Header]]] = [
        (b"k", b"no order", [("", None)] * 690_000),
        (b"k", b"no order", [("h", None)] * 100_000),
        (b"k", b"no order", [("n" * 700 * KIB, b"v"), ("store-id", b"us")]),
        (b"k", b"no order", [("h", b"v" * 700 * KIB)] * 2),
        (b"\xff" * 1900 * KIB, None, []),
        (b"k" * 900 * KIB, b"v" * 900 * KIB, [("\N{SNOWMAN}" * 1000, b"\xff")] * 30),
    ]
    producer = AIOKafkaProducer(
        bootstrap_servers=system.settings.kafka_bootstrap_servers,
        max_request_size=4 * KIB * KIB,
        # Of one kind, these are packed to next to nothing: more than the topic takes plain.
        compression_type="gzip",
    )
    topic = system.settings.topic_prefix + TopicName.ORDERS
    await system.publish(TopicName.STORES, store())
    await system.publish(TopicName.PRODUCTS, product())
    async with system.worker(), producer:
        for message_key, value, headers in odd:
            await producer.send_and_wait(
                topic, key=message_key, value=value, headers=headers, partition=0
            )
        await producer.send_and_wait(topic, json.dumps(order(1)).encode(), partition=0)
        await system.becomes(key(order(1)), "created")
        await system.eventually(lambda: _are_out(system, len(odd)), "all dead letters are out")
    dead_letters = await system.read(TopicName.DEAD_LETTER)
    kept = await system.dead_letters()
    assert [one.cut for one in kept] == [("headers",)] * 4 + [("key",)] * 2
    assert len(kept[0].headers) == len(kept[1].headers) == MAX_HEADERS
    assert kept[2].headers == (("store-id", b"us"),)
    assert len(kept[4].key or b"") == MAX_KEY_BYTES
    for dead_letter, one in zip(dead_letters, kept, strict=True):
        assert (dead_letter.key, dead_letter.value) == (one.key, one.value)
        assert tuple(dead_letter.headers[:-6]) == one.headers
        assert view_of(StoredDeadLetter(one, ())).message == one.message
    commands = Commands(system)
    listed = await commands.json("dead-letters", "list")
    assert len(listed["dead_letters"]) == len(odd)
    ids = [one["id"] for one in listed["dead_letters"]]
    told = await commands.json("dead-letters", "redrive", *ids, status=1)
    assert len(told["refused"]) == len(odd)


async def _are_out(system: System, count: int) -> bool:
    return len(await system.read(TopicName.DEAD_LETTER)) == count
