"""The blocker check: what keeps an admitted order from becoming a Commerce order (rules 7 to 11).

A new blocker needs a code with its texts in `models/reasons.py`, and a check here, in `_CHECKS`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from models import keys
from models.amazon_order import AmazonOrder, FulfillmentChannel, OrderItem
from models.blockers import Blocker
from models.reasons import REMEDIES, BlockerCode
from models.reference_data import Catalog, StockedProduct, Store


@dataclass(frozen=True, slots=True)
class Need:
    """What an order needs of one catalog product, over all its lines (rule 9).

    `sku` is None for lines without a seller SKU: Amazon did not say what was bought.
    """

    sku: str | None
    items: tuple[OrderItem, ...]

    @property
    def quantity(self) -> int:
        """Units, over all lines."""
        return sum(item.quantity for item in self.items)


def sum_needs(order: AmazonOrder, store_id: str, catalog: Catalog) -> tuple[Need, ...]:
    """Sum up an order's lines per catalog product; lines without units are ignored (rule 5)."""
    lines: dict[str | None, list[OrderItem]] = {}
    for item in order.items:
        if item.quantity:
            sku = (
                None if item.seller_sku is None else catalog.catalog_sku(store_id, item.seller_sku)
            )
            lines.setdefault(sku, []).append(item)
    return tuple(Need(sku, tuple(items)) for sku, items in lines.items())


def find_blockers(
    order: AmazonOrder, store: Store, catalog: Catalog, needs: Sequence[Need]
) -> tuple[Blocker, ...]:
    """Return every blocker of every line, not only the first; none if the order can be created.

    The result does not depend on the order of the lines.
    """
    blockers: list[Blocker] = []
    checks_stock = order.fulfillment_channel is FulfillmentChannel.MFN or store.fba_requires_stock
    for need in needs:
        product = None if need.sku is None else catalog.products.get(need.sku)
        for code, applies in _CHECKS.items():
            if applies(product, need.quantity, checks_stock):
                blockers.append(_blocker(code, need, product, catalog))
    return tuple(sorted(blockers, key=lambda blocker: (blocker.sku or "", blocker.code)))


def depends_on(
    store_id: str, needs: Sequence[Need], blockers: Sequence[Blocker]
) -> tuple[str, ...]:
    """Return the keys of all facts whose change may unblock the order (rule 12)."""
    blocked = {blocker.sku for blocker in blockers}
    waits = {keys.depends_on_store(store_id)}
    for need in needs:
        if need.sku in blocked and need.sku is not None:
            waits.add(keys.depends_on_product(need.sku))
            waits.update(
                keys.depends_on_listing(keys.listing_key(store_id, item.seller_sku))
                for item in need.items
                if item.seller_sku is not None
            )
    return tuple(sorted(waits))


def _is_not_in_catalog(product: StockedProduct | None, _required: int, _stock: bool) -> bool:
    return product is None


def _is_disabled(product: StockedProduct | None, _required: int, _stock: bool) -> bool:
    return product is not None and not product.product.enabled


def _is_out_of_stock(product: StockedProduct | None, required: int, checks_stock: bool) -> bool:
    return (
        product is not None
        and checks_stock
        and product.product.manage_stock
        and product.available < required
    )


_CHECKS: dict[BlockerCode, Callable[[StockedProduct | None, int, bool], bool]] = {
    BlockerCode.NOT_IN_CATALOG: _is_not_in_catalog,
    BlockerCode.DISABLED: _is_disabled,
    BlockerCode.OUT_OF_STOCK: _is_out_of_stock,
}


def _blocker(
    code: BlockerCode, need: Need, product: StockedProduct | None, catalog: Catalog
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
        similar_sku=catalog.similar.get(need.sku or "") if product is None else None,
    )
