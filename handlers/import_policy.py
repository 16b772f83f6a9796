"""The import policy: may this order go on to the blocker check (rules 1 to 6 and 21)."""

from models.amazon_order import AmazonOrder, AmazonStatus, FulfillmentChannel, SalesChannel
from models.facts import Store
from models.outcomes import Admitted, Skipped, SkipReason, Waiting, WaitingReason

_READY = {
    FulfillmentChannel.MFN: frozenset(
        {AmazonStatus.UNSHIPPED, AmazonStatus.PARTIALLY_SHIPPED, AmazonStatus.SHIPPED}
    ),
    FulfillmentChannel.AFN: frozenset({AmazonStatus.SHIPPED}),
}
"""The Amazon statuses in which an order may become a Commerce order, by channel."""


def apply_import_policy(order: AmazonOrder, store: Store | None) -> Admitted | Waiting | Skipped:
    """Ask the policy in its fixed order; the first that applies is the answer.

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
    if not _details_known(order):
        return Waiting(WaitingReason.DETAILS_PENDING)
    if not any(item.quantity for item in order.items):
        return Skipped(SkipReason.NOTHING_TO_IMPORT)
    if not store.import_amazon_orders:
        return Skipped(SkipReason.IMPORT_DISABLED)
    return Admitted()


def _status_may_be_ready(order: AmazonOrder) -> bool:
    """Say no only when the status, for any channel the order may have, rules it out."""
    if order.status is None:
        return True
    channels = (
        [order.fulfillment_channel] if order.fulfillment_channel else list(FulfillmentChannel)
    )
    return any(order.status in _READY[channel] for channel in channels)


def _details_known(order: AmazonOrder) -> bool:
    """Say whether lines, status and channel are known (rule 5).

    Where Amazon counts the pieces of the order, one page of its items is not all of them.
    """
    if order.status is None or order.fulfillment_channel is None or not order.items_complete:
        return False
    pieces = sum(item.quantity for item in order.items)
    return order.items_expected is None or pieces >= order.items_expected
