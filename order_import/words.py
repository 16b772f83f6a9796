"""The words for codes: what people read where machines read `out-of-stock`."""

from collections.abc import Iterable, Mapping

from models.checkpoint import OffsetReset
from models.labels import MISSING_DETAILS, REASONS
from models.outcome import ImportState, MissingDetail
from models.reference_data import Store

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


def in_words(reasons: Iterable[str]) -> str:
    """Give reasons as people read them; a code without words stands for itself."""
    return "; ".join(REASONS.get(reason, reason) for reason in reasons)


def missing_in_words(missing: Iterable[MissingDetail]) -> str:
    """Return the details an order waits for as people read them, each with its code."""
    return ", ".join(f"{MISSING_DETAILS[detail]} ({detail})" for detail in missing)


def reset_in_words(reset: OffsetReset) -> str:
    """Return what became of a checkpoint that was not in its log any more, and what to do."""
    place = f"{reset.source.topic}:{reset.source.partition}"
    if reset.lost is None:
        return (
            f"{place}: the topic was created anew, or lost its end; "
            f"offset {reset.expected} was to be read next, {reset.found} was"
        )
    return (
        f"{place}: Kafka deleted {reset.lost:,} offsets, from {reset.expected} to "
        f"{reset.found - 1}, before they were read; have them sent again"
    )


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
