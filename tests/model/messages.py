"""What a history is made of: messages in a plain form, and how each is written on the wire.

Times are minutes after an arbitrary start, so that they can be read and compared at a glance.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from models.change_set import ChangeSet
from models.keys import commerce_order_id
from models.replay import ReplayPart
from models.topics import TopicName
from tests.builders import a_replay

START = datetime(2026, 6, 1, tzinfo=UTC)


class Line(NamedTuple):
    """A line; `asked` says whether the buyer asks to cancel it, None where nothing is said."""

    item: str
    seller: str | None
    quantity: int
    price: int | None = None
    asked: bool | None = None


@dataclass(frozen=True, slots=True)
class News:
    """A message on an order. `lines` is None where it speaks of none; `complete` says they are all.

    `form` is how it is written: document, v0, items, notification, or a notification of one item.
    """

    store: str
    order: str
    form: str
    status: str | None = None
    channel: str | None = None
    purchase: int | None = None
    updated: int | None = None
    expected: int | None = None
    lines: tuple[Line, ...] | None = None
    complete: bool = False
    sold_on: str | None = None
    """Amazon or Non-Amazon; None where it does not say."""
    total: int | None = None
    address: str | None = None
    asked: bool | None = None
    """Whether the buyer asks to cancel, said of the whole order: only a document can."""

    @property
    def has_all_lines(self) -> bool:
        """An empty list in a body of Amazon's says nothing; in a document there are none."""
        return self.complete and (self.form == "document" or bool(self.lines))

    @property
    def counted(self) -> int | None:
        """Amazon's count of the units; a notification that lists all items counts them."""
        if self.form == "notification":
            return sum(line.quantity for line in self.lines or ()) or None
        return self.expected


@dataclass(frozen=True, slots=True)
class StoreTold:
    store: str
    integrated: int
    imports: bool
    fba_requires_stock: bool
    updated: int
    imports_others: bool = False
    """Whether it imports orders that were not sold on Amazon."""
    stock: str = "default"
    counts: str = "acknowledged"
    """From when on Commerce's counts leave out an order's units."""
    reserves: bool = False
    """Whether it reserves for pending orders."""


@dataclass(frozen=True, slots=True)
class ProductTold:
    sku: str
    enabled: bool
    managed: bool
    quantity: int | None
    """In the stock `default`; None where nothing is said of it."""
    as_of: int
    disabled_for: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProductGone:
    sku: str


@dataclass(frozen=True, slots=True)
class StockTold:
    stock: str
    sku: str
    quantity: int
    as_of: int


@dataclass(frozen=True, slots=True)
class StockGone:
    stock: str
    sku: str


@dataclass(frozen=True, slots=True)
class ListingTold:
    store: str
    seller: str
    stands_for: str | tuple[tuple[str, int], ...]
    """A SKU, or those of a kit with the units of each in one piece."""
    updated: int


@dataclass(frozen=True, slots=True)
class ListingGone:
    store: str
    seller: str


@dataclass(frozen=True, slots=True)
class UpdateTold:
    store: str
    order: str
    status: str
    at: int


@dataclass(frozen=True, slots=True)
class SyncAsked:
    store: str


@dataclass(frozen=True, slots=True)
class ReplayAsked:
    store: str
    order: str


AnyMessage = (
    News
    | StoreTold
    | ProductTold
    | ProductGone
    | StockTold
    | StockGone
    | ListingTold
    | ListingGone
    | UpdateTold
    | SyncAsked
    | ReplayAsked
)


class Wire(NamedTuple):
    topic: TopicName
    key: str
    value: dict[str, Any] | None
    store: str | None = None
    """The `store-id` header."""


def renamed(told: AnyMessage, prefix: str) -> AnyMessage:
    """The same message in a world of its own, so that many histories can share one system."""
    names = {
        name: prefix + getattr(told, name)
        for name in ("store", "order", "sku", "seller")
        if hasattr(told, name)
    }
    if getattr(told, "stock", "default") != "default":
        names["stock"] = prefix + told.stock  # type: ignore[union-attr]
    if isinstance(told, ProductTold):
        return replace(told, **names, disabled_for=tuple(prefix + one for one in told.disabled_for))
    if isinstance(told, ListingTold):
        match = told.stands_for
        if isinstance(match, str):
            return replace(told, **names, stands_for=prefix + match)
        return replace(told, **names, stands_for=tuple((prefix + sku, n) for sku, n in match))
    if isinstance(told, News) and told.lines is not None:
        lines = [line._replace(seller=line.seller and prefix + line.seller) for line in told.lines]
        return replace(told, **names, lines=tuple(lines))
    return replace(told, **names)


def wire(told: AnyMessage) -> Wire:
    match told:
        case ProductTold() | ProductGone() | StockTold() | StockGone():
            return _product_wire(told)
        case ListingTold(store, seller, match, updated):
            body: dict[str, Any] = {
                "store_id": store,
                "seller_sku": seller,
                "updated_at": _time(updated),
            }
            if isinstance(match, str):
                body["sku"] = match
            else:
                body["components"] = [{"sku": sku, "quantity": n} for sku, n in match]
            return Wire(TopicName.LISTINGS, f"{store}/{seller}", body)
        case ListingGone(store, seller):
            return Wire(TopicName.LISTINGS, f"{store}/{seller}", None)
        case News():
            return Wire(TopicName.ORDERS, told.order, _BODIES[told.form](told), told.store)
        case StoreTold(store):
            body = {
                "store_id": store,
                "name": store,
                "marketplace_id": f"MARKET-{store}",
                "integrated_at": _time(told.integrated),
                "import_amazon_orders": told.imports,
                "import_non_amazon_orders": told.imports_others,
                "fba_requires_stock": told.fba_requires_stock,
                "stock_id": told.stock,
                "commerce_counts_orders_from": told.counts,
                "reserve_pending": told.reserves,
                "updated_at": _time(told.updated),
            }
            return Wire(TopicName.STORES, store, body)
        case UpdateTold(store, order, status, at):
            order_id = commerce_order_id(f"{store}/{order}")
            body = {"commerce_order_id": order_id, "status": status, "at": _time(at)}
            return Wire(TopicName.ORDER_UPDATES, order_id, body)
        case SyncAsked(store):
            body = {"command": "sync", "store_id": store, "requested_at": _time(0)}
            return Wire(TopicName.COMMANDS, store, body)
        case ReplayAsked(store, order):
            # It is the replay's document that says of which orders it is: see `begun`.
            name = f"r-{store}-{order}"
            return Wire(
                TopicName.COMMANDS, name, {"command": "replay", "replay_id": name, "step": 0}
            )


def _product_wire(told: ProductTold | ProductGone | StockTold | StockGone) -> Wire:
    match told:
        case ProductTold(sku, enabled, managed, quantity, as_of, disabled_for):
            body: dict[str, Any] = {
                "sku": sku,
                "enabled": enabled,
                "disabled_for": disabled_for,
                "manage_stock": managed,
                "salable_quantity": quantity,
                "as_of": _time(as_of),
            }
            return Wire(TopicName.PRODUCTS, sku, body)
        case ProductGone(sku):
            return Wire(TopicName.PRODUCTS, sku, None)
        case StockTold(stock, sku, quantity, as_of):
            body = {
                "stock_id": stock,
                "sku": sku,
                "salable_quantity": quantity,
                "as_of": _time(as_of),
            }
            return Wire(TopicName.STOCK, f"{stock}/{sku}", body)
        case StockGone(stock, sku):
            return Wire(TopicName.STOCK, f"{stock}/{sku}", None)


def begun(asked: ReplayAsked) -> ChangeSet:
    """What is stored of a replay before its first step is asked for."""
    _, name, _, _ = wire(asked)
    key = f"{asked.store}/{asked.order}"
    return ChangeSet(replays=[a_replay(replay_id=name)], replay_parts=[ReplayPart(name, 0, (key,))])


def _document(news: News) -> dict[str, Any]:
    body: dict[str, Any] = {
        "amazon_order_id": news.order,
        "status": news.status,
        "fulfillment_channel": news.channel,
        "sales_channel": news.sold_on,
        "purchase_date": _time(news.purchase),
        "last_update_date": _time(news.updated),
        "total": _money(news.total, "amount", "currency"),
        "ship_to": None if news.address is None else {"lines": [news.address]},
        "buyer_requested_cancel": news.asked,
    }
    if news.lines is not None:
        body["items"] = [
            {
                "order_item_id": line.item,
                "seller_sku": line.seller,
                "quantity": line.quantity,
                "price": _money(line.price, "amount", "currency"),
                "buyer_requested_cancel": line.asked,
            }
            for line in news.lines
        ]
    return body


def _v0(news: News) -> dict[str, Any]:
    told = {
        "AmazonOrderId": news.order,
        "OrderStatus": news.status,
        "FulfillmentChannel": news.channel,
        "SalesChannel": news.sold_on,
        "PurchaseDate": _time(news.purchase),
        "LastUpdateDate": _time(news.updated),
        "OrderTotal": _money(news.total, "Amount", "CurrencyCode"),
        "ShippingAddress": None if news.address is None else {"AddressLine1": news.address},
    }
    body: dict[str, Any] = {name: value for name, value in told.items() if value is not None}
    if news.expected is not None:
        body |= {"NumberOfItemsShipped": 0, "NumberOfItemsUnshipped": news.expected}
    if news.lines is not None:
        body["OrderItems"] = [
            {
                "OrderItemId": line.item,
                "SellerSKU": line.seller,
                "QuantityOrdered": line.quantity,
                "ItemPrice": _money(line.price, "Amount", "CurrencyCode"),
                "BuyerRequestedCancel": None
                if line.asked is None
                else {"IsBuyerRequestedCancel": str(line.asked).lower()},
            }
            for line in news.lines
        ]
        if not news.complete:
            body["NextToken"] = "more"
    return {"payload": body}


def _notification(news: News) -> dict[str, Any]:
    summary = {
        "OrderStatus": news.status,
        "FulfillmentType": news.channel,
        "PurchaseDate": _time(news.purchase),
        "OrderItems": [
            {"OrderItemId": line.item, "SellerSKU": line.seller, "Quantity": line.quantity}
            | ({} if line.asked is None else {"IsBuyerRequestedCancel": line.asked})
            for line in news.lines or ()
        ],
    }
    change = {
        "NotificationLevel": "OrderLevel" if news.form == "notification" else "OrderItemLevel",
        "AmazonOrderId": news.order,
        "OrderChangeTrigger": {"TimeOfOrderChange": _time(news.updated)},
        "Summary": {name: value for name, value in summary.items() if value is not None},
    }
    return {"NotificationType": "ORDER_CHANGE", "Payload": {"OrderChangeNotification": change}}


_BODIES = {
    "document": _document,
    "v0": _v0,
    "items": _v0,
    "notification": _notification,
    "item notification": _notification,
}


def _money(amount: int | None, value: str, currency: str) -> dict[str, str] | None:
    return None if amount is None else {value: f"{amount}.00", currency: "USD"}


def _time(minutes: int | None) -> str | None:
    return None if minutes is None else (START + timedelta(minutes=minutes)).isoformat()
