"""The blocker check: what keeps an admitted order from becoming a Commerce order (rules 7 to 11).

A new blocker needs a code with its texts in `models/reasons.py`, and a check here, in `_CHECKS`.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from models.amazon_order import MAX_LINES, AmazonOrder, FulfillmentChannel, OrderItem
from models.blockers import Blocker
from models.reasons import REMEDIES, BlockerCode
from models.reference_data import Catalog, StockedProduct, Store, units_of

MAX_NAMED = 2 * MAX_LINES
"""How many lines all blockers of an order name: as many as without kits. More might not fit into
one message."""


@dataclass(frozen=True, slots=True)
class Need:
    """What an order needs of one catalog product, over all its lines (rule 9).

    `sku` is None for lines without a seller SKU: Amazon did not say what was bought. `quantity` are
    the units over all these lines, and over the pieces of kits and multipacks (rule 24).
    """

    sku: str | None
    items: tuple[OrderItem, ...]
    quantity: int


class Demand(NamedTuple):
    """The units that an order of a store needs of a product, and whether stock counts for it."""

    store_id: str
    required: int
    checks_stock: bool


def sum_needs(order: AmazonOrder, store_id: str, catalog: Catalog) -> tuple[Need, ...]:
    """Sum up an order's lines per catalog product; lines without units are ignored (rule 5)."""
    lines: dict[str | None, list[OrderItem]] = {}
    units: Counter[str | None] = Counter()
    for item in order.items:
        if item.quantity:
            for sku, in_one_piece in _units_of(item, store_id, catalog):
                lines.setdefault(sku, []).append(item)
                units[sku] += in_one_piece * item.quantity
    return tuple(Need(sku, tuple(items), units[sku]) for sku, items in lines.items())


def _units_of(item: OrderItem, store_id: str, catalog: Catalog) -> Iterable[tuple[str | None, int]]:
    if item.seller_sku is None:
        return ((None, 1),)
    return units_of(catalog.match(store_id, item.seller_sku))


def find_blockers(
    order: AmazonOrder, store: Store, catalog: Catalog, needs: Sequence[Need]
) -> tuple[Blocker, ...]:
    """Return every blocker of every line, not only the first; none if the order can be created.

    The result does not depend on the order of the lines. Together they name `MAX_NAMED` lines.
    """
    blockers: list[Blocker] = []
    checks_stock = order.fulfillment_channel is FulfillmentChannel.MFN or store.fba_requires_stock
    for need in needs:
        product = None if need.sku is None else catalog.products.get(need.sku)
        demand = Demand(store.store_id, need.quantity, checks_stock)
        for code, applies in _CHECKS.items():
            if applies(product, demand):
                blockers.append(_blocker(code, need, product, store, catalog))
    blockers.sort(key=lambda blocker: (blocker.sku or "", blocker.code))
    named = accumulate(len(blocker.order_item_ids) for blocker in blockers)
    return tuple(
        blocker for blocker, lines in zip(blockers, named, strict=True) if lines <= MAX_NAMED
    )


def _is_not_in_catalog(product: StockedProduct | None, _demand: Demand) -> bool:
    return product is None


def _is_disabled(product: StockedProduct | None, demand: Demand) -> bool:
    return product is not None and not product.product.is_enabled_for(demand.store_id)


def _is_out_of_stock(product: StockedProduct | None, demand: Demand) -> bool:
    return (
        product is not None
        and demand.checks_stock
        and product.product.manage_stock
        and product.available < demand.required
    )


_CHECKS: dict[BlockerCode, Callable[[StockedProduct | None, Demand], bool]] = {
    BlockerCode.NOT_IN_CATALOG: _is_not_in_catalog,
    BlockerCode.DISABLED: _is_disabled,
    BlockerCode.OUT_OF_STOCK: _is_out_of_stock,
}


def _blocker(
    code: BlockerCode,
    need: Need,
    product: StockedProduct | None,
    store: Store,
    catalog: Catalog,
) -> Blocker:
    items = sorted(need.items, key=lambda item: item.order_item_id)
    managed = product is not None and product.product.manage_stock
    return Blocker(
        code=code,
        seller_sku=min((item.seller_sku for item in items if item.seller_sku), default=None),
        sku=need.sku,
        asin=min((item.asin for item in items if item.asin), default=None),
        order_item_ids=tuple(item.order_item_id for item in items),
        required=need.quantity,
        available=product.available if product is not None and managed else None,
        remedy=REMEDIES[code],
        stock_id=store.stock_id if code is BlockerCode.OUT_OF_STOCK else None,
        similar_sku=catalog.similar.get(need.sku or "") if product is None else None,
    )
