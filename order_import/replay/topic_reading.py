"""The orders that the topic of blocks names, for a time it was written in."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord

from models.messages import header
from models.topics import TopicName
from order_import.clients import new_consumer
from order_import.lag import broker_errors
from order_import.sending import topic_exists
from order_import.settings import Settings

_BLOCKED = "OrderImportBlocked"
_MOMENT = timedelta(milliseconds=1)


async def orders_in_topic(
    settings: Settings, since: datetime | None, until: datetime | None
) -> Sequence[str]:
    """Give the `store/order` keys of blocks told in [since, until], each once.

    Releases and withdrawals on the same topic name no order to replay.

    Raises:
        BrokerUnavailable: Kafka does not answer.
    """
    with broker_errors():
        if not await topic_exists(settings, TopicName.BLOCKED):
            return []
        consumer = new_consumer(settings, [settings.topic_prefix + TopicName.BLOCKED])
        await consumer.start()
        try:
            return await _read(consumer, since, until)
        finally:
            await consumer.stop()


async def _read(
    consumer: AIOKafkaConsumer, since: datetime | None, until: datetime | None
) -> list[str]:
    partitions = list(consumer.assignment())
    starts = await consumer.beginning_offsets(partitions)
    ends = await consumer.end_offsets(partitions)
    if since is not None:
        starts = {**ends, **await _offsets_at(consumer, partitions, since)}
    if until is not None:
        ends = {**ends, **await _offsets_at(consumer, partitions, until + _MOMENT)}
    unread = {one for one in partitions if starts[one] < ends[one]}
    for partition in unread:
        consumer.seek(partition, starts[partition])
    found: dict[str, None] = {}
    while unread:
        for partition, records in (await consumer.getmany(*unread, timeout_ms=500)).items():
            for record in records:
                if record.offset < ends[partition] and _is_block(record):
                    found[(record.key or b"").decode(errors="replace")] = None
        unread = {one for one in unread if await consumer.position(one) < ends[one]}
    return list(found)


async def _offsets_at(
    consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition], at: datetime
) -> dict[TopicPartition, int]:
    """Give where each partition has the first message of that time; none where there is none."""
    moment = round(at.timestamp() * 1000)
    found = await consumer.offsets_for_times(dict.fromkeys(partitions, max(moment, 0)))
    return {partition: one.offset for partition, one in found.items() if one is not None}


def _is_block(record: ConsumerRecord[bytes, bytes]) -> bool:
    return header(record, "ce_type") == _BLOCKED
