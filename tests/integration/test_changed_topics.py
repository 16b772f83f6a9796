"""Topics that change under a worker: partitions added, topics made anew, logs cut off."""

import json
from pathlib import Path

import pytest
from aiokafka import TopicPartition as KafkaPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, RecordsToDelete

from models.messages import TopicPartition
from order_import.operations.health import check_health
from order_import.operations.install import create_topics
from tests.faults.wire.batches import WireBatch
from tests.faults.wire.producer import WireProducer
from tests.integration.kit import System, Worker
from tests.integration.wire import is_caught_up, key, order, orders_of, record_of
from tests.waiting import until

SOON = """
import sys
from order_import.__main__ import main
from streams import consumer
from streams import transport
consumer.METADATA_SECONDS = transport.METADATA_SECONDS = 1
sys.argv = ["order-import", "worker"]
main()
"""


async def test_partitions_that_are_added_and_topics_made_anew_are_read_without_a_restart(
    system: System, wire: WireProducer, admin: AIOKafkaAdminClient
) -> None:
    topic = orders_of(system)
    worker = await system.start_worker("-c", SOON)
    await wire.send(topic, 0, WireBatch([record_of(order(1))] * 3))
    await system.becomes(key(order(1)), "created")
    await admin.create_partitions({topic: NewPartitions(total_count=5)})
    await wire.send(topic, 4, WireBatch([record_of(order(2))]))
    await system.becomes(key(order(2)), "created")
    await recreate(system, admin, topic)
    # Its log is longer than the old one was: no offset shows that it is another.
    await wire.send(topic, 0, WireBatch([record_of(order(number)) for number in range(3, 10)]))
    for number in range(3, 10):
        await system.becomes(key(order(number)), "created")
    (reset,) = (await check_health(system.settings)).resets
    # What of the new one was read before it was noticed is read again.
    assert (reset.source, reset.found, reset.lost) == (TopicPartition(topic, 0), 0, None)
    assert await worker.stop() == 0


async def test_a_topic_made_anew_while_no_worker_ran_is_read_from_its_beginning(
    system: System, wire: WireProducer, admin: AIOKafkaAdminClient
) -> None:
    topic = orders_of(system)
    await wire.send(topic, 0, WireBatch([record_of(order(1))] * 3))
    async with system.worker():
        await system.becomes(key(order(1)), "created")
    await recreate(system, admin, topic)
    await wire.send(topic, 0, WireBatch([record_of(order(number)) for number in range(2, 9)]))
    async with system.worker():
        for number in range(2, 9):
            await system.becomes(key(order(number)), "created")


async def recreate(system: System, admin: AIOKafkaAdminClient, topic: str) -> None:
    await admin.delete_topics([topic])
    while topic not in await create_topics(system.settings):
        pass  # it is there for a moment yet


GATED = """
import asyncio, os, sys
from order_import.__main__ import main
from streams import consumer
from streams.processor import TopicProcessor
consumer.MAX_FETCH_BYTES = 1
decide = TopicProcessor._decide
async def gated(processor, batch, **options):
    if processor._first.topic.endswith("amazon.orders"):
        print("stands at the gate", flush=True)
    while not os.path.exists(os.environ["GATE"]):
        await asyncio.sleep(0.05)
    await decide(processor, batch, **options)
TopicProcessor._decide = gated
sys.argv = ["order-import", "worker"]
main()
"""
"""A worker that reads little ahead, a batch at a time, and decides nothing before it may."""


async def test_what_kafka_deletes_unread_while_a_worker_is_behind_is_told_with_its_count(
    system: System,
    wire: WireProducer,
    admin: AIOKafkaAdminClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    topic, gate, sent, kept = orders_of(system), tmp_path / "gate", 2000, 100
    monkeypatch.setenv("GATE", str(gate))
    for start in range(0, sent, 100):
        orders = [record_of(order(number)) for number in range(start, start + 100)]
        await wire.send(topic, 0, WireBatch(orders))
    worker = await system.start_worker("-c", GATED, batch_size=100)
    await until(lambda: _said(worker, "stands at the gate"))
    await admin.delete_records(
        {KafkaPartition(topic, 0): RecordsToDelete(before_offset=sent - kept)}
    )
    gate.touch()
    last = order(sent - 1)
    await system.becomes(key(last), "created")
    await system.eventually(lambda: is_caught_up(system, topic), "all is decided")
    (reset,) = (await check_health(system.settings)).resets
    assert reset.lost is not None
    assert 0 < reset.lost <= sent - kept
    assert (await system.states())["created"] == sent - reset.lost
    (line,) = [one for one in worker.log.read_text().splitlines() if "checkpoint-outside" in one]
    told = json.loads(line)
    assert (told["lost"], told["found"]) == (reset.lost, sent - kept)
    assert await worker.stop() == 0


async def _said(worker: Worker, words: str) -> bool:
    return words in worker.log.read_text()
