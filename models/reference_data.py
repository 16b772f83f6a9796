"""Reference data that orders are checked against: stores, products, listings, order updates.

A single piece of it, as of a moment, is a fact.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Self

from pydantic import Field, field_validator, model_validator

from models import keys
from models.base import Identifier, Sku, UtcTime, Value


class OrderNumberSource(StrEnum):
    """The source of a Commerce order's number."""

    COMMERCE = "commerce"
    AMAZON = "amazon"


class CountsOrdersFrom(StrEnum):
    """When Commerce's count leaves out the units of an order (rule 26)."""

    ACKNOWLEDGED = "acknowledged"
    SHIPPED = "shipped"
    NEVER = "never"


class Store(Value):
    """An Amazon store and its settings, from `commerce.stores`."""

    store_id: Identifier
    name: str = Field(min_length=1, max_length=256)
    seller_id: str | None = None
    marketplace_id: str = Field(min_length=1, max_length=64)
    integrated_at: UtcTime = Field(description="Orders purchased before this are never imported")
    import_amazon_orders: bool = True
    import_non_amazon_orders: bool = Field(
        default=False,
        description="Also import orders that Amazon only ships (multi-channel fulfillment)",
    )
    order_number_source: OrderNumberSource = OrderNumberSource.COMMERCE
    stock_id: Identifier = Field(
        default=keys.DEFAULT_STOCK, description="The stock that the store sells from"
    )
    reserve_pending: bool = Field(
        default=False,
        description="Reserve the units of merchant-fulfilled orders while Amazon has them Pending",
    )
    commerce_counts_orders_from: CountsOrdersFrom = Field(
        default=CountsOrdersFrom.ACKNOWLEDGED,
        description=(
            "From when on Commerce's counts leave out the units of an order: from its first update "
            "of the order; from its shipment, if Commerce makes no reservation for it; or never "
            "before the order is complete"
        ),
    )
    fba_requires_stock: bool = True
    commerce_order_url: str | None = Field(
        default=None, description="Template with {commerce_order_id} and {amazon_order_id}"
    )
    seller_central_url: str | None = Field(
        default=None, description="Template with {amazon_order_id}"
    )
    updated_at: UtcTime


class StockItem(Value):
    """How many units of a product Commerce has in one stock, from `commerce.stock`."""

    stock_id: Identifier
    sku: Sku
    salable_quantity: float = Field(ge=-1e12, le=1e12, allow_inf_nan=False)
    as_of: UtcTime = Field(description="When Commerce counted the salable quantity")

    @property
    def key(self) -> str:
        """`stock/SKU`."""
        return keys.stock_item_key(self.stock_id, self.sku)


class Product(Value):
    """A product of the Commerce catalog, from `commerce.products`."""

    sku: Sku
    name: str | None = None
    enabled: bool
    disabled_for: tuple[Identifier, ...] = Field(
        default=(), description="Ids of the stores for which the product is disabled"
    )
    manage_stock: bool = True
    salable_quantity: float | None = Field(
        default=None,
        ge=-1e12,
        le=1e12,
        allow_inf_nan=False,
        description="Of the stock `default`. Not needed if `commerce.stock` has it",
    )
    as_of: UtcTime = Field(description="When Commerce counted the salable quantity")

    def is_enabled_for(self, store_id: str) -> bool:
        """Return whether a store may sell the product (rule 8)."""
        return self.enabled and store_id not in self.disabled_for

    @property
    def stock_item(self) -> StockItem | None:
        """Its units in the stock `default`; None if it comes without a quantity."""
        if self.salable_quantity is None:
            return None
        return StockItem.model_construct(
            stock_id=keys.DEFAULT_STOCK,
            sku=self.sku,
            salable_quantity=self.salable_quantity,
            as_of=self.as_of,
        )


@dataclass(frozen=True, slots=True)
class StockedProduct:
    """A product in one stock: as last counted there, and how many units are reserved (rule 10).

    A product that was never counted in the stock has no units there.
    """

    product: Product
    reserved: int
    salable_quantity: float = 0.0
    counted_at: datetime | None = None

    def with_reserved(self, units: int) -> "StockedProduct":
        """Return the product with this many more units reserved."""
        return StockedProduct(
            self.product, self.reserved + units, self.salable_quantity, self.counted_at
        )

    @property
    def available(self) -> float:
        """Units available to the next order."""
        return self.salable_quantity - self.reserved


MAX_SKU_BYTES = 512
"""The most bytes of all SKUs of a kit: as many as one SKU may have, so that an order of a thousand
kits fits into a message as well."""


class Component(Value):
    """A product of a kit or multipack, and how many units of it one piece contains."""

    sku: Sku
    quantity: int = Field(ge=1, le=10_000)


Match = str | tuple[Component, ...]
"""What a seller SKU stands for: a catalog SKU, or the components of a kit or multipack."""


def units_of(match: Match) -> Iterable[tuple[str, int]]:
    """Return the catalog SKUs that a seller SKU stands for, each with its units in one piece."""
    if isinstance(match, str):
        return ((match, 1),)
    return ((component.sku, component.quantity) for component in match)


class Listing(Value):
    """What a seller SKU of a store stands for, from `commerce.listings`."""

    store_id: Identifier
    seller_sku: Sku
    sku: Sku | None = Field(default=None, description="The catalog SKU, unless it has components")
    components: tuple[Component, ...] | None = Field(
        default=None, min_length=1, max_length=20, description="The products of a kit or multipack"
    )
    updated_at: UtcTime

    @field_validator("components")
    @classmethod
    def _add_up(cls, components: tuple[Component, ...] | None) -> tuple[Component, ...] | None:
        """Make one component of those with the same SKU."""
        if components is None or len({component.sku for component in components}) == len(
            components
        ):
            return components
        units: Counter[str] = Counter()
        for component in components:
            units[component.sku] += component.quantity
        return tuple(Component.model_construct(sku=sku, quantity=n) for sku, n in units.items())

    @model_validator(mode="after")
    def _stands_for_something(self) -> Self:
        if self.sku is None and self.components is None:
            raise ValueError("sku or components must be given")
        if sum(len(component.sku.encode()) for component in self.components or ()) > MAX_SKU_BYTES:
            raise ValueError(f"the SKUs of components must have at most {MAX_SKU_BYTES} bytes")
        return self

    @property
    def match(self) -> Match:
        """What it stands for."""
        return self.components or self.sku or self.seller_sku

    @property
    def key(self) -> str:
        """`store/seller SKU`."""
        return keys.listing_key(self.store_id, self.seller_sku)


class CommerceStatus(StrEnum):
    """The status of a Commerce order."""

    PROCESSING = "processing"
    SHIPPED = "shipped"
    COMPLETE = "complete"
    CANCELED = "canceled"


class OrderUpdate(Value):
    """An update of a Commerce order, from `commerce.order-updates`."""

    commerce_order_id: str | None = None
    store_id: Identifier | None = None
    amazon_order_id: Identifier | None = None
    status: CommerceStatus
    at: UtcTime

    @model_validator(mode="after")
    def _names_one_order(self) -> Self:
        if self.commerce_order_id is None and (
            self.store_id is None or self.amazon_order_id is None
        ):
            raise ValueError("commerce_order_id, or store_id and amazon_order_id, must be given")
        return self


@dataclass(frozen=True, slots=True)
class Catalog:
    """Listings, and products with their units in one stock.

    `matches` has what each `store/seller SKU` stands for; a seller SKU without a match stands for
    the catalog SKU of the same name. A product that is missing from `products` is not in the
    catalog; `similar` has, for some of these, a similar SKU that is in the catalog (see
    `models.skus`).
    """

    matches: Mapping[str, Match]
    products: Mapping[str, StockedProduct]
    similar: Mapping[str, str] = field(default_factory=dict)

    def match(self, store_id: str, seller_sku: str) -> Match:
        """Return what a seller SKU stands for."""
        return self.matches.get(keys.listing_key(store_id, seller_sku), seller_sku)


def counts_orders_from(stores: Mapping[str, Store], store_id: str) -> CountsOrdersFrom:
    """Return from when on Commerce counts a store's orders."""
    store = stores.get(store_id)
    return CountsOrdersFrom.ACKNOWLEDGED if store is None else store.commerce_counts_orders_from


def stock_of(stores: Mapping[str, Store], store_id: str) -> str:
    """Return the stock of a store; an unknown store counts as one of the stock `default`."""
    store = stores.get(store_id)
    return keys.DEFAULT_STOCK if store is None else store.stock_id
