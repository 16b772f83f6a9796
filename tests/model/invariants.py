"""What is true of the stored contents whatever happened, in whatever order (rules 10 to 12, 18).

Worked out from what is stored, by the rules' text and not by the program's own decisions.
"""

from collections import Counter
from collections.abc import Mapping

from models.amazon_order import AmazonOrder, Completeness, FulfillmentChannel, SalesChannel
from models.facts import CommerceStatus
from models.outcomes import Admitted, Blocked, Created
from models.records import CommerceOrder, OrderRecord, StockedProduct
from storage.memory_contents import Contents

_READY = {"MFN": {"Unshipped", "PartiallyShipped", "Shipped"}, "AFN": {"Shipped"}}


def check_stock(contents: Contents) -> None:
    """At any moment: what is counted as held is what the Commerce orders hold by rule 10."""
    held: Counter[str] = Counter()
    for order in contents.commerce_orders.values():
        held.update(_holds(contents, order))
    for sku, stocked in contents.products.items():
        assert stocked.held == held[sku], f"{sku}: counted {stocked.held}, held {held[sku]}"


def check_nothing_is_left(contents: Contents) -> None:
    """At rest: no order is on its way, and none is blocked by nothing."""
    names = [(order.store_id, order.amazon_order_id) for order in contents.commerce_orders.values()]
    assert len(set(names)) == len(names), "one Commerce order per order"
    numbers = [order.order_number for order in contents.commerce_orders.values()]
    assert len(set(numbers)) == len(numbers), "one order number per Commerce order"
    for key, record in contents.orders.items():
        assert not record.admitted, f"{key} is admitted for ever"
        assert not isinstance(record.outcome, Admitted), f"{key} is admitted for ever"
        made = key in {order.key for order in contents.commerce_orders.values()}
        assert made == isinstance(record.outcome, Created), key
        if isinstance(record.outcome, Blocked) and _may_be_imported(contents, record):
            assert _true_blockers(contents, record), f"{key} is blocked by nothing"


def check_taken(before: Mapping[str, StockedProduct], after: Mapping[str, StockedProduct]) -> None:
    """In every transaction: what takes pieces leaves no managed product with less than none."""
    for sku, stocked in after.items():
        took = sku in before and stocked.held > before[sku].held
        if took and stocked.product.manage_stock:
            assert stocked.available >= 0, f"{sku} is oversold: {stocked.available}"


def _holds(contents: Contents, order: CommerceOrder) -> dict[str, int]:
    if order.status is CommerceStatus.CANCELED:
        return {}
    if order.fulfillment_channel is FulfillmentChannel.AFN:
        return {}
    needs: Counter[str] = Counter()
    for line in order.lines:
        needs[line.sku] += line.item.quantity
    acknowledged = order.acknowledged_at
    return {
        sku: pieces
        for sku, pieces in needs.items()
        if acknowledged is None or acknowledged > contents.products[sku].product.as_of
    }


def _may_be_imported(contents: Contents, record: OrderRecord) -> bool:
    store, order = contents.stores[record.store_id], record.order
    if order.status is None or order.fulfillment_channel is None or order.purchase_date is None:
        return False
    return (
        store.import_amazon_orders
        and (store.import_non_amazon_orders or order.sales_channel is not SalesChannel.NON_AMAZON)
        and order.purchase_date >= store.integrated_at
        and order.status.value in _READY[order.fulfillment_channel.value]
        and _lines_are_known(order)
    )


def _lines_are_known(order: AmazonOrder) -> bool:
    """Rule 5, by what is stored of each line."""
    lines = [item for item in order.items if item.quantity]
    known = {order.line_clock(line.order_item_id).completeness for line in lines}
    counted = order.pieces_counted
    pieces = sum(line.quantity for line in lines)
    return (
        pieces > 0
        and (order.items_complete if counted is None else pieces >= counted)
        and Completeness.ANNOUNCED not in known
        and (Completeness.PROVISIONAL not in known or all(line.price for line in lines))
    )


def _true_blockers(contents: Contents, record: OrderRecord) -> list[str]:
    needs: Counter[str] = Counter()
    for item in record.order.items:
        if item.quantity and item.seller_sku is None:
            return ["a line without a SKU"]
        listing = contents.listings.get(f"{record.store_id}/{item.seller_sku}")
        needs[listing.sku if listing else item.seller_sku or ""] += item.quantity
    amazon_ships = record.order.fulfillment_channel is FulfillmentChannel.AFN
    asks_stock = not amazon_ships or contents.stores[record.store_id].fba_requires_stock
    return [
        sku
        for sku, pieces in needs.items()
        if pieces
        and (
            sku not in contents.products
            or sku in contents.deleted
            or not (stocked := contents.products[sku]).product.enabled
            or (asks_stock and stocked.product.manage_stock and stocked.available < pieces)
        )
    ]
