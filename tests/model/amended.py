"""What later news changes of a created order, in the words of rules 6 and 16."""

from collections import Counter
from collections.abc import Iterator

from tests.model import messages as m
from tests.model.order import Made, Order

Change = tuple[str, str | None, object, object]
"""Field, line, value before and value now. A request to cancel is the change of `asked`."""


def amend_order(order: Order, address: str | None, *, is_canceled: bool) -> Iterator[Change]:
    """Amend a created order, and say how; `address` is what was known before the news."""
    is_open = not is_canceled and order.commerce != "complete"
    currency = _currency(order)
    if _is_told(order.made_total, order.total, first_only=is_canceled):
        yield "total", None, order.made_total, order.total
        order.made_total = order.total
    if is_open and order.address is not None:
        if not order.addressed:
            yield "address_known", None, False, True
        elif order.address != address:
            yield "address", None, "known", "changed"
        order.addressed = True
    for item, made in order.made.items():
        line = order.lines.get(item, m.Line(item, None, 0))
        if is_open and line.quantity != made.quantity:
            yield "quantity", item, made.quantity, line.quantity
            made.quantity = line.quantity
        if line.quantity and made.quantity:
            yield from _amend_line(made, line, is_open=is_open, is_canceled=is_canceled)
    if currency != _currency(order):
        yield "currency", None, currency, _currency(order)


def _amend_line(made: Made, line: m.Line, *, is_open: bool, is_canceled: bool) -> Iterator[Change]:
    if _is_told(made.price, line.price, first_only=is_canceled):
        yield "price", line.item, made.price, line.price
        made.price = line.price
    if line.asked and not made.asked and not is_canceled:
        yield "asked", line.item, False, True
        made.asked = True
    if line.asked is False and made.asked and is_open:
        yield "buyer_requested_cancel", line.item, True, False
        made.asked = False


def pieces_of(order: Order) -> Counter[str]:
    """Count the units a Commerce order has of each product."""
    units: Counter[str] = Counter()
    for made in order.made.values():
        for sku, in_one in units_of(made.stands_for):
            units[sku or ""] += in_one * made.quantity
    return units


def units_of(
    match: str | tuple[tuple[str, int], ...] | None,
) -> tuple[tuple[str | None, int], ...]:
    """Rule 24: give the products of what a seller SKU stands for, with the units in one piece."""
    return match if isinstance(match, tuple) else ((match, 1),)


def _is_told(made: int | None, told: int | None, *, first_only: bool) -> bool:
    return told not in {None, made} and not (first_only and made is not None)


def _currency(order: Order) -> str | None:
    prices = {made.price for made in order.made.values()}
    return None if order.made_total is None and prices <= {None} else "USD"
