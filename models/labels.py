"""What the codes are called in English, in Adobe's words if there are any."""

from collections.abc import Mapping

from models.charges import ChargeKind
from models.messages import DeadLetterCode
from models.outcome import MissingDetail
from models.reference_data import Match, units_of
from models.skus import visible_sku

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
    "rechecked": "import policy checked again",
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
    "pending-reservation-lapsed": "pending too long without news, reservation released",
    "cancellation-requested": "buyer requested cancellation",
    "amended": "Commerce order amended",
    "amended-up": "Commerce order amended; warning: more units than before",
    "amended-short": "Commerce order amended; warning: more units than before, not all reserved",
}
"""What history entries are called."""

DEAD_LETTER_CAUSES: Mapping[DeadLetterCode, str] = {
    DeadLetterCode.MALFORMED_JSON: "The message is not valid JSON in UTF-8",
    DeadLetterCode.UNKNOWN_PAYLOAD: (
        "The JSON has no accepted format, or none of the fields that are read"
    ),
    DeadLetterCode.INVALID_ORDER: "A field of an order is missing or invalid; the error names it",
    DeadLetterCode.INVALID_MESSAGE: (
        "A field of a store, product, listing or order update is missing or invalid; the error "
        "names it"
    ),
    DeadLetterCode.UNKNOWN_STORE: "The message does not identify a known store",
    DeadLetterCode.STORE_MISMATCH: "The order belongs to another store; the error names both",
    DeadLetterCode.TOO_LARGE: "The message exceeds the size limit",
    DeadLetterCode.ALREADY_STORED: (
        "The database already has the document that the message would create, and its origin is "
        "unknown"
    ),
    DeadLetterCode.UNREADABLE: "The message is damaged, or cannot be decompressed",
}
"""The usual cause of each dead letter."""

DEAD_LETTER_REMEDIES: Mapping[DeadLetterCode, str] = {
    DeadLetterCode.MALFORMED_JSON: "Fix the sender, and have it send valid JSON in UTF-8.",
    DeadLetterCode.UNKNOWN_PAYLOAD: (
        "Fix the sender: it must pass on Amazon's messages unchanged, with Amazon's own field "
        "names."
    ),
    DeadLetterCode.INVALID_ORDER: "Fix the sender, and have it send the order again.",
    DeadLetterCode.INVALID_MESSAGE: "Fix the sender, and have it send the message again.",
    DeadLetterCode.UNKNOWN_STORE: (
        "Publish the store's settings to commerce.stores, then redrive the message."
    ),
    DeadLetterCode.STORE_MISMATCH: (
        "Have the sender name the store that the order belongs to. If you redrive the message "
        "unchanged, it is rejected again."
    ),
    DeadLetterCode.TOO_LARGE: "Have the sender send smaller pages.",
    DeadLetterCode.ALREADY_STORED: (
        "Find out what wrote the document: the worker's log has its collection and key. Then "
        "redrive the message."
    ),
    DeadLetterCode.UNREADABLE: (
        "Have the sender send the message again. The topic, partition and offset show where it "
        "is in Kafka."
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


def describe_match(match: Match) -> str:
    """Return what a seller SKU stands for: a catalog SKU, or `6 MUG + 1 LID`."""
    if isinstance(match, str):
        return visible_sku(match)
    return " + ".join(f"{units} {visible_sku(sku)}" for sku, units in units_of(match))
