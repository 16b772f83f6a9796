"""What Kafka's own format lets through, and what it does not: rule 28 on real servers."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from models.topics import MAX_MESSAGE_BYTES
from streams.decompression import MAX_BYTES
from tests.faults.wire.batches import Codec, WireBatch, WireRecord, body
from tests.faults.wire.damage import IN_PLACE, damage_segment, field
from tests.faults.wire.producer import WireProducer
from tests.integration.kit import LOOKING, System
from tests.integration.wire import is_caught_up, key, lag_of, order, orders_of, record_of

CODECS = ("gzip", "snappy", "lz4", "zstd")


async def configure(system: System, topic: str, **configs: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=system.settings.kafka_bootstrap_servers)
    await admin.start()
    named = {name.replace("_", "."): value for name, value in configs.items()}
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=named)])
    await admin.close()


async def test_rule_28_every_codec_is_read_a_producers_own_and_the_topics(
    system: System, wire: WireProducer
) -> None:
    """The one that an administrator sets on the topic comes from the broker itself."""
    topic = orders_of(system)
    sent = []
    async with system.worker():
        for number, codec in enumerate(CODECS):
            by_producer, by_topic = order(2 * number), order(2 * number + 1)
            await configure(system, topic, compression_type="producer", max_message_bytes="2097152")
            producer = AIOKafkaProducer(
                bootstrap_servers=system.settings.kafka_bootstrap_servers, compression_type=codec
            )
            async with producer:
                value = json.dumps(by_producer).encode()
                await producer.send_and_wait(topic, value, partition=0)
            await configure(system, topic, compression_type=codec, max_message_bytes="2097152")
            await wire.send(topic, 1, WireBatch([record_of(by_topic)] * 20))
            sent += [by_producer, by_topic]
        for document in sent:
            await system.becomes(key(document), "created")
    assert await system.db.dead_letters.count_documents({}) == 0
    assert await lag_of(system, topic) == 0


async def test_rule_28_only_committed_transactions_are_read_and_an_open_one_is_no_stall(
    system: System, wire: WireProducer
) -> None:
    topic = orders_of(system)
    aborted, committed, still_open, plain = (order(number) for number in range(4))
    worker = await system.start_worker("-c", LOOKING, stall_seconds=10)
    async with transactional(system, "one") as one, transactional(system, "other") as other:
        await one.begin_transaction()
        await one.send_and_wait(topic, json.dumps(aborted).encode(), partition=0)
        await one.abort_transaction()
        async with one.transaction():
            await one.send_and_wait(topic, json.dumps(committed).encode(), partition=0)
        await system.becomes(key(committed), "created")
        await one.begin_transaction()
        await one.send_and_wait(topic, json.dumps(aborted).encode(), partition=0)
        await one.abort_transaction()
        # Nothing but marks and aborted messages came after the last decided one.
        await system.eventually(lambda: is_caught_up(system, topic), "the end is reached")
        await other.begin_transaction()
        await other.send_and_wait(topic, json.dumps(still_open).encode(), partition=0)
        await wire.send(topic, 0, WireBatch([record_of(plain)]))
        await worker.is_patient()
        assert await lag_of(system, topic) == 0
        assert await system.state_of(key(plain)) == await system.state_of(key(still_open))
        assert await system.state_of(key(plain)) == "unknown"
        await other.commit_transaction()
        await system.becomes(key(plain), "created")
        await system.becomes(key(still_open), "created")
    assert await worker.stop() == 0
    assert await system.state_of(key(aborted)) == "unknown"
    assert await system.db.dead_letters.count_documents({}) == 0


@asynccontextmanager
async def transactional(system: System, name: str) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(
        bootstrap_servers=system.settings.kafka_bootstrap_servers,
        transactional_id=f"{system.settings.topic_prefix}{name}",
    )
    async with producer:
        yield producer


async def test_rule_28_poison_costs_itself_and_the_next_order_of_its_partition_is_created(
    system: System, wire: WireProducer
) -> None:
    topic = orders_of(system)
    odd_name = replace(record_of(order(1)), headers=[(b"\xff\xfe", b"1"), (b"x", None)])
    many_headers = replace(record_of(order(2)), headers=[(b"", None)] * 100_000)
    misplaced = WireRecord(raw=body(record_of(order(3)), 900))
    blank = WireRecord(b"k", bytes(MAX_MESSAGE_BYTES + 1))
    poison = [
        WireBatch([odd_name]),
        WireBatch([many_headers]),
        WireBatch([misplaced]),
        WireBatch([record_of(order(4))], timestamp=-(2**63)),
        WireBatch([record_of(order(5))], timestamp=2**63 - 1),
        WireBatch([WireRecord()]),
        WireBatch([blank], codec=Codec.GZIP),
        WireBatch([replace(blank, value=bytes(MAX_BYTES))], codec=Codec.GZIP),
        WireBatch([replace(blank, value=bytes(MAX_BYTES))], codec=Codec.ZSTD),
    ]
    await configure(
        system, topic, max_message_bytes="2097152", message_timestamp_after_max_ms=str(2**63 - 1)
    )
    worker = await system.start_worker()
    for number, batch in enumerate(poison, start=10):
        await wire.send(topic, 0, batch)
        await wire.send(topic, 0, WireBatch([record_of(order(number))]))
        await system.becomes(key(order(number)), "created")
    for number in range(1, 6):
        assert await system.state_of(key(order(number))) == "created"
    dead_letters = [one["code"] async for one in system.db.dead_letters.find({}).sort("offset")]
    assert dead_letters == ["malformed-json", "too-large", "unreadable", "unreadable"]
    assert await worker.stop() == 0


async def test_rule_28_damage_on_the_brokers_disk_costs_the_batches_it_is_in(
    system: System, wire: WireProducer, servers: Path
) -> None:
    topic = orders_of(system)
    numbers = range(2 * len(IN_PLACE) + 1)
    for number in numbers:
        await wire.send(topic, 0, WireBatch([record_of(order(number))]))
    (directory,) = servers.parent.glob(f"kafka/**/{topic}-0")
    for place, edit in enumerate(IN_PLACE.values()):
        damage_segment(directory, 2 * place + 1, edit)
    async with system.worker():
        await system.becomes(key(order(numbers[-1])), "created")
    assert await system.states() == {"created": len(IN_PLACE) + 1}
    dead_letters = await system.dead_letters()
    assert [one.offset for one in dead_letters] == list(numbers[1::2])
    assert {one.code for one in dead_letters} == {"unreadable"}
    assert all(one.value for one in dead_letters)


IMPATIENT = """
import sys
from order_import.__main__ import main
from streams import consumer
consumer.UNSERVED_SECONDS = 1
sys.argv = ["order-import", "worker"]
main()
"""


@pytest.mark.parametrize("length", [2**30, -5, 40])
async def test_rule_28_a_batch_that_hides_its_end_from_the_broker_costs_what_it_cannot_find(
    system: System, wire: WireProducer, servers: Path, length: int
) -> None:
    """The broker's index leads past it: it has a place for every 4 KiB."""
    topic, size, count = orders_of(system), 12, 8
    for start in range(0, size * count, size):
        orders = [record_of(order(number)) for number in range(start, start + size)]
        await wire.send(topic, 0, WireBatch(orders))
    (directory,) = servers.parent.glob(f"kafka/**/{topic}-0")
    damage_segment(directory, 3 * size, field(8, ">i", length, sealed=False))
    worker = await system.start_worker("-c", IMPATIENT)
    await system.becomes(key(order(size * count - 1)), "created")
    await system.eventually(lambda: is_caught_up(system, topic), "all is decided")
    assert await worker.stop() == 0
    created = (await system.states())["created"]
    dead_letters = [one async for one in system.db.dead_letters.find({}).sort("offset")]
    assert {one["code"] for one in dead_letters} == {"unreadable"}
    refused = [
        offset
        for one in dead_letters
        for offset in range(one["offset"], one.get("last_offset", one["offset"]) + 1)
    ]
    assert refused[:size] == list(range(3 * size, 4 * size))
    assert created + len(refused) == size * count
    assert len(refused) <= 2 * size
