"""The loops around aiokafka: consume events, and publish orders and facts.

Needs the extra `aiokafka`.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError

from order_import_client.events import COMMERCE_ORDERS, Event, read_event
from order_import_client.messages import Message

_AT_ONCE = 200
"""How many messages are handled before the next commit, or sent before the next wait."""

_LARGEST = 2 * 1024 * 1024
"""The most bytes of a message that topics accept."""


async def consume(
    handle: Callable[[Event], Awaitable[object]],
    *,
    bootstrap_servers: str,
    group_id: str,
    topics: Iterable[str] = (COMMERCE_ORDERS,),
    prefix: str = "",
    **options: Any,
) -> None:
    """Handle events until canceled, and commit the offset of each after it is handled.

    A new group begins with the oldest event. If `handle` raises, what was handled before is
    committed, and the error is raised: the event comes again when you start again. Events of one
    order are handled one after the other.

    Args:
        handle: Called with each event, usually a `Once`.
        bootstrap_servers: Kafka's addresses.
        group_id: The consumer group: its members share the partitions.
        topics: The topics to read, without the prefix.
        prefix: The installation's prefix of all topics.
        options: Further options of `AIOKafkaConsumer`, for example for TLS.
    """
    consumer = AIOKafkaConsumer(
        *(prefix + topic for topic in topics),
        bootstrap_servers=bootstrap_servers,
        group_id=group_id,
        **{
            "auto_offset_reset": "earliest",
            "isolation_level": "read_committed",
            **options,
            "enable_auto_commit": False,
        },
    )
    await consumer.start()
    try:
        while True:
            batches = await consumer.getmany(timeout_ms=1000, max_records=_AT_ONCE)
            for partition, records in batches.items():
                await _handle(consumer, partition, records, handle)
    finally:
        await consumer.stop()


async def _handle(
    consumer: AIOKafkaConsumer,
    partition: TopicPartition,
    records: Sequence[ConsumerRecord[bytes | None, bytes | None]],
    handle: Callable[[Event], Awaitable[object]],
) -> None:
    handled: int | None = None
    try:
        for record in records:
            await handle(
                read_event(
                    record.value,
                    record.headers,
                    topic=record.topic,
                    partition=record.partition,
                    offset=record.offset,
                )
            )
            handled = record.offset + 1
    finally:
        if handled is not None:
            # If the partition has moved to another member, that one reads these events again.
            with contextlib.suppress(CommitFailedError, IllegalStateError):
                await consumer.commit({partition: handled})


class Producer:
    """Publishes orders and facts: `async with Producer("localhost:9092") as producer`.

    Args:
        bootstrap_servers: Kafka's addresses.
        prefix: The installation's prefix of all topics.
        options: Further options of `AIOKafkaProducer`, for example for TLS.
    """

    def __init__(self, bootstrap_servers: str, *, prefix: str = "", **options: Any) -> None:
        self._prefix = prefix
        self._servers = bootstrap_servers
        self._options = options
        self._producer: AIOKafkaProducer | None = None

    async def __aenter__(self) -> Self:
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self._servers,
            **{"max_request_size": _LARGEST, **self._options},
            enable_idempotence=True,
            acks="all",
        )
        await self._producer.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._producer is not None:
            await self._producer.stop()

    async def send(self, *messages: Message) -> None:
        """Send messages in their order, and return when Kafka has acknowledged all of them."""
        if self._producer is None:
            raise RuntimeError("use it as `async with Producer(...) as producer`")
        for start in range(0, len(messages), _AT_ONCE):
            deliveries = [
                await self._producer.send(
                    self._prefix + message.topic,
                    key=message.key,
                    value=message.value,
                    headers=list(message.headers),
                )
                for message in messages[start : start + _AT_ONCE]
            ]
            await asyncio.gather(*deliveries)
