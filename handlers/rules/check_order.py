"""The judgment: an order becomes a Commerce order, is blocked, or is what the policy says."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from handlers.rules.blockers import Need, depends_on, find_blockers, needs_of
from handlers.rules.commerce_order import make_commerce_order, status_after, with_status
from handlers.rules.decision_builder import DecisionBuilder
from handlers.rules.import_policy import apply_import_policy
from handlers.rules.transitions import next_outcome, reasons_of, settings_used, settle
from models.decision import Decision
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
    Withdrawn,
)
from models.reference_data import Catalog, Store

FACTS_TOLD = 50
"""Of how many products an entry of an order's history keeps the facts: it must not outgrow it."""


def check_order(
    record: OrderRecord,
    store: Store | None,
    catalog: Catalog,
    number: int,
    context: MessageContext,
    *,
    replayed: bool = False,
) -> Decision | None:
    """Judge a known order again by today's facts; None where there is nothing to judge.

    It re-enters at the policy. `number` is the next free order number. A replay asks for orders
    that were skipped or withdrawn, too.
    """
    match record.outcome:
        case Created():
            return None
        case Skipped(SkipReason.CANCELED) | Withdrawn(SkipReason.CANCELED):
            return None
        case Skipped() | Withdrawn() if not replayed:
            return None
        case Waiting() | Blocked() | Skipped() | Withdrawn():
            policy_result = apply_import_policy(record.order, store)
            if isinstance(policy_result, Admitted) and store is not None:
                decision = check(
                    record, record.outcome, store, catalog, number, context, replayed=replayed
                )
                same = isinstance(decision.record.outcome, Blocked) and not decision.events
            else:
                outcome = next_outcome(record.outcome, policy_result) or record.outcome
                decision = settle(
                    record, record.outcome, outcome, context, what="judged", store=store
                )
                same = outcome == record.outcome
            # Every sync comes by here: it would push the order's history out of its history.
            return replace(decision, history=None) if same and not replayed else decision


def check(
    record: OrderRecord,
    was: Outcome | None,
    store: Store,
    catalog: Catalog,
    number: int,
    context: MessageContext,
    *,
    replayed: bool = False,
) -> Decision:
    """Ask the blocker check about an order that the policy admits: all of it, or nothing.

    `was` is what became of the order so far, None for one seen for the first time.
    """
    needs = needs_of(record.order, record.store_id, catalog)
    blockers = find_blockers(record.order, store, catalog, needs)
    facts = {**settings_used(record, store), "products": _products_used(catalog, needs)}
    if not blockers:
        return _create(record, was, store, needs, number, context, facts, replayed=replayed)
    before = was if isinstance(was, Blocked) else None
    outcome = Blocked(
        blockers,
        since=context.at if before is None else before.since,
        tried=1 if before is None else before.tried + 1,
    )
    builder = DecisionBuilder(record, context)
    is_news = before is None or _causes(before) != _causes(outcome)
    if is_news:
        builder.blocked(outcome)
    return builder.decide(
        "blocked" if is_news else "still-blocked",
        reasons_of(outcome),
        facts,
        outcome=outcome,
        depends_on=depends_on(record.store_id, needs, blockers),
        decided_at=context.at,
    )


def _create(
    record: OrderRecord,
    was: Outcome | None,
    store: Store,
    needs: Sequence[Need],
    number: int,
    context: MessageContext,
    facts: Mapping[str, object],
    *,
    replayed: bool,
) -> Decision:
    order = make_commerce_order(record, store, needs, number, context, replayed=replayed)
    builder = DecisionBuilder(record, context)
    builder.created(order)
    if isinstance(was, Blocked):
        builder.released(order, was)
    reserves = order.reservations
    onward = status_after(record.order.status, order.status)
    if onward is not None:  # seen first as shipped: processing, then complete
        builder.status_changed(order, onward)
        order, _ = with_status(order, onward)
    return builder.decide(
        "created",
        facts=facts,
        commerce_order=order,
        reserves=reserves,
        outcome=Created(order.commerce_order_id),
        depends_on=(),
        decided_at=context.at,
    )


def _causes(blocked: Blocked) -> set[tuple[str, str | None]]:
    """Give what makes a block the same block (rule 13): which codes for which products."""
    return {(blocker.code.value, blocker.sku) for blocker in blocked.blockers}


def _products_used(catalog: Catalog, needs: Sequence[Need]) -> Sequence[Mapping[str, object]]:
    """Give the products a decision was taken on, with their versions."""
    found = (catalog.products.get(need.sku or "") for need in needs[:FACTS_TOLD])
    return [
        {
            "sku": known.product.sku,
            "enabled": known.product.enabled,
            "manage_stock": known.product.manage_stock,
            "salable_quantity": known.product.salable_quantity,
            "reserved": known.reserved,
            "as_of": known.product.as_of,
        }
        for known in found
        if known is not None
    ]
