"""Reservations: the pieces a Commerce order keeps from others after its creation (rule 10)."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from models.catalog import Catalog
from models.facts import CommerceStatus
from models.records import CommerceOrder, Reservation


class Reserved(NamedTuple):
    """An order with its reservations as they are now, and what became of them.

    `takes` and `frees` are pieces it reserves from now on, and no longer reserves. `is_short`
    says that pieces it needs more than before could not be reserved.
    """

    order: CommerceOrder
    takes: tuple[Reservation, ...] = ()
    frees: tuple[Reservation, ...] = ()
    is_short: bool = False


def reserve_amended(
    before: CommerceOrder, amended: CommerceOrder, catalog: Catalog, at: datetime
) -> Reserved:
    """Fit the reservations of an order to its amended lines.

    It never reserves more of a product than it needs. Pieces that Commerce has counted are not
    reserved any more, and so are not freed a second time; what Commerce has shipped stays as it is
    until it is counted. More pieces are reserved if all of them are available. Commerce's counts
    have them only when it has spoken of the order after that, so it has to acknowledge it again.
    """
    needed, needs = _pieces(before), _pieces(amended)
    extra = {sku: needs[sku] - needed[sku] for sku in needs if needs[sku] > needed[sku]}
    if before.status is not CommerceStatus.PROCESSING:
        return Reserved(amended, is_short=bool(extra))
    kept = {hold.sku: min(hold.quantity, needs[hold.sku]) for hold in before.holds}
    frees = tuple(
        Reservation(hold.sku, hold.quantity - kept[hold.sku])
        for hold in before.holds
        if hold.quantity > kept[hold.sku]
    )
    takes = tuple(
        Reservation(sku, pieces)
        for sku, pieces in extra.items()
        if _is_available(catalog, sku, pieces)
    )
    for hold in takes:
        kept[hold.sku] = kept.get(hold.sku, 0) + hold.quantity
    order = replace(amended, holds=tuple(Reservation(sku, n) for sku, n in kept.items() if n))
    if takes:
        order = replace(order, acknowledged_at=None, grown_at=at)
    return Reserved(order, takes, frees, len(takes) < len(extra))


def release_counted(
    order: CommerceOrder, counted_as_of: Mapping[str, datetime]
) -> tuple[CommerceOrder, tuple[Reservation, ...]]:
    """Let go of the pieces that Commerce's own count already leaves out (rule 10)."""
    acknowledged = order.acknowledged_at
    if acknowledged is None:
        return order, ()
    counted = tuple(
        hold
        for hold in order.holds
        if hold.sku in counted_as_of and acknowledged <= counted_as_of[hold.sku]
    )
    if not counted:
        return order, ()
    kept = tuple(hold for hold in order.holds if hold not in counted)
    return replace(order, holds=kept), counted


def _pieces(order: CommerceOrder) -> Counter[str]:
    pieces: Counter[str] = Counter()
    for line in order.lines:
        pieces[line.sku] += line.item.quantity
    return pieces


def _is_available(catalog: Catalog, sku: str, pieces: int) -> bool:
    product = catalog.products.get(sku)
    return product is not None and (not product.product.manage_stock or product.available >= pieces)
