"""The topics: the name, key, partitions and retention of each."""

from dataclasses import dataclass, field
from enum import StrEnum

MAX_MESSAGE_BYTES = 2 * 1024 * 1024
"""Maximum size of a message that is read: twice what is accepted, so that the rest can still become
a dead letter."""
MAX_PUBLISHED_BYTES = 2 * MAX_MESSAGE_BYTES
"""Maximum size of a published message. No event comes near it, and a larger dead letter is cut (see
`handlers.dead_letters`): a message that cannot be published would stop its partition forever."""
MAX_REQUEST_BYTES = 512 * 1024
"""Maximum size of one request to one partition: usually all messages of a batch."""
_DAY_MS = 24 * 60 * 60 * 1000


class TopicName(StrEnum):
    """The names, without the prefix of an installation."""

    ORDERS = "amazon.orders"
    STORES = "commerce.stores"
    PRODUCTS = "commerce.products"
    STOCK = "commerce.stock"
    LISTINGS = "commerce.listings"
    ORDER_UPDATES = "commerce.order-updates"
    COMMANDS = "order-import.commands"
    COMMERCE_ORDERS = "commerce.orders"
    BLOCKED = "amazon.orders.blocked"
    NOT_IMPORTED = "amazon.orders.not-imported"
    DEAD_LETTER = "order-import.dead-letter"


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it is created.

    Topics with buyer data are kept for less than the 30 days that Amazon allows. Reference data is
    compacted, so that a new reader finds the newest version of each.
    """

    name: TopicName
    key: str
    partitions: int | None = None
    """The number of partitions if it does not depend on the load; else the setting decides."""
    config: dict[str, str] = field(default_factory=dict)
    writes: int = 0
    """The maximum size of a message, or of one batch of messages, that the worker writes."""


_PERSONAL = {"retention.ms": str(14 * _DAY_MS), "max.message.bytes": str(MAX_MESSAGE_BYTES)}
_FACTS = {"cleanup.policy": "compact"}
_KEPT = {"retention.ms": str(90 * _DAY_MS), "max.message.bytes": str(MAX_PUBLISHED_BYTES)}
_REFUSED = {"retention.ms": str(14 * _DAY_MS), "max.message.bytes": str(MAX_PUBLISHED_BYTES)}

TOPICS = (
    Topic(TopicName.ORDERS, "Amazon order id (any key is accepted)", config=_PERSONAL),
    Topic(TopicName.STORES, "store id", partitions=1, config=_FACTS),
    Topic(TopicName.PRODUCTS, "catalog SKU", config=_FACTS),
    Topic(TopicName.STOCK, "stock_id/SKU", config=_FACTS),
    Topic(TopicName.LISTINGS, "store/seller SKU", config=_FACTS),
    Topic(TopicName.ORDER_UPDATES, "Commerce order id", config=_KEPT),
    Topic(
        TopicName.COMMANDS,
        "store id, fact or replay id",
        partitions=1,
        config=_PERSONAL,
        writes=MAX_REQUEST_BYTES,
    ),
    Topic(TopicName.COMMERCE_ORDERS, "store/order", config=_KEPT, writes=MAX_PUBLISHED_BYTES),
    Topic(TopicName.BLOCKED, "store/order", config=_KEPT, writes=MAX_PUBLISHED_BYTES),
    Topic(TopicName.NOT_IMPORTED, "store/order", config=_KEPT, writes=MAX_PUBLISHED_BYTES),
    Topic(
        TopicName.DEAD_LETTER,
        "as received",
        partitions=1,
        config=_REFUSED,
        writes=MAX_PUBLISHED_BYTES,
    ),
)

READ_TOPICS = (
    TopicName.ORDERS,
    TopicName.STORES,
    TopicName.PRODUCTS,
    TopicName.STOCK,
    TopicName.LISTINGS,
    TopicName.ORDER_UPDATES,
    TopicName.COMMANDS,
)
"""The topics that the worker reads, each with one agent."""
