"""Values for tests: whole and plain by default, with what a test is about given by name."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Self

from models import keys
from models.amazon_order import AmazonOrder, AmazonStatus, FulfillmentChannel, OrderItem
from models.blockers import Blocker
from models.commands import Recheck
from models.commerce_order import CommerceLine, CommerceOrder, Reservation
from models.dead_letters import DeadLetter
from models.events import Event
from models.messages import (
    CommandMessage,
    DeadLetterCode,
    Header,
    Incoming,
    MessageContext,
    MessageRef,
    Rejection,
)
from models.money import Money
from models.order_record import HistoryEntry, OrderRecord
from models.outcome import Blocked, Waiting
from models.reasons import REMEDIES, BlockerCode, WaitingReason
from models.reference_data import (
    Catalog,
    CommerceStatus,
    Listing,
    OrderUpdate,
    Product,
    StockedProduct,
    StockItem,
    Store,
)
from models.replay import Replay, ReplayState
from models.topics import TopicName

STORE = "store-1"
ORDER = "902-1111111-0000001"
KEY = f"{STORE}/{ORDER}"
INTEGRATED = datetime(2026, 6, 1, tzinfo=UTC)
PURCHASED = datetime(2026, 6, 15, 9, 30, tzinfo=UTC)
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
STATE = "congo=t61rcWkgMzE"
SOURCE = b"/order-import/test"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Message(Incoming):
    """A message as a consumer gives it."""

    def __new__(
        cls,
        offset: int,
        value: bytes | None,
        key: bytes | None = None,
        headers: tuple[Header, ...] = (),
        partition: int = 0,
        refusal: Rejection | None = None,
        timestamp: int = -1,
    ) -> Self:
        fields = (TopicName.ORDERS, partition, offset, timestamp, key, value, headers)
        return super().__new__(cls, *fields, len(value or b""), offset, refusal)


def later(hours: float) -> datetime:
    return NOW + timedelta(hours=hours)


def a_message(value: Any = None, /, **overrides: Any) -> Message:
    """Anything but bytes and None is written as JSON."""
    if not isinstance(value, bytes | None):
        value = json.dumps(value, default=str).encode()
    return Message(**({"offset": 0, "value": value} | overrides))


def money(amount: str, currency: str = "USD") -> Money:
    return Money(amount=Decimal(amount), currency=currency)


def an_item(**overrides: Any) -> OrderItem:
    fields: dict[str, Any] = {
        "order_item_id": "item-1",
        "seller_sku": "SKU-1",
        "asin": "B000000001",
        "title": "A lamp",
        "quantity": 1,
        "price": money("10.00"),
        "tax": money("0.80"),
    }
    return OrderItem(**(fields | overrides))


def an_order(**overrides: Any) -> AmazonOrder:
    fields: dict[str, Any] = {
        "amazon_order_id": ORDER,
        "store_id": STORE,
        "status": AmazonStatus.UNSHIPPED,
        "fulfillment_channel": FulfillmentChannel.MFN,
        "purchase_date": PURCHASED,
        "last_update_date": NOW,
        "total": money("10.80"),
        "items": (an_item(),),
        "items_complete": True,
    }
    return AmazonOrder(**(fields | overrides))


def a_document(**overrides: Any) -> dict[str, Any]:
    """An order as upstream writes it in the project's own form."""
    item = {"order_item_id": "item-1", "seller_sku": "SKU-1", "quantity": 1}
    return {
        "store_id": STORE,
        "amazon_order_id": ORDER,
        "status": "Unshipped",
        "fulfillment_channel": "MFN",
        "purchase_date": "2026-06-15T09:30:00Z",
        "last_update_date": "2026-07-01T12:00:00Z",
        "total": {"amount": "10.80", "currency": "USD"},
        "items": [item | {"price": {"amount": "10.00", "currency": "USD"}}],
    } | overrides


def a_store(**overrides: Any) -> Store:
    fields: dict[str, Any] = {
        "store_id": STORE,
        "name": "Lamps",
        "marketplace_id": "ATVPDKIKX0DER",
        "integrated_at": INTEGRATED,
        "updated_at": INTEGRATED,
    }
    return Store(**(fields | overrides))


def a_product(**overrides: Any) -> Product:
    fields: dict[str, Any] = {
        "sku": "SKU-1",
        "name": "Lamp",
        "enabled": True,
        "salable_quantity": 10,
        "as_of": INTEGRATED,
    }
    return Product(**(fields | overrides))


def a_stock_item(**overrides: Any) -> StockItem:
    fields = {"stock_id": "north", "sku": "SKU-1", "salable_quantity": 10, "as_of": INTEGRATED}
    return StockItem(**(fields | overrides))


def stocked(*products: Product) -> dict[str, Any]:
    """The changes that store these products, each with its quantity in the stock `default`."""
    items = [item for product in products if (item := product.stock_item) is not None]
    return {"products": list(products), "stock_items": items}


def in_stock(product: Product, reserved: int) -> StockedProduct:
    """A product as it is read back from the stock `default`."""
    stored = product.model_copy(update={"salable_quantity": None})
    return StockedProduct(stored, reserved, product.salable_quantity or 0, product.as_of)


def a_listing(**overrides: Any) -> Listing:
    fields = {"store_id": STORE, "seller_sku": "SELLER", "sku": "SKU-1", "updated_at": INTEGRATED}
    return Listing(**(fields | overrides))


def a_catalog(
    *products: Product,
    reserved: Mapping[str, int] | None = None,
    matches: Mapping[str, str] | None = None,
) -> Catalog:
    """A catalog of these products; `matches` are seller SKUs of the default store."""
    return Catalog(
        {keys.listing_key(STORE, seller): sku for seller, sku in (matches or {}).items()},
        {
            one.sku: StockedProduct(
                one, (reserved or {}).get(one.sku, 0), one.salable_quantity or 0
            )
            for one in products
        },
    )


def an_update(status: CommerceStatus | str, **overrides: Any) -> OrderUpdate:
    fields = {"store_id": STORE, "amazon_order_id": ORDER, "status": status, "at": NOW}
    return OrderUpdate(**(fields | overrides))


def a_cause(**overrides: Any) -> MessageRef:
    fields: dict[str, Any] = {"topic": "amazon.orders", "partition": 0, "offset": 7}
    return MessageRef(**(fields | overrides))


def an_occasion(**overrides: Any) -> MessageContext:
    fields: dict[str, Any] = {"cause": a_cause(), "at": NOW}
    return MessageContext(**(fields | overrides))


def a_blocker(**overrides: Any) -> Blocker:
    code = overrides.get("code", BlockerCode.OUT_OF_STOCK)
    fields: dict[str, Any] = {
        "code": code,
        "seller_sku": "SKU-1",
        "sku": "SKU-1",
        "asin": None,
        "order_item_ids": ("item-1",),
        "required": 1,
        "available": 0.0,
        "remedy": REMEDIES[code],
        "stock_id": keys.DEFAULT_STOCK if code == BlockerCode.OUT_OF_STOCK else None,
    }
    return Blocker(**(fields | overrides))


def a_block(*blockers: Blocker, **overrides: Any) -> Blocked:
    fields: dict[str, Any] = {"blockers": blockers or (a_blocker(),), "since": NOW, "tried": 1}
    return Blocked(**(fields | overrides))


def a_record(**overrides: Any) -> OrderRecord:
    """A record; `amazon_order_id` and the like of its order go into `order=an_order(...)`."""
    order = overrides.get("order", an_order())
    outcome = overrides.get("outcome", Waiting(WaitingReason.DETAILS_PENDING))
    fields: dict[str, Any] = {
        "store_id": order.store_id or STORE,
        "order": order,
        "outcome": outcome,
        "depends_on": (),
        "sequence": 0,
        "received": 1,
        "ignored": 0,
        "received_at": NOW,
        "decided_at": NOW,
    }
    return OrderRecord(**(fields | overrides))


def a_commerce_order(**overrides: Any) -> CommerceOrder:
    amazon_order_id = overrides.get("amazon_order_id", ORDER)
    store_id = overrides.get("store_id", STORE)
    fields: dict[str, Any] = {
        "commerce_order_id": keys.commerce_order_id(keys.order_key(store_id, amazon_order_id)),
        "order_number": "000000001",
        "store_id": store_id,
        "amazon_order_id": amazon_order_id,
        "status": CommerceStatus.PROCESSING,
        "fulfillment_channel": FulfillmentChannel.MFN,
        "purchase_date": PURCHASED,
        "total": money("10.80"),
        "lines": (CommerceLine(an_item(), "SKU-1"),),
        "reservations": (Reservation("SKU-1", 1),),
        "buyer_requested_cancel": False,
        "replayed": False,
        "created_at": NOW,
    }
    return CommerceOrder(**(fields | overrides))


def a_replay(**overrides: Any) -> Replay:
    fields: dict[str, Any] = {
        "replay_id": "r",
        "state": ReplayState.RUNNING,
        "who": "olga",
        "reason_text": "import was off",
        "criteria": {},
        "selected": 1,
        "started_at": NOW,
        "moved_at": NOW,
    }
    return Replay(**(fields | overrides))


def an_event(**overrides: Any) -> Event:
    fields: dict[str, Any] = {
        "event_id": "event-1",
        "event_type": "CommerceOrderCreated",
        "topic": "commerce.orders",
        "key": KEY,
        "sequence": 1,
        "occurred_at": NOW,
        "cause": a_cause(),
        "body": b'{"title":"caf\xc3\xa9"}',
    }
    return Event(**(fields | overrides))


def a_command(key: str) -> CommandMessage:
    return CommandMessage(key, Recheck(fact=key))


def a_dead_letter(**overrides: Any) -> DeadLetter:
    fields: dict[str, Any] = {
        "topic": "amazon.orders",
        "partition": 0,
        "offset": 7,
        "code": DeadLetterCode.MALFORMED_JSON,
        "message": "expected JSON",
        "key": b"key\xff",
        "value": b"\x00{\xff",
        "headers": (("twice", b"1"), ("twice", b"\xfe")),
        "at": NOW,
    }
    return DeadLetter(**(fields | overrides))


def a_history_entry(**overrides: Any) -> HistoryEntry:
    fields: dict[str, Any] = {"at": NOW, "cause": a_cause(), "what": "received"}
    return HistoryEntry(**(fields | overrides))
