"""The reason codes: why an order waits, is skipped or is blocked, and what people read about it."""

from collections.abc import Mapping
from enum import StrEnum


class BlockerCode(StrEnum):
    """Why an order is blocked (rules 7 to 9). Reason codes never change; new ones may be added."""

    NOT_IN_CATALOG = "not-in-catalog"
    DISABLED = "disabled"
    OUT_OF_STOCK = "out-of-stock"


class WaitingReason(StrEnum):
    """Why nothing can be decided yet. It is recorded, without an event."""

    STORE_UNKNOWN = "store-unknown"
    STATUS_NOT_IMPORTABLE = "status-not-importable"
    DETAILS_PENDING = "details-pending"
    PURCHASE_DATE_UNKNOWN = "purchase-date-unknown"


class SkipReason(StrEnum):
    """Why an order is not imported."""

    IMPORT_DISABLED = "import-disabled"
    BEFORE_INTEGRATION = "before-integration"
    CANCELED = "canceled"
    NOT_SOLD_ON_AMAZON = "not-sold-on-amazon"
    NOTHING_TO_IMPORT = "nothing-to-import"


REASON_CODES = tuple(
    code.value for codes in (BlockerCode, WaitingReason, SkipReason) for code in codes
)
"""Every code an order can have."""

ALREADY_CREATED = "already-created"
"""A replay refuses the order: a Commerce order exists, and stays forever (rule 18)."""

NOT_RECEIVED = "not-received"
"""A replay refuses the order: no order with this key was ever received."""

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
"""What each code says, in Adobe's words if there are any."""

REMEDIES: Mapping[BlockerCode, str] = {
    BlockerCode.NOT_IN_CATALOG: (
        "Create the product in your Commerce catalog and match it to the Amazon listing."
    ),
    BlockerCode.DISABLED: "Enable the product.",
    BlockerCode.OUT_OF_STOCK: "Update the product's quantity and source options.",
}
"""What an operator can do about a blocker, in Adobe's words."""
