"""Channels: per topic who writes and reads it, what stands on it, and what happens to errors."""

from collections.abc import Mapping
from dataclasses import dataclass

from models.topics import READ_TOPICS, TopicName
from order_import.devtools.contract.schemas import COMMANDS


@dataclass(frozen=True, slots=True)
class Channel:
    """What the contract says of a topic besides what the topic table has."""

    description: str
    written_by: tuple[str, ...]
    read_by: tuple[str, ...]
    messages: tuple[str, ...]
    personal: str | None = None
    """Whose data may be on it; None where there is none."""


UPSTREAM, COMMERCE, DOWNSTREAM = "upstream", "Commerce", "downstream"
WORKER, OPERATOR = "worker", "operators (command line, console)"

CHANNELS: Mapping[TopicName, Channel] = {
    TopicName.ORDERS: Channel(
        "Amazon's orders and news of them, in any of the accepted forms: JSON in UTF-8, with or "
        "without a byte order mark, Amazon's bodies in Amazon's own spelling. May be sent again: "
        "newer wins, and the same again changes nothing. The store is the `store-id` header, else "
        "`store_id` in the body, else the store that has the order, else the one store with that "
        "seller and marketplace. Sent for another store than the one that has it, an order is a "
        "dead letter.",
        (UPSTREAM,),
        (WORKER,),
        (
            *("OrderDocument", "OrdersApiV0Order", "OrdersApiV0Details", "OrdersApi2026Order"),
            *("OrderChangeNotification", "OrderStatusChangeNotification", "NotificationEnvelope"),
        ),
        "Names, e-mails, phones and addresses of buyers",
    ),
    TopicName.STORES: Channel(
        "Amazon stores and their settings. An older `updated_at` changes nothing.",
        (UPSTREAM, OPERATOR),
        (WORKER,),
        ("Store",),
    ),
    TopicName.PRODUCTS: Channel(
        "Products of the Commerce catalog. An older `as_of` changes nothing.",
        (UPSTREAM,),
        (WORKER,),
        ("Product", "ProductDeleted"),
    ),
    TopicName.LISTINGS: Channel(
        "Which catalog SKU a seller SKU is matched to. A seller SKU without a listing stands for "
        "the catalog SKU of the same name. An older `updated_at` changes nothing.",
        (UPSTREAM, OPERATOR),
        (WORKER,),
        ("Listing", "ListingRemoved"),
    ),
    TopicName.ORDER_UPDATES: Channel(
        "What Commerce says of its orders. A Commerce order never goes backwards.",
        (COMMERCE,),
        (WORKER,),
        ("OrderUpdate",),
    ),
    TopicName.COMMANDS: Channel(
        "Internal. What the worker is asked to judge again.",
        (WORKER, OPERATOR),
        (WORKER,),
        tuple(command.__name__ for command in COMMANDS),
    ),
    TopicName.COMMERCE_ORDERS: Channel(
        "Commerce orders, how they move on, and what Amazon tells of them after their creation: "
        "amendments, and the buyer's requests to cancel.",
        (WORKER,),
        (DOWNSTREAM,),
        (
            *("CommerceOrderCreated", "CommerceOrderStatusChanged"),
            *("CommerceOrderAmended", "CommerceOrderCancellationRequested"),
        ),
    ),
    TopicName.BLOCKED: Channel(
        "Orders that cannot be imported yet, with every cause, and how that ended.",
        (WORKER,),
        (DOWNSTREAM, OPERATOR),
        ("OrderImportBlocked", "OrderImportReleased", "OrderImportWithdrawn"),
    ),
    TopicName.NOT_IMPORTED: Channel(
        "Orders that are not imported, with the reason.",
        (WORKER,),
        (DOWNSTREAM,),
        ("OrderImportSkipped",),
    ),
    TopicName.DEAD_LETTER: Channel(
        "Messages that were not taken, from all topics that are read. Mend the cause and run "
        "`order-import dead-letters redrive`.",
        (WORKER,),
        (OPERATOR,),
        ("DeadLetter",),
        "Possible: the original bytes",
    ),
}

_READ_ERRORS = (
    "What cannot be read becomes a dead letter on order-import.dead-letter, with a code and the "
    "bytes unchanged; its partition goes on. Unknown fields are ignored."
)
_WRITTEN_ERRORS = (
    "At least once. After a crash a copy may come; it has the same ce_id and is to be dropped by "
    "that. Events of one order come in the order of their sequence."
)


def errors_of(name: TopicName) -> str | None:
    """Give what happens when something is wrong with a message, or it comes twice."""
    if name is TopicName.DEAD_LETTER:
        return "At least once: a copy has the same topic, partition and offset in its headers."
    return _READ_ERRORS if name in READ_TOPICS else _WRITTEN_ERRORS
