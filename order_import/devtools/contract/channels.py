"""The channels: per topic its writers and readers, its messages, and the handling of errors."""

from collections.abc import Mapping
from dataclasses import dataclass

from models.topics import READ_TOPICS, TopicName
from order_import.devtools.contract.schemas import COMMANDS


@dataclass(frozen=True, slots=True)
class Channel:
    """The contract of a topic, in addition to its entry in `models.topics`."""

    description: str
    written_by: tuple[str, ...]
    read_by: tuple[str, ...]
    messages: tuple[str, ...]
    personal: str | None = None
    """The personal data that it may contain; None if there is none."""


UPSTREAM, COMMERCE, DOWNSTREAM = "upstream", "Commerce", "downstream"
WORKER, OPERATOR = "worker", "operators (command line, console)"

CHANNELS: Mapping[TopicName, Channel] = {
    TopicName.ORDERS: Channel(
        "Amazon's orders and their updates, in any of the accepted formats: JSON in UTF-8, with or "
        "without a byte order mark, Amazon's bodies in Amazon's own spelling. May be sent again: "
        "newer wins, and a duplicate changes nothing. The store is the `store-id` header, "
        "otherwise `store_id` in the body, otherwise the store that has the order, otherwise the "
        "only store with that seller and marketplace. An order that is sent for a store other than "
        "the one that has it becomes a dead letter.",
        (UPSTREAM,),
        (WORKER,),
        (
            "OrderDocument",
            "OrdersApiV0Order",
            "OrdersApiV0Details",
            "OrdersApi2026Order",
            "OrderChangeNotification",
            "OrderStatusChangeNotification",
            "NotificationEnvelope",
        ),
        "Names, e-mail addresses, phone numbers and addresses of buyers",
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
    TopicName.STOCK: Channel(
        "How many units of a product Commerce has in a stock. A managed product has none in a "
        "stock in which it was never counted. An older `as_of` changes nothing.",
        (UPSTREAM,),
        (WORKER,),
        ("StockItem", "StockItemDeleted"),
    ),
    TopicName.LISTINGS: Channel(
        "The catalog SKU of a seller SKU. A seller SKU without a listing is matched to the catalog "
        "SKU of the same name. An older `updated_at` changes nothing.",
        (UPSTREAM, OPERATOR),
        (WORKER,),
        ("Listing", "ListingRemoved"),
    ),
    TopicName.ORDER_UPDATES: Channel(
        "Updates of orders from Commerce. The status of a Commerce order never moves backwards.",
        (COMMERCE,),
        (WORKER,),
        ("OrderUpdate",),
    ),
    TopicName.COMMANDS: Channel(
        "Internal. Requests to the worker to check orders again.",
        (WORKER, OPERATOR),
        (WORKER,),
        tuple(command.__name__ for command in COMMANDS),
    ),
    TopicName.COMMERCE_ORDERS: Channel(
        "Commerce orders, their changes of status, and later changes at Amazon: amendments, and "
        "buyers' requests to cancel.",
        (WORKER,),
        (DOWNSTREAM,),
        (
            "CommerceOrderCreated",
            "CommerceOrderStatusChanged",
            "CommerceOrderAmended",
            "CommerceOrderCancellationRequested",
        ),
    ),
    TopicName.BLOCKED: Channel(
        "Orders that cannot be imported yet, with all causes, and their release or withdrawal.",
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
        "Messages that were refused, from all input topics. Fix the cause and run "
        "`order-import dead-letters redrive`.",
        (WORKER,),
        (OPERATOR,),
        ("DeadLetter",),
        "Possible: the original bytes",
    ),
}

_READ_ERRORS = (
    "A message that cannot be read becomes a dead letter on order-import.dead-letter, with a code "
    "and the bytes unchanged; its partition continues. Unknown fields are ignored."
)
_WRITTEN_ERRORS = (
    "At least once. A duplicate may arrive after a crash; it has the same ce_id, by which "
    "consumers drop it. Events of one order arrive in the order of their sequence."
)


def describe_errors(name: TopicName) -> str:
    """Return how errors and duplicates of a topic's messages are handled."""
    if name is TopicName.DEAD_LETTER:
        return "At least once: a duplicate has the same topic, partition and offset in its headers."
    return _READ_ERRORS if name in READ_TOPICS else _WRITTEN_ERRORS
