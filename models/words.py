"""What codes are called, in English and in Adobe's words where there are some."""

from collections.abc import Mapping

from models.blockers import BlockerCode
from models.outcomes import SkipReason, WaitingReason

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
    SkipReason.NOTHING_TO_IMPORT: "No line with a quantity",
}
"""Every code an order can have."""

DECISIONS: Mapping[str, str] = {
    "received": "message received",
    "ignored-older": "older news, changes nothing",
    "judged": "asked the import policy again",
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
}
"""What a story's entries are called."""
