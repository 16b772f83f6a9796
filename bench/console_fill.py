"""A database of very many orders, as the storage would have written them."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from rich.progress import Progress

from bench.servers import screen
from models import keys
from models.amazon_order import AmazonOrder, AmazonStatus, Buyer, FulfillmentChannel, OrderItem
from models.blockers import Blocker
from models.commerce_order import CommerceLine, CommerceOrder
from models.messages import MessageRef
from models.money import Money
from models.order_record import HistoryEntry, OrderRecord
from models.outcome import Blocked, Created, Outcome, Skipped, Waiting, Withdrawn
from models.reasons import REMEDIES, BlockerCode, SkipReason, WaitingReason
from models.reference_data import CommerceStatus, Product, Store
from storage.documents.commerce_order import commerce_order_to_document
from storage.documents.order_record import history_entry_to_document, order_to_document
from storage.documents.reference_data import (
    product_to_document,
    stock_item_to_document,
    store_to_document,
)
from storage.documents.values import Document

STORES = 8
DAYS = 400
BLOCKING = 40
"""How many products block orders."""
_PIECE = 2_000
_SHARES = (("created", 0.955), ("blocked", 0.01), ("waiting", 0.01), ("skipped", 0.02))
_NAMES = ("Dana Muster", "Kim Beispiel", "Alex Example", "Robin Sample", "Sascha Probe")
_CURRENCIES = ("EUR", "EUR", "EUR", "USD", "USD", "GBP", "SEK", "PLN")

Database = Any


async def fill(database: Database, count: int, at: datetime) -> None:
    """Write stores, products, orders and Commerce orders."""
    await database.stores.insert_many([_store(number, at) for number in range(STORES)])
    products = [_product(number, at) for number in range(500)]
    await database.products.insert_many(
        [{"_id": product.sku, **product_to_document(product)} for product in products]
    )
    await database.stock_items.insert_many(
        [
            {"_id": item.key, "reserved": 0, **stock_item_to_document(item)}
            for product in products
            if (item := product.stock_item) is not None
        ]
    )
    with Progress(console=screen, transient=True) as progress:
        bar = progress.add_task("orders written", total=count)
        for start in range(0, count, _PIECE):
            size = min(_PIECE, count - start)
            pairs = list(_pairs(start, size, count, at))
            await database.amazon_orders.insert_many([order for order, _ in pairs], ordered=False)
            created = [commerce for _, commerce in pairs if commerce is not None]
            await database.commerce_orders.insert_many(created, ordered=False)
            progress.advance(bar, size)


def _pairs(
    start: int, size: int, count: int, at: datetime
) -> Iterator[tuple[Document, Document | None]]:
    source = random.Random(start)  # noqa: S311 - a workload, not a secret
    step = timedelta(days=DAYS) / count
    for number in range(start, start + size):
        # The last order of all is the newest one.
        received = at - step * (count - number)
        yield _pair(source, number, received)


def _pair(
    source: random.Random, number: int, received: datetime
) -> tuple[Document, Document | None]:
    store = source.randrange(STORES)
    store_id = f"store-{store}"
    order_id = f"{source.randrange(100, 400)}-{number:07d}-{source.randrange(10**7):07d}"
    sku = f"SKU-{source.randrange(500)}"
    total = Money(
        amount=Decimal(source.randrange(500, 30_000)).scaleb(-2), currency=_CURRENCIES[store]
    )
    order = AmazonOrder(
        amazon_order_id=order_id,
        store_id=store_id,
        status=AmazonStatus.UNSHIPPED,
        fulfillment_channel=FulfillmentChannel.MFN,
        purchase_date=received - timedelta(seconds=source.randrange(30, 7_200)),
        last_update_date=received,
        latest_ship_date=received + timedelta(days=3),
        total=total,
        buyer=Buyer(name=f"{source.choice(_NAMES)} {number % 997}"),
        items=(
            OrderItem(
                order_item_id="1", seller_sku=sku, title=f"Product {sku}", quantity=1, price=total
            ),
        ),
    )
    outcome = _outcome(source, store_id, order_id, sku, received)
    made = received + timedelta(milliseconds=source.randrange(40, 4_000))
    key = keys.order_key(store_id, order_id)
    record = OrderRecord(
        store_id=store_id,
        order=order,
        outcome=outcome,
        depends_on=(f"product:{outcome.blockers[0].sku}",) if isinstance(outcome, Blocked) else (),
        sequence=2,
        received=1,
        ignored=0,
        received_at=received,
        decided_at=made,
    )
    cause = MessageRef(topic="amazon.orders", partition=0, offset=number)
    history = [
        history_entry_to_document(HistoryEntry(received, cause, what))
        for what in ("received", "created")
    ]
    document = {"_id": key, **order_to_document(record, is_new=True), "history": history}
    if not isinstance(outcome, Created):
        return document, None
    commerce = CommerceOrder(
        commerce_order_id=outcome.commerce_order_id,
        order_number=order_id,
        store_id=store_id,
        amazon_order_id=order_id,
        status=CommerceStatus.COMPLETE,
        fulfillment_channel=FulfillmentChannel.MFN,
        purchase_date=order.purchase_date or received,
        total=total,
        lines=(CommerceLine(order.items[0], sku),),
        reservations=(),
        buyer_requested_cancel=False,
        replayed=False,
        created_at=made,
        acknowledged_at=None,
        updated_at=made,
    )
    return document, commerce_order_to_document(commerce)


def _outcome(
    source: random.Random, store_id: str, order_id: str, sku: str, at: datetime
) -> Outcome:
    left = source.random()
    for state, share in _SHARES:
        left -= share
        if left >= 0:
            continue
        if state == "created":
            return Created(keys.commerce_order_id(keys.order_key(store_id, order_id)))
        if state == "waiting":
            return Waiting(WaitingReason.STATUS_NOT_IMPORTABLE)
        if state == "skipped":
            return Skipped(SkipReason.BEFORE_INTEGRATION)
        return Blocked((_blocker(source, sku),), at, 1)
    return Withdrawn(SkipReason.CANCELED)


def _blocker(source: random.Random, seller_sku: str) -> Blocker:
    code = source.choice(list(BlockerCode))
    return Blocker(
        code=code,
        seller_sku=seller_sku,
        sku=f"SKU-{source.randrange(BLOCKING)}",
        asin=None,
        order_item_ids=("1",),
        required=1,
        available=None,
        remedy=REMEDIES[code],
    )


def _store(number: int, at: datetime) -> Document:
    store = Store(
        store_id=f"store-{number}",
        name=f"Store {number}",
        marketplace_id="A1PA6795UKMFR9",
        import_amazon_orders=True,
        integrated_at=datetime(2024, 1, 1, tzinfo=UTC),
        updated_at=at - timedelta(days=1),
    )
    return {"_id": store.store_id, **store_to_document(store)}


def _product(number: int, at: datetime) -> Product:
    return Product(
        sku=f"SKU-{number}",
        name=f"Product {number}",
        enabled=number % 30 != 0,
        salable_quantity=1_000,
        as_of=at - timedelta(days=1),
    )
