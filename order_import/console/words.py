"""The words for codes, in English; `order_import.console.german` has them in German."""

from collections.abc import Mapping

from models import labels as words
from models.outcome import ImportState
from models.reference_data import CommerceStatus

REASONS = words.REASONS

MISSING_DETAILS: Mapping[str, str] = dict(words.MISSING_DETAILS.items())

OVERDUE = "overdue"
"""The name of the tile of orders that wait for details longer than an hour."""

STATES: Mapping[str, str] = {
    ImportState.WAITING: "Waiting",
    ImportState.SKIPPED: "Skipped",
    ImportState.BLOCKED: "Blocked",
    ImportState.CREATED: "Created",
    ImportState.WITHDRAWN: "Withdrawn",
    OVERDUE: "Details overdue",
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


ACTIONS: Mapping[str, str] = {
    "signed-in": "signed in",
    "signed-out": "signed out",
    "showed-buyer": "looked at the buyer",
    "searched-buyer": "searched by a buyer's name",
    "import-on": "turned import on",
    "import-off": "turned import off",
    "non-amazon-on": "turned import of non-Amazon orders on",
    "non-amazon-off": "turned import of non-Amazon orders off",
    "enabled": "enabled a product",
    "matched": "matched a seller SKU",
    "replay-started": "started a replay",
    "replay-canceled": "canceled a replay",
    "redrove": "drove dead letters again",
    "synced": "asked for the next sync",
    "exported": "exported orders",
}
