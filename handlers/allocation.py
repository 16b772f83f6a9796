"""The running stock balance while the orders of one transaction are checked."""

from collections.abc import Collection, Mapping

from models.reference_data import Catalog, StockedProduct, Store
from storage.port import Facts


class StockAllocator:
    """Stores, listings and products, with what the decisions so far reserve of them.

    Each order is checked against the units that the orders before it have left.
    """

    def __init__(self) -> None:
        self.stores: Mapping[str, Store] = {}
        self._reserved: dict[str, int] = {}
        """Units that the decisions reserve (positive) or release (negative), per catalog SKU."""
        self._unwritten: dict[str, int] = {}
        """Those of them that are not written yet."""
        self.released_skus: set[str] = set()
        """The products of which a decision releases units, even if another reserves as many."""
        self._matches: dict[str, str] = {}
        self._products: dict[str, StockedProduct] = {}
        self._similar: dict[str, str] = {}
        self.catalog = Catalog(self._matches, self._products, self._similar)

    async def load(self, facts: Facts, pairs: Collection[tuple[str, str]]) -> None:
        """Read the stores, and the listings and products of these (store id, seller SKU) pairs.

        If the result is stored, `facts` is a transaction that has locked the stock.
        """
        self.stores = await facts.stores()
        catalog = await facts.catalog(pairs)
        self._matches |= catalog.matches
        self._similar |= catalog.similar
        self.add_products(catalog.products)

    def add_products(self, products: Mapping[str, StockedProduct]) -> None:
        """Add stored products, less what the decisions so far reserve of them."""
        for sku, product in products.items():
            if sku not in self._products:
                reserved = self._reserved.get(sku, 0)
                self._products[sku] = product.with_reserved(reserved) if reserved else product

    def take_reserved(self) -> dict[str, int]:
        """Return the units reserved since the last call."""
        taken, self._unwritten = self._unwritten, {}
        return taken

    def reserve(self, sku: str, quantity: int) -> None:
        """Reserve units of a product; release them if the quantity is negative."""
        for units in (self._reserved, self._unwritten):
            units[sku] = units.get(sku, 0) + quantity
        if quantity < 0:
            self.released_skus.add(sku)
        if (product := self._products.get(sku)) is not None:
            self._products[sku] = product.with_reserved(quantity)
