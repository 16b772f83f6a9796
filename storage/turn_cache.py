"""What one process remembers between its turns: facts, and orders on their way to their judgement.

A turn is counted in the database. When the count has gone up by one since this process had the
turn, nobody else had it in between, and what was read or written then is still so. Facts change
only in transactions that take the turn. Orders change in others too, and are checked one by one.
"""

from collections.abc import Iterable
from dataclasses import replace

from models.facts import Listing, Store
from models.keys import listing_key
from models.ledger import Changes
from models.records import OrderRecord, StockedProduct

MOST_FACTS = 100_000
"""How many products and listings are remembered before all are forgotten: some 100 MB."""
MOST_ORDERS = 5_000
"""How many admitted orders are remembered; the oldest go first."""


class TurnCache:
    """The facts as the last holder of a turn left them, while that was this process."""

    def __init__(self) -> None:
        self.stores: dict[str, Store] | None = None
        self.products: dict[str, StockedProduct | None] = {}
        """None for a SKU that has no product, or a deleted one."""
        self.listings: dict[str, Listing | None] = {}
        self.details_wait: bool | None = None
        """Whether details of orders that are not here yet wait for them, where that is known."""
        self.last = 0
        """The number of the last turn, if this process had it and its transaction took place."""

    def begin(self, taken: int) -> None:
        """Begin the turn of this number: forget all, unless it comes right after our last one."""
        if taken != self.last + 1 or len(self.products) + len(self.listings) > MOST_FACTS:
            self.forget()

    def forget(self) -> None:
        """Remember nothing: what is in the database is not known to be this."""
        self.stores = None
        self.details_wait = None
        self.products.clear()
        self.listings.clear()
        self.last = -1

    def committed(self, taken: int, changes: Iterable[Changes]) -> None:
        """Take over what the transaction of this turn wrote."""
        self.last = taken
        for change in changes:
            if change.stores:
                self.stores = None
            if any(letter.details_of is not None for letter in change.dead_letters):
                self.details_wait = True
            for sku, pieces in change.held.items():
                stocked = self.products.get(sku)
                if stocked is not None:
                    self.products[sku] = replace(stocked, held=stocked.held + pieces)
            for sku in (*(one.sku for one in change.products), *change.deleted_products):
                self.products.pop(sku, None)
            told = (listing_key(one.store_id, one.seller_sku) for one in change.listings)
            for key in (*told, *change.deleted_listings):
                self.listings.pop(key, None)


class Handover:
    """Orders as the import policy admitted them, for the blocker check of the same process.

    Another process may have written one of them since: whoever takes them has that checked by the
    write that stores what became of them.
    """

    def __init__(self) -> None:
        self._orders: dict[str, OrderRecord] = {}

    def put(self, changes: Iterable[Changes]) -> None:
        """Keep the orders that a committed transaction admitted."""
        for change in changes:
            for one in change.orders:
                self._orders.pop(one.record.key, None)
                if one.record.admitted:
                    self._orders[one.record.key] = one.record
        while len(self._orders) > MOST_ORDERS:
            del self._orders[next(iter(self._orders))]

    def take(self, keys: Iterable[str]) -> dict[str, OrderRecord]:
        """Give those that are here, once."""
        return {key: found for key in keys if (found := self._orders.pop(key, None)) is not None}
