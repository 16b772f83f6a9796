"""The time from an order's arrival to its event, compared with the servers by themselves.

Orders go through the worker, then through the worker of an earlier revision, then messages go
through Kafka with one majority write each: alternately, at the same steady rate, while the others
are idle.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer
from pymongo import AsyncMongoClient

from bench.contenders.contender import BEFORE
from bench.installation import Installation, installation
from bench.report import Bar, Report, at_most
from bench.servers import Servers, screen
from bench.watch import OUT
from bench.working import WARM, working
from bench.workload import Record, orders
from models.topics import TopicName
from order_import.bootstrap import new_consumer, new_producer

ROUNDS = 4
_SHARES = (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999))
_PATIENCE = 60.0
_MOST = (("p50", 0.5, 0.35), ("p99", 0.99, 0.45))
"""The most of the earlier revision's latency that is accepted."""
_MOST_OF_BARE = 3
Arrived = Callable[[Sequence[Any]], Awaitable[None]]


@dataclass(frozen=True)
class Latency:
    """Milliseconds, sorted."""

    name: str
    rate: int
    times: Sequence[float]

    def share(self, share: float) -> float:
        """Return the time within which this share was done."""
        return self.times[min(int(share * len(self.times)), len(self.times) - 1)]


async def measure(on: Servers, rate: int, seconds: int) -> Report:
    """Measure each of the three for so many seconds."""
    count = rate * seconds // ROUNDS
    ours: list[float] = []
    bare: list[float] = []
    before: list[float] = []
    async with (
        installation(on, "latency") as here,
        installation(on, "latency-before", revision=BEFORE.revision) as there,
        working(here, "latency"),
        working(there, "latency-before", contender=BEFORE),
    ):
        for number in range(ROUNDS):
            records = list(orders(count, seed=number + 1, start=WARM + number * count))
            bare += await _bare(here, records, rate)
            ours += await _orders(here, records, rate)
            before += await _orders(there, records, rate)
            screen.print(f"latency: {number + 1} of {ROUNDS} rounds", highlight=False)
    results = [
        Latency(name, rate, sorted(round(one, 2) for one in times))
        for name, times in (("this program", ours), ("bare", bare), (BEFORE.title, before))
    ]
    return Report({"latency": to_markdown(results)}, list(find_bars(results)))


def find_bars(results: Sequence[Latency]) -> Iterator[Bar]:
    """Compare this program with its earlier revision and with the bare servers."""
    ours, bare, before = results

    def compare(other: Latency, share: float) -> tuple[Sequence[float], str]:
        mine, its = ours.share(share), other.share(share)
        return [mine / its], f"{mine:.1f} ms to {its:.1f} ms"

    for name, share, most in _MOST:
        yield at_most(f"latency {name}, to {BEFORE.title}", most, *compare(before, share))
    name = "latency p99, to Kafka and one write alone"
    yield at_most(name, _MOST_OF_BARE, *compare(bare, 0.99))


async def _orders(here: Installation, records: Sequence[Record], rate: int) -> list[float]:
    """Publish orders and read their events; return the times."""
    sent: dict[bytes, float] = {}
    times: list[float] = []

    async def arrived(events: Sequence[Any]) -> None:
        now = time.perf_counter()
        keys = ((one.key or b"").rpartition(b"/")[2] for one in events)
        times.extend(1000 * (now - at) for key in keys if (at := sent.pop(key, None)) is not None)

    topics = [here.topic(name) for name in OUT]
    await _flow(here, here.topic(TopicName.ORDERS), topics, records, rate, sent, times, arrived)
    return times


async def _bare(here: Installation, records: Sequence[Record], rate: int) -> list[float]:
    """Send messages to Kafka and back, each followed by a journaled majority write."""
    topic = here.topic(TopicName.DEAD_LETTER)  # nobody else reads or writes it here
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
        here.settings.mongo_url.get_secret_value(), w="majority", journal=True
    )
    writes = client["bench_bare"].writes
    sent: dict[bytes, float] = {}
    times: list[float] = []

    async def write(one: Any) -> None:
        at = sent.pop(one.key, None)
        if at is not None:  # otherwise it is of an earlier round
            await writes.insert_one({"_id": one.key, "value": one.value})
            times.append(1000 * (time.perf_counter() - at))

    async def arrived(events: Sequence[Any]) -> None:
        await asyncio.gather(*map(write, events))

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
    """Send at a steady rate, and pass on what comes out, until everything has arrived."""
    consumer, producer = new_consumer(here.settings, out), new_producer(here.settings)
    await producer.start()
    await consumer.start()
    to_send = list(records)
    try:
        await consumer.seek_to_end()
        await asyncio.gather(*[consumer.position(one) for one in consumer.assignment()])
        reading = asyncio.create_task(_read(consumer, times, len(to_send), arrived))
        began = time.perf_counter()
        for number, record in enumerate(to_send):
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
    running: set[asyncio.Task[None]] = set()
    while len(times) < count:
        for records in (await consumer.getmany(timeout_ms=100)).values():
            task = asyncio.ensure_future(arrived(records))
            running.add(task)
            task.add_done_callback(running.discard)


def to_markdown(results: Sequence[Latency]) -> str:
    """Return the table."""
    ours, bare, before = results
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
