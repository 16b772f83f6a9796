"""What is true of the stored contents whatever happened, in whatever order (rules 10 to 12, 18).

Worked out from what is stored, by the rules' text and not by the program's own decisions.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Sequence

from models.amazon_order import (
    AmazonOrder,
    AmazonStatus,
    Completeness,
    FulfillmentChannel,
    SalesChannel,
)
from models.commerce_order import CommerceOrder
from models.events import Event
from models.order_record import OrderRecord
from models.outcome import Blocked, Created, Waiting
from models.reference_data import CommerceStatus, CountsOrdersFrom, Match, counts_orders_from
from models.topics import TopicName
from tests.fakes.memory_contents import Contents

_READY = {"MFN": {"Unshipped", "PartiallyShipped", "Shipped"}, "AFN": {"Shipped"}}


def check_stock(contents: Contents) -> None:
    """At any moment: what is counted as held is what the Commerce orders hold by rule 10."""
    reserved: Counter[tuple[str, str]] = Counter()
    events = defaultdict(list)
    for event in contents.events.values():
        events[event.key].append(event)
    for order in contents.commerce_orders.values():
        reservations = {reservation.sku: reservation.quantity for reservation in order.reservations}
        least, most = _holds(contents, order, events[order.key])
        within = least.keys() <= reservations.keys() and all(
            0 < units <= most.get(sku, 0) and units >= least.get(sku, 0)
            for sku, units in reservations.items()
        )
        assert within, f"{order.key} holds {reservations}, not {least} to {most}"
        reserved.update({(order.stock_id, sku): units for sku, units in reservations.items()})
    for record in contents.orders.values():
        if (pending := record.pending_reservation) is not None:
            assert isinstance(record.outcome, Waiting), f"{record.key} reserves and does not wait"
            reserved.update(
                {(pending.stock_id, each.sku): each.quantity for each in pending.reservations}
            )
    places = [(key, *key.partition("/")[::2]) for key in contents.stock_items]
    counted = {(stock_id, sku): contents.stock_items[key] for key, stock_id, sku in places}
    for place in counted.keys() | reserved.keys():
        held = counted[place].reserved if place in counted else 0
        assert held == reserved[place], f"{place}: counted {held}, held {reserved[place]}"


def check_nothing_is_left(contents: Contents) -> None:
    """At rest: no order is on its way, and none is blocked by nothing."""
    names = [order.amazon_order_id for order in contents.commerce_orders.values()]
    assert len(set(names)) == len(names), "one Commerce order of an Amazon order (rule 22)"
    names = [record.order.amazon_order_id for record in contents.orders.values()]
    assert len(set(names)) == len(names), "one record of an Amazon order (rule 22)"
    numbers = [order.order_number for order in contents.commerce_orders.values()]
    assert len(set(numbers)) == len(numbers), "one order number per Commerce order"
    for key, record in contents.orders.items():
        made = key in {order.key for order in contents.commerce_orders.values()}
        assert made == isinstance(record.outcome, Created), key
        if isinstance(record.outcome, Blocked) and _may_be_imported(contents, record):
            assert _true_blockers(contents, record), f"{key} is blocked by nothing"
    for order in contents.commerce_orders.values():
        record = contents.orders[order.key]
        is_open = order.status in {CommerceStatus.PROCESSING, CommerceStatus.SHIPPED}
        if is_open and record.order.status is not AmazonStatus.CANCELED:
            _check_amended(order, record)


def _check_amended(order: CommerceOrder, record: OrderRecord) -> None:
    """An open Commerce order is what Amazon says of it by now."""
    items = {item.order_item_id: item for item in record.order.items}
    made = {line.item.order_item_id: line.item for line in order.lines}
    named = {name for name, item in items.items() if item.quantity and item.seller_sku}
    assert named <= made.keys(), f"{order.key}: lines that are not amended"
    for name, line in made.items():
        item = items.get(name)
        assert line.quantity == (item.quantity if item else 0), f"{order.key}: units of {name}"
        if item is not None and item.quantity:
            assert item.price in {None, line.price}, f"{order.key}: price of {name}"
            asked = bool(item.buyer_requested_cancel), bool(line.buyer_requested_cancel)
            assert asked[0] == asked[1], f"{order.key}: request for {name}"
    assert record.order.total in {None, order.total}, f"{order.key}: total"
    assert order.address_known or record.order.ship_to is None, f"{order.key}: address"


def check_nothing_is_lost(contents: Contents, news: int) -> None:
    """At rest: each message is known to one order, or refused (rules 2 and 22)."""
    received = sum(record.received for record in contents.orders.values())
    refused = [one for one in contents.dead_letters.values() if one.topic == TopicName.ORDERS]
    assert received + len(refused) == news


def check_taken(before: Contents, after: Contents) -> None:
    """In every transaction: what takes units leaves no managed product with less than none."""
    for key, kept in after.stock_items.items():
        stock_id, _, sku = key.partition("/")
        last = before.stock_items.get(key)
        if kept.reserved > (0 if last is None else last.reserved):
            stocked = after.stocked(sku, stock_id)
            oversold = stocked.product.manage_stock and stocked.available < 0
            assert not oversold, f"{key} is oversold: {stocked.available}"


def _holds(
    contents: Contents, order: CommerceOrder, events: Sequence[Event]
) -> tuple[dict[str, int], dict[str, int]]:
    """Return the least and the most that an order may hold: what it needs, as long as it holds.

    What was freed or taken after Commerce had shipped, or while units were missing, is not seen
    from the end: such an order holds anything up to the most that it ever needed.
    """
    if order.status is CommerceStatus.CANCELED:
        return {}, {}
    if order.fulfillment_channel is FulfillmentChannel.AFN:
        return {}, {}
    needs, most, is_plain = _needs_over_time(order, events)
    counts_from = counts_orders_from(contents.stores, order.store_id)
    reserved = {sku for sku in most if _is_not_counted(contents, order, sku, counts_from)}
    now = {sku: units for sku, units in needs.items() if units and sku in reserved}
    if counts_from is CountsOrdersFrom.NEVER:
        # Completed by Amazon: held until the next count, whenever the last was.
        return now if is_plain else {}, most
    return (now, now) if is_plain else ({}, {sku: most[sku] for sku in reserved})


def _is_not_counted(
    contents: Contents, order: CommerceOrder, sku: str, counts_from: CountsOrdersFrom
) -> bool:
    """Whether Commerce has not counted since. Of a product that there is not, nothing is held."""
    since = {
        CountsOrdersFrom.ACKNOWLEDGED: [order.acknowledged_at],
        CountsOrdersFrom.SHIPPED: [order.acknowledged_at, order.shipped_at],
        CountsOrdersFrom.NEVER: [order.completed_at],
    }[counts_from]
    if sku not in contents.products or None in since:
        return sku in contents.products
    counted_at = contents.stocked(sku, order.stock_id).counted_at
    return counted_at is None or any(at > counted_at for at in since if at is not None)


def _needs_over_time(
    order: CommerceOrder, events: Sequence[Event]
) -> tuple[Counter[str], Counter[str], bool]:
    """Return what is needed now, the most that ever was, and if it only shrank, before shipping."""
    lines = {line.item.order_item_id: _parts(line.match) for line in order.lines}
    needs, most, is_plain = Counter[str](), Counter[str](), True
    for event in sorted(events, key=lambda one: one.sequence):
        body = json.loads(event.body)
        if "lines" in body:
            needs = Counter()
            for line in body["lines"]:
                for sku, in_one in lines[line["order_item_id"]]:
                    needs[sku] += in_one * line["quantity"]
            most |= needs
        for change in body.get("changes", ()):
            grows = change["field"] == "quantity" and change["to"] > change["from"]
            is_plain = is_plain and not grows
        is_plain = is_plain and body.get("to") != "shipped"
    return needs, most, is_plain


def _parts(match: Match) -> list[tuple[str, int]]:
    """Rule 24: the products of one piece."""
    return [(match, 1)] if isinstance(match, str) else [(one.sku, one.quantity) for one in match]


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
    counted = order.units_expected
    units = sum(line.quantity for line in lines)
    return (
        units > 0
        and (order.items_complete if counted is None else units >= counted)
        and Completeness.ANNOUNCED not in known
        and (Completeness.PROVISIONAL not in known or all(line.price for line in lines))
    )


def _true_blockers(contents: Contents, record: OrderRecord) -> list[str]:
    needs: Counter[str] = Counter()
    for item in record.order.items:
        if item.quantity and item.seller_sku is None:
            return ["a line without a SKU"]
        listing = contents.listings.get(f"{record.store_id}/{item.seller_sku}")
        for sku, in_one in _parts(listing.match if listing else item.seller_sku or ""):
            needs[sku] += in_one * item.quantity
    amazon_ships = record.order.fulfillment_channel is FulfillmentChannel.AFN
    store = contents.stores[record.store_id]
    asks_stock = not amazon_ships or store.fba_requires_stock
    return [
        sku
        for sku, units in needs.items()
        if units
        and (
            sku not in contents.products
            or sku in contents.deleted
            or not contents.products[sku].is_enabled_for(store.store_id)
            or (
                asks_stock
                and contents.products[sku].manage_stock
                and contents.stocked(sku, store.stock_id).available < units
            )
        )
    ]
