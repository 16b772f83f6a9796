"""Amendments: what Amazon's later messages change in a Commerce order (rules 6 and 16 to 18).

The Commerce order is compared with everything stored of the Amazon order by now. The result does
not depend on how many bodies brought it, or in which order, and a repeated message changes
nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum
from typing import Any, NamedTuple, TypeVar

from pydantic_core import to_jsonable_python

from handlers.rules.commerce_order import is_address_known
from handlers.rules.reservations import reserve_amended
from models.amazon_order import AmazonOrder, AmazonStatus, OrderItem
from models.charges import Charge, charge_amounts
from models.commerce_order import CommerceLine, CommerceOrder, Reservation
from models.events import FieldChange
from models.money import Money
from models.reference_data import Catalog, CommerceStatus

Detail = TypeVar("Detail")

NO_CATALOG = Catalog({}, {})
"""For a message that adds no units: nothing has to be reserved."""

_LINE_FIELDS = ("seller_sku", "quantity", "price", "tax", "charges", "buyer_requested_cancel")
"""The fields of an Amazon line that its Commerce order follows."""
_DETAILS = ("total", "purchase_order_number")
"""The fields of an order that are details, as prices are. Its charges are others."""
_SHIPPING = ("latest_ship_date", "shipping_service")
"""The fields of an order that only matter until it is complete."""


class CancellationRequest(NamedTuple):
    """Lines that the buyer asks to cancel, and the reason, if there is one."""

    order_item_ids: tuple[str, ...]
    reason: str | None


@dataclass(frozen=True, slots=True)
class Amendment:
    """What a message from Amazon changes in a Commerce order, except for its status.

    `order` is the Commerce order as it is now; `changes` and `requests` are to be published.
    `reserves` and `releases` are the units that it reserves from now on, and no longer reserves.
    `has_grown` says that a line has more units than before, `is_short` that not all of them could
    be reserved.
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
    """An order that either side has canceled: only prices, taxes and a total it never had."""
    DETAILS = 1
    """A complete order: any price, tax and total."""
    ALL = 2


def may_amend(stored: AmazonOrder, incoming: AmazonOrder) -> bool:
    """Return whether a message about a created order may change its Commerce order at all.

    Most bodies repeat what is stored: they do not need the Commerce order to be read.
    """
    lines = {item.order_item_id: item for item in stored.items}
    items = {item.order_item_id: item for item in incoming.items}
    left_out = (item for name, item in lines.items() if name not in items)
    return (
        incoming.status in {AmazonStatus.CANCELED, AmazonStatus.SHIPPED}
        or any(
            _is_new(getattr(stored, name), getattr(incoming, name))
            for name in ("ship_to", *_DETAILS, *_SHIPPING)
        )
        or _has_new(stored.charges, incoming.charges)
        or _has_new(stored.programs, incoming.programs)
        or _is_new(stored.buyer_requested_cancel, incoming.buyer_requested_cancel)
        or (incoming.items_complete and any(item.quantity for item in left_out))
        or any(
            _is_new(getattr(lines.get(name), field, None), getattr(item, field))
            for name, item in items.items()
            for field in _LINE_FIELDS
        )
    )


def products_to_grow_by(
    order: CommerceOrder, stored: AmazonOrder, incoming: AmazonOrder
) -> tuple[set[str], set[str]]:
    """Return which catalog SKUs, and which seller SKUs of new lines, may get more units.

    One body may name the SKU of a new line, and the other its units.
    """
    lines = {line.item.order_item_id: line for line in order.lines}
    skus, seller_skus = set[str](), set[str]()
    for item in (*stored.items, *incoming.items):
        line = lines.get(item.order_item_id)
        if line is None and item.seller_sku is not None:
            seller_skus.add(item.seller_sku)
        elif line is not None and item.quantity > line.item.quantity:
            skus.update(sku for sku, _ in line.units)
    return skus, seller_skus


def amend(
    order: CommerceOrder,
    before: AmazonOrder,
    now: AmazonOrder,
    incoming: AmazonOrder,
    catalog: Catalog,
    at: datetime,
) -> Amendment:
    """Compare a Commerce order with its Amazon order as it is now.

    Args:
        order: The Commerce order as it stands.
        before: The Amazon order before the message.
        now: The Amazon order with the message merged in.
        incoming: The message alone; without its status if the stored one is newer.
        catalog: What the seller SKUs of new lines stand for, and the products that may get more
            units, with what is reserved of them at this moment.
        at: When the decision is made.
    """
    scope = _scope(order, now)
    items = _shipped_items(now, incoming)
    lines = list(order.lines)
    if scope is _Scope.ALL:
        lines += _new_lines(order, now, catalog)
        lines.sort(key=lambda line: line.item.order_item_id)
    amended_lines = [
        (line, _amend_line(line, items.get(line.item.order_item_id), scope)) for line in lines
    ]
    pairs = [(line.item, amended_line.item) for line, amended_line in amended_lines]
    amended = replace(
        order,
        lines=tuple(line for _, line in amended_lines),
        total=_amend_detail(order.total, now.total, scope),
        charges=_amend_detail(order.charges or None, now.charges or None, scope) or (),
        purchase_order_number=_amend_detail(
            order.purchase_order_number, now.purchase_order_number, scope
        ),
        buyer_requested_cancel=any(
            item.buyer_requested_cancel and item.quantity for _, item in pairs
        ),
        **(_until_complete(order, now) if scope is _Scope.ALL else {}),
    )
    changes = [*_order_changes(order, amended), *_address_change(order, before, now, scope)]
    for pair in pairs:
        changes += _line_changes(*pair)
    reserved = reserve_amended(order, amended, catalog, at)
    return Amendment(
        order=reserved.order,
        changes=tuple(changes),
        requests=_requests(pairs),
        reserves=reserved.reserves,
        releases=reserved.releases,
        has_grown=any(item.quantity > old.quantity for old, item in pairs),
        is_short=reserved.is_short,
    )


def _is_new(stored: object, incoming: object) -> bool:
    return incoming is not None and incoming != stored


def _has_new(stored: tuple[object, ...], incoming: tuple[object, ...]) -> bool:
    return bool(incoming) and incoming != stored


def _until_complete(order: CommerceOrder, now: AmazonOrder) -> dict[str, Any]:
    """Return the fields of an order that are amended until it is complete.

    Amazon's forms name different programs: one that was named stays.
    """
    return {
        "address_known": order.address_known or is_address_known(now),
        "programs": tuple(dict.fromkeys((*order.programs, *now.programs))),
        **{name: getattr(now, name) or getattr(order, name) for name in _SHIPPING},
    }


def _scope(order: CommerceOrder, now: AmazonOrder) -> _Scope:
    if order.status is CommerceStatus.CANCELED or now.status is AmazonStatus.CANCELED:
        return _Scope.FIRST_DETAILS
    return _Scope.DETAILS if order.status is CommerceStatus.COMPLETE else _Scope.ALL


def _shipped_items(now: AmazonOrder, incoming: AmazonOrder) -> Mapping[str, OrderItem]:
    """Return the Amazon lines by id, those of a shipment with the units that were shipped.

    If a body says Shipped and how many units were shipped, no more units will be (a short
    shipment). A body that says Shipped and that no unit was shipped contradicts itself.
    """
    items = {item.order_item_id: item for item in now.items}
    if incoming.status is AmazonStatus.SHIPPED and any(
        item.quantity_shipped for item in incoming.items
    ):
        for shipped in incoming.items:
            item, units = items.get(shipped.order_item_id), shipped.quantity_shipped
            if item is not None and units is not None:
                update = {"quantity": min(units, item.quantity)}
                items[item.order_item_id] = item.model_copy(update=update)
    return items


def _new_lines(order: CommerceOrder, now: AmazonOrder, catalog: Catalog) -> Iterable[CommerceLine]:
    """Yield the lines that came after the creation, with no units and no details yet.

    Without a seller SKU, Amazon has not yet said what was bought.
    """
    existing = {line.item.order_item_id for line in order.lines}
    unknown = ("price", "tax", "charges", "tax_collection", "buyer_requested_cancel")
    empty = {"quantity": 0, **dict.fromkeys(unknown)}
    for item in now.items:
        if item.quantity and item.seller_sku is not None and item.order_item_id not in existing:
            match = catalog.match(order.store_id, item.seller_sku)
            yield CommerceLine(item.model_copy(update=empty), match)


def _amend_line(line: CommerceLine, item: OrderItem | None, scope: _Scope) -> CommerceLine:
    """Return a line as it is now; a line that Amazon no longer has gets no units.

    A line without units has neither a price nor a cancellation request: it keeps its last ones.
    """
    old = line.item
    item_units = 0 if item is None else item.quantity
    units = item_units if scope is _Scope.ALL else old.quantity
    update: dict[str, object] = {"quantity": units}
    if item is not None and units and item_units:
        update["price"] = _amend_detail(old.price, item.price, scope)
        update["tax"] = _amend_detail(old.tax, item.tax, scope)
        if item.charges is not None:
            update["charges"] = _amend_detail(old.charges or None, item.charges, scope)
        update["tax_collection"] = item.tax_collection or old.tax_collection
        requested = item.buyer_requested_cancel
        if requested and not old.buyer_requested_cancel and scope is not _Scope.FIRST_DETAILS:
            update |= {"buyer_requested_cancel": True, "cancel_reason": item.cancel_reason}
        elif requested is False and old.buyer_requested_cancel and scope is _Scope.ALL:
            update |= {"buyer_requested_cancel": False, "cancel_reason": None}
    return replace(line, item=old.model_copy(update=update))


def _amend_detail(old: Detail | None, new: Detail | None, scope: _Scope) -> Detail | None:
    if new is None or new == old or (old is not None and scope is _Scope.FIRST_DETAILS):
        return old
    return new


def _order_changes(old: CommerceOrder, now: CommerceOrder) -> Iterable[FieldChange]:
    if _amount(old.total) != _amount(now.total):
        yield FieldChange(field="total", from_=_amount(old.total), to=_amount(now.total))
    if old.currency != now.currency:
        yield FieldChange(field="currency", from_=old.currency, to=now.currency)
    for field in ("purchase_order_number", *_SHIPPING):
        from_, to = getattr(old, field), getattr(now, field)
        if from_ != to:
            yield FieldChange(field=field, from_=_text(from_), to=_text(to))
    for program in now.programs[len(old.programs) :]:
        yield FieldChange(field="programs", from_=None, to=program)
    yield from _charge_changes(old.charges, now.charges, None)


def _text(value: datetime | str | None) -> str | None:
    return to_jsonable_python(value) if isinstance(value, datetime) else value


def _amount(money: Money | None) -> str | None:
    return None if money is None else format(money.amount, "f")


def _address_change(
    order: CommerceOrder, before: AmazonOrder, now: AmazonOrder, scope: _Scope
) -> Iterable[FieldChange]:
    """Yield the change if an address became known or is another one, without the address."""
    if scope is not _Scope.ALL or not is_address_known(now):
        return
    if not order.address_known:
        yield FieldChange(field="address_known", from_=False, to=True)
    elif before.ship_to != now.ship_to:
        yield FieldChange(field="address", from_="known", to="changed")


def _line_changes(old: OrderItem, now: OrderItem) -> Iterable[FieldChange]:
    for field in ("quantity", "price", "tax"):
        from_, to = getattr(old, field), getattr(now, field)
        if from_ != to:
            yield FieldChange(field=field, order_item_id=now.order_item_id, from_=from_, to=to)
    yield from _charge_changes(old.charges or (), now.charges or (), now.order_item_id)
    if old.buyer_requested_cancel and not now.buyer_requested_cancel:
        yield FieldChange(
            field="buyer_requested_cancel", order_item_id=now.order_item_id, from_=True, to=False
        )


def _charge_changes(
    old: tuple[Charge, ...], now: tuple[Charge, ...], order_item_id: str | None
) -> Iterable[FieldChange]:
    if old == now:
        return
    before, after = charge_amounts(old), charge_amounts(now)
    for key in dict.fromkeys((*before, *after)):
        from_, to = before.get(key), after.get(key)
        if from_ != to:
            yield FieldChange(field=key[0], order_item_id=order_item_id, from_=from_, to=to)


def _requests(pairs: Iterable[tuple[OrderItem, OrderItem]]) -> tuple[CancellationRequest, ...]:
    """Return what the buyer asks for now and did not before, grouped by reason."""
    by_reason: dict[str | None, list[str]] = {}
    for old, now in pairs:
        if now.buyer_requested_cancel and not old.buyer_requested_cancel:
            by_reason.setdefault(now.cancel_reason, []).append(now.order_item_id)
    return tuple(CancellationRequest(tuple(ids), reason) for reason, ids in by_reason.items())
