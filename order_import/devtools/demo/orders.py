"""The demo's orders of a day, which together show every outcome of the rules."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from models.amazon_order import AmazonStatus, FulfillmentChannel, SalesChannel
from order_import.devtools.demo.catalog import Article, Catalog, DemoStore, make_seller_sku

MFN, AFN = FulfillmentChannel.MFN, FulfillmentChannel.AFN
_SHIPPING, _FREE_SHIPPING_FROM = Decimal("4.99"), Decimal("30.00")


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
        is_free = self.channel is AFN or self._price >= _FREE_SHIPPING_FROM
        return Decimal(0) if is_free else _SHIPPING

    @property
    def total(self) -> Decimal:
        """The grand total, in the store's currency."""
        return self._price + self.shipping

    @property
    def _price(self) -> Decimal:
        return sum((line.price for line in self.lines), Decimal(0))


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
        orders = [*self._created(), *self._blocked(), *self._waiting(), *self._skipped()]
        return sorted(orders, key=lambda order: (order.purchased, order.order_id))

    def _created(self) -> list[DemoOrder]:
        changes = {Change.CANCELED: 8, Change.SHIPPED: 30, Change.COMMERCE_SHIPPED: 5}
        return [
            *(self._order() for _ in range(180)),
            *(self._order(status=AmazonStatus.PARTIALLY_SHIPPED) for _ in range(10)),
            *(self._order(status=AmazonStatus.SHIPPED) for _ in range(15)),
            *(self._order(channel=AFN, status=AmazonStatus.SHIPPED) for _ in range(40)),
            *(replace(self._order(), cancel_requested=True) for _ in range(3)),
            *(
                replace(self._order(), change=change)
                for change, n in changes.items()
                for _ in range(n)
            ),
            *(self._polled(Change.PAID) for _ in range(6)),
            *(replace(self._order(), change=Change.CANCEL_REQUESTED) for _ in range(4)),
            *(self._partly_canceled() for _ in range(4)),
        ]

    def _polled(self, change: Change | None) -> DemoOrder:
        """Return an order from a poll: Pending, with lines that have no prices yet."""
        order = self._order(status=AmazonStatus.PENDING)
        return replace(order, format=Format.V0_ITEMS_AFTER, announced=False, change=change)

    def _partly_canceled(self) -> DemoOrder:
        order = self._order()
        lines = (replace(order.lines[0], quantity=3), *order.lines[1:])
        return replace(order, lines=lines, change=Change.PARTLY_CANCELED)

    def _blocked(self) -> list[DemoOrder]:
        catalog = self._catalog
        missing, disabled, out = catalog.missing, catalog.disabled, catalog.out_of_stock
        causes: list[tuple[int, tuple[Sequence[Article], ...]]] = [
            (14, (missing,)),
            (10, (disabled,)),
            (12, (out,)),
            (4, (catalog.disabled_and_out,)),
            (3, (missing, out)),
            (3, (missing, disabled)),
            (2, (missing, disabled, out)),
            (6, (catalog.enabled_later,)),
        ]
        return [
            *(
                self._order(articles=[self._pick(articles) for articles in groups])
                for n, groups in causes
                for _ in range(n)
            ),
            *(
                replace(self._order(articles=[self._pick(out)]), change=Change.CANCELED)
                for _ in range(5)
            ),
        ]

    def _waiting(self) -> list[DemoOrder]:
        pending = AmazonStatus.PENDING
        unknown_store = replace(
            self._stores[0],
            store=self._stores[0].store.model_copy(update={"store_id": "alpenstern-at"}),
        )
        return [
            *(self._order(channel=AFN) for _ in range(12)),
            *(self._order(status=pending) for _ in range(15)),
            *(self._polled(None) for _ in range(4)),
            *(replace(self._order(status=pending), change=Change.CANCELED) for _ in range(4)),
            *(replace(self._order(), format=Format.ANNOUNCED, announced=True) for _ in range(8)),
            *(
                # An announcement would contain the date.
                replace(order, format=Format.DOCUMENT, announced=False, has_purchase_date=False)
                for order in (self._order() for _ in range(3))
            ),
            *(replace(self._order(), store=unknown_store, announced=False) for _ in range(4)),
        ]

    def _skipped(self) -> list[DemoOrder]:
        empty = [replace(line, quantity=0) for line in self._lines(self._stores[0], [])]
        return [
            *(self._order(status=AmazonStatus.CANCELED) for _ in range(10)),
            *(
                replace(order, purchased=order.purchased - timedelta(days=31), announced=False)
                for order in (self._order() for _ in range(6))
            ),
            *(replace(self._order(), lines=tuple(empty), format=Format.DOCUMENT) for _ in range(3)),
            *(
                replace(self._order(store=self._stores[1]), while_import_is_off=True)
                for _ in range(8)
            ),
            *(
                # Amazon sends no ORDER_CHANGE for orders of other channels that it only ships.
                replace(order, sold_on=SalesChannel.NON_AMAZON, announced=False)
                for order in (
                    self._order(channel=AFN, status=AmazonStatus.SHIPPED) for _ in range(5)
                )
            ),
        ]

    def _order(
        self,
        *,
        store: DemoStore | None = None,
        channel: FulfillmentChannel = MFN,
        status: AmazonStatus = AmazonStatus.UNSHIPPED,
        articles: Sequence[Article] = (),
    ) -> DemoOrder:
        seller = store or self._stores[self._chance.random() < 1 / 3]
        formats = [format_ for format_ in Format if format_ is not Format.ANNOUNCED]
        return DemoOrder(
            store=seller,
            order_id=f"{seller.id_prefix}-{self._digits()}-{self._digits()}",
            purchased=self._day + timedelta(seconds=self._chance.randrange(20 * 3600)),
            channel=channel,
            status=status,
            lines=self._lines(seller, articles),
            format=self._pick(formats),
            announced=self._chance.random() < 1 / 4,
        )

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
