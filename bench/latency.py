"""From an order's arrival to its event, beside what the servers take by themselves.

All at the same steady rate, in turns: an order through the worker, one through the worker of an
earlier revision, and a message through Kafka followed by one majority write. The others have
nothing to do then.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer
from pymongo import AsyncMongoClient

from bench.contenders.contender import BEFORE
from bench.installation import Installation, installation
from bench.records import keep
from bench.servers import Servers, console
from bench.watch import OUT
from bench.working import WARM, working
from bench.workload import Record, orders
from models.topics import TopicName
from order_import.bootstrap import new_consumer, new_producer

TURNS = 4
_SHARES = (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999))
_PATIENCE = 60.0
Arrived = Callable[[Sequence[Any]], Awaitable[None]]


@dataclass(frozen=True)
class Latency:
    """Milliseconds, sorted."""

    name: str
    rate: int
    times: Sequence[float]

    def share(self, share: float) -> float:
        """Give the time within which this share was done."""
        return self.times[min(int(share * len(self.times)), len(self.times) - 1)]


async def measure(on: Servers, rate: int, seconds: int, asked: Mapping[str, Any]) -> list[Latency]:
    """Measure all, each for so many seconds; give the program's, the bare way's, the earlier's."""
    count = rate * seconds // TURNS
    ours: list[float] = []
    bare: list[float] = []
    before: list[float] = []
    async with (
        installation(on, "latency") as here,
        installation(on, "latency-before", revision=BEFORE.revision) as there,
        working(here, "latency"),
        working(there, "latency-before", contender=BEFORE),
    ):
        for turn in range(TURNS):
            records = list(orders(count, seed=turn + 1, start=WARM + turn * count))
            bare += await _bare(here, records, rate)
            ours += await _orders(here, records, rate)
            before += await _orders(there, records, rate)
            console.print(f"latency: {turn + 1} of {TURNS} turns", highlight=False)
    found = [
        Latency(name, rate, sorted(round(one, 2) for one in times))
        for name, times in (("this program", ours), ("bare", bare), (BEFORE.title, before))
    ]
    console.print(as_markdown(found))
    keep("latency", found, asked=asked, engine=on.engine)
    return found


async def _orders(here: Installation, records: Sequence[Record], rate: int) -> list[float]:
    """Publish orders, and read the events; give the times."""
    sent: dict[bytes, float] = {}
    times: list[float] = []

    async def arrived(found: Sequence[Any]) -> None:
        now = time.perf_counter()
        keys = ((one.key or b"").rpartition(b"/")[2] for one in found)
        times.extend(1000 * (now - at) for key in keys if (at := sent.pop(key, None)) is not None)

    topics = [here.topic(name) for name in OUT]
    await _flow(here, here.topic(TopicName.ORDERS), topics, records, rate, sent, times, arrived)
    return times


async def _bare(here: Installation, records: Sequence[Record], rate: int) -> list[float]:
    """Send messages there and back, each followed by a write that the majority has journaled."""
    topic = here.topic(TopicName.DEAD_LETTER)  # nothing reads it, and nothing writes it here
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
        here.settings.mongo_url.get_secret_value(), w="majority", journal=True
    )
    writes = client["bench_bare"].writes
    sent: dict[bytes, float] = {}
    times: list[float] = []

    async def write(one: Any) -> None:
        at = sent.pop(one.key, None)
        if at is not None:  # else it is of an earlier turn
            await writes.insert_one({"_id": one.key, "value": one.value})
            times.append(1000 * (time.perf_counter() - at))

    async def arrived(found: Sequence[Any]) -> None:
        await asyncio.gather(*map(write, found))

    try:
        await writes.insert_one({"_id": "first"})
        await _flow(here, topic, [topic], records, rate, sent, times, arrived)
        return times
    finally:
        await client.drop_database("bench_bare")
        await client.close()


async def _flow(
    here: Installation,
    into: str,
    out: Sequence[str],
    records: Iterable[Record],
    rate: int,
    sent: dict[bytes, float],
    times: list[float],
    arrived: Arrived,
) -> None:
    """Send at a steady rate, and hand on what comes out, until all has come."""
    consumer, producer = new_consumer(here.settings, out), new_producer(here.settings)
    await producer.start()
    await consumer.start()
    waiting = list(records)
    try:
        await consumer.seek_to_end()
        await asyncio.gather(*[consumer.position(one) for one in consumer.assignment()])
        reading = asyncio.create_task(_read(consumer, times, len(waiting), arrived))
        began = time.perf_counter()
        for number, record in enumerate(waiting):
            await asyncio.sleep(began + number / rate - time.perf_counter())
            sent[record.key] = time.perf_counter()
            await producer.send(into, key=record.key, value=record.value)
        await asyncio.wait_for(reading, _PATIENCE)
    finally:
        await consumer.stop()
        await producer.stop()


async def _read(
    consumer: AIOKafkaConsumer, times: list[float], count: int, arrived: Arrived
) -> None:
    under_way: set[asyncio.Task[None]] = set()
    while len(times) < count:
        found = (await consumer.getmany(timeout_ms=100)).values()
        for records in found:
            task = asyncio.ensure_future(arrived(records))
            under_way.add(task)
            task.add_done_callback(under_way.discard)


def as_markdown(found: Sequence[Latency]) -> str:
    """Give the table."""
    ours, bare, before = found
    rows = [
        (
            f"{len(ours.times):,} orders at {ours.rate} orders/s, from the producer's call to the "
            f"consumer that reads the event; bare: {len(bare.times):,} messages through Kafka "
            "at the same rate, each followed by one majority write."
        ),
        "",
        f"| share | this program, ms | bare, ms | ratio | {before.name}, ms | ratio |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    rows += [
        f"| {title} | {ours.share(share):.1f} | {bare.share(share):.1f} "
        f"| {ours.share(share) / bare.share(share):.1f} "
        f"| {before.share(share):.1f} | {ours.share(share) / before.share(share):.2f} |"
        for title, share in _SHARES
    ]
    return "\n".join(rows)
