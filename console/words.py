"""The words for codes, in English; `console.german` has them in German."""

from collections.abc import Mapping

from models.blockers import BlockerCode
from models.facts import CommerceStatus
from models.outcomes import ImportState, SkipReason, WaitingReason
from models.replays import ALREADY_CREATED, NOT_RECEIVED

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
    ALREADY_CREATED: "There is a Commerce order already",
    NOT_RECEIVED: "No such order was received.",
}

STATES: Mapping[str, str] = {
    ImportState.WAITING: "Waiting",
    ImportState.SKIPPED: "Skipped",
    ImportState.BLOCKED: "Blocked",
    ImportState.CREATED: "Created",
    ImportState.WITHDRAWN: "Withdrawn",
}

STATE_MEANINGS: Mapping[str, str] = {
    ImportState.WAITING: "Nothing can be decided yet.",
    ImportState.SKIPPED: "Not imported. It is managed in Seller Central.",
    ImportState.BLOCKED: "It cannot be imported into Commerce yet.",
    ImportState.CREATED: "There is a Commerce order.",
    ImportState.WITHDRAWN: "It will not be imported any more.",
}

STATUSES: Mapping[str, str] = {
    "PendingAvailability": "Pending availability",
    "PartiallyShipped": "Partially shipped",
    "InvoiceUnconfirmed": "Invoice unconfirmed",
    CommerceStatus.PROCESSING: "Processing",
    CommerceStatus.SHIPPED: "Shipped",
    CommerceStatus.COMPLETE: "Complete",
    CommerceStatus.CANCELED: "Canceled",
}

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

ACTIONS: Mapping[str, str] = {
    "signed-in": "signed in",
    "signed-out": "signed out",
    "showed-buyer": "looked at the buyer",
    "import-on": "turned import on",
    "import-off": "turned import off",
    "enabled": "enabled a product",
    "matched": "matched a seller SKU",
    "replay-started": "started a replay",
    "replay-canceled": "canceled a replay",
    "redrove": "drove dead letters again",
    "synced": "asked for the next sync",
    "exported": "exported orders",
}
