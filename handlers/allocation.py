"""The running stock balance while the orders of one transaction are checked."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

from models.commerce_order import PendingReservation
from models.reference_data import Catalog, Match, StockedProduct, Store, stock_of
from storage.port import Facts


class _Stock:
    """One stock: listings and products, with what the decisions so far reserve of them."""

    def __init__(self) -> None:
        self.reserved: dict[str, int] = {}
        """Units that the decisions reserve (positive) or release (negative), per catalog SKU."""
        self.unwritten: dict[str, int] = {}
        """Those of them that are not written yet."""
        self._matches: dict[str, Match] = {}
        self._products: dict[str, StockedProduct] = {}
        self._similar: dict[str, str] = {}
        self.catalog = Catalog(self._matches, self._products, self._similar)

    def add(self, catalog: Catalog) -> None:
        """Add what is stored."""
        self._matches |= catalog.matches
        self._similar |= catalog.similar
        self.add_products(catalog.products)

    def add_products(self, products: Mapping[str, StockedProduct]) -> None:
        """Add stored products, less what the decisions so far reserve of them."""
        for sku, product in products.items():
            if sku not in self._products:
                reserved = self.reserved.get(sku, 0)
                self._products[sku] = product.with_reserved(reserved) if reserved else product

    def reserve(self, sku: str, quantity: int) -> None:
        """Reserve units of a product; release them if the quantity is negative."""
        for units in (self.reserved, self.unwritten):
            units[sku] = units.get(sku, 0) + quantity
        self.adjust(sku, quantity)

    def adjust(self, sku: str, quantity: int) -> None:
        """Let the catalog have so many more units reserved."""
        if (product := self._products.get(sku)) is not None:
            self._products[sku] = product.with_reserved(quantity)


class StockAllocator:
    """Stores, and for each stock listings and products, with what the decisions so far reserve.

    Each order is checked against the units that the orders before it have left in its stock.
    """

    def __init__(self) -> None:
        self.stores: Mapping[str, Store] = {}
        self.released: set[tuple[str, str]] = set()
        """The stocks and SKUs of which a decision releases units, even if another reserves as
        many."""
        self._stocks: defaultdict[str, _Stock] = defaultdict(_Stock)

    def stock_of(self, store_id: str) -> str:
        """Return the stock of a store."""
        return stock_of(self.stores, store_id)

    def catalog(self, stock_id: str) -> Catalog:
        """Return what orders are checked against in one stock, as the decisions so far leave it."""
        return self._stocks[stock_id].catalog

    async def load(self, facts: Facts, pairs: Collection[tuple[str, str]]) -> None:
        """Read the stores, and the listings and products of these (store id, seller SKU) pairs.

        If the result is stored, `facts` is a transaction that has locked the stores' stocks.
        """
        self.stores = await facts.stores()
        pairs_of: dict[str, set[tuple[str, str]]] = {}
        stocks = {store_id: self.stock_of(store_id) for store_id in {pair[0] for pair in pairs}}
        for pair in pairs:
            pairs_of.setdefault(stocks[pair[0]], set()).add(pair)
        for stock_id, of_stock in pairs_of.items():
            await self.load_from(facts, stock_id, of_stock)

    async def load_from(
        self, facts: Facts, stock_id: str, pairs: Collection[tuple[str, str]]
    ) -> None:
        """Read the listings and products of these pairs, whatever the stock of their stores."""
        self._stocks[stock_id].add(await facts.catalog(pairs, stock_id))

    def add_products(self, stock_id: str, products: Mapping[str, StockedProduct]) -> None:
        """Add stored products of a stock, less what the decisions so far reserve of them."""
        self._stocks[stock_id].add_products(products)

    @contextmanager
    def without(self, pending: PendingReservation | None) -> Iterator[None]:
        """Leave out of the catalog, for one decision, what its own order reserves."""
        if pending is None:
            yield
            return
        stock = self._stocks[pending.stock_id]
        for reservation in pending.reservations:
            stock.adjust(reservation.sku, -reservation.quantity)
        yield
        for reservation in pending.reservations:
            stock.adjust(reservation.sku, reservation.quantity)

    def take_reserved(self) -> dict[str, dict[str, int]]:
        """Return the units reserved since the last call, per stock and SKU."""
        taken = {}
        for stock_id, stock in self._stocks.items():
            if stock.unwritten:
                taken[stock_id], stock.unwritten = stock.unwritten, {}
        return taken

    def reserve(self, stock_id: str, sku: str, quantity: int) -> None:
        """Reserve units of a product; release them if the quantity is negative."""
        self._stocks[stock_id].reserve(sku, quantity)
        if quantity < 0:
            self.released.add((stock_id, sku))
