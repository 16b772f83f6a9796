"""Publishing the input in whole record batches, because this is not what is measured."""

import asyncio
from collections.abc import Iterable
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner

from bench.workload import Record
from order_import.bootstrap import kafka_options
from order_import.settings import Settings

_BATCH_BYTES = 256 * 1024
_YIELD_EVERY = 500


async def publish(
    settings: Settings, topic: str, records: Iterable[Record], *, yielding: bool = False
) -> int:
    """Send records, each to its key's partition, and return when the broker has all of them.

    Args:
        settings: The address of Kafka.
        topic: The topic's full name.
        records: What to send.
        yielding: Whether other tasks may run in between, if there are very many records.

    Returns:
        How many there were.
    """
    producer = AIOKafkaProducer(
        **kafka_options(settings), acks="all", max_batch_size=_BATCH_BYTES, linger_ms=0
    )
    await producer.start()
    try:
        partitions = sorted(await producer.partitions_for(topic))
        choose = DefaultPartitioner()
        open_batches: dict[int, Any] = {}
        sent: list[asyncio.Future[Any]] = []
        count = 0
        for record in records:
            partition = choose(record.key, partitions, partitions)
            batch = open_batches.setdefault(partition, producer.create_batch())
            if _append(batch, record) is None:
                sent.append(await producer.send_batch(batch, topic, partition=partition))
                open_batches[partition] = producer.create_batch()
                _append(open_batches[partition], record)
            count += 1
            if yielding and not count % _YIELD_EVERY:
                await asyncio.sleep(0)
        for partition, batch in open_batches.items():
            sent.append(await producer.send_batch(batch, topic, partition=partition))
        await asyncio.gather(*sent)
        return count
    finally:
        await producer.stop()


def _append(batch: Any, record: Record) -> Any:
    return batch.append(key=record.key, value=record.value, timestamp=None, headers=[])
