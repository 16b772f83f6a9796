"""The demo's two stores, their catalog and their listings."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import Final

from order_import_client import Listing, OrderNumberSource, Product, Store

INTEGRATED_BEFORE: Final = timedelta(days=30)
"""How long before the day of the orders the stores were integrated."""

_EVENING: Final = timedelta(hours=22)
_FAMILIES: Final = (
    ("TENT", "Trekking tent", "189.00"),
    ("TARP", "Ultralight tarp", "79.00"),
    ("BAG", "Down sleeping bag", "219.00"),
    ("MAT", "Insulated sleeping mat", "94.50"),
    ("STOVE", "Gas stove", "49.90"),
    ("POT", "Titanium pot", "39.95"),
    ("MUG", "Enamel mug", "14.90"),
    ("LAMP", "Head lamp", "34.99"),
    ("PACK", "Hiking backpack", "149.00"),
    ("DRY", "Dry bag", "19.95"),
    ("POLE", "Carbon trekking poles", "119.00"),
    ("BOOT", "Hiking boots", "179.00"),
    ("SOCK", "Merino socks", "21.90"),
    ("TEE", "Merino shirt", "59.00"),
    ("RAIN", "Rain jacket", "139.00"),
    ("HAT", "Wool hat", "24.50"),
    ("KNIFE", "Folding knife", "42.00"),
    ("FLASK", "Vacuum flask", "29.90"),
    ("ROPE", "Paracord", "9.95"),
    ("MAP", "Map case", "17.50"),
)
_VARIANTS: Final = tuple(
    "-".join(pair) for pair in product(("MOSS", "SLATE", "RUST", "SAND", "ICE"), ("S", "L"))
)


@dataclass(frozen=True, slots=True)
class DemoStore:
    """A store, and the common properties of its orders."""

    store: Store
    currency: str
    id_prefix: str
    """How its Amazon order ids begin."""

    @property
    def store_id(self) -> str:
        """Its id."""
        return self.store.store_id


@dataclass(frozen=True, slots=True)
class Article:
    """A product, with its data in order lines."""

    sku: str
    title: str
    asin: str
    price: Decimal


def make_stores(day: datetime) -> tuple[DemoStore, DemoStore]:
    """Return both stores, with import on."""
    integrated = day - INTEGRATED_BEFORE
    nordlicht = Store(
        store_id="nordlicht-de",
        name="Nordlicht Outdoor",
        seller_id="A2NORDLICHTDE1",
        marketplace_id="A1PA6795UKMFR9",
        integrated_at=integrated,
        commerce_order_url="https://commerce.example/orders/{commerce_order_id}",
        seller_central_url="https://sellercentral.amazon.de/orders-v3/order/{amazon_order_id}",
        updated_at=day - timedelta(hours=1),
    )
    harbor = Store(
        store_id="harbor-us",
        name="Harbor & Pine",
        seller_id="A3HARBORPINEUS",
        marketplace_id="ATVPDKIKX0DER",
        integrated_at=integrated,
        order_number_source=OrderNumberSource.AMAZON,
        fba_requires_stock=False,
        commerce_order_url="https://commerce.example/orders/{commerce_order_id}",
        seller_central_url="https://sellercentral.amazon.com/orders-v3/order/{amazon_order_id}",
        updated_at=day - timedelta(hours=1),
    )
    return DemoStore(nordlicht, "EUR", "304"), DemoStore(harbor, "USD", "112")


class Catalog:
    """About 200 products. Some families have one variant with a problem, which blocks orders."""

    def __init__(self, day: datetime) -> None:
        self._day = day
        self.articles = [
            Article(f"{code}-{variant}", f"{name}, {variant.lower()}", _asin(n, m), Decimal(price))
            for n, (code, name, price) in enumerate(_FAMILIES)
            for m, variant in enumerate(_VARIANTS)
        ]
        by_sku = {article.sku: article for article in self.articles}

        def variants(name: str, families: slice) -> list[Article]:
            return [by_sku[f"{family[0]}-{name}"] for family in _FAMILIES[families]]

        self.disabled = variants("ICE-S", slice(0, 8))
        self.out_of_stock = variants("ICE-S", slice(8, 16))
        self.disabled_and_out = variants("ICE-S", slice(16, 20))
        self.enabled_later = variants("ICE-L", slice(0, 3))
        """Disabled at first, and enabled later in the day."""
        self.unmanaged = variants("SAND-L", slice(0, 10))
        self.missing = [
            Article(f"{code}-PROTO", f"{name}, prototype", _asin(n, 99), Decimal(price))
            for n, (code, name, price) in enumerate(_FAMILIES[:6])
        ]
        """On Amazon, but not in the Commerce catalog."""
        blocking = _skus(
            self.disabled, self.out_of_stock, self.disabled_and_out, self.enabled_later
        )
        self.healthy = [article for article in self.articles if article.sku not in blocking]

    def products(self) -> Sequence[Product]:
        """Return the products with their stock before the day begins."""
        disabled = _skus(self.disabled, self.disabled_and_out, self.enabled_later)
        empty = _skus(self.out_of_stock, self.disabled_and_out, self.unmanaged)
        unmanaged = _skus(self.unmanaged)
        return [
            Product(
                sku=article.sku,
                name=article.title,
                enabled=article.sku not in disabled,
                manage_stock=article.sku not in unmanaged,
                salable_quantity=0 if article.sku in empty else 250,
                as_of=self._day,
            )
            for article in self.articles
        ]

    def products_enabled_later(self) -> Sequence[Product]:
        """Return the products that an operator enables in the evening."""
        later, update = _skus(self.enabled_later), {"enabled": True, "as_of": self._day + _EVENING}
        products = [product for product in self.products() if product.sku in later]
        return [product.model_copy(update=update) for product in products]

    def listings(self, stores: Sequence[DemoStore]) -> Sequence[Listing]:
        """Return the listings of seller SKUs that differ from the catalog's SKUs."""
        return [
            Listing(
                store_id=store.store_id,
                seller_sku=seller_sku,
                sku=article.sku,
                updated_at=self._day - timedelta(hours=2),
            )
            for store in stores
            for article in self.articles
            if (seller_sku := make_seller_sku(store, article)) != article.sku
        ]


def make_seller_sku(store: DemoStore, article: Article) -> str:
    """Return an article's seller SKU in a store, which differs from the SKU for every other one."""
    if int(article.asin[-2:]) % 2:
        return article.sku
    return f"{store.store_id.rpartition('-')[2].upper()}-{article.sku}"


def _asin(family: int, variant: int) -> str:
    return f"B0DEMO{family:02d}{variant:02d}"


def _skus(*groups: Sequence[Article]) -> set[str]:
    return {article.sku for articles in groups for article in articles}
