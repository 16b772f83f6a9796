"""The judgement: an admitted order becomes a Commerce order or is blocked, all or nothing."""

from collections.abc import Sequence
from dataclasses import replace

from handlers.blockers import Need, find_blockers, needs_of, waits_on
from handlers.commerce_order import make_commerce_order, status_after, with_status
from handlers.events import EventLog
from handlers.import_policy import apply_import_policy
from handlers.settlement import marketplaces, settle
from models.catalog import Catalog
from models.decision import Decision
from models.facts import Store
from models.outcomes import (
    Admitted,
    Blocked,
    Created,
    Skipped,
    SkipReason,
    Waiting,
    Withdrawn,
)
from models.records import Occasion, OrderRecord, StoryEntry

FACTS_TOLD = 50
"""Of how many products an entry of an order's story keeps the facts: it must not outgrow it."""


def judge(
    record: OrderRecord,
    store: Store | None,
    catalog: Catalog,
    number: int,
    occasion: Occasion,
    *,
    replayed: bool = False,
) -> Decision | None:
    """Judge one order against today's facts; None where there is nothing to judge.

    An order the policy has just admitted is not asked again: the setting as it stood then counts
    (rule 4). Any other (blocked, waiting for a store, or replayed) re-enters at the policy.
    `number` is the next free order number.
    """
    match record.outcome:
        case Created():
            return None
        case Admitted() if store is not None:
            return _check(record, store, catalog, number, occasion, replayed=replayed)
        case Skipped(SkipReason.CANCELED) | Withdrawn(SkipReason.CANCELED):
            return None
        case Skipped() | Withdrawn() if not replayed:
            return None
        case Admitted() | Waiting() | Blocked() | Skipped() | Withdrawn():
            verdict = apply_import_policy(record.order, store)
            if isinstance(verdict, Admitted) and store is not None:
                return _check(record, store, catalog, number, occasion, replayed=replayed)
            decision = settle(record, record.outcome, verdict, occasion, what="judged", store=store)
            same = decision.record.outcome == record.outcome
            # Every sync comes by here: it would push the order's story out of its story.
            return replace(decision, story=None) if same and not replayed else decision


def _check(
    record: OrderRecord,
    store: Store,
    catalog: Catalog,
    number: int,
    occasion: Occasion,
    *,
    replayed: bool,
) -> Decision:
    needs = needs_of(record.order, record.store_id, catalog)
    blockers = find_blockers(record.order, store, catalog, needs)
    facts = _facts_used(store, catalog, needs) | marketplaces(record, store)
    if blockers:
        was = record.outcome if isinstance(record.outcome, Blocked) else None
        outcome = Blocked(
            blockers,
            since=occasion.at if was is None else was.since,
            tried=1 if was is None else was.tried + 1,
        )
        log = EventLog(record, occasion)
        if was is None or _causes(was) != _causes(outcome):
            log.blocked(outcome)
        return Decision(
            record=replace(
                record,
                outcome=outcome,
                admitted=False,
                waits_on=waits_on(record.store_id, needs, blockers),
                sequence=log.sequence,
                decided_at=occasion.at,
            ),
            story=StoryEntry(
                occasion.at,
                occasion.cause,
                "blocked" if log.events else "still-blocked",
                tuple(sorted({blocker.code.value for blocker in blockers})),
                facts,
                tuple(event.event_id for event in log.events),
            )
            if log.events or replayed
            else None,
            events=log.events,
        )
    return _create(record, store, needs, number, occasion, facts, replayed=replayed)


def _create(
    record: OrderRecord,
    store: Store,
    needs: Sequence[Need],
    number: int,
    occasion: Occasion,
    facts: dict[str, object],
    *,
    replayed: bool,
) -> Decision:
    order = make_commerce_order(record, store, needs, number, occasion, replayed=replayed)
    log = EventLog(record, occasion)
    log.created(order)
    if isinstance(record.outcome, Blocked):
        log.released(order, record.outcome)
    takes = order.holds
    onward = status_after(record.order.status, order.status)
    if onward is not None:  # seen first as shipped: processing, then complete
        log.status_changed(order, onward)
        order, _ = with_status(order, onward)
    return Decision(
        record=replace(
            record,
            outcome=Created(order.commerce_order_id),
            admitted=False,
            waits_on=(),
            sequence=log.sequence,
            decided_at=occasion.at,
        ),
        story=StoryEntry(
            occasion.at,
            occasion.cause,
            "created",
            (),
            facts,
            tuple(event.event_id for event in log.events),
        ),
        events=log.events,
        commerce_order=order,
        takes=takes,
    )


def _causes(blocked: Blocked) -> set[tuple[str, str | None]]:
    """Give what makes a block the same block (rule 13): which codes for which products."""
    return {(blocker.code.value, blocker.sku) for blocker in blocked.blockers}


def _facts_used(store: Store, catalog: Catalog, needs: Sequence[Need]) -> dict[str, object]:
    """Give the facts and settings a decision was taken on, with their versions."""
    products: list[dict[str, object]] = []
    for need in needs[:FACTS_TOLD]:
        known = None if need.sku is None else catalog.products.get(need.sku)
        if known is not None:
            products.append(
                {
                    "sku": known.product.sku,
                    "enabled": known.product.enabled,
                    "manage_stock": known.product.manage_stock,
                    "salable_quantity": known.product.salable_quantity,
                    "held": known.held,
                    "as_of": known.product.as_of,
                }
            )
    return {"store_updated_at": store.updated_at, "products": products}
