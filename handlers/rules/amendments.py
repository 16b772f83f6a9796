"""Amendments: what Amazon's later news changes of a Commerce order (rules 6 and 16 to 18).

The Commerce order is compared with all that is known of the Amazon order by now. So it does not
matter in how many bodies, or in which order, the news came, and the same news again changes
nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum
from typing import NamedTuple

from handlers.rules.commerce_order import currency_of, is_address_known
from handlers.rules.reservations import reserve_amended
from models.amazon_order import AmazonOrder, AmazonStatus, OrderItem
from models.commerce_order import CommerceLine, CommerceOrder, Reservation
from models.events import FieldChange
from models.money import Money
from models.reference_data import Catalog, CommerceStatus

NO_CATALOG = Catalog({}, {})
"""For news that adds no units: nothing is to be reserved."""

_OF_A_LINE = ("seller_sku", "quantity", "price", "tax", "buyer_requested_cancel")
"""The fields of an Amazon line that its Commerce order follows."""


class CancellationRequest(NamedTuple):
    """Lines that the buyer asks to cancel, and the reason, if one was told."""

    order_item_ids: tuple[str, ...]
    reason: str | None


@dataclass(frozen=True, slots=True)
class Amendment:
    """What follows from Amazon's news for a Commerce order, except for its status.

    `order` is the Commerce order as it is now; `changes` and `requests` are to be told. `reserves`
    and `releases` are units that it reserves from now on, and no longer reserves. `has_grown` says
    that a line has more units than before; `is_short` that not all of them could be reserved.
    """

    order: CommerceOrder
    changes: tuple[FieldChange, ...]
    requests: tuple[CancellationRequest, ...]
    reserves: tuple[Reservation, ...]
    releases: tuple[Reservation, ...]
    has_grown: bool
    is_short: bool


class _Scope(IntEnum):
    """How much of a Commerce order is still amended."""

    FIRST_DETAILS = 0
    """An order that either side has canceled: prices, taxes and a total never told before."""
    DETAILS = 1
    """A complete order: any price, tax and total."""
    ALL = 2


def may_amend(known: AmazonOrder, news: AmazonOrder) -> bool:
    """Return whether news of a created order may concern its Commerce order at all.

    Most bodies repeat what is known, and need no Commerce order to be looked up.
    """
    lines = {item.order_item_id: item for item in known.items}
    told = {item.order_item_id: item for item in news.items}
    left_out = (item for name, item in lines.items() if name not in told)
    return (
        news.status in {AmazonStatus.CANCELED, AmazonStatus.SHIPPED}
        or _is_news(known.total, news.total)
        or _is_news(known.ship_to, news.ship_to)
        or _is_news(known.buyer_requested_cancel, news.buyer_requested_cancel)
        or (news.items_complete and any(item.quantity for item in left_out))
        or any(
            _is_news(getattr(lines.get(name), field, None), getattr(item, field))
            for name, item in told.items()
            for field in _OF_A_LINE
        )
    )


def products_to_grow_by(
    order: CommerceOrder, known: AmazonOrder, news: AmazonOrder
) -> tuple[set[str], set[str]]:
    """Return which catalog SKUs, and which seller SKUs of new lines, news may add units of.

    One may name a new line's SKU and the other its units.
    """
    lines = {line.item.order_item_id: line for line in order.lines}
    skus, seller_skus = set(), set()
    for item in (*known.items, *news.items):
        line = lines.get(item.order_item_id)
        if line is None and item.seller_sku is not None:
            seller_skus.add(item.seller_sku)
        elif line is not None and item.quantity > line.item.quantity:
            skus.add(line.sku)
    return skus, seller_skus


def amend(
    order: CommerceOrder,
    before: AmazonOrder,
    now: AmazonOrder,
    news: AmazonOrder,
    catalog: Catalog,
    at: datetime,
) -> Amendment:
    """Compare a Commerce order with what is known of its Amazon order by now.

    Args:
        order: The Commerce order as it stands.
        before: The Amazon order as it was known before the news.
        now: The Amazon order as it is known with the news.
        news: The news alone; without its status if that is older than the one that is known.
        catalog: What seller SKUs of new lines stand for, and the products that more units may be
            needed of, with what is reserved of them at this moment.
        at: When the decision is taken.
    """
    scope = _scope_of(order, now)
    items = _items_told(now, news)
    old = list(order.lines)
    if scope is _Scope.ALL:
        old += _new_lines(order, now, catalog)
        old.sort(key=lambda line: line.item.order_item_id)
    lines = [_amend_line(line, items.get(line.item.order_item_id), scope) for line in old]
    pairs = [(one.item, other.item) for one, other in zip(old, lines, strict=True)]
    amended = replace(
        order,
        lines=tuple(lines),
        total=_amend_money(order.total, now.total, scope),
        buyer_requested_cancel=any(
            item.buyer_requested_cancel and item.quantity for _, item in pairs
        ),
        address_known=order.address_known or (scope is _Scope.ALL and is_address_known(now)),
    )
    changes = [*_changes_of_order(order, amended), *_change_of_address(order, before, now, scope)]
    for pair in pairs:
        changes += _changes_of_line(*pair)
    reserved = reserve_amended(order, amended, catalog, at)
    return Amendment(
        order=reserved.order,
        changes=tuple(changes),
        requests=_requests(pairs),
        reserves=reserved.reserves,
        releases=reserved.releases,
        has_grown=any(item.quantity > was.quantity for was, item in pairs),
        is_short=reserved.is_short,
    )


def _is_news(known: object, told: object) -> bool:
    return told is not None and told != known


def _scope_of(order: CommerceOrder, now: AmazonOrder) -> _Scope:
    if order.status is CommerceStatus.CANCELED or now.status is AmazonStatus.CANCELED:
        return _Scope.FIRST_DETAILS
    return _Scope.DETAILS if order.status is CommerceStatus.COMPLETE else _Scope.ALL


def _items_told(now: AmazonOrder, news: AmazonOrder) -> Mapping[str, OrderItem]:
    """Return the Amazon lines by id, those of a shipment with the units that were shipped.

    A body that says Shipped, and how many units were, speaks of what has left the house: no
    more will (a short shipment). One that says so and that no unit was shipped contradicts
    itself.
    """
    items = {item.order_item_id: item for item in now.items}
    if news.status is AmazonStatus.SHIPPED and any(item.quantity_shipped for item in news.items):
        for shipped in news.items:
            item, units = items.get(shipped.order_item_id), shipped.quantity_shipped
            if item is not None and units is not None and units < item.quantity:
                update = {"quantity": units}
                items[item.order_item_id] = item.model_copy(update=update)
    return items


def _new_lines(order: CommerceOrder, now: AmazonOrder, catalog: Catalog) -> Iterable[CommerceLine]:
    """Return lines that came after the creation, as lines of which nothing was told so far.

    Without a seller SKU Amazon has not said yet what was bought.
    """
    there = {line.item.order_item_id for line in order.lines}
    untold = {"quantity": 0, **dict.fromkeys(("price", "tax", "buyer_requested_cancel"))}
    for item in now.items:
        if item.quantity and item.seller_sku is not None and item.order_item_id not in there:
            sku = catalog.sku_of(order.store_id, item.seller_sku)
            yield CommerceLine(item.model_copy(update=untold), sku)


def _amend_line(line: CommerceLine, told: OrderItem | None, scope: _Scope) -> CommerceLine:
    """Return a line as it is now; one that Amazon does not have any more has no units.

    A line without units has neither a price nor a request to cancel it: its last ones stay.
    """
    was = line.item
    told_units = 0 if told is None else told.quantity
    units = told_units if scope is _Scope.ALL else was.quantity
    update: dict[str, object] = {"quantity": units}
    if told is not None and units and told_units:
        update["price"] = _amend_money(was.price, told.price, scope)
        update["tax"] = _amend_money(was.tax, told.tax, scope)
        requested = told.buyer_requested_cancel
        if requested and not was.buyer_requested_cancel and scope is not _Scope.FIRST_DETAILS:
            update |= {"buyer_requested_cancel": True, "cancel_reason": told.cancel_reason}
        elif requested is False and was.buyer_requested_cancel and scope is _Scope.ALL:
            update |= {"buyer_requested_cancel": False, "cancel_reason": None}
    return replace(line, item=was.model_copy(update=update))


def _amend_money(was: Money | None, told: Money | None, scope: _Scope) -> Money | None:
    if told is None or told == was or (was is not None and scope is _Scope.FIRST_DETAILS):
        return was
    return told


def _changes_of_order(was: CommerceOrder, now: CommerceOrder) -> Iterable[FieldChange]:
    if _amount(was.total) != _amount(now.total):
        yield FieldChange(field="total", from_=_amount(was.total), to=_amount(now.total))
    if currency_of(was) != currency_of(now):
        yield FieldChange(field="currency", from_=currency_of(was), to=currency_of(now))


def _amount(money: Money | None) -> str | None:
    return None if money is None else format(money.amount, "f")


def _change_of_address(
    order: CommerceOrder, before: AmazonOrder, now: AmazonOrder, scope: _Scope
) -> Iterable[FieldChange]:
    """Tell that an address is known, or another one, and nothing of what it says."""
    if scope is not _Scope.ALL or not is_address_known(now):
        return
    if not order.address_known:
        yield FieldChange(field="address_known", from_=False, to=True)
    elif before.ship_to != now.ship_to:
        yield FieldChange(field="address", from_="known", to="changed")


def _changes_of_line(was: OrderItem, now: OrderItem) -> Iterable[FieldChange]:
    for field in ("quantity", "price", "tax"):
        one, other = getattr(was, field), getattr(now, field)
        if one != other:
            yield FieldChange(field=field, order_item_id=now.order_item_id, from_=one, to=other)
    if was.buyer_requested_cancel and not now.buyer_requested_cancel:
        yield FieldChange(
            field="buyer_requested_cancel", order_item_id=now.order_item_id, from_=True, to=False
        )


def _requests(pairs: Iterable[tuple[OrderItem, OrderItem]]) -> tuple[CancellationRequest, ...]:
    """Return what the buyer asks for now and did not before, together if the reason is one."""
    by_reason: dict[str | None, list[str]] = {}
    for was, now in pairs:
        if now.buyer_requested_cancel and not was.buyer_requested_cancel:
            by_reason.setdefault(now.cancel_reason, []).append(now.order_item_id)
    return tuple(CancellationRequest(tuple(ids), why) for why, ids in by_reason.items())
