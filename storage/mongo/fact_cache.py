"""A cache of one stock's reference data, valid while no other process takes the stock's lock.

Each holder of a lock raises its version by one. If the version has risen by one since this process
held the lock, no other process held it in between, and the cached data is still true.
"""

from collections.abc import Iterable

from models.change_set import ChangeSet
from models.keys import DEFAULT_STOCK, listing_key
from models.reference_data import Listing, StockedProduct, Store

MOST_FACTS = 100_000
"""How many products and listings are cached before all are dropped: some 100 MB."""


class FactCache:
    """The reference data as this process left it when it last held a stock's lock."""

    def __init__(self, stock_id: str = DEFAULT_STOCK) -> None:
        self._stock_id = stock_id
        self.stores: dict[str, Store] | None = None
        self.products: dict[str, StockedProduct | None] = {}
        """None for a SKU without a product, or with a deleted one."""
        self.listings: dict[str, Listing | None] = {}
        self.has_early_details: bool | None = None
        """Whether details are stored of orders that have not come yet; None: not read yet."""
        self._version = 0

    def begin(self, version: int) -> None:
        """Begin with a lock's new version: clear the cache unless it follows our last one."""
        if version != self._version + 1 or len(self.products) + len(self.listings) > MOST_FACTS:
            self.forget()

    def forget(self) -> None:
        """Clear the cache: the database may hold other data."""
        self.stores = None
        self.has_early_details = None
        self.products.clear()
        self.listings.clear()
        self._version = -1

    def committed(self, version: int, changes: Iterable[ChangeSet]) -> None:
        """Apply the writes of the transaction that held the lock at this version."""
        self._version = version
        for change in changes:
            if change.stores:
                # A store that comes to this stock brings listings and products along.
                self.stores = None
                self.products.clear()
                self.listings.clear()
            if any(dead_letter.details_of is not None for dead_letter in change.dead_letters):
                self.has_early_details = True
            for sku, units in change.reserved.get(self._stock_id, {}).items():
                stocked = self.products.get(sku)
                if stocked is not None:
                    self.products[sku] = stocked.with_reserved(units)
            for sku in (
                *(product.sku for product in change.products),
                *change.deleted_products,
                *(item.sku for item in change.stock_items if item.stock_id == self._stock_id),
                *self._skus_of(change.deleted_stock_items),
            ):
                self.products.pop(sku, None)
            matched = (listing_key(each.store_id, each.seller_sku) for each in change.listings)
            for key in (*matched, *change.deleted_listings):
                self.listings.pop(key, None)

    def _skus_of(self, keys: Iterable[str]) -> Iterable[str]:
        prefix = f"{self._stock_id}/"
        return (key.removeprefix(prefix) for key in keys if key.startswith(prefix))
