"""Send operators' messages to Kafka; a message counts as sent once it is acknowledged."""

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

from models import keys
from models.errors import BrokerUnavailable
from models.reference_data import Listing, Product, Store
from models.topics import TopicName
from order_import.bootstrap import broker_errors, new_producer
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


def store_message(store: Store) -> Message:
    """Return the message that publishes a store's settings, all of them."""
    value = store.model_dump_json(exclude_none=True).encode()
    return Message(TopicName.STORES, store.store_id, value)


def listing_message(listing: Listing) -> Message:
    """Return the message that publishes which catalog SKU a seller SKU is matched to."""
    value = listing.model_dump_json(exclude_none=True).encode()
    return Message(
        TopicName.LISTINGS, keys.listing_key(listing.store_id, listing.seller_sku), value
    )


def product_message(product: Product) -> Message:
    """Return the message that publishes a product, as Commerce would."""
    value = product.model_dump_json(exclude_none=True).encode()
    return Message(TopicName.PRODUCTS, product.sku, value)


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

    Args:
        settings: The installation.
        messages: The messages.
        progress: Called with the number acknowledged so far.

    Raises:
        SendingBroke: Kafka does not answer; messages in flight may still arrive.
    """
    sent = 0
    try:
        with broker_errors():
            producer = new_producer(settings)
            try:
                await producer.start()
                for at in range(0, len(messages), _AT_ONCE):
                    deliveries = [
                        await producer.send(
                            settings.topic_prefix + message.topic,
                            key=_key(message),
                            value=message.value,
                            headers=_headers(message),
                        )
                        for message in messages[at : at + _AT_ONCE]
                    ]
                    for delivery in asyncio.as_completed(deliveries):
                        await delivery
                        sent += 1
                    progress(sent)
            finally:
                await producer.stop()
    except BrokerUnavailable as error:
        raise SendingBroke(str(error), sent) from error
    return sent


def _key(message: Message) -> bytes | None:
    # A lone surrogate in a key cannot be encoded.
    return None if message.key is None else message.key.encode(errors="replace")


def _headers(message: Message) -> list[tuple[str, bytes]]:
    return [] if message.store_id is None else [("store-id", message.store_id.encode())]
