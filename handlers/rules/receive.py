"""Receiving: a message about an order meets what is stored of it (rules 1 to 6, 15 to 18)."""

from dataclasses import replace

from handlers.rules.amendments import NO_CATALOG, Amendment, amend
from handlers.rules.check_order import check_blockers
from handlers.rules.commerce_order import status_after, with_status
from handlers.rules.decision_builder import DecisionBuilder
from handlers.rules.import_policy import apply_import_policy, missing_details
from handlers.rules.merge import merge, new_order, status_applies
from handlers.rules.retention import without_buyer
from handlers.rules.transitions import next_outcome, transition
from models.amazon_order import AmazonOrder
from models.buyer_data import Erased
from models.commerce_order import CommerceOrder
from models.decision import Decision
from models.messages import MessageContext
from models.order_record import OrderRecord
from models.outcome import Admitted, Blocked, Created, Waiting
from models.reasons import WaitingReason
from models.reference_data import Catalog, Store

UNDECIDED = Waiting(WaitingReason.STORE_UNKNOWN)
"""The outcome of an order about which nothing is decided yet. It is never stored."""
MAX_CHANGES_KEPT = 50
"""The most changes kept in a history entry: an order has up to a thousand lines."""


def receive(
    stored: OrderRecord | None,
    store_id: str,
    incoming: AmazonOrder,
    store: Store | None,
    commerce_order: CommerceOrder | None,
    context: MessageContext,
    catalog: Catalog = NO_CATALOG,
    number: int = 1,
) -> Decision:
    """Decide on one message about one order; the policy and the blocker check are applied to it.

    `stored` is the recorded order, None for a new one. `commerce_order` is its Commerce order, if
    one was created and the message may change it. `catalog` has what the order is checked against
    and more units are reserved from; `number` is the next free order number.
    """
    if stored is None:
        record = _first_record(store_id, incoming, context)
        return _decide_import(record, None, store, catalog, number, context)
    if isinstance(stored.buyer_data, Erased):
        incoming = without_buyer(incoming)
    order = merge(stored.order, incoming)
    record = replace(stored, order=order, received=stored.received + 1)
    takes_status = status_applies(stored.order, incoming)
    if isinstance(stored.outcome, Created):
        current = incoming if takes_status else incoming.model_copy(update={"status": None})
        decision = _after_creation(record, stored.order, current, commerce_order, catalog, context)
    else:
        decision = _decide_import(record, stored, store, catalog, number, context)
    if _changes_nothing(stored, decision):
        older = incoming.status is not None and not takes_status
        return _ignored(stored, decision, context, "older" if older else "unchanged")
    return decision


def _decide_import(
    record: OrderRecord,
    stored: OrderRecord | None,
    store: Store | None,
    catalog: Catalog,
    number: int,
    context: MessageContext,
) -> Decision:
    previous = None if stored is None else stored.outcome
    policy_result = apply_import_policy(record.order, store)
    outcome = next_outcome(
        previous,
        policy_result,
        channel_changed=stored is not None
        and record.order.sales_channel is not stored.order.sales_channel,
    )
    if stored is not None and isinstance(previous, Blocked) and isinstance(policy_result, Admitted):
        # Nothing that the blocker check reads has changed: it would find the same again.
        outcome = previous if _is_alike_to_checks(stored.order, record.order) else None
    if outcome is None and store is not None:
        return check_blockers(record, previous, store, catalog, number, context)
    return transition(record, previous, outcome or UNDECIDED, context, what="received", store=store)


def _changes_nothing(stored: OrderRecord, decision: Decision) -> bool:
    """Return whether outcome and order, except for the times of its parts, are unchanged."""
    before, now = stored.order, decision.record.order
    times = {"last_update_date": before.last_update_date, "clocks": before.clocks}
    return (
        not decision.events
        and decision.commerce_order is None
        and decision.record.outcome == stored.outcome
        and missing_details(now) == missing_details(before)
        and now.model_copy(update=times) == before
    )


def _ignored(
    stored: OrderRecord, decision: Decision, context: MessageContext, why: str
) -> Decision:
    record = decision.record
    same = record.order == stored.order
    return DecisionBuilder(record, context).decide(
        f"ignored-{why}",
        record.outcome.reasons,
        order=stored.order if same else record.order,
        ignored=stored.ignored + 1,
    )


def _first_record(store_id: str, incoming: AmazonOrder, context: MessageContext) -> OrderRecord:
    return OrderRecord(
        store_id=store_id,
        order=new_order(store_id, incoming),
        outcome=UNDECIDED,
        depends_on=(),
        sequence=0,
        received=1,
        ignored=0,
        received_at=context.at,
        decided_at=context.at,
    )


def _is_alike_to_checks(before: AmazonOrder, now: AmazonOrder) -> bool:
    """Return whether everything that the policy and the blocker check read is unchanged.

    Missing details count, too: as long as a detail is missing, no fact can release the order.
    """
    return missing_details(before) == missing_details(now) and all(
        getattr(before, name) == getattr(now, name)
        for name in ("items", "fulfillment_channel", "status")
    )


def _after_creation(
    record: OrderRecord,
    before: AmazonOrder,
    incoming: AmazonOrder,
    commerce_order: CommerceOrder | None,
    catalog: Catalog,
    context: MessageContext,
) -> Decision:
    """Apply a later message from Amazon to the Commerce order (rules 6, 16 and 17).

    The order is amended first, then its status changes. Only the status in the message counts: a
    status that came from Commerce changes nothing before the sync.
    """
    builder = DecisionBuilder(record, context)
    if commerce_order is None:
        return builder.decide("received")
    amendment = amend(commerce_order, before, record.order, incoming, catalog, context.at)
    order, releases = amendment.order, amendment.releases
    builder.amended(order, amendment.changes)
    for request in amendment.requests:
        builder.cancellation_requested(order, request.order_item_ids, request.reason)
    to = status_after(incoming.status, order.status)
    if to is not None:
        builder.status_changed(order, to)
        order, released = with_status(order, to, context.at)
        releases += released
    return builder.decide(
        _history_code(amendment),
        facts=_changes_kept(amendment),
        commerce_order=order if builder.has_events else None,
        reserves=amendment.reserves,
        releases=releases,
    )


def _history_code(amendment: Amendment) -> str:
    """Return the history code, the most important first: more units than before are a warning."""
    if amendment.has_grown:
        return "amended-short" if amendment.is_short else "amended-up"
    if amendment.requests:
        return "cancellation-requested"
    return "amended" if amendment.changes else "received"


def _changes_kept(amendment: Amendment) -> dict[str, object]:
    changes = amendment.changes[:MAX_CHANGES_KEPT]
    kept = [change.model_dump(mode="json", by_alias=True) for change in changes]
    return {"changes": kept} if kept else {}
