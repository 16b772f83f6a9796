"""What one process remembers of the facts while nobody else takes the stock's lock.

A lock counts how often it was taken. When the count has gone up by one since this process had the
lock, nobody else had it in between, and what was read or written then is still so.
"""

from collections.abc import Iterable

from models.change_set import ChangeSet
from models.keys import listing_key
from models.reference_data import Listing, StockedProduct, Store

MOST_FACTS = 100_000
"""How many products and listings are remembered before all are forgotten: some 100 MB."""


class FactCache:
    """The facts as the last holder of a stock's lock left them, while that was this process."""

    def __init__(self) -> None:
        self.stores: dict[str, Store] | None = None
        self.products: dict[str, StockedProduct | None] = {}
        """None for a SKU that has no product, or a deleted one."""
        self.listings: dict[str, Listing | None] = {}
        self.details_wait: bool | None = None
        """Whether details of orders that are not here yet wait for them, where that is known."""
        self._taken = 0

    def begin(self, taken: int) -> None:
        """Begin with a lock's new count: forget all, unless it comes right after our last one."""
        if taken != self._taken + 1 or len(self.products) + len(self.listings) > MOST_FACTS:
            self.forget()

    def forget(self) -> None:
        """Remember nothing: what is in the database is not known to be this."""
        self.stores = None
        self.details_wait = None
        self.products.clear()
        self.listings.clear()
        self._taken = -1

    def committed(self, taken: int, changes: Iterable[ChangeSet]) -> None:
        """Take over what the transaction that had the lock at this count has written."""
        self._taken = taken
        for change in changes:
            if change.stores:
                self.stores = None
            if any(dead_letter.details_of is not None for dead_letter in change.dead_letters):
                self.details_wait = True
            for sku, units in change.reserved.items():
                stocked = self.products.get(sku)
                if stocked is not None:
                    self.products[sku] = stocked.with_reserved(units)
            for sku in (*(one.sku for one in change.products), *change.deleted_products):
                self.products.pop(sku, None)
            told = (listing_key(one.store_id, one.seller_sku) for one in change.listings)
            for key in (*told, *change.deleted_listings):
                self.listings.pop(key, None)
