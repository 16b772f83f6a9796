"""English labels for codes. Each is translated when it is shown."""

from collections.abc import Mapping

from models.amazon_order import AmazonStatus
from models.outcome import ImportState
from models.reference_data import CommerceStatus

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
    ImportState.SKIPPED: "Not imported. Manage it in Seller Central.",
    ImportState.BLOCKED: "It cannot be imported into Commerce yet.",
    ImportState.CREATED: "The Commerce order exists.",
    ImportState.WITHDRAWN: "It will no longer be imported.",
}

STATUSES: Mapping[str, str] = {
    AmazonStatus.PENDING_AVAILABILITY: "Pending availability",
    AmazonStatus.PENDING: "Pending",
    AmazonStatus.UNKNOWN: "Unknown",
    AmazonStatus.UNFULFILLABLE: "Unfulfillable",
    AmazonStatus.UNSHIPPED: "Unshipped",
    AmazonStatus.PARTIALLY_SHIPPED: "Partially shipped",
    AmazonStatus.INVOICE_UNCONFIRMED: "Invoice unconfirmed",
    AmazonStatus.SHIPPED: "Shipped",
    AmazonStatus.CANCELED: "Canceled",
    CommerceStatus.PROCESSING: "Processing",
    CommerceStatus.SHIPPED: "Shipped",
    CommerceStatus.COMPLETE: "Complete",
    CommerceStatus.CANCELED: "Canceled",
}


ACTIONS: Mapping[str, str] = {
    "signed-in": "signed in",
    "signed-out": "signed out",
    "showed-buyer": "viewed the buyer",
    "searched-buyer": "searched by buyer name",
    "import-on": "turned import on",
    "import-off": "turned import off",
    "non-amazon-on": "turned import of non-Amazon orders on",
    "non-amazon-off": "turned import of non-Amazon orders off",
    "enabled": "enabled a product",
    "matched": "matched a seller SKU",
    "replay-started": "started a replay",
    "replay-canceled": "canceled a replay",
    "redrove": "redrove dead letters",
    "synced": "requested a sync",
    "exported": "exported orders",
    "erased-buyer": "erased the buyer",
    "claimed-buyer": "claimed the buyer for a program",
    "refused-claims": "claimed buyers without a valid token",
    "replaced-key": "replaced the key of buyer data",
}

CONFIRMATIONS: Mapping[str, str] = {
    "import-on": "Import is being turned on. This takes a moment.",
    "import-off": "Import is being turned off. This takes a moment.",
    "non-amazon-on": "Import of non-Amazon orders is being turned on. This takes a moment.",
    "non-amazon-off": "Import of non-Amazon orders is being turned off. This takes a moment.",
    "enabled": "The product is enabled. Orders blocked by it are rechecked within moments.",
    "matched": "The match was saved. Orders blocked by it are rechecked within moments.",
    "canceled": "The replay is canceled. Its remaining orders are not replayed.",
    "redriven": "Redriven. A message that is rejected again becomes a new dead letter.",
    "synced-store": "The blocked orders of this store are being rechecked.",
    "synced": "All blocked orders are being rechecked.",
    "replay-started": "The replay has started.",
}
"""The message shown after an action."""

NAVIGATION: Mapping[str, str] = {
    "/": "Dashboard",
    "/orders": "All orders",
    "/blocked": "Blocked",
    "/replays": "Replays",
    "/dead-letters": "Dead letters",
    "/health": "Health",
    "/audit": "Audit",
    "/contract": "Contract",
}
"""The navigation of every page: labels by address."""
