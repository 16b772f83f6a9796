"""The Commerce order an Amazon order becomes, and how its status may go on."""

from collections.abc import Sequence
from dataclasses import replace

from handlers.rules.blockers import Need
from models import keys
from models.amazon_order import AmazonOrder, AmazonStatus, FulfillmentChannel
from models.commerce_order import CommerceLine, CommerceOrder, Reservation
from models.messages import MessageContext
from models.order_record import OrderRecord
from models.reference_data import CommerceStatus, OrderNumberSource, Store

_FORWARD = {
    CommerceStatus.PROCESSING: frozenset(
        {CommerceStatus.SHIPPED, CommerceStatus.COMPLETE, CommerceStatus.CANCELED}
    ),
    CommerceStatus.SHIPPED: frozenset({CommerceStatus.COMPLETE}),
    CommerceStatus.COMPLETE: frozenset[CommerceStatus](),
    CommerceStatus.CANCELED: frozenset[CommerceStatus](),
}
"""Where a Commerce order may go from a status: never backwards (rule 17)."""
_FOLLOWS: dict[AmazonStatus | None, CommerceStatus] = {
    AmazonStatus.CANCELED: CommerceStatus.CANCELED,
    AmazonStatus.SHIPPED: CommerceStatus.COMPLETE,
}


def may_become(current: CommerceStatus, to: CommerceStatus) -> bool:
    """Say whether a Commerce order of one status may take another (rule 17)."""
    return to in _FORWARD[current]


def make_commerce_order(
    record: OrderRecord,
    store: Store,
    needs: Sequence[Need],
    number: int,
    context: MessageContext,
    *,
    replayed: bool,
) -> CommerceOrder:
    """Make the Commerce order of an order without blockers.

    The merchant's orders start as processing and hold every line, also parts already shipped;
    Amazon's are complete and hold nothing. `number` is the next free order number.

    Raises:
        ValueError: The order is not ready; the policy was not asked.
    """
    order = record.order
    if order.fulfillment_channel is None or order.purchase_date is None:
        raise ValueError(f"order {record.key} has no channel or purchase date")
    merchant_ships = order.fulfillment_channel is FulfillmentChannel.MFN
    lines = [
        (item.order_item_id, CommerceLine(item, need.sku))
        for need in needs
        if need.sku is not None
        for item in need.items
    ]
    return CommerceOrder(
        commerce_order_id=keys.commerce_order_id(record.key),
        order_number=(
            order.amazon_order_id
            if store.order_number_source is OrderNumberSource.AMAZON
            else f"{number:09d}"
        ),
        store_id=record.store_id,
        amazon_order_id=order.amazon_order_id,
        status=CommerceStatus.PROCESSING if merchant_ships else CommerceStatus.COMPLETE,
        fulfillment_channel=order.fulfillment_channel,
        purchase_date=order.purchase_date,
        total=order.total,
        lines=tuple(line for _, line in sorted(lines, key=lambda pair: pair[0])),
        reservations=(
            tuple(Reservation(need.sku, need.quantity) for need in needs if need.sku is not None)
            if merchant_ships
            else ()
        ),
        buyer_requested_cancel=any(line.item.buyer_requested_cancel for _, line in lines),
        replayed=replayed,
        created_at=context.at,
        address_known=is_address_known(order),
    )


def is_address_known(order: AmazonOrder) -> bool:
    """Return whether a parcel can be addressed: a country, or a city alone, is no address."""
    return order.ship_to is not None and bool(order.ship_to.lines)


def currency_of(order: CommerceOrder) -> str | None:
    """Return the currency of the total, else the one of all prices, else None."""
    if order.total is not None:
        return order.total.currency
    found = {line.item.price.currency for line in order.lines if line.item.price is not None}
    return found.pop() if len(found) == 1 else None


def status_after(amazon: AmazonStatus | None, current: CommerceStatus) -> CommerceStatus | None:
    """Give the status Amazon's news puts a Commerce order into, or None for no change (16, 17)."""
    wanted = _FOLLOWS.get(amazon)
    return wanted if wanted is not None and may_become(current, wanted) else None


def with_status(
    order: CommerceOrder, to: CommerceStatus
) -> tuple[CommerceOrder, tuple[Reservation, ...]]:
    """Move a Commerce order on. Also gives the units that are free again (rule 16)."""
    if to is CommerceStatus.CANCELED:
        return replace(order, status=to, reservations=()), order.reservations
    return replace(order, status=to), ()
