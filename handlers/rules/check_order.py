"""The check of an order: it becomes a Commerce order, is blocked, or gets the policy's outcome."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from handlers.rules.blockers import Need, find_blockers, find_erased_address, sum_needs
from handlers.rules.commerce_order import make_commerce_order, status_after, with_status
from handlers.rules.decision_builder import DecisionBuilder
from handlers.rules.import_policy import apply_import_policy
from handlers.rules.transitions import next_outcome, settings_used, transition
from handlers.rules.unblocking import depends_on
from models.decision import Decision
from models.keys import DEFAULT_STOCK
from models.messages import MessageContext
from models.order_record import CREATED, OrderRecord
from models.outcome import Admitted, Blocked, Created, Outcome, Skipped, Waiting, Withdrawn
from models.reasons import SkipReason
from models.reference_data import Catalog, Store

MAX_PRODUCTS_KEPT = 50
"""The most products whose data is kept in a history entry."""


def check_order(
    record: OrderRecord,
    store: Store | None,
    catalog: Catalog,
    number: int,
    context: MessageContext,
    *,
    replayed: bool = False,
) -> Decision | None:
    """Check a stored order again with current data; None if there is nothing to check.

    The check starts with the policy. `number` is the next free order number. A replay also checks
    orders that were skipped or withdrawn.
    """
    match record.outcome:
        case Created() | Skipped(SkipReason.CANCELED) | Withdrawn(SkipReason.CANCELED):
            return None
        case Skipped() | Withdrawn() if not replayed:
            return None
        case Waiting() | Blocked() | Skipped() | Withdrawn():
            policy_result = apply_import_policy(record.order, store)
            if isinstance(policy_result, Admitted) and store is not None:
                decision = check_blockers(
                    record, record.outcome, store, catalog, number, context, replayed=replayed
                )
                same = isinstance(decision.record.outcome, Blocked) and not decision.events
            else:
                outcome = next_outcome(record.outcome, policy_result) or record.outcome
                decision = transition(
                    record, record.outcome, outcome, context, what="rechecked", store=store
                )
                same = outcome == record.outcome
            # Skip unchanged results: periodic syncs would evict the useful history entries.
            return replace(decision, history=None) if same and not replayed else decision


def check_blockers(
    record: OrderRecord,
    previous: Outcome | None,
    store: Store,
    catalog: Catalog,
    number: int,
    context: MessageContext,
    *,
    replayed: bool = False,
) -> Decision:
    """Apply the blocker check to an order that the policy admits: all of it is created, or nothing.

    `previous` is the outcome so far, None for a new order.
    """
    needs = sum_needs(record.order, record.store_id, catalog)
    blockers = find_erased_address(record) + find_blockers(record.order, store, catalog, needs)
    facts = {**settings_used(record, store), "products": _products_used(store, catalog, needs)}
    if store.stock_id != DEFAULT_STOCK:
        facts["stock_id"] = store.stock_id
    if not blockers:
        return _create(
            record, previous, store, catalog, needs, number, context, facts, replayed=replayed
        )
    before = previous if isinstance(previous, Blocked) else None
    outcome = Blocked(
        blockers,
        since=context.at if before is None else before.since,
        tried=1 if before is None else before.tried + 1,
    )
    builder = DecisionBuilder(record, context)
    is_new = before is None or _causes(before) != _causes(outcome)
    if is_new:
        builder.blocked(outcome)
    return builder.decide(
        "blocked" if is_new else "still-blocked",
        outcome.reasons,
        facts,
        outcome=outcome,
        depends_on=depends_on(store, needs, blockers),
        decided_at=context.at,
    )


def _create(
    record: OrderRecord,
    previous: Outcome | None,
    store: Store,
    catalog: Catalog,
    needs: Sequence[Need],
    number: int,
    context: MessageContext,
    facts: Mapping[str, object],
    *,
    replayed: bool,
) -> Decision:
    order = make_commerce_order(record, store, catalog, needs, number, context, replayed=replayed)
    builder = DecisionBuilder(record, context)
    builder.created(order)
    if isinstance(previous, Blocked):
        builder.released(order, previous)
    reserves = order.reservations
    onward = status_after(record.order.status, order.status)
    if onward is not None:  # seen first as shipped: processing, then complete
        builder.status_changed(order, onward)
        order, _ = with_status(order, onward, context.at)
    return builder.decide(
        CREATED,
        facts=facts,
        commerce_order=order,
        reserves=reserves,
        outcome=Created(order.commerce_order_id),
        depends_on=(),
        decided_at=context.at,
    )


def _causes(blocked: Blocked) -> set[tuple[str, str | None, str | None]]:
    """Return what makes two blocks the same (rule 13): the codes, their products and stocks."""
    return {(each.code.value, each.sku, each.stock_id) for each in blocked.blockers}


def _products_used(
    store: Store, catalog: Catalog, needs: Sequence[Need]
) -> Sequence[Mapping[str, object]]:
    skus = [need.sku for need in needs[:MAX_PRODUCTS_KEPT] if need.sku is not None]
    return [
        {
            "sku": product.product.sku,
            "enabled": product.product.is_enabled_for(store.store_id),
            "manage_stock": product.product.manage_stock,
            "salable_quantity": product.salable_quantity,
            "reserved": product.reserved,
            "as_of": product.counted_at or product.product.as_of,
        }
        for product in map(catalog.products.get, skus)
        if product is not None
    ]
