"""Watching from outside: when the last event was out, and whether all of it is right."""

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
_POSITIONS_WITHIN = 20.0


class NotAsItShouldBe(Exception):  # noqa: N818 - it says of a contender that it did not do the job
    """A contender ended by itself, or did something else than was asked."""


@dataclass(frozen=True)
class Produced:
    """What came out: events per topic, and how many of them were copies."""

    events: Counter[str]
    copies: int


async def events_out(
    here: Installation,
    count: int,
    process: Process,
    progress: Callable[[int], None] = lambda _: None,
) -> float:
    """Wait until there are so many events; give the moment.

    Raises:
        NotAsItShouldBe: The process ended before.
    """
    consumer = new_consumer(here.settings, [here.topic(name) for name in OUT])
    await consumer.start()
    try:
        partitions = consumer.assignment()
        consumer.pause(*partitions)  # nothing is fetched: the log's ends tell how many there are
        while True:
            out = sum((await consumer.end_offsets(partitions)).values())
            progress(out)
            if out >= count:
                return time.time()
            if process.returncode is not None:
                raise NotAsItShouldBe(f"it ended by itself, status {process.returncode}")
            await asyncio.sleep(_POLL)
    finally:
        await consumer.stop()


async def first_in(here: Installation) -> float:
    """Give the moment at which the first batch was begun, as the orders remember it."""
    found = await here.database.amazon_orders.find_one({}, sort=[("received_at", 1)])
    return float(found["received_at"].timestamp())


async def check(here: Installation, count: int, group: str | None) -> Produced:
    """Read what came out and what is stored.

    Args:
        here: Where.
        count: How many orders there were.
        group: The consumer group whose offsets are the checkpoint, None for the ledger.

    Raises:
        NotAsItShouldBe: An order has no event, is stored in the middle, or a checkpoint stands
        still.
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
    deadline = time.monotonic() + _POSITIONS_WITHIN
    while await _checkpoint(here, group) < count:
        if time.monotonic() > deadline:
            raise NotAsItShouldBe("its checkpoints did not move to the end")
        await asyncio.sleep(_POLL)
    return Produced(events, events.total() - len(seen))


async def read_all(here: Installation, name: TopicName) -> list[Any]:
    """Read a topic from its beginning to its end as it is now."""
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
    """Give how many orders are behind the checkpoint, over all partitions."""
    topic = here.topic(TopicName.ORDERS)
    if group is None:
        decided = 0
        # The second pair is the name of both in earlier revisions.
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
