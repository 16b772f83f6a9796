"""The reception: a message about an order meets what is known of it (rules 1 to 6, 15 to 18)."""

from dataclasses import replace

from handlers.rules.amendments import NO_CATALOG, Amendment, amend
from handlers.rules.check_order import check
from handlers.rules.commerce_order import status_after, with_status
from handlers.rules.decision_builder import DecisionBuilder
from handlers.rules.import_policy import apply_import_policy, missing_details
from handlers.rules.merge import first, merge, moves_status
from handlers.rules.transitions import next_outcome, settle
from models.amazon_order import AmazonOrder
from models.commerce_order import CommerceOrder
from models.decision import Decision
from models.messages import MessageContext
from models.order_record import OrderRecord
from models.outcome import Admitted, Blocked, Created, Waiting, WaitingReason
from models.reference_data import Catalog, Store

UNDECIDED = Waiting(WaitingReason.STORE_UNKNOWN)
"""The outcome of an order that nothing was decided about yet. It is never stored."""
CHANGES_KEPT = 50
"""How many changes an entry of an order's history keeps: an order has up to a thousand lines."""


def receive(
    known: OrderRecord | None,
    store_id: str,
    news: AmazonOrder,
    store: Store | None,
    commerce_order: CommerceOrder | None,
    context: MessageContext,
    catalog: Catalog = NO_CATALOG,
    number: int = 1,
) -> Decision:
    """Take one message about one order: what the policy admits goes through the blocker check.

    `known` is what is recorded of the order, None at first sight; `commerce_order` its Commerce
    order where one was created, and the news may concern it. `catalog` is what it is judged by,
    and what more units are reserved from; `number` the next free order number.
    """
    if known is None:
        record = _first_record(store_id, news, context)
        return _judge_news(record, None, store, catalog, number, context)
    order = merge(known.order, news)
    record = replace(known, order=order, received=known.received + 1)
    moves = moves_status(known.order, news)
    if isinstance(known.outcome, Created):
        current = news if moves else news.model_copy(update={"status": None})
        decision = _after_creation(record, known.order, current, commerce_order, catalog, context)
    else:
        decision = _judge_news(record, known, store, catalog, number, context)
    if _changes_nothing(known, decision):
        older = news.status is not None and not moves
        return _ignored(known, decision, context, "older" if older else "unchanged")
    return decision


def _judge_news(
    record: OrderRecord,
    known: OrderRecord | None,
    store: Store | None,
    catalog: Catalog,
    number: int,
    context: MessageContext,
) -> Decision:
    """Ask the policy, and then the blocker check, about an order without a Commerce order."""
    was = None if known is None else known.outcome
    policy_result = apply_import_policy(record.order, store)
    outcome = next_outcome(
        was,
        policy_result,
        channel_changed=known is not None
        and record.order.sales_channel is not known.order.sales_channel,
    )
    if known is not None and isinstance(was, Blocked) and isinstance(policy_result, Admitted):
        # Nothing the blocker check looks at has changed: it would say the same again.
        outcome = was if _judged_alike(known.order, record.order) else None
    if outcome is None and store is not None:
        return check(record, was, store, catalog, number, context)
    return settle(record, was, outcome or UNDECIDED, context, what="received", store=store)


def _changes_nothing(known: OrderRecord, decision: Decision) -> bool:
    """Say whether the order, but for the times of its parts, and its outcome are as they were."""
    before, now = known.order, decision.record.order
    times = {"last_update_date": before.last_update_date, "clocks": before.clocks}
    return (
        not decision.events
        and decision.commerce_order is None
        and decision.record.outcome == known.outcome
        and missing_details(now) == missing_details(before)
        and now.model_copy(update=times) == before
    )


def _ignored(known: OrderRecord, decision: Decision, context: MessageContext, why: str) -> Decision:
    record = decision.record
    same = record.order == known.order
    return DecisionBuilder(record, context).decide(
        f"ignored-{why}",
        record.outcome.reasons,
        order=known.order if same else record.order,
        ignored=known.ignored + 1,
    )


def _first_record(store_id: str, news: AmazonOrder, context: MessageContext) -> OrderRecord:
    return OrderRecord(
        store_id=store_id,
        order=first(store_id, news),
        outcome=UNDECIDED,
        depends_on=(),
        sequence=0,
        received=1,
        ignored=0,
        received_at=context.at,
        decided_at=context.at,
    )


def _judged_alike(before: AmazonOrder, now: AmazonOrder) -> bool:
    """Say whether all is as it was that the policy and the blocker check look at.

    What is missing counts too: as long as a detail is, no fact frees the order.
    """
    return missing_details(before) == missing_details(now) and all(
        getattr(before, name) == getattr(now, name)
        for name in ("items", "fulfillment_channel", "status")
    )


def _after_creation(
    record: OrderRecord,
    before: AmazonOrder,
    news: AmazonOrder,
    commerce_order: CommerceOrder | None,
    catalog: Catalog,
    context: MessageContext,
) -> Decision:
    """Pass Amazon's later news on to the Commerce order (rules 6, 16 and 17).

    It is amended first, then its status moves. What the news says of the status counts: one that
    is known from Commerce moves nothing before the sync.
    """
    builder = DecisionBuilder(record, context)
    if commerce_order is None:
        return builder.decide("received")
    amendment = amend(commerce_order, before, record.order, news, catalog, context.at)
    order, releases = amendment.order, amendment.releases
    builder.amended(order, amendment.changes)
    for request in amendment.requests:
        builder.cancellation_requested(order, request.order_item_ids, request.reason)
    to = status_after(news.status, order.status)
    if to is not None:
        builder.status_changed(order, to)
        order, freed = with_status(order, to)
        releases += freed
    return builder.decide(
        _what_of(amendment),
        facts=_changes_told(amendment),
        commerce_order=order if builder.has_events else None,
        reserves=amendment.reserves,
        releases=releases,
    )


def _what_of(amendment: Amendment) -> str:
    """Name what the news was, the most important first: more units than before are a warning."""
    if amendment.has_grown:
        return "amended-short" if amendment.is_short else "amended-up"
    if amendment.requests:
        return "cancellation-requested"
    return "amended" if amendment.changes else "received"


def _changes_told(amendment: Amendment) -> dict[str, object]:
    """Return the changes as the history keeps them."""
    changes = amendment.changes[:CHANGES_KEPT]
    kept = [change.model_dump(mode="json", by_alias=True) for change in changes]
    return {"changes": kept} if kept else {}
