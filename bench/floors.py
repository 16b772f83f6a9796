"""The floors: what the same bytes and the same documents cost without any work in between."""

import asyncio
import time
from itertools import islice
from typing import Any

from pymongo import AsyncMongoClient, InsertOne

from bench.installation import Installation
from bench.publishing import publish
from bench.watch import OUT, read_all
from bench.workload import Record
from models.topics import TopicName
from order_import.bootstrap import new_consumer


async def kafka_floor(done: Installation, empty: Installation) -> float:
    """Read and publish what a run read and published; return the seconds it took."""
    out = {
        name: [Record(one.key or b"", one.value or b"") for one in await read_all(done, name)]
        for name in OUT
    }
    started = time.perf_counter()
    await asyncio.gather(
        _consume(done, TopicName.ORDERS),
        *(publish(empty.settings, empty.topic(name), found) for name, found in out.items()),
    )
    return time.perf_counter() - started


async def mongo_floor(done: Installation, empty: Installation, batch: int) -> float:
    """Write what a run stored, in transactions of the same size; return the seconds it took.

    Each order is inserted with its events and its Commerce order.
    """
    stored: dict[str, list[dict[str, Any]]] = {
        name: await done.database[name].find().to_list(None)
        for name in ("amazon_orders", "commerce_orders", "events")
    }
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
        empty.settings.mongo_url.get_secret_value(), w="majority", journal=True
    )
    database = empty.settings.mongo_database
    parts = [iter(_inserts(stored[name], f"{database}.{name}")) for name in stored]
    started = time.perf_counter()
    try:
        while writes := [write for part in parts for write in islice(part, batch)]:
            await _commit(client, writes)
        return time.perf_counter() - started
    finally:
        await client.close()


async def _commit(client: AsyncMongoClient[dict[str, Any]], writes: list[Any]) -> None:
    async with client.start_session() as session, await session.start_transaction():
        # The embedded server takes no bulk write as a transaction's first command.
        name = writes[0]._namespace.partition(".")[0]  # noqa: SLF001
        await client[name].checkpoints.find_one({}, session=session)
        await client.bulk_write(writes, ordered=False, session=session)


def _inserts(documents: list[dict[str, Any]], namespace: str) -> list[Any]:
    return [InsertOne(document, namespace=namespace) for document in documents]


async def _consume(here: Installation, name: TopicName) -> None:
    consumer = new_consumer(here.settings, [here.topic(name)])
    await consumer.start()
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        left = sum(ends.values())
        while left > 0:
            left -= sum(map(len, (await consumer.getmany(timeout_ms=500)).values()))
    finally:
        await consumer.stop()
