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
    ImportState.SKIPPED: "Not imported. It is managed in Seller Central.",
    ImportState.BLOCKED: "It cannot be imported into Commerce yet.",
    ImportState.CREATED: "There is a Commerce order.",
    ImportState.WITHDRAWN: "It will not be imported any more.",
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
    "redrove": "redrove dead letters",
    "synced": "asked for the next sync",
    "exported": "exported orders",
}

CONFIRMATIONS: Mapping[str, str] = {
    "import-on": "Import is being turned on. It takes a moment to show.",
    "import-off": "Import is being turned off. It takes a moment to show.",
    "non-amazon-on": "Import of non-Amazon orders is being turned on. It takes a moment to show.",
    "non-amazon-off": "Import of non-Amazon orders is being turned off. It takes a moment to show.",
    "enabled": "The product is enabled. Orders that wait on it are judged again within moments.",
    "matched": "The match was sent. Orders that wait on it are judged again within moments.",
    "canceled": "Nothing more of this replay is sent.",
    "redriven": "Redriven. Refused again, a message comes back as a new dead letter.",
    "synced-store": "The blocked orders of this store are judged again now.",
    "synced": "All blocked orders are judged again now.",
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
}
"""The navigation of every page: labels by address."""
