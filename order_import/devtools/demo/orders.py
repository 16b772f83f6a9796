"""A day of orders: who bought what, and which outcome of the rules each of them shows."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from models.amazon_order import AmazonStatus, FulfillmentChannel, SalesChannel
from order_import.devtools.demo.catalog import Article, Catalog, DemoStore, seller_sku_of

MFN, AFN = FulfillmentChannel.MFN, FulfillmentChannel.AFN


class Telling(StrEnum):
    """In which payloads Amazon tells an order."""

    DOCUMENT = "document"
    V0 = "v0"
    V0_ITEMS_AFTER = "v0-items-after"
    V0_ITEMS_BEFORE = "v0-items-before"
    API_2026 = "2026-01-01"
    ANNOUNCED = "announced"
    """An ORDER_CHANGE alone: the details never come."""


class News(StrEnum):
    """What happens to an order later in the day."""

    CANCELED = "canceled"
    SHIPPED = "shipped"
    COMMERCE_SHIPPED = "commerce-shipped"
    PAID = "paid"
    """A Pending order is Unshipped now, and Amazon says what it costs."""
    PARTLY_CANCELED = "partly-canceled"
    """Of the first line one unit is left."""
    CANCEL_REQUESTED = "cancel-requested"
    """The buyer asks to cancel, after the Commerce order was created."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line: an article, how many, and the price of all of them."""

    item_id: str
    seller_sku: str
    article: Article
    quantity: int

    @property
    def price(self) -> Decimal:
        """The line's price."""
        return self.article.price * self.quantity


@dataclass(frozen=True, slots=True)
class DemoOrder:
    """One order as Amazon has it."""

    store: DemoStore
    order_id: str
    purchased: datetime
    channel: FulfillmentChannel
    status: AmazonStatus
    lines: tuple[Line, ...]
    telling: Telling
    announced: bool = False
    """Whether an ORDER_CHANGE comes before the details."""
    news: News | None = None
    asks_to_cancel: bool = False
    tells_purchase_date: bool = True
    while_import_is_off: bool = False
    sold_on: SalesChannel = SalesChannel.AMAZON

    @property
    def total(self) -> Decimal:
        """The grand total, in the store's currency."""
        return sum((line.price for line in self.lines), Decimal(0))


class Day:
    """Makes the orders of one day; the same day and seed give the same orders."""

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
        """Give all orders, in the order they were bought."""
        orders = [*self._created(), *self._blocked(), *self._waiting(), *self._skipped()]
        return sorted(orders, key=lambda order: (order.purchased, order.order_id))

    def _created(self) -> list[DemoOrder]:
        news = {News.CANCELED: 8, News.SHIPPED: 30, News.COMMERCE_SHIPPED: 5}
        return [
            *(self._order() for _ in range(180)),
            *(self._order(status=AmazonStatus.PARTIALLY_SHIPPED) for _ in range(10)),
            *(self._order(status=AmazonStatus.SHIPPED) for _ in range(15)),
            *(self._order(channel=AFN, status=AmazonStatus.SHIPPED) for _ in range(40)),
            *(replace(self._order(), asks_to_cancel=True) for _ in range(3)),
            *(replace(self._order(), news=what) for what, n in news.items() for _ in range(n)),
            *(self._polled(News.PAID) for _ in range(6)),
            *(replace(self._order(), news=News.CANCEL_REQUESTED) for _ in range(4)),
            *(self._partly_canceled() for _ in range(4)),
        ]

    def _polled(self, news: News | None) -> DemoOrder:
        """Give an order as a poller meets it: Pending, with lines that have no prices yet."""
        order = self._order(status=AmazonStatus.PENDING)
        return replace(order, telling=Telling.V0_ITEMS_AFTER, announced=False, news=news)

    def _partly_canceled(self) -> DemoOrder:
        order = self._order()
        lines = (replace(order.lines[0], quantity=3), *order.lines[1:])
        return replace(order, lines=lines, news=News.PARTLY_CANCELED)

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
                self._order(articles=[self._pick(some) for some in bad])
                for n, bad in causes
                for _ in range(n)
            ),
            *(
                replace(self._order(articles=[self._pick(out)]), news=News.CANCELED)
                for _ in range(5)
            ),
        ]

    def _waiting(self) -> list[DemoOrder]:
        pending = AmazonStatus.PENDING
        elsewhere = replace(
            self._stores[0],
            store=self._stores[0].store.model_copy(update={"store_id": "alpenstern-at"}),
        )
        return [
            *(self._order(channel=AFN) for _ in range(12)),
            *(self._order(status=pending) for _ in range(15)),
            *(self._polled(None) for _ in range(4)),
            *(replace(self._order(status=pending), news=News.CANCELED) for _ in range(4)),
            *(replace(self._order(), telling=Telling.ANNOUNCED, announced=True) for _ in range(8)),
            *(
                # An announcement would tell the date.
                replace(order, telling=Telling.DOCUMENT, announced=False, tells_purchase_date=False)
                for order in (self._order() for _ in range(3))
            ),
            *(replace(self._order(), store=elsewhere, announced=False) for _ in range(4)),
        ]

    def _skipped(self) -> list[DemoOrder]:
        none = [replace(line, quantity=0) for line in self._lines(self._stores[0], [])]
        return [
            *(self._order(status=AmazonStatus.CANCELED) for _ in range(10)),
            *(
                replace(order, purchased=order.purchased - timedelta(days=31), announced=False)
                for order in (self._order() for _ in range(6))
            ),
            *(
                replace(self._order(), lines=tuple(none), telling=Telling.DOCUMENT)
                for _ in range(3)
            ),
            *(
                replace(self._order(store=self._stores[1]), while_import_is_off=True)
                for _ in range(8)
            ),
            *(
                # No ORDER_CHANGE comes of the shop's own orders that Amazon only ships.
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
        where = store or self._stores[self._chance.random() < 1 / 3]
        told = [one for one in Telling if one is not Telling.ANNOUNCED]
        return DemoOrder(
            store=where,
            order_id=f"{where.id_prefix}-{self._digits()}-{self._digits()}",
            purchased=self._day + timedelta(seconds=self._chance.randrange(20 * 3600)),
            channel=channel,
            status=status,
            lines=self._lines(where, articles),
            telling=self._pick(told),
            announced=self._chance.random() < 1 / 4,
        )

    def _lines(self, store: DemoStore, articles: Sequence[Article]) -> tuple[Line, ...]:
        """Give lines of these articles, and of healthy ones up to the usual one to three."""
        usual = self._chance.choices((1, 2, 3), (70, 22, 8))[0]
        fill = self._chance.sample(self._catalog.healthy, max(usual - len(articles), 0))
        lines: list[Line] = []
        for article in (*articles, *fill):
            self._item += 1
            quantity = self._chance.choices((1, 2, 3), (80, 15, 5))[0]
            item_id = f"{70_000_000_000_000 + self._item}"
            lines.append(Line(item_id, seller_sku_of(store, article), article, quantity))
        return tuple(lines)

    def _digits(self) -> str:
        return f"{self._chance.randrange(10_000_000):07d}"
