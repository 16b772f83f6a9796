"""The part of the Commerce catalog that the orders at hand may need."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from models import keys
from models.records import StockedProduct


@dataclass(frozen=True, slots=True)
class Catalog:
    """Listings and products.

    `matches` gives the catalog SKU of `store/seller SKU`; a seller SKU without one stands for
    the catalog SKU of the same name. A product that is not in `products` is not in the catalog;
    `similar` has, for some of these, a SKU that is and looks alike (see `models.skus`).
    """

    matches: Mapping[str, str]
    products: Mapping[str, StockedProduct]
    similar: Mapping[str, str] = field(default_factory=dict)

    def sku_of(self, store_id: str, seller_sku: str) -> str:
        """Give the catalog SKU a seller SKU stands for."""
        return self.matches.get(keys.listing_key(store_id, seller_sku), seller_sku)
