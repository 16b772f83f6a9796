"""The settlement: from what the policy says now, and what became of the order so far, onward."""

from dataclasses import replace

from handlers.events import EventLog
from models.amazon_order import SalesChannel
from models.decision import Decision
from models.facts import Store
from models.keys import waits_on_store
from models.outcomes import (
    Admitted,
    Blocked,
    Created,
    Outcome,
    Skipped,
    SkipReason,
    Waiting,
    WaitingReason,
    Withdrawn,
)
from models.records import Occasion, OrderRecord, StoryEntry


def settle(
    record: OrderRecord,
    was: Outcome | None,
    verdict: Admitted | Waiting | Skipped,
    occasion: Occasion,
    *,
    what: str,
    store: Store | None,
    channel_changed: bool = False,
) -> Decision:
    """Give what follows from the policy's verdict for an order that has no Commerce order.

    `was` is the outcome so far, None for an order seen for the first time. `what` names the
    occasion in the order's story. `channel_changed` says that the order's sales channel is not
    what it was (rule 21).
    """
    outcome = _next_outcome(was, verdict, channel_changed=channel_changed)
    log = EventLog(record, occasion)
    if outcome != was:
        match outcome:
            case Skipped(reason):
                log.skipped(reason)
            case Withdrawn(reason) if isinstance(was, Blocked):
                log.withdrawn(reason)
            case Admitted() | Waiting() | Blocked() | Created() | Withdrawn():
                pass
    admitted = isinstance(outcome, Admitted) or (
        isinstance(outcome, Blocked) and isinstance(verdict, Admitted)
    )
    return Decision(
        record=replace(
            record,
            outcome=outcome,
            admitted=admitted,
            waits_on=_waits_on(record, outcome),
            sequence=log.sequence,
            decided_at=record.decided_at if outcome == was else occasion.at,
        ),
        story=StoryEntry(
            occasion.at,
            occasion.cause,
            what,
            reasons_of(outcome),
            {} if store is None else _settings_used(record, store),
            tuple(event.event_id for event in log.events),
        ),
        events=log.events,
        # One already on its way to the blocker check is judged as it then is: no second message.
        admit=admitted and not record.admitted,
    )


def _next_outcome(
    was: Outcome | None, verdict: Admitted | Waiting | Skipped, *, channel_changed: bool
) -> Outcome:
    match was, verdict:
        case Created(), _:
            return was
        case Blocked(), Admitted() | Waiting() | Skipped(SkipReason.IMPORT_DISABLED):
            return was  # rule 4: stays as it is, and is not released until import is on again
        case Blocked() | Admitted(), Skipped(SkipReason.NOT_SOLD_ON_AMAZON) if not channel_changed:
            return was  # rule 21: the setting was turned off, as in rule 4
        case Blocked(), Skipped(reason):
            return Withdrawn(reason)
        case Waiting() | Admitted(), Skipped(SkipReason.CANCELED):
            return Withdrawn(SkipReason.CANCELED)
        case Admitted(), Skipped(SkipReason.IMPORT_DISABLED):
            return was  # rule 4: the setting as it stood when the order became ready
        case Skipped(SkipReason.IMPORT_DISABLED), Admitted() | Waiting():
            return was  # rule 4: only an operator's replay brings it in
        case Skipped(SkipReason.NOT_SOLD_ON_AMAZON), Admitted() | Waiting() if not channel_changed:
            return was  # rule 21: the setting was turned on, as in rule 4
        case Withdrawn(reason), Skipped(same) if reason is same:
            return was
        case _:
            return verdict


def reasons_of(outcome: Outcome) -> tuple[str, ...]:
    """Give the codes of an outcome, as operators read them."""
    match outcome:
        case Admitted() | Created():
            return ()
        case Waiting(reason):
            return (reason.value,)
        case Skipped(reason) | Withdrawn(reason):
            return (reason.value,)
        case Blocked(blockers):
            return tuple(sorted({blocker.code.value for blocker in blockers}))


def _waits_on(record: OrderRecord, outcome: Outcome) -> tuple[str, ...]:
    match outcome:
        case Waiting(WaitingReason.STORE_UNKNOWN):
            return (waits_on_store(record.store_id),)
        case Blocked():
            return record.waits_on
        case _:
            return ()


def _settings_used(record: OrderRecord, store: Store) -> dict[str, object]:
    settings: dict[str, object] = {
        "store_updated_at": store.updated_at,
        "import_amazon_orders": store.import_amazon_orders,
        "integrated_at": store.integrated_at,
    }
    if record.order.sales_channel is SalesChannel.NON_AMAZON:
        settings["import_non_amazon_orders"] = store.import_non_amazon_orders
    return settings | marketplaces(record, store)


def marketplaces(record: OrderRecord, store: Store) -> dict[str, object]:
    """Return the order's marketplace and its store's if they are not the same (rule 22)."""
    marketplace_id = record.order.marketplace_id
    if marketplace_id in {None, store.marketplace_id}:
        return {}
    return {"marketplace_id": marketplace_id, "store_marketplace_id": store.marketplace_id}
