"""The demo's orders of a day, which together show every outcome of the rules."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from models.amazon_order import AmazonStatus, FulfillmentChannel, SalesChannel
from order_import.devtools.demo.catalog import Article, Catalog, DemoStore, make_seller_sku

_SHIPPING, _FREE_SHIPPING_FROM = Decimal("4.99"), Decimal("30.00")
Recipe = tuple[int, Mapping[str, Any]]
"""How many orders, and the arguments of `Day._order` for them."""


class Format(StrEnum):
    """The format of the messages that describe an order at first."""

    DOCUMENT = "document"
    V0 = "v0"
    V0_ITEMS_AFTER = "v0-items-after"
    V0_ITEMS_BEFORE = "v0-items-before"
    API_2026 = "2026-01-01"
    ANNOUNCED = "announced"
    """An ORDER_CHANGE alone: the details never come."""


class Change(StrEnum):
    """A change of an order later in the day."""

    CANCELED = "canceled"
    SHIPPED = "shipped"
    COMMERCE_SHIPPED = "commerce-shipped"
    PAID = "paid"
    """A Pending order becomes Unshipped, with prices."""
    PARTLY_CANCELED = "partly-canceled"
    """One unit of the first line remains."""
    CANCEL_REQUESTED = "cancel-requested"
    """The buyer requests cancellation after the Commerce order was created."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an order: an article and its quantity."""

    item_id: str
    seller_sku: str
    article: Article
    quantity: int

    @property
    def price(self) -> Decimal:
        """The price of all units."""
        return self.article.price * self.quantity


@dataclass(frozen=True, slots=True)
class DemoOrder:
    """One order at Amazon."""

    store: DemoStore
    order_id: str
    purchased: datetime
    channel: FulfillmentChannel
    status: AmazonStatus
    lines: tuple[Line, ...]
    format: Format
    announced: bool = False
    """Whether an ORDER_CHANGE is sent before the details."""
    change: Change | None = None
    cancel_requested: bool = False
    has_purchase_date: bool = True
    while_import_is_off: bool = False
    sold_on: SalesChannel = SalesChannel.AMAZON

    @property
    def shipping(self) -> Decimal:
        """The price of shipping: small orders that the merchant ships do not ship for free."""
        is_free = self.channel is FulfillmentChannel.AFN or self._price >= _FREE_SHIPPING_FROM
        return Decimal(0) if is_free else _SHIPPING

    @property
    def total(self) -> Decimal:
        """The grand total, in the store's currency."""
        return self._price + self.shipping

    @property
    def _price(self) -> Decimal:
        return sum((line.price for line in self.lines), Decimal(0))


_UNANNOUNCED: dict[str, Any] = {"announced": False}
_POLLED = _UNANNOUNCED | {"status": AmazonStatus.PENDING, "format": Format.V0_ITEMS_AFTER}
"""An order from a poll: Pending, with lines that have no prices yet."""


class Day:
    """Generates the orders of one day, which depend only on the day and the seed."""

    def __init__(
        self, day: datetime, stores: Sequence[DemoStore], catalog: Catalog, seed: int = 20251128
    ) -> None:
        self._day = day
        self._stores = stores
        self._catalog = catalog
        self._chance = random.Random(seed)  # noqa: S311 - sample data, and the same each time
        self._pick = self._chance.choice
        self._item = 0

    def orders(self) -> list[DemoOrder]:
        """Return all orders by time of purchase."""
        orders = [self._order(**recipe) for count, recipe in self._recipes() for _ in range(count)]
        return sorted(orders, key=lambda order: (order.purchased, order.order_id))

    def _recipes(self) -> Iterator[Recipe]:
        catalog, first = self._catalog, self._stores[0]
        missing, disabled, out = catalog.missing, catalog.disabled, catalog.out_of_stock
        unknown = first.store.model_copy(update={"store_id": "alpenstern-at"})
        by_amazon = {"status": AmazonStatus.SHIPPED, "channel": FulfillmentChannel.AFN}
        pending = {"status": AmazonStatus.PENDING}
        yield from (
            # created
            (180, {}),
            (10, {"status": AmazonStatus.PARTIALLY_SHIPPED}),
            (15, {"status": AmazonStatus.SHIPPED}),
            (40, by_amazon),
            (3, {"cancel_requested": True}),
            (8, {"change": Change.CANCELED}),
            (30, {"change": Change.SHIPPED}),
            (5, {"change": Change.COMMERCE_SHIPPED}),
            (6, _POLLED | {"change": Change.PAID}),
            (4, {"change": Change.CANCEL_REQUESTED}),
            (4, {"change": Change.PARTLY_CANCELED, "units": 3}),
            # blocked
            (14, {"articles": [missing]}),
            (10, {"articles": [disabled]}),
            (12, {"articles": [out]}),
            (4, {"articles": [catalog.disabled_and_out]}),
            (3, {"articles": [missing, out]}),
            (3, {"articles": [missing, disabled]}),
            (2, {"articles": [missing, disabled, out]}),
            (6, {"articles": [catalog.enabled_later]}),
            (5, {"articles": [out], "change": Change.CANCELED}),
            # waiting
            (12, {"channel": FulfillmentChannel.AFN}),
            (15, pending),
            (4, _POLLED),
            (4, pending | {"change": Change.CANCELED}),
            (8, {"format": Format.ANNOUNCED, "announced": True}),
            # An announcement would contain the date.
            (3, _UNANNOUNCED | {"format": Format.DOCUMENT, "has_purchase_date": False}),
            (4, _UNANNOUNCED | {"store": replace(first, store=unknown)}),
        )
        empty = tuple(replace(line, quantity=0) for line in self._lines(first, []))
        yield from (
            # skipped
            (10, {"status": AmazonStatus.CANCELED}),
            (6, _UNANNOUNCED | {"days_ago": 31}),
            (3, {"format": Format.DOCUMENT, "lines": empty}),
            (8, {"seller": self._stores[1], "while_import_is_off": True}),
            # Amazon sends no ORDER_CHANGE for orders of other channels that it only ships.
            (5, _UNANNOUNCED | by_amazon | {"sold_on": SalesChannel.NON_AMAZON}),
        )

    def _order(
        self,
        *,
        articles: Sequence[Sequence[Article]] = (),
        seller: DemoStore | None = None,
        units: int | None = None,
        days_ago: int = 0,
        **fields: Any,
    ) -> DemoOrder:
        """Return an order.

        Args:
            articles: One article of each group is ordered, beside healthy ones.
            seller: Its store; by default, one of the two.
            units: The quantity of its first line.
            days_ago: How many days before the day it was purchased.
            fields: Its other fields, in place of usual ones.
        """
        ordered = [self._pick(group) for group in articles]
        seller = seller or self._stores[self._chance.random() < 1 / 3]
        formats = [format_ for format_ in Format if format_ is not Format.ANNOUNCED]
        day = self._day - timedelta(days=days_ago)
        order = DemoOrder(
            store=seller,
            order_id=f"{seller.id_prefix}-{self._digits()}-{self._digits()}",
            purchased=day + timedelta(seconds=self._chance.randrange(20 * 3600)),
            channel=FulfillmentChannel.MFN,
            status=AmazonStatus.UNSHIPPED,
            lines=self._lines(seller, ordered),
            format=self._pick(formats),
            announced=self._chance.random() < 1 / 4,
        )
        if units is not None:
            first = replace(order.lines[0], quantity=units)
            order = replace(order, lines=(first, *order.lines[1:]))
        return replace(order, **fields)

    def _lines(self, store: DemoStore, articles: Sequence[Article]) -> tuple[Line, ...]:
        """Return lines of these articles, filled up to one to three with healthy ones."""
        usual = self._chance.choices((1, 2, 3), (70, 22, 8))[0]
        fill = self._chance.sample(self._catalog.healthy, max(usual - len(articles), 0))
        lines: list[Line] = []
        for article in (*articles, *fill):
            self._item += 1
            quantity = self._chance.choices((1, 2, 3), (80, 15, 5))[0]
            item_id = f"{70_000_000_000_000 + self._item}"
            lines.append(Line(item_id, make_seller_sku(store, article), article, quantity))
        return tuple(lines)

    def _digits(self) -> str:
        return f"{self._chance.randrange(10_000_000):07d}"
