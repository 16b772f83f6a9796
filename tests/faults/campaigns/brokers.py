"""Faults of three Kafka brokers with replicas, and of partitions that are added."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from aiokafka.errors import KafkaError

from tests.faults.brokers import Broker
from tests.faults.cluster import kill, send
from tests.faults.evidence import READ
from tests.faults.installation import Installation
from tests.waiting import until

_ASK_MS = 3_000


async def rolling_restarts(field: Installation, rounds: int) -> None:
    """Stop each broker in good order, and start it again, one after the other."""

    async def one(_: int) -> None:
        for broker in field.cluster.brokers:
            await broker.process.stop()
            await _back(field, broker)
            field.faults["Kafka, 3 brokers: one restarted"] += 1
            await field.recovers("Kafka, 3 brokers: one restarted", time.monotonic())

    await _under_load(field, rounds, one)


async def leader_kills(field: Installation, count: int) -> None:
    """Kill the broker that leads a partition; another one leads it then."""

    async def one(_: int) -> None:
        leader = field.random.choice(await _partitions(field))["leader"]
        broker = field.cluster.brokers[leader - 1]
        await kill(broker.process)
        since = time.monotonic()
        field.faults["Kafka, 3 brokers: leader killed"] += 1
        await field.recovers("Kafka, 3 brokers: leader killed", since)
        await _back(field, broker)

    await _under_load(field, count, one)


async def shrinks(field: Installation, count: int, messages: int) -> None:
    """Have one broker away until so many messages are sent: killed, or stopped with its lock on."""

    async def one(at: int) -> None:
        broker = field.random.choice(field.cluster.brokers)
        frozen = at % 2 == 1
        kind = f"Kafka, 3 brokers: one {'stands still' if frozen else 'away'}, in-sync shrinks"
        since = time.monotonic()
        if frozen:
            send(broker.process, signal.SIGSTOP)
        else:
            await kill(broker.process)
        try:
            await until(lambda: _in_sync(field, without=broker.number))
            field.faults[kind] += 1
            await field.recovers(kind, since)
            end = field.load.count + messages
            await until(lambda: _sent(field, end))
            await field.recovers(kind, time.monotonic())
        finally:
            send(broker.process, signal.SIGCONT)
        if not frozen:
            await field.cluster.start_broker(broker)
        await until(lambda: _in_sync(field))
        await field.recovers(f"{kind}, and back", time.monotonic())

    await _under_load(field, count, one)


async def too_few(field: Installation, count: int) -> None:
    """Kill two of three: nothing can be written, and nobody can be elected, until they are back."""

    async def one(_: int) -> None:
        lost = field.random.sample(field.cluster.brokers, 2)
        await asyncio.gather(*(kill(broker.process) for broker in lost))
        await asyncio.sleep(field.random.uniform(1, 8))
        await asyncio.gather(*(_back(field, broker) for broker in lost))
        field.faults["Kafka, 3 brokers: two killed"] += 1
        await field.recovers("Kafka, 3 brokers: two killed", time.monotonic())

    await _under_load(field, count, one)


async def partitions_added(field: Installation, count: int) -> None:
    """Add a partition to every topic that is read in partitions; keys move to others."""

    async def one(_: int) -> None:
        since = time.monotonic()
        field.faults["partitions added"] += await _add_partitions(field)
        await field.recovers("partitions added (read within a minute)", since)

    await _under_load(field, count, one)


async def _add_partitions(field: Installation) -> int:
    """Add them, and wait until the load uses them; give how many."""
    fed = {place.partition(":")[0] for place in field.load.reached}
    admin = AIOKafkaAdminClient(bootstrap_servers=field.cluster.bootstrap)
    await admin.start()
    try:
        topics = await admin.describe_topics([f"{field.name}.{topic}" for topic in READ])
        counts = {one["topic"]: len(one["partitions"]) for one in topics if not one["error_code"]}
        more = {topic: NewPartitions(count + 1) for topic, count in counts.items() if count > 1}
        await admin.create_partitions(more)
    finally:
        await admin.close()
    names = {topic.removeprefix(f"{field.name}."): counts[topic] for topic in more}
    added = {f"{topic}:{number}" for topic, number in names.items() if topic in fed}

    async def used() -> bool:
        await field.learn_partitions()
        return added <= field.load.reached.keys()

    await until(used)
    return len(more)


async def _under_load(
    field: Installation, count: int, fault: Callable[[int], Awaitable[None]]
) -> None:
    field.busy()
    async with field.supervised(2):
        await field.wait_for_backlog(dict(field.load.reached))
        for at in range(count):
            await asyncio.sleep(field.random.uniform(0.2, 1.5))
            await fault(at)


async def _back(field: Installation, broker: Broker) -> None:
    """Start a broker, and wait until every replica is in sync."""
    await field.cluster.start_broker(broker)
    await until(lambda: _in_sync(field))


async def _in_sync(field: Installation, without: int | None = None) -> bool:
    """Say whether every partition has all replicas in sync, but those of one broker."""
    try:
        partitions = await _partitions(field)
    except (KafkaError, OSError):
        return False
    return all(
        one["leader"] > 0 and {*one["isr"]} == {*one["replicas"]} - {without} for one in partitions
    )


async def _partitions(field: Installation) -> list[dict[str, Any]]:
    # A broker that stands still answers nothing.
    admin = AIOKafkaAdminClient(
        bootstrap_servers=field.cluster.bootstrap, request_timeout_ms=_ASK_MS
    )
    try:
        await admin.start()
        topics = await admin.describe_topics()
    finally:
        await admin.close()
    return [partition for topic in topics for partition in topic["partitions"]]


async def _sent(field: Installation, count: int) -> bool:
    return field.load.count >= count
