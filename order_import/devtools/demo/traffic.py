"""The demo's traffic in phases: each is decided before the next, so the result is fixed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256

from models import keys
from models.amazon_order import AmazonStatus
from models.commands import COMMAND, Sync
from models.topics import TopicName
from order_import.devtools.demo.catalog import Catalog, DemoStore, make_stores
from order_import.devtools.demo.orders import Change, Day, DemoOrder, Format
from order_import.devtools.demo.payloads import first_messages, order_change, polled_messages
from order_import_client import (
    CommerceStatus,
    Listing,
    Message,
    OrderUpdate,
    Product,
    Store,
    order_message,
)

_LATER = timedelta(hours=21)
"""The time of day at which orders change."""
_NAMES_NO_STORE = frozenset({Format.V0_ITEMS_BEFORE, Format.V0_ITEMS_AFTER})
"""Formats with a message that names neither store nor marketplace, so the header has to."""
_TOO_LARGE = 1_100_000


@dataclass(frozen=True, slots=True)
class Phase:
    """Messages that are sent together, before the next phase."""

    name: str
    messages: Sequence[Message]


def make_phases(day: datetime, requested_at: datetime, *, with_poison: bool) -> list[Phase]:
    """Return the whole traffic.

    Args:
        day: The midnight at which the orders' day begins.
        requested_at: The current time, for the command to sync.
        with_poison: Whether to include messages that become dead letters. Only these have an
            effect again when they are sent twice.
    """
    stores = make_stores(day)
    catalog = Catalog(day)
    orders = Day(day, stores, catalog).orders()
    early = [order for order in orders if order.while_import_is_off]
    rest = [order for order in orders if not order.while_import_is_off]
    off = stores[1].store.model_copy(
        update={
            "import_amazon_orders": False,
            "updated_at": stores[1].store.updated_at - timedelta(hours=1),
        }
    )
    changes = [message for order in rest for message in _change(order, day + _LATER)]
    if with_poison:
        changes.append(_for_wrong_store(rest, stores))
    enabled = _facts(*catalog.products_enabled_later())
    sync = COMMAND.dump_json(Sync(requested_at=requested_at))
    return [
        Phase(
            "the catalog and the stores",
            _facts(stores[0].store, off, *catalog.products(), *catalog.listings(stores)),
        ),
        Phase("orders while one store has import off", list(_first(early))),
        Phase("import is on again", _facts(stores[1].store)),
        Phase("the orders of the day", [*_first(rest), *(_poison(stores) if with_poison else ())]),
        Phase("the changes of the day, and some products are enabled", [*changes, *enabled]),
        Phase("the next sync", [Message(TopicName.COMMANDS, b"sync", sync)]),
    ]


def _first(orders: Sequence[DemoOrder]) -> Iterator[Message]:
    for order in orders:
        by_header = order.format in _NAMES_NO_STORE or order.store.store_id == "alpenstern-at"
        store_id = order.store.store_id if by_header else None
        for value in first_messages(order):
            message = order_message(value, amazon_order_id=order.order_id, store_id=store_id)
            yield message.with_trace(_traceparent(order))


def _traceparent(order: DemoOrder) -> str:
    digest = sha256(order.order_id.encode()).hexdigest()
    return f"00-{digest[:32]}-{digest[32:48]}-01"


def _change(order: DemoOrder, at: datetime) -> Iterator[Message]:
    match order.change:
        case Change.CANCELED | Change.SHIPPED:
            value = order_change(order, AmazonStatus[order.change.name], at)
            yield order_message(value, amazon_order_id=order.order_id)
        case Change.PAID:
            yield from _polled(replace(order, status=AmazonStatus.UNSHIPPED), at)
        case Change.PARTLY_CANCELED:
            first = replace(order.lines[0], quantity=1)
            yield from _polled(replace(order, lines=(first, *order.lines[1:])), at)
        case Change.CANCEL_REQUESTED:
            yield from _polled(replace(order, cancel_requested=True), at)
        case Change.COMMERCE_SHIPPED:
            key = keys.order_key(order.store.store_id, order.order_id)
            update = OrderUpdate(
                commerce_order_id=keys.commerce_order_id(key), status=CommerceStatus.SHIPPED, at=at
            )
            yield update.message()
        case None:
            pass


def _polled(order: DemoOrder, at: datetime) -> Iterator[Message]:
    for value in polled_messages(order, at):
        yield order_message(value, amazon_order_id=order.order_id, store_id=order.store.store_id)


def _for_wrong_store(orders: Sequence[DemoOrder], stores: Sequence[DemoStore]) -> Message:
    order = next(order for order in orders if order.store is stores[0])
    body = {"amazon_order_id": order.order_id, "status": "Canceled"}
    return order_message(body, amazon_order_id=order.order_id, store_id=stores[1].store_id)


def _poison(stores: Sequence[DemoStore]) -> list[Message]:
    """Return one message for each dead-letter code that a single message can cause."""
    document: dict[str, object] = {
        "store_id": stores[0].store_id,
        "amazon_order_id": "304-0000000-0000001",
        "status": "Unshipped",
    }
    bodies: list[bytes | dict[str, object]] = [
        b'{"payload": {"AmazonOrderId": "304-0000000-0000002", "OrderSta',
        {"shipmentId": "FBA15DEMO", "shipmentStatus": "WORKING"},
        document | {"fulfillment_channel": "PIGEON"},
        {
            "AmazonOrderId": "304-0000000-0000003",
            "MarketplaceId": "A1VC38T7YXB528",
            "OrderStatus": "Unshipped",
        },
        document | {"items": [{"title": "x" * _TOO_LARGE}]},
    ]
    return [order_message(body) for body in bodies]


def _facts(*facts: Store | Product | Listing) -> list[Message]:
    return [fact.message() for fact in facts]
