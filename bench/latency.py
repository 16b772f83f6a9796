"""`python -m bench.latency`: from an order's arrival to its event, beside what the servers take.

At a steady rate; the bare way is one message through Kafka and one majority write, in the same
run, one after the other, while the worker is idle.
"""

import argparse
import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from pymongo import AsyncMongoClient

from bench.contenders.contender import CONTENDERS
from bench.installation import Installation, installation
from bench.processes import running
from bench.records import keep
from bench.report import write_performance
from bench.servers import console, servers
from bench.watch import OUT
from bench.workload import Record, orders
from order_import.clients import new_consumer, new_producer
from streams.topics import TopicName

WARM = 500
"""Orders that are not counted: the first ones find everything cold."""


@dataclass(frozen=True)
class Latency:
    """Milliseconds, sorted."""

    name: str
    times: Sequence[float]

    def share(self, share: float) -> float:
        """Give the time within which this share was done."""
        return self.times[min(int(share * len(self.times)), len(self.times) - 1)]


async def run(rate: int, seconds: int, bare: int) -> list[Latency]:
    """Measure both; give the program's and the bare way's."""
    async with servers() as on, installation(on, "latency") as here:
        log = on.directory / "worker.log"
        async with running(CONTENDERS[0].command, here.environment, log):
            await _orders(here, WARM, rate)
            found = await _orders(here, rate * seconds, rate, start=WARM)
            return [Latency("this program", found), Latency("bare", await _bare(here, bare))]


async def _orders(here: Installation, count: int, rate: int, *, start: int = 0) -> Sequence[float]:
    """Publish at a steady rate, and read the events; give the times."""
    sent: dict[bytes, float] = {}
    times: list[float] = []
    consumer = new_consumer(here.settings, [here.topic(name) for name in OUT])
    producer = new_producer(here.settings)
    await producer.start()
    await consumer.start()
    try:
        await consumer.seek_to_end()
        await asyncio.gather(*[consumer.position(one) for one in consumer.assignment()])
        reading = asyncio.create_task(_read(consumer, sent, times, count))
        began = time.perf_counter()
        for number, record in enumerate(orders(count, start=start)):
            await asyncio.sleep(began + number / rate - time.perf_counter())
            await _send(producer, here.topic(TopicName.ORDERS), record, sent)
        await asyncio.wait_for(reading, 60)
        return sorted(times)
    finally:
        await consumer.stop()
        await producer.stop()


async def _send(
    producer: AIOKafkaProducer, topic: str, record: Record, sent: dict[bytes, float]
) -> None:
    sent[record.key] = time.perf_counter()
    await producer.send(topic, key=record.key, value=record.value)


async def _read(
    consumer: AIOKafkaConsumer, sent: dict[bytes, float], times: list[float], count: int
) -> None:
    while len(times) < count:
        for records in (await consumer.getmany(timeout_ms=1000)).values():
            now = time.perf_counter()
            times += [
                1000 * (now - at)
                for one in records
                if (at := sent.pop((one.key or b"").rpartition(b"/")[2], None)) is not None
            ]


async def _bare(here: Installation, count: int) -> Sequence[float]:
    """One message there and back, then one write that the majority has and the journal."""
    topic = here.topic(TopicName.DEAD_LETTER)  # nothing reads it, and nothing writes it here
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
        here.settings.mongo_url.get_secret_value(), w="majority", journal=True
    )
    consumer, producer = new_consumer(here.settings, [topic]), new_producer(here.settings)
    await producer.start()
    await consumer.start()
    times: list[float] = []
    try:
        await consumer.seek_to_end()
        await asyncio.gather(*[consumer.position(one) for one in consumer.assignment()])
        for number, record in enumerate(orders(count)):
            began = time.perf_counter()
            await producer.send(topic, key=record.key, value=record.value)
            await consumer.getone()
            await client["bench_bare"].writes.insert_one({"_id": number, "value": record.value})
            times.append(1000 * (time.perf_counter() - began))
        return sorted(times)
    finally:
        await consumer.stop()
        await producer.stop()
        await client.drop_database("bench_bare")
        await client.close()


def as_markdown(found: Sequence[Latency], rate: int) -> str:
    """Give the table."""
    ours, bare = found
    rows = [
        (
            f"{len(ours.times):,} orders at {rate} orders/s, from the producer's call to the "
            f"consumer that reads the event; bare: {len(bare.times):,} messages through Kafka "
            "and back, each followed by one majority write."
        ),
        "",
        "| share | this program, ms | bare, ms | ratio |",
        "|---|---:|---:|---:|",
    ]
    rows += [
        f"| {title} | {ours.share(share):.1f} | {bare.share(share):.1f} "
        f"| {ours.share(share) / bare.share(share):.1f} |"
        for title, share in (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999))
    ]
    return "\n".join(rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.latency", description=__doc__)
    parser.add_argument("--rate", type=int, default=200)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--bare", type=int, default=2000)
    told = parser.parse_args()
    measured = asyncio.run(run(told.rate, told.seconds, told.bare))
    table = as_markdown(measured, told.rate)
    console.print(table)
    keep("latency", measured, rate=told.rate)
    write_performance("latency", table)
