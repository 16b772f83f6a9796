"""State transitions: an order's next outcome, by the last one and the policy (rules 4, 16, 21)."""

from collections.abc import Mapping

from handlers.rules.decision_builder import DecisionBuilder
from models.amazon_order import SalesChannel
from models.decision import Decision
from models.keys import depends_on_store
from models.messages import MessageContext
from models.order_record import OrderRecord
from models.outcome import Admitted, Blocked, Created, Outcome, Skipped, Waiting, Withdrawn
from models.reasons import SkipReason, WaitingReason
from models.reference_data import Store


def next_outcome(
    previous: Outcome | None,
    policy_result: Admitted | Waiting | Skipped,
    *,
    channel_changed: bool = False,
) -> Outcome | None:
    """Return the next outcome of an order; None if the blocker check decides it.

    `previous` is the outcome so far, None for a new order. `channel_changed` says that the order's
    sales channel has changed (rule 21).
    """
    match previous, policy_result:
        case Created(), _:
            return previous
        case Blocked(), Waiting() | Skipped(SkipReason.IMPORT_DISABLED):
            return previous  # rule 4: stays as it is, and is not released until import is on again
        case Blocked(), Skipped(SkipReason.NOT_SOLD_ON_AMAZON) if not channel_changed:
            return previous  # rule 21: the setting was turned off, as in rule 4
        case Blocked(), Skipped(reason):
            return Withdrawn(reason)
        case Waiting(), Skipped(SkipReason.CANCELED):
            return Withdrawn(SkipReason.CANCELED)
        case Skipped(SkipReason.IMPORT_DISABLED), Admitted() | Waiting():
            return previous  # rule 4: only an operator's replay brings it in
        case Skipped(SkipReason.NOT_SOLD_ON_AMAZON), Admitted() | Waiting() if not channel_changed:
            return previous  # rule 21: the setting was turned on, as in rule 4
        case Withdrawn(reason), Skipped(same) if reason is same:
            return previous
        case _:
            return None if isinstance(policy_result, Admitted) else policy_result


def transition(
    record: OrderRecord,
    previous: Outcome | None,
    outcome: Outcome,
    context: MessageContext,
    *,
    what: str,
    store: Store | None,
) -> Decision:
    """Return the decision that an order has this outcome, if it is not from the blocker check.

    `what` is the code for the order's history.
    """
    builder = DecisionBuilder(record, context)
    if isinstance(outcome, Skipped) and outcome != previous:
        builder.skipped(outcome.reason)
    if isinstance(outcome, Withdrawn) and isinstance(previous, Blocked):
        builder.withdrawn(outcome.reason)
    return builder.decide(
        what,
        outcome.reasons,
        {} if store is None else settings_used(record, store),
        outcome=outcome,
        depends_on=_depends_on(record, outcome),
        decided_at=record.decided_at if outcome == previous else context.at,
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
    """Return the store's settings that the policy has used, with their version.

    If the order's marketplace is not the store's, both are included (rule 22).
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
