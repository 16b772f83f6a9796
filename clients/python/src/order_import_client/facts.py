"""Facts: the stores, products, stock and listings that orders are checked against, and updates.

A fact is a whole value as of a moment. A newer one replaces it; an older one changes nothing.
"""

import time
from datetime import UTC, datetime
from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from order_import_client.messages import Message
from order_import_client.values import CommerceStatus, Moment, Published

STORES = "commerce.stores"
PRODUCTS = "commerce.products"
STOCK = "commerce.stock"
LISTINGS = "commerce.listings"
ORDER_UPDATES = "commerce.order-updates"


class Fact(Published):
    """A fact, with its topic and key."""

    topic: ClassVar[str]

    @property
    def key(self) -> str:
        """Its key on Kafka, so that a newer one replaces it."""
        raise NotImplementedError

    def message(self) -> Message:
        """Return the message that publishes it."""
        value = self.model_dump_json(exclude_none=True)
        return Message(self.topic, self.key.encode(), value.encode())


class OrderNumberSource(StrEnum):
    """The source of a Commerce order's number."""

    COMMERCE = "commerce"
    AMAZON = "amazon"


class CountsOrdersFrom(StrEnum):
    """When Commerce's count leaves out the units of an order."""

    ACKNOWLEDGED = "acknowledged"
    SHIPPED = "shipped"
    NEVER = "never"


class Store(Fact):
    """An Amazon store and its settings. Orders from before `integrated_at` are not imported."""

    topic: ClassVar[str] = STORES

    store_id: str
    name: str
    seller_id: str | None = None
    marketplace_id: str
    integrated_at: Moment
    import_amazon_orders: bool = True
    import_non_amazon_orders: bool = False
    order_number_source: OrderNumberSource = OrderNumberSource.COMMERCE
    stock_id: str = "default"
    reserve_pending: bool = False
    commerce_counts_orders_from: CountsOrdersFrom = CountsOrdersFrom.ACKNOWLEDGED
    """From the first update of an order; from its shipment, if the shop makes no reservation for
    it; or never before it is complete."""
    fba_requires_stock: bool = True
    commerce_order_url: str | None = None
    seller_central_url: str | None = None
    updated_at: Moment

    @property
    def key(self) -> str:
        """The store id."""
        return self.store_id


class Product(Fact):
    """A product of the catalog and its salable quantity, counted at `as_of`: see `Count`.

    The quantity is that of the stock `default`. Leave it out if you publish `StockItem`.
    """

    topic: ClassVar[str] = PRODUCTS

    sku: str
    name: str | None = None
    enabled: bool
    disabled_for: tuple[str, ...] = ()
    """The ids of stores for which it is disabled."""
    manage_stock: bool = True
    salable_quantity: float | None = Field(default=None, allow_inf_nan=False)
    as_of: Moment

    @property
    def key(self) -> str:
        """The catalog SKU."""
        return self.sku


class StockItem(Fact):
    """The salable quantity of a product in one stock, counted at `as_of`: see `Count`."""

    topic: ClassVar[str] = STOCK

    stock_id: str
    sku: str
    salable_quantity: float = Field(allow_inf_nan=False)
    as_of: Moment

    @property
    def key(self) -> str:
        """`stock/SKU`."""
        return f"{self.stock_id}/{self.sku}"


class ListingComponent(Published):
    """A product of a kit or multipack, and how many units of it one piece contains."""

    sku: str
    quantity: int = Field(ge=1)


class Listing(Fact):
    """What a seller SKU of a store stands for: a catalog SKU, or components."""

    topic: ClassVar[str] = LISTINGS

    store_id: str
    seller_sku: str
    sku: str | None = None
    components: tuple[ListingComponent, ...] | None = Field(default=None, min_length=1)
    """The products of a kit or multipack. They count, and not a `sku`."""
    updated_at: Moment

    @property
    def key(self) -> str:
        """`store/seller SKU`."""
        return f"{self.store_id}/{self.seller_sku}"


class OrderUpdate(Fact):
    """The status of a Commerce order, at a moment. The first one acknowledges the order."""

    topic: ClassVar[str] = ORDER_UPDATES

    commerce_order_id: str
    store_id: str | None = None
    amazon_order_id: str | None = None
    status: CommerceStatus
    at: Moment

    @property
    def key(self) -> str:
        """The Commerce order id."""
        return self.commerce_order_id


class Count:
    """One reading of Commerce's salable quantities. Make it before you begin to read.

    A quantity read at a later moment may leave out an order that came in between. With the time
    before the reading as `as_of`, that order keeps its reservation until the next count.
    """

    def __init__(self) -> None:
        self.as_of = datetime.fromtimestamp(time.time(), UTC)

    def product(
        self,
        sku: str,
        salable_quantity: float,
        *,
        enabled: bool,
        name: str | None = None,
        manage_stock: bool = True,
    ) -> Product:
        """Return a product with the quantity that this reading has found."""
        return Product(
            sku=sku,
            name=name,
            enabled=enabled,
            manage_stock=manage_stock,
            salable_quantity=salable_quantity,
            as_of=self.as_of,
        )

    def stock_item(self, stock_id: str, sku: str, salable_quantity: float) -> StockItem:
        """Return the quantity that this reading has found in one stock."""
        return StockItem(
            stock_id=stock_id, sku=sku, salable_quantity=salable_quantity, as_of=self.as_of
        )


def delete_product(sku: str) -> Message:
    """Return the message that deletes a product from the catalog."""
    return Message(PRODUCTS, sku.encode(), None)


def delete_stock_item(stock_id: str, sku: str) -> Message:
    """Return the message after which a stock has no units of a product."""
    return Message(STOCK, f"{stock_id}/{sku}".encode(), None)


def remove_listing(store_id: str, seller_sku: str) -> Message:
    """Return the message that removes what a seller SKU stands for."""
    return Message(LISTINGS, f"{store_id}/{seller_sku}".encode(), None)
