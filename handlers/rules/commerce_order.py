"""How a Commerce order is made from an Amazon order, and how its status may change."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from handlers.rules.blockers import Need
from models import keys
from models.amazon_order import AmazonOrder, AmazonStatus, FulfillmentChannel
from models.commerce_order import CommerceLine, CommerceOrder, Reservation
from models.messages import MessageContext
from models.order_record import OrderRecord
from models.reference_data import Catalog, CommerceStatus, OrderNumberSource, Store

_FORWARD = {
    CommerceStatus.PROCESSING: frozenset(
        {CommerceStatus.SHIPPED, CommerceStatus.COMPLETE, CommerceStatus.CANCELED}
    ),
    CommerceStatus.SHIPPED: frozenset({CommerceStatus.COMPLETE}),
    CommerceStatus.COMPLETE: frozenset[CommerceStatus](),
    CommerceStatus.CANCELED: frozenset[CommerceStatus](),
}
"""The statuses a Commerce order may change to: never backwards (rule 17)."""
_FOLLOWS: dict[AmazonStatus | None, CommerceStatus] = {
    AmazonStatus.CANCELED: CommerceStatus.CANCELED,
    AmazonStatus.SHIPPED: CommerceStatus.COMPLETE,
}


def may_become(current: CommerceStatus, to: CommerceStatus) -> bool:
    """Return whether a Commerce order may change from one status to another (rule 17)."""
    return to in _FORWARD[current]


def make_commerce_order(
    record: OrderRecord,
    store: Store,
    catalog: Catalog,
    needs: Sequence[Need],
    number: int,
    context: MessageContext,
    *,
    replayed: bool,
) -> CommerceOrder:
    """Make the Commerce order of an order without blockers.

    Merchant-fulfilled orders start as processing and reserve every line, also units that are
    already shipped; orders fulfilled by Amazon are complete and reserve nothing. `number` is the
    next free order number of the store's stock.

    Raises:
        ValueError: The order is not ready; the policy was not applied.
    """
    order = record.order
    if order.fulfillment_channel is None or order.purchase_date is None:
        raise ValueError(f"order {record.key} has no channel or purchase date")
    merchant_ships = order.fulfillment_channel is FulfillmentChannel.MFN
    lines = [
        CommerceLine(item, catalog.match(record.store_id, item.seller_sku))
        for item in order.items
        if item.quantity and item.seller_sku is not None
    ]
    return CommerceOrder(
        commerce_order_id=keys.commerce_order_id(record.key),
        order_number=(
            order.amazon_order_id
            if store.order_number_source is OrderNumberSource.AMAZON
            else _order_number(store.stock_id, number)
        ),
        store_id=record.store_id,
        amazon_order_id=order.amazon_order_id,
        status=CommerceStatus.PROCESSING if merchant_ships else CommerceStatus.COMPLETE,
        fulfillment_channel=order.fulfillment_channel,
        purchase_date=order.purchase_date,
        total=order.total,
        lines=tuple(sorted(lines, key=lambda line: line.item.order_item_id)),
        reservations=(
            tuple(Reservation(need.sku, need.quantity) for need in needs if need.sku is not None)
            if merchant_ships
            else ()
        ),
        buyer_requested_cancel=any(line.item.buyer_requested_cancel for line in lines),
        replayed=replayed,
        created_at=context.at,
        stock_id=store.stock_id,
        address_known=is_address_known(order),
        charges=order.charges,
        programs=order.programs,
        purchase_order_number=order.purchase_order_number,
        latest_ship_date=order.latest_ship_date,
        shipping_service=order.shipping_service,
    )


def _order_number(stock_id: str, number: int) -> str:
    """Return a number that no order of another stock has: each stock counts its own."""
    return f"{number:09d}" if stock_id == keys.DEFAULT_STOCK else f"{stock_id}-{number:09d}"


def is_address_known(order: AmazonOrder) -> bool:
    """Return whether a parcel can be addressed: a country or a city alone is not enough."""
    return order.ship_to is not None and bool(order.ship_to.lines)


def status_after(amazon: AmazonStatus | None, current: CommerceStatus) -> CommerceStatus | None:
    """Return a Commerce order's status after Amazon's, or None for no change (rules 16, 17)."""
    status = _FOLLOWS.get(amazon)
    return status if status is not None and may_become(current, status) else None


def with_status(
    order: CommerceOrder, to: CommerceStatus, at: datetime
) -> tuple[CommerceOrder, tuple[Reservation, ...]]:
    """Return a Commerce order with a new status, and the units that it releases (rule 16)."""
    if to is CommerceStatus.CANCELED:
        return replace(order, status=to, reservations=()), order.reservations
    if to is CommerceStatus.COMPLETE:
        return replace(order, status=to, completed_at=at), ()
    return replace(order, status=to), ()
