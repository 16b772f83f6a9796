"""The settlement: from what the policy says now, and what became of the order so far, onward."""

from collections.abc import Mapping

from handlers.rules.decision_builder import DecisionBuilder
from models.amazon_order import SalesChannel
from models.decision import Decision
from models.keys import depends_on_store
from models.messages import MessageContext
from models.order_record import OrderRecord
from models.outcome import (
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
from models.reference_data import Store


def next_outcome(
    was: Outcome | None,
    policy_result: Admitted | Waiting | Skipped,
    *,
    channel_changed: bool = False,
) -> Outcome | None:
    """Return what becomes of an order by the policy's verdict; None for the blocker check to say.

    `was` is the outcome so far, None for an order seen for the first time. `channel_changed` says
    that the order's sales channel is not what it was (rule 21).
    """
    match was, policy_result:
        case Created(), _:
            return was
        case Blocked(), Waiting() | Skipped(SkipReason.IMPORT_DISABLED):
            return was  # rule 4: stays as it is, and is not released until import is on again
        case Blocked(), Skipped(SkipReason.NOT_SOLD_ON_AMAZON) if not channel_changed:
            return was  # rule 21: the setting was turned off, as in rule 4
        case Blocked(), Skipped(reason):
            return Withdrawn(reason)
        case Waiting(), Skipped(SkipReason.CANCELED):
            return Withdrawn(SkipReason.CANCELED)
        case Skipped(SkipReason.IMPORT_DISABLED), Admitted() | Waiting():
            return was  # rule 4: only an operator's replay brings it in
        case Skipped(SkipReason.NOT_SOLD_ON_AMAZON), Admitted() | Waiting() if not channel_changed:
            return was  # rule 21: the setting was turned on, as in rule 4
        case Withdrawn(reason), Skipped(same) if reason is same:
            return was
        case _:
            return None if isinstance(policy_result, Admitted) else policy_result


def settle(
    record: OrderRecord,
    was: Outcome | None,
    outcome: Outcome,
    context: MessageContext,
    *,
    what: str,
    store: Store | None,
) -> Decision:
    """Return the decision that an order has this outcome, which is not of the blocker check.

    `what` names the occasion in the order's history.
    """
    builder = DecisionBuilder(record, context)
    match outcome:
        case Skipped(reason) if outcome != was:
            builder.skipped(reason)
        case Withdrawn(reason) if isinstance(was, Blocked):
            builder.withdrawn(reason)
        case _:
            pass
    return builder.decide(
        what,
        outcome.reasons,
        {} if store is None else settings_used(record, store),
        outcome=outcome,
        depends_on=_depends_on(record, outcome),
        decided_at=record.decided_at if outcome == was else context.at,
    )


def _depends_on(record: OrderRecord, outcome: Outcome) -> tuple[str, ...]:
    match outcome:
        case Waiting(WaitingReason.STORE_UNKNOWN):
            return (depends_on_store(record.store_id),)
        case Blocked():
            return record.depends_on
        case _:
            return ()


def settings_used(record: OrderRecord, store: Store) -> Mapping[str, object]:
    """Return the settings of a store that the policy was asked by, with their version.

    Also the order's marketplace and its store's if they are not the same (rule 22).
    """
    settings: dict[str, object] = {
        "store_updated_at": store.updated_at,
        "import_amazon_orders": store.import_amazon_orders,
        "integrated_at": store.integrated_at,
    }
    if record.order.sales_channel is SalesChannel.NON_AMAZON:
        settings["import_non_amazon_orders"] = store.import_non_amazon_orders
    marketplace_id = record.order.marketplace_id
    if marketplace_id not in {None, store.marketplace_id}:
        settings["marketplace_id"] = marketplace_id
        settings["store_marketplace_id"] = store.marketplace_id
    return settings
