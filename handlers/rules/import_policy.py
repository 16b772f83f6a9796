"""The import policy: whether an order may go on to the blocker check (rules 1 to 6 and 21)."""

from collections.abc import Sequence

from models.amazon_order import (
    AmazonOrder,
    AmazonStatus,
    Completeness,
    FulfillmentChannel,
    OrderItem,
    SalesChannel,
)
from models.outcome import Admitted, MissingDetail, Skipped, Waiting
from models.reasons import SkipReason, WaitingReason
from models.reference_data import Store

_READY = {
    FulfillmentChannel.MFN: frozenset(
        {AmazonStatus.UNSHIPPED, AmazonStatus.PARTIALLY_SHIPPED, AmazonStatus.SHIPPED}
    ),
    FulfillmentChannel.AFN: frozenset({AmazonStatus.SHIPPED}),
}
"""The Amazon statuses in which an order may become a Commerce order, by channel."""


def apply_import_policy(order: AmazonOrder, store: Store | None) -> Admitted | Waiting | Skipped:
    """Apply the policy in its fixed order; the first rule that applies decides.

    Store unknown, canceled, not sold on Amazon, purchase date unknown, before integration, status
    not importable, details pending, nothing to import, import disabled.
    """
    if store is None:
        return Waiting(WaitingReason.STORE_UNKNOWN)
    if order.status is AmazonStatus.CANCELED:
        return Skipped(SkipReason.CANCELED)
    if order.sales_channel is SalesChannel.NON_AMAZON and not store.import_non_amazon_orders:
        return Skipped(SkipReason.NOT_SOLD_ON_AMAZON)
    if order.purchase_date is None:
        return Waiting(WaitingReason.PURCHASE_DATE_UNKNOWN)
    if order.purchase_date < store.integrated_at:
        return Skipped(SkipReason.BEFORE_INTEGRATION)
    if not _status_may_be_ready(order):
        return Waiting(WaitingReason.STATUS_NOT_IMPORTABLE)
    if missing := missing_details(order):
        return Waiting(WaitingReason.DETAILS_PENDING, missing)
    if not any(item.quantity for item in order.items):
        return Skipped(SkipReason.NOTHING_TO_IMPORT)
    if not store.import_amazon_orders:
        return Skipped(SkipReason.IMPORT_DISABLED)
    return Admitted()


def _status_may_be_ready(order: AmazonOrder) -> bool:
    """Return False only if the status rules the order out for every channel it may have."""
    if order.status is None:
        return True
    channels = (
        [order.fulfillment_channel] if order.fulfillment_channel else list(FulfillmentChannel)
    )
    return any(order.status in _READY[channel] for channel in channels)


def missing_details(order: AmazonOrder) -> tuple[MissingDetail, ...]:
    """Return the details that an order still needs before it can be imported (rule 5)."""
    lines = [item for item in order.items if item.quantity]
    missing = []
    if order.status is None:
        missing.append(MissingDetail.STATUS)
    if order.fulfillment_channel is None:
        missing.append(MissingDetail.CHANNEL)
    if not _lines_known(order, lines):
        missing.append(MissingDetail.LINES)
    elif not all(line.price is not None for line in lines) and any(
        order.line_clock(line.order_item_id).completeness is Completeness.PROVISIONAL
        for line in lines
    ):
        missing.append(MissingDetail.PRICES)
    return tuple(missing)


def _lines_known(order: AmazonOrder, lines: Sequence[OrderItem]) -> bool:
    """Return whether all lines are stored, each from a body that has its details.

    Amazon's own count of the units decides, if there is one: pages of items may come in any
    order, and one page is not all of them.
    """
    announced = any(
        order.line_clock(line.order_item_id).completeness is Completeness.ANNOUNCED
        for line in lines
    )
    counted = order.units_expected
    if announced or counted is None:
        return not announced and order.items_complete
    return sum(line.quantity for line in lines) >= counted
