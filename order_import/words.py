"""The words for codes: what people read where machines read `out-of-stock`."""

from collections.abc import Iterable, Mapping

from models.blockers import BlockerCode
from models.facts import Store
from models.outcomes import ImportState, SkipReason, WaitingReason

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
"""Every code an order can have, in Adobe's words where there are some."""

STATES: Mapping[ImportState, str] = {
    ImportState.WAITING: "Waiting: nothing can be decided yet",
    ImportState.SKIPPED: "Skipped: not imported",
    ImportState.BLOCKED: "Blocked: cannot be imported into Commerce yet",
    ImportState.CREATED: "Created: there is a Commerce order",
    ImportState.WITHDRAWN: "Withdrawn: will not be imported any more",
}

STATE_STYLES: Mapping[ImportState, str] = {
    ImportState.WAITING: "yellow",
    ImportState.SKIPPED: "dim",
    ImportState.BLOCKED: "bold red",
    ImportState.CREATED: "green",
    ImportState.WITHDRAWN: "dim",
}

DECISIONS: Mapping[str, str] = {
    "received": "message received",
    "ignored-older": "older news, changes nothing",
    "judged": "asked the import policy again",
    "blocked": "blocked",
    "still-blocked": "still blocked",
    "created": "Commerce order created",
    "commerce-processing": "Commerce says processing",
    "commerce-shipped": "Commerce says shipped",
    "commerce-complete": "Commerce says complete",
    "commerce-canceled": "Commerce says canceled",
    "completed-at-sync": "completed at the sync",
}
"""What a story's entries are called."""


def in_words(reasons: Iterable[str]) -> str:
    """Give reasons as people read them; a code without words stands for itself."""
    return "; ".join(REASONS.get(reason, reason) for reason in reasons)


def system_message(store_names: Iterable[str]) -> str | None:
    """Give rule 19's message for the stores that have blocked orders; None where none has."""
    names = ", ".join(store_names)
    if not names:
        return None
    return (
        "Your Amazon store(s) has orders that cannot be imported into Commerce. "
        f"See Recent Orders in the store dashboard(s): {names}"
    )


def blocked_per_store(states: Mapping[str, Mapping[ImportState, int]]) -> Mapping[str, int]:
    """Give how many orders are blocked, per store id, of stores that have any."""
    counts = {store: of.get(ImportState.BLOCKED, 0) for store, of in states.items()}
    return {store: count for store, count in sorted(counts.items()) if count}


def system_message_of(
    stores: Mapping[str, Store], states: Mapping[str, Mapping[ImportState, int]]
) -> str | None:
    """Give rule 19's message for the orders there are; None where none is blocked."""
    return system_message(
        stores[store].name if store in stores else store for store in blocked_per_store(states)
    )
