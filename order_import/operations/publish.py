"""Send operators' messages to Kafka; a message counts as sent once it is acknowledged."""

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

from models import keys
from models.errors import BrokerUnavailable
from models.reference_data import Listing, OrderUpdate, Product, Store
from models.topics import TopicName
from order_import.bootstrap import connect_producer
from order_import.settings import Settings

_AT_ONCE = 500
"""How many messages are sent before their acknowledgements are awaited."""


class Message(NamedTuple):
    """A message to send. The topic has no prefix; a value of None deletes the key's entity."""

    topic: str
    key: str | None
    value: bytes | None
    store_id: str | None = None
    """For the `store-id` header."""


def fact_message(fact: Store | Product | Listing | OrderUpdate) -> Message:
    """Return the message that publishes a fact, all of it."""
    value = fact.model_dump_json(exclude_none=True).encode()
    match fact:
        case Store(store_id=store_id):
            return Message(TopicName.STORES, store_id, value)
        case Product(sku=sku):
            return Message(TopicName.PRODUCTS, sku, value)
        case Listing(store_id=store_id, seller_sku=seller_sku):
            return Message(TopicName.LISTINGS, keys.listing_key(store_id, seller_sku), value)
        case OrderUpdate(commerce_order_id=order_id):
            return Message(TopicName.ORDER_UPDATES, order_id, value)


class SendingBroke(BrokerUnavailable):
    """Kafka stopped answering. `sent` messages had been acknowledged by then."""

    def __init__(self, reason: str, sent: int) -> None:
        super().__init__(reason)
        self.sent = sent


async def send_messages(
    settings: Settings,
    messages: Sequence[Message],
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Send messages in order, and return how many were sent.

    `progress` is called with the number acknowledged so far.

    Raises:
        SendingBroke: Kafka does not answer; messages in flight may still arrive.
    """
    sent = 0
    try:
        async with connect_producer(settings) as producer:
            for at in range(0, len(messages), _AT_ONCE):
                deliveries = [
                    await producer.send(
                        settings.topic_prefix + topic,
                        # A lone surrogate in a key cannot be encoded.
                        key=None if key is None else key.encode(errors="replace"),
                        value=value,
                        headers=[] if store_id is None else [("store-id", store_id.encode())],
                    )
                    for topic, key, value, store_id in messages[at : at + _AT_ONCE]
                ]
                for delivery in asyncio.as_completed(deliveries):
                    await delivery
                    sent += 1
                progress(sent)
    except BrokerUnavailable as error:
        raise SendingBroke(str(error), sent) from error
    return sent
