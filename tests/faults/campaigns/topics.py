"""Faults of the topics: offsets set back, a topic made anew, gaps by transactional producers."""

import asyncio
import json
import signal
import time
from pathlib import Path

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.faults.dump import dump_topics
from tests.faults.installation import Installation
from tests.waiting import until

ORDERS = "amazon.orders"


async def offsets_reset(field: Installation, count: int) -> None:
    """Set the group's offsets to the beginning: the ledger says where to read on."""
    field.busy()
    for _ in range(count):
        worker = await field.start()
        await field.wait_for_backlog(dict(field.load.reached))
        await asyncio.sleep(2)
        await worker.end(signal.SIGTERM)
        places = [place.rpartition(":") for place in field.load.reached]
        partitions = [TopicPartition(f"{field.name}.{t}", int(p)) for t, _, p in places]
        consumer = AIOKafkaConsumer(
            bootstrap_servers=field.cluster.bootstrap,
            group_id=f"{field.name}.order-import",
            enable_auto_commit=False,
        )
        await consumer.start()
        try:
            consumer.assign(partitions)
            await consumer.commit(dict.fromkeys(partitions, 0))
        finally:
            await consumer.stop()
        field.faults["offsets reset"] += 1
        since = time.monotonic()
        worker = await field.start()
        await field.recovers("offsets reset", since)
        await worker.end(signal.SIGTERM)


async def topic_made_anew(field: Installation) -> None:
    """Delete `amazon.orders` once all of it is decided, make it anew, and go on."""
    field.load.poisonous = False  # the places of the new log are those of the old one
    field.busy()
    async with field.supervised(1):
        await field.wait_for_backlog(dict(field.load.reached))
        await asyncio.sleep(15)
    await field.settle()
    await dump_topics(field.cluster.bootstrap, f"{field.name}.{ORDERS}", field.directory, 0)
    _keep_only_orders(field)
    await make_anew(field)
    _note_restart(field.directory / "samples.jsonl")
    field.faults["topic made anew"] += 1
    since = time.monotonic()

    async def begun_anew() -> bool:
        checkpoints = await field.checkpoints()
        return all(
            checkpoints[f"{ORDERS}:{number}"]["committed_offset"] == 0 for number in range(2)
        )

    async def fed_anew() -> bool:
        return all(f"{ORDERS}:{number}" in field.load.reached for number in range(2))

    # A worker that comes before the broker knows of the topic ends, and is started again.
    async with field.supervised(1):
        await until(begun_anew)
        field.busy()
        await until(fed_anew)
        await field.recovers("topic made anew", since)
        await asyncio.sleep(3)


async def make_anew(field: Installation) -> None:
    """Delete `amazon.orders`, and make it anew."""
    admin = AIOKafkaAdminClient(bootstrap_servers=field.cluster.bootstrap)
    await admin.start()
    try:
        name = f"{field.name}.{ORDERS}"
        await admin.delete_topics([name])

        async def gone() -> bool:
            return name not in await admin.list_topics()

        await until(gone)
        await admin.create_topics([NewTopic(name, 2, 1)])
    finally:
        await admin.close()
    field.load.forget(ORDERS)


async def offset_gaps(field: Installation, transactions: int) -> None:
    """Transactional producers leave a gap after every transaction; workers are killed meanwhile."""
    producer = AIOKafkaProducer(
        bootstrap_servers=field.cluster.bootstrap, transactional_id=f"{field.name}-upstream"
    )
    await producer.start()
    try:
        async with field.supervised(2) as workers:
            for number in range(transactions):
                async with producer.transaction():
                    await field.load.send(producer, field.load.take(3), field.begin_replay)
                field.faults["offset gap"] += 1
                if number % 100 == 50:
                    since = time.monotonic()
                    await workers[0].end(signal.SIGKILL)
                    target = dict(field.load.reached)
                    await field.recovers("killed among offset gaps", since, target)
    finally:
        await producer.stop()
    field.busy()
    await asyncio.sleep(4)  # plain messages at the end of every partition


def _note_restart(samples: Path) -> None:
    """The checkpoints begin anew: that is no step back."""
    with samples.open("a") as out:
        out.write(json.dumps({"at": time.time(), "restarted": True}) + "\n")


def _keep_only_orders(field: Installation) -> None:
    """Of the dump before the deletion, keep the deleted topic only."""
    path = field.directory / "topics.jsonl"
    # The prefix of the dump was the topic's own name: what begins with it came along.
    lines = [line for line in path.read_text().splitlines() if '"topic": ""' in line]
    text = "\n".join(line.replace('"topic": ""', f'"topic": "{ORDERS}"') for line in lines)
    path.write_text(text + "\n" if lines else "")
