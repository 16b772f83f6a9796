"""Watching from outside: when the last event is out, and whether everything is right."""

import asyncio
import time
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient

from bench.installation import Installation
from models.topics import TopicName
from order_import.bootstrap import kafka_options, new_consumer

OUT = (TopicName.COMMERCE_ORDERS, TopicName.BLOCKED, TopicName.NOT_IMPORTED)
_POLL = 0.05
_CHECKPOINTS_WITHIN = 20.0


class NotAsItShouldBe(Exception):  # noqa: N818 - it is about a contender that did not do the job
    """A contender exited, or its results are wrong."""


@dataclass(frozen=True)
class Produced:
    """The events per topic, and how many of them were copies."""

    events: Counter[str]
    copies: int


async def events_out(
    here: Installation,
    count: int,
    process: Process,
    progress: Callable[[int], None] = lambda _: None,
) -> float:
    """Wait until there are so many events; return the time.

    Raises:
        NotAsItShouldBe: The process exited before.
    """
    consumer = new_consumer(here.settings, [here.topic(name) for name in OUT])
    await consumer.start()
    try:
        partitions = consumer.assignment()
        consumer.pause(*partitions)  # fetch nothing: the ends of the log say how many there are
        while True:
            out = sum((await consumer.end_offsets(partitions)).values())
            progress(out)
            if out >= count:
                return time.time()
            if process.returncode is not None:
                raise NotAsItShouldBe(f"it exited with {process.returncode}")
            await asyncio.sleep(_POLL)
    finally:
        await consumer.stop()


async def first_in(here: Installation) -> float:
    """Return when the first batch was begun, which the orders have recorded."""
    order = await here.database.amazon_orders.find_one({}, sort=[("received_at", 1)])
    return float(order["received_at"].timestamp())


async def check(here: Installation, count: int, group: str | None) -> Produced:
    """Compare what was published and what is stored with the orders.

    Args:
        here: The installation.
        count: How many orders there were.
        group: The consumer group whose offsets are its checkpoint; None if the ledger has it.

    Raises:
        NotAsItShouldBe: An order has no event, is not stored, or the checkpoints do not move to
            the end.
    """
    events: Counter[str] = Counter()
    seen: set[tuple[str, bytes | None]] = set()
    for name in OUT:
        for record in await read_all(here, name):
            seen.add((name, record.key))
            events[name] += 1
    orders = {key for _, key in seen}
    if len(orders) != count:
        raise NotAsItShouldBe(f"{len(orders)} of {count} orders have an event")
    stored = await here.database.amazon_orders.count_documents({})
    created = await here.database.commerce_orders.count_documents({})
    if stored != count or created < events[TopicName.COMMERCE_ORDERS] * 0.9:
        raise NotAsItShouldBe(f"stored {stored}, created {created}")
    deadline = time.monotonic() + _CHECKPOINTS_WITHIN
    while await _checkpoint(here, group) < count:
        if time.monotonic() > deadline:
            raise NotAsItShouldBe("its checkpoints did not move to the end")
        await asyncio.sleep(_POLL)
    return Produced(events, events.total() - len(seen))


async def read_all(here: Installation, name: TopicName) -> list[Any]:
    """Read a topic from its beginning to its present end."""
    consumer = new_consumer(here.settings, [here.topic(name)])
    await consumer.start()
    try:
        partitions = consumer.assignment()
        ends = await consumer.end_offsets(partitions)
        records: list[Any] = []
        while any([await consumer.position(one) < ends[one] for one in partitions]):
            for found in (await consumer.getmany(timeout_ms=200)).values():
                records += found
        return records
    finally:
        await consumer.stop()


async def _checkpoint(here: Installation, group: str | None) -> int:
    """Return how many orders the checkpoints of all partitions have passed."""
    topic = here.topic(TopicName.ORDERS)
    if group is None:
        decided = 0
        # The second pair has the names of earlier revisions.
        for collection, field in (("checkpoints", "committed_offset"), ("positions", "decided_to")):
            async for checkpoint in here.database[collection].find():
                if checkpoint["_id"].startswith(f"{topic}:"):
                    decided += int(checkpoint[field])
        return decided
    admin = AIOKafkaAdminClient(**kafka_options(here.settings), client_id="order-import-bench")
    await admin.start()
    try:
        offsets = await admin.list_consumer_group_offsets(here.settings.topic_prefix + group)
    finally:
        await admin.close()
    return sum(max(0, at.offset) for tp, at in offsets.items() if tp.topic == topic)
