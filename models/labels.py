"""What the codes are called in English, in Adobe's words if there are any."""

from collections.abc import Iterable, Mapping

from models.blockers import BlockerCode
from models.messages import DeadLetterCode
from models.outcome import MissingDetail, SkipReason, WaitingReason
from models.replay import ALREADY_CREATED, NOT_RECEIVED

REASONS: Mapping[str, str] = {
    BlockerCode.NOT_IN_CATALOG: "The item does not exist in the Commerce catalog",
    BlockerCode.DISABLED: "The item in the catalog is disabled",
    BlockerCode.OUT_OF_STOCK: "The ordered item is out of stock",
    WaitingReason.STORE_UNKNOWN: "Waiting for the store's settings",
    WaitingReason.STATUS_NOT_IMPORTABLE: "Waiting for a status that can be imported",
    WaitingReason.DETAILS_PENDING: "Waiting for the order's details",
    WaitingReason.PURCHASE_DATE_UNKNOWN: "Waiting for the purchase date",
    SkipReason.IMPORT_DISABLED: "Import was off; manage it in Seller Central",
    SkipReason.BEFORE_INTEGRATION: "Purchased before the store was integrated",
    SkipReason.CANCELED: "Canceled on Amazon",
    SkipReason.NOT_SOLD_ON_AMAZON: "Not sold on Amazon",
    SkipReason.NOTHING_TO_IMPORT: "No line with a quantity",
    ALREADY_CREATED: "The Commerce order already exists",
    NOT_RECEIVED: "This order has not been received.",
}
"""Every code an order can have, and those for which a replay refuses one."""

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
    "completed-at-sync": "completed at the sync",
    "cancellation-requested": "the buyer asks to cancel",
    "amended": "Commerce order amended",
    "amended-up": "Commerce order amended; warning: more units than before",
    "amended-short": "Commerce order amended; warning: more units than before, not all reserved",
}
"""What history entries are called."""

DEAD_LETTER_CAUSES: Mapping[DeadLetterCode, str] = {
    DeadLetterCode.MALFORMED_JSON: "Not JSON, or not UTF-8",
    DeadLetterCode.UNKNOWN_PAYLOAD: (
        "JSON, but in no accepted form, or it says nothing that is read"
    ),
    DeadLetterCode.INVALID_ORDER: "A field of an order is missing or wrong; the message names it",
    DeadLetterCode.INVALID_MESSAGE: (
        "A field of a store, product, listing or order update is missing or wrong; "
        "the message names it"
    ),
    DeadLetterCode.UNKNOWN_STORE: "Nothing names the store",
    DeadLetterCode.STORE_MISMATCH: "Another store has the order already; the message names both",
    DeadLetterCode.TOO_LARGE: "Above the limit",
    DeadLetterCode.ALREADY_STORED: (
        "What it would make is in the database already, and nothing says where it came from"
    ),
    DeadLetterCode.UNREADABLE: "Damaged, or compressed in a way that cannot be undone",
}
"""The usual cause of each refusal."""

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
"""What to do about it."""

FIELDS: Mapping[str, str] = {
    "total": "total",
    "currency": "currency",
    "address_known": "address known",
    "address": "address",
    "quantity": "quantity",
    "price": "price",
    "tax": "tax",
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
