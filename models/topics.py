"""The topic table: every topic's name, key, partitions and what is kept of it."""

from dataclasses import dataclass, field
from enum import StrEnum

MAX_MESSAGE_BYTES = 2 * 1024 * 1024
"""The most a message in may have, twice what is taken: the rest can still be a dead letter."""
MAX_PUBLISHED_BYTES = 2 * MAX_MESSAGE_BYTES
"""The most a message out may have. No event comes near it, and a dead letter that would is cut
(see `handlers.dead_letters`): what cannot be published would stop its partition for ever."""
MAX_REQUEST_BYTES = 512 * 1024
"""How much of one partition goes out in one request: all of a batch's messages, as a rule."""
_DAY_MS = 24 * 60 * 60 * 1000


class TopicName(StrEnum):
    """The names, without the prefix of an installation."""

    ORDERS = "amazon.orders"
    STORES = "commerce.stores"
    PRODUCTS = "commerce.products"
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

    Topics that carry buyer data are kept less than the 30 days Amazon allows; facts are
    compacted, so that a new reader finds the last word on each.
    """

    name: TopicName
    key: str
    partitions: int | None = None
    """How many, where that is not a matter of load; else the setting says."""
    config: dict[str, str] = field(default_factory=dict)
    writes: int = 0
    """How many bytes a message, or several in one batch, may have that the worker writes."""


_PERSONAL = {"retention.ms": str(14 * _DAY_MS), "max.message.bytes": str(MAX_MESSAGE_BYTES)}
_FACTS = {"cleanup.policy": "compact"}
_KEPT = {"retention.ms": str(90 * _DAY_MS), "max.message.bytes": str(MAX_PUBLISHED_BYTES)}
_REFUSED = {"retention.ms": str(14 * _DAY_MS), "max.message.bytes": str(MAX_PUBLISHED_BYTES)}

TOPICS = (
    Topic(TopicName.ORDERS, "Amazon order id (any key is accepted)", config=_PERSONAL),
    Topic(TopicName.STORES, "store id", partitions=1, config=_FACTS),
    Topic(TopicName.PRODUCTS, "catalog SKU", config=_FACTS),
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
    TopicName.LISTINGS,
    TopicName.ORDER_UPDATES,
    TopicName.COMMANDS,
)
"""The topics the worker reads, each with one agent."""
