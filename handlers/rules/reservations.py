"""Reservations: the units that a Commerce order keeps from other orders (rule 10)."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from models.commerce_order import CommerceOrder, Reservation
from models.reference_data import Catalog, CommerceStatus, CountsOrdersFrom


class Reserved(NamedTuple):
    """An order with its reservations as they are now, and how they changed.

    `reserves` and `releases` are the units it reserves from now on, and no longer reserves.
    `is_short` says that not all of the units it additionally needs could be reserved.
    """

    order: CommerceOrder
    is_short: bool
    reserves: tuple[Reservation, ...] = ()
    releases: tuple[Reservation, ...] = ()


def reserve_amended(
    before: CommerceOrder, amended: CommerceOrder, catalog: Catalog, at: datetime
) -> Reserved:
    """Fit the reservations of an order to its amended lines.

    An order never reserves more of a product than it needs. Units that Commerce has counted are no
    longer reserved, so they are not released twice; units that Commerce has shipped stay until
    they are counted. More units are reserved if all of them are available. Commerce's counts
    include them only after its next update of the order, so it has to acknowledge the order again.
    """
    needed, needs = units_by_sku(before), units_by_sku(amended)
    extra = {sku: needs[sku] - needed[sku] for sku in needs if needs[sku] > needed[sku]}
    if before.status is not CommerceStatus.PROCESSING:
        return Reserved(amended, bool(extra))
    kept = {
        reservation.sku: min(reservation.quantity, needs[reservation.sku])
        for reservation in before.reservations
    }
    releases = tuple(
        Reservation(reservation.sku, reservation.quantity - kept[reservation.sku])
        for reservation in before.reservations
        if reservation.quantity > kept[reservation.sku]
    )
    reserves = tuple(
        Reservation(sku, units)
        for sku, units in extra.items()
        if _is_available(catalog, sku, units)
    )
    for reservation in reserves:
        kept[reservation.sku] = kept.get(reservation.sku, 0) + reservation.quantity
    order = replace(
        amended, reservations=tuple(Reservation(sku, n) for sku, n in kept.items() if n)
    )
    if reserves:
        order = replace(order, acknowledged_at=None, grown_at=at)
    return Reserved(order, len(reserves) < len(extra), reserves, releases)


def release_counted(
    order: CommerceOrder, counted_as_of: Mapping[str, datetime], counts_from: CountsOrdersFrom
) -> tuple[CommerceOrder, tuple[Reservation, ...]]:
    """Release the units that Commerce's own count already leaves out (rules 10 and 26)."""
    counted_from = order.counted_from(counts_from)
    if counted_from is None:
        return order, ()
    counted = tuple(
        reservation
        for reservation in order.reservations
        if reservation.sku in counted_as_of and counted_from <= counted_as_of[reservation.sku]
    )
    if not counted:
        return order, ()
    kept = tuple(reservation for reservation in order.reservations if reservation not in counted)
    return replace(order, reservations=kept), counted


def units_by_sku(order: CommerceOrder) -> Counter[str]:
    """Return the units that the lines of an order need, per catalog SKU."""
    units: Counter[str] = Counter()
    for line in order.lines:
        for sku, quantity in line.units:
            units[sku] += quantity
    return units


def _is_available(catalog: Catalog, sku: str, units: int) -> bool:
    product = catalog.products.get(sku)
    return product is not None and (not product.product.manage_stock or product.available >= units)
