"""Orders as operators name them: by Amazon's id, or by store and Amazon's id."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord

from models.messages import header
from models.topics import TopicName
from order_import.bootstrap import new_consumer
from order_import.operations.lag import broker_errors
from order_import.operations.publish import topic_exists
from order_import.settings import Settings
from storage.port import Storage


class OrderNotNamed(Exception):  # noqa: N818 - an answer, not a mistake of the program
    """A name is not that of an order that is meant. The message is one line that says why."""


async def resolve_orders(
    storage: Storage, names: Iterable[str], store_id: str | None
) -> tuple[str, ...]:
    """Give the `store/order` keys of named orders, each once.

    A name with a slash is a key, and is not looked for.

    Raises:
        OrderNotNamed: There is no order of a name, or it is not one of the store.
        StorageUnavailable: The database does not answer.
    """
    named = list(dict.fromkeys(names))
    bare = {name for name in named if "/" not in name}
    found = await storage.snapshot(lambda view: view.orders_of(bare))
    keys: dict[str, None] = {}
    for name in named:
        if name in bare and name not in found:
            raise OrderNotNamed(f"no order {name} was received")
        key = found[name].key if name in bare else name
        if store_id is not None and not key.startswith(f"{store_id}/"):
            raise OrderNotNamed(f"order {name} is not one of store {store_id}")
        keys[key] = None
    return tuple(keys)


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
