"""Find the keys of orders: by the names that operators use, or in the topic of blocks."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from models.messages import header
from models.topics import TopicName
from order_import.bootstrap import broker_errors, new_consumer
from order_import.operations.install import topic_exists
from order_import.settings import Settings
from storage.port import Storage
from streams.consumer import read_between


class OrderNotNamed(Exception):  # noqa: N818 - an answer, not a mistake of the program
    """A name does not identify an order. The message is one line that says why."""


async def resolve_orders(
    storage: Storage, names: Iterable[str], store_id: str | None
) -> tuple[str, ...]:
    """Return the `store/order` keys of named orders, each once.

    A name with a slash is a key already, and is not looked up.

    Raises:
        OrderNotNamed: No order has a name, or it is not an order of the store.
        StorageUnavailable: The database does not answer.
    """
    unique = list(dict.fromkeys(names))
    order_ids = {name for name in unique if "/" not in name}
    orders = await storage.snapshot(lambda view: view.orders_of(order_ids))
    keys: dict[str, None] = {}
    for name in unique:
        if name in order_ids and name not in orders:
            raise OrderNotNamed(f"no order {name} was received")
        key = orders[name].key if name in order_ids else name
        if store_id is not None and not key.startswith(f"{store_id}/"):
            raise OrderNotNamed(f"order {name} is not an order of store {store_id}")
        keys[key] = None
    return tuple(keys)


_BLOCKED = "OrderImportBlocked"
_MILLISECOND = timedelta(milliseconds=1)


async def orders_in_topic(
    settings: Settings, since: datetime | None, until: datetime | None
) -> Sequence[str]:
    """Return the `store/order` keys of the blocks published in [since, until], each once.

    Releases and withdrawals on the same topic do not count.

    Raises:
        BrokerUnavailable: Kafka does not answer.
    """
    with broker_errors():
        if not await topic_exists(settings, TopicName.BLOCKED):
            return []
        consumer = new_consumer(settings, [settings.topic_prefix + TopicName.BLOCKED])
        await consumer.start()
        try:
            # A message of the last millisecond counts, too.
            before = None if until is None else until + _MILLISECOND
            keys = [
                (record.key or b"").decode(errors="replace")
                async for record in read_between(consumer, since, before)
                if header(record.headers, "ce_type") == _BLOCKED
            ]
            return list(dict.fromkeys(keys))
        finally:
            await consumer.stop()
