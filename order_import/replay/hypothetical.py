"""Hypothetical facts: those there are, with what is assumed and what a dry run has taken."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime

from typing_extensions import override

from handlers.rules.reservations import release_counted
from models import keys
from models.commerce_order import StockedProduct
from models.reference_data import Catalog, Store
from order_import.replay.assumptions import Assumptions, BadAssumption
from storage.port import Facts, View


class HypotheticalFacts(Facts):
    """Gives stores and catalog to a bench. Nothing of it is stored."""

    def __init__(self, view: View, assumed: Assumptions, at: datetime) -> None:
        self._view = view
        self._assumed = assumed
        self._at = at
        self._taken: Counter[str] = Counter()
        self._stores: Mapping[str, Store] | None = None
        self._products: dict[str, StockedProduct] = {}

    @override
    async def stores(self) -> Mapping[str, Store]:
        """Give all stores by id, as assumed.

        Raises:
            BadAssumption: Something is assumed of a store that is not known.
        """
        if self._stores is None:
            told = await self._view.stores()
            for store_id in self._assumed.stores:
                if store_id not in told:
                    known = ", ".join(sorted(told)) or "none"
                    raise BadAssumption(f"store {store_id}: not known; there are: {known}")
            self._stores = {one: self._assumed.store(store) for one, store in told.items()}
            self._products = await self._assumed_products()
        return self._stores

    @override
    async def catalog(self, wanted: Collection[tuple[str, str]]) -> Catalog:
        """Give listings and products, less what the orders so far would hold."""
        await self.stores()
        told = await self._view.catalog(wanted)
        listings = {keys.listing_key(*pair) for pair in wanted}
        matches = {one: sku for one, sku in self._assumed.matches.items() if one in listings}
        products = {
            **told.products,
            **await self._view.products(set(matches.values()) - told.products.keys()),
            **self._products,
        }
        left = {
            sku: replace(stocked, reserved=stocked.reserved + self._taken[sku])
            for sku, stocked in products.items()
        }
        return Catalog({**told.matches, **matches}, left, told.similar)

    def take(self, reserved: Mapping[str, int]) -> None:
        """Keep units from the orders to come."""
        self._taken.update(reserved)

    async def _assumed_products(self) -> dict[str, StockedProduct]:
        """Give the assumed products. A new count leaves out what Commerce has counted (rule 10)."""
        skus = set(self._assumed.products)
        there = await self._view.products(skus)
        ever = await self._view.product_versions(skus)
        counted: Counter[str] = Counter()
        as_of = {
            sku: self._at
            for sku, fields in self._assumed.products.items()
            if "salable_quantity" in fields
        }
        for order in await self._view.acknowledged_orders_reserving(set(as_of)):
            for reservation in release_counted(order, as_of)[1]:
                counted[reservation.sku] += reservation.quantity
        return {
            sku: StockedProduct(
                self._assumed.product(sku, there[sku].product if sku in there else None, self._at),
                (ever[sku].reserved if sku in ever else 0) - counted[sku],
            )
            for sku in skus
        }
