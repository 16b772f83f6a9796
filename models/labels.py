"""What the codes are called in English, in Adobe's words if there are any."""

from collections.abc import Iterable, Mapping

from models.charges import ChargeKind
from models.messages import DeadLetterCode
from models.outcome import MissingDetail

MISSING_DETAILS: Mapping[MissingDetail, str] = {
    MissingDetail.STATUS: "its status",
    MissingDetail.CHANNEL: "who ships it",
    MissingDetail.LINES: "its lines",
    MissingDetail.PRICES: "prices after Pending",
}
"""What a `details-pending` order waits for."""

DECISIONS: Mapping[str, str] = {
    "received": "message received",
    "moved-to-store": "moved to the store named now",
    "ignored-older": "older message, no change",
    "ignored-unchanged": "nothing new, no change",
    "judged": "import policy checked again",
    "blocked": "blocked",
    "still-blocked": "still blocked",
    "created": "Commerce order created",
    "waiting": "waiting",
    "skipped": "skipped",
    "withdrawn": "withdrawn",
    "commerce-processing": "Commerce says processing",
    "commerce-shipped": "Commerce says shipped",
    "commerce-complete": "Commerce says complete",
    "commerce-canceled": "Commerce says canceled",
    "completed-at-sync": "completed by the sync",
    "cancellation-requested": "buyer requested cancellation",
    "amended": "Commerce order amended",
    "amended-up": "Commerce order amended; warning: more units than before",
    "amended-short": "Commerce order amended; warning: more units than before, not all reserved",
}
"""What history entries are called."""

DEAD_LETTER_CAUSES: Mapping[DeadLetterCode, str] = {
    DeadLetterCode.MALFORMED_JSON: "Not JSON, or not UTF-8",
    DeadLetterCode.UNKNOWN_PAYLOAD: (
        "JSON, but in no accepted form, or without any field that is read"
    ),
    DeadLetterCode.INVALID_ORDER: "A field of an order is missing or wrong; the message names it",
    DeadLetterCode.INVALID_MESSAGE: (
        "A field of a store, product, listing or order update is missing or wrong; "
        "the message names it"
    ),
    DeadLetterCode.UNKNOWN_STORE: "No store is named, and none can be found",
    DeadLetterCode.STORE_MISMATCH: "Another store already has the order; the message names both",
    DeadLetterCode.TOO_LARGE: "The message is above the size limit",
    DeadLetterCode.ALREADY_STORED: (
        "The document that it would create is already in the database, and its origin is unknown"
    ),
    DeadLetterCode.UNREADABLE: "Damaged, or compressed in a way that cannot be decompressed",
}
"""The usual cause of each dead letter."""

DEAD_LETTER_REMEDIES: Mapping[DeadLetterCode, str] = {
    DeadLetterCode.MALFORMED_JSON: "Fix the sender, and let it send JSON in UTF-8.",
    DeadLetterCode.UNKNOWN_PAYLOAD: (
        "Fix the sender: Amazon's bodies are read in Amazon's own spelling, unchanged."
    ),
    DeadLetterCode.INVALID_ORDER: "Fix the sender, and let it send the order again.",
    DeadLetterCode.INVALID_MESSAGE: "Fix the sender, and let it send the message again.",
    DeadLetterCode.UNKNOWN_STORE: "Send the store's settings to commerce.stores, then redrive.",
    DeadLetterCode.STORE_MISMATCH: (
        "Let the sender name the store that has the order. Redriven unchanged, it is refused again."
    ),
    DeadLetterCode.TOO_LARGE: "Let the sender send smaller pages.",
    DeadLetterCode.ALREADY_STORED: (
        "Find out who wrote it: the worker's log names the collection and the key. Then redrive."
    ),
    DeadLetterCode.UNREADABLE: (
        "Let the sender send it again. Its topic, partition and offset say where it lies in Kafka."
    ),
}
"""What to do about each dead letter."""

CHARGES: Mapping[ChargeKind, str] = {
    ChargeKind.SHIPPING: "Shipping",
    ChargeKind.GIFT_WRAP: "Gift wrap",
    ChargeKind.DISCOUNT: "Discount",
    ChargeKind.COD: "COD fee",
    ChargeKind.OTHER: "Other charges",
}
"""What the kinds of charges are called."""

FIELDS: Mapping[str, str] = {
    "total": "total",
    "currency": "currency",
    "address_known": "address known",
    "address": "address",
    "quantity": "quantity",
    "price": "price",
    "tax": "tax",
    "charges.shipping": "shipping",
    "charges.shipping.tax": "tax on shipping",
    "charges.gift-wrap": "gift wrap",
    "charges.gift-wrap.tax": "tax on gift wrap",
    "charges.discount": "discount",
    "charges.discount.tax": "tax on the discount",
    "charges.cod": "COD fee",
    "charges.cod.tax": "tax on the COD fee",
    "charges.other": "other charges",
    "charges.other.tax": "tax on other charges",
    "programs": "program",
    "purchase_order_number": "purchase order number",
    "latest_ship_date": "ship by",
    "shipping_service": "shipping service",
    "buyer_requested_cancel": "buyer asks to cancel",
}
"""What the fields that an amendment changes are called."""


def system_message(store_names: Iterable[str]) -> str | None:
    """Return rule 19's message for stores that have blocked orders; None if there are none."""
    names = ", ".join(store_names)
    if not names:
        return None
    return (
        "Your Amazon store(s) has orders that cannot be imported into Commerce. "
        f"See Recent Orders in the store dashboard(s): {names}"
    )
