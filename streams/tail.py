"""The tail: which messages of a broken-off publication have arrived on Kafka already."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta

from aiokafka import AIOKafkaConsumer, TopicPartition

from models.checkpoint import Outgoing
from models.dead_letters import DeadLetter
from models.events import Event
from models.messages import Header
from streams.messages import encode

MARGIN = timedelta(seconds=30)
"""How much earlier than a message was decided its topic is searched: clocks differ a little."""

_ORIGIN = tuple(f"__connect.errors.{part}" for part in ("topic", "partition", "offset"))


async def drop_already_published(
    outgoing: Sequence[Outgoing],
    new_consumer: Callable[[Sequence[str]], AIOKafkaConsumer],
    topic_prefix: str,
) -> list[Outgoing]:
    """Give what is still to be sent of a publication that broke off.

    The ends of the topics concerned are read, from a little before the oldest of the messages
    was decided. What stays inside this program may come twice and is not looked for.

    Raises:
        KafkaError: The broker does not answer.
    """
    outside = [message for message in outgoing if isinstance(message, Event | DeadLetter)]
    if not outside:
        return list(outgoing)
    topics = {topic_prefix + encode(message).topic for message in outside}
    since = min(_decided_at(message) for message in outside) - MARGIN
    consumer = new_consumer(sorted(topics))
    await consumer.start()
    try:
        arrived = await _identities_since(consumer, since)
    finally:
        await consumer.stop()
    return [
        message
        for message in outgoing
        if not isinstance(message, Event | DeadLetter)
        or _identity(encode(message).headers) not in arrived
    ]


async def _identities_since(consumer: AIOKafkaConsumer, since: datetime) -> set[tuple[bytes, ...]]:
    partitions: Collection[TopicPartition] = consumer.assignment()
    ends: Mapping[TopicPartition, int] = await consumer.end_offsets(partitions)
    since_ms = int(since.timestamp() * 1000)
    starts = await consumer.offsets_for_times(dict.fromkeys(partitions, since_ms))
    open_partitions = set()
    for partition in partitions:
        found = starts.get(partition)
        if found is not None and found.offset < ends[partition]:
            consumer.seek(partition, found.offset)
            open_partitions.add(partition)
    arrived: set[tuple[bytes, ...]] = set()
    while open_partitions:
        batches = await consumer.getmany(*open_partitions, timeout_ms=1000)
        for records in batches.values():
            arrived.update(_identity(record.headers) for record in records)
        open_partitions = {
            partition
            for partition in open_partitions
            if await consumer.position(partition) < ends[partition]
        }
    return arrived


def _decided_at(message: Event | DeadLetter) -> datetime:
    return message.occurred_at if isinstance(message, Event) else message.at


def _identity(headers: Sequence[Header]) -> tuple[bytes, ...]:
    """Give what makes a message the same one: its event id, or where a dead letter came from."""
    found = dict(headers)
    if _ORIGIN[-1] in found:
        return tuple(found.get(name) or b"" for name in _ORIGIN)
    return (found.get("ce_id") or b"",)
