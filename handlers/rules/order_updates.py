"""What Commerce reports about its orders (rules 10, 17 and 26)."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from handlers.rules.commerce_order import may_become, with_status
from handlers.rules.decision_builder import DecisionBuilder
from handlers.rules.reservations import release_counted
from models.amazon_order import AmazonStatus
from models.commerce_order import CommerceOrder, Reservation
from models.decision import Decision
from models.messages import MessageContext
from models.order_record import OrderRecord
from models.reference_data import CommerceStatus, CountsOrdersFrom, OrderUpdate

_SHIPPED = frozenset({CommerceStatus.SHIPPED, CommerceStatus.COMPLETE})


def apply_update(
    record: OrderRecord,
    order: CommerceOrder,
    update: OrderUpdate,
    counted_as_of: Mapping[str, datetime],
    counts_from: CountsOrdersFrom,
    context: MessageContext,
) -> Decision | None:
    """Apply one update; None if it is older than the last one.

    `counted_as_of` is when Commerce last counted each product that the order reserves: a count
    from `counts_from` on already includes the order.
    """
    if order.updated_at is not None and update.at < order.updated_at:
        return None
    builder = DecisionBuilder(record, context)
    moved = order
    releases: tuple[Reservation, ...] = ()
    if may_become(order.status, update.status):
        builder.status_changed(order, update.status)
        moved, releases = with_status(order, update.status, update.at)
    acknowledged = order.acknowledged_at
    if acknowledged is None and (order.grown_at is None or update.at >= order.grown_at):
        acknowledged = update.at
    shipped = order.shipped_at
    if shipped is None and update.status in _SHIPPED:
        shipped = update.at
    moved = replace(moved, acknowledged_at=acknowledged, shipped_at=shipped, updated_at=update.at)
    moved, counted = release_counted(moved, counted_as_of, counts_from)
    amazon = record.order
    if update.status is CommerceStatus.SHIPPED and amazon.status is not AmazonStatus.CANCELED:
        amazon = amazon.model_copy(update={"status": AmazonStatus.SHIPPED})
    return builder.decide(
        f"commerce-{update.status.value}",
        commerce_order=moved,
        releases=releases + counted,
        order=amazon,
    )


def complete_shipped(
    record: OrderRecord, order: CommerceOrder, context: MessageContext
) -> Decision | None:
    """Complete a Commerce order that is shipped, at a sync (rule 17)."""
    if order.status is not CommerceStatus.SHIPPED:
        return None
    builder = DecisionBuilder(record, context)
    builder.status_changed(order, CommerceStatus.COMPLETE)
    moved, _ = with_status(order, CommerceStatus.COMPLETE, context.at)
    return builder.decide("completed-at-sync", commerce_order=moved)
