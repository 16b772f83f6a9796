"""The reference-data stages: stores, products, stock and listings. The newest wins."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError

from handlers.handler import Handler
from handlers.payloads import MAX_BYTES
from handlers.payloads.json_text import parse_json
from handlers.rules.reservations import release_counted
from handlers.unit_of_work import UnitOfWork
from models import keys
from models.commands import MAX_KEY
from models.messages import DeadLetterCode, Incoming, Rejection
from models.reference_data import Listing, Product, StockItem, Store, counts_orders_from
from storage.port import Transaction

Fact = TypeVar("Fact", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class FactMessage(Generic[Fact]):
    """A parsed message of a reference-data topic: the fact, the key it deletes, or the refusal."""

    message: Incoming
    fact: Fact | None = None
    deletes: str | None = None
    refusal: Rejection | None = None


def read_fact(message: Incoming, model: type[Fact], *, deletable: bool) -> FactMessage[Fact]:
    """Parse one fact; a null value deletes what the key names."""
    value = message.value
    if value is None:
        key = (message.key or b"").decode(errors="replace")
        if not deletable or not key:
            wrong = "key: expected what the null value deletes" if deletable else _EXPECTED_JSON
            return FactMessage(message, refusal=_refusal(DeadLetterCode.UNKNOWN_PAYLOAD, wrong))
        if len(key) > MAX_KEY:
            too_long = f"key: expected at most {MAX_KEY} characters"
            return FactMessage(message, refusal=_refusal(DeadLetterCode.INVALID_MESSAGE, too_long))
        return FactMessage(message, deletes=key)
    if len(value) > MAX_BYTES:
        too_large = f"value: expected at most {MAX_BYTES} bytes"
        return FactMessage(message, refusal=_refusal(DeadLetterCode.TOO_LARGE, too_large))
    try:
        return FactMessage(message, fact=model.model_validate(parse_json(value)))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "value"
        expected = first["msg"].removeprefix("Value error, ")
        wrong = f"{field}: {expected}"
        return FactMessage(message, refusal=_refusal(DeadLetterCode.INVALID_MESSAGE, wrong))
    except ValueError as error:
        return FactMessage(message, refusal=_refusal(DeadLetterCode.MALFORMED_JSON, str(error)))


_EXPECTED_JSON = "value: expected JSON, not null"


def _refusal(code: DeadLetterCode, message: str) -> Rejection:
    return Rejection(code=code, message=message)


_NO_STOCK_ITEM = _refusal(
    DeadLetterCode.INVALID_MESSAGE, "key: expected stock_id/SKU of what the null value deletes"
)


def _newest(
    parsed: Sequence[FactMessage[Fact]],
    unit_of_work: UnitOfWork,
    stored: dict[str, Fact],
    key_of: Callable[[Fact], str],
    at: Callable[[Fact], datetime],
    *,
    keep_deleted: bool = False,
) -> tuple[dict[str, Fact], set[str]]:
    """Return the facts that are newer than the stored ones, and the keys of the deleted ones.

    With `keep_deleted`, a deletion does not remove what was received before it.
    """
    changed: dict[str, Fact] = {}
    deleted: set[str] = set()
    for update in parsed:
        if update.refusal is not None:
            unit_of_work.dead_letter(update.message, update.refusal)
        elif update.deletes is not None:
            deleted.add(update.deletes)
            if not keep_deleted:
                stored.pop(update.deletes, None)
                changed.pop(update.deletes, None)
        elif update.fact is not None:
            key = key_of(update.fact)
            old = stored.get(key)
            if old is None or at(update.fact) >= at(old):
                stored[key] = changed[key] = update.fact
                deleted.discard(key)
    return changed, deleted


class StoresHandler(Handler[FactMessage[Store]]):
    """See `handlers.handler.Handler`."""

    def parse(self, messages: Sequence[Incoming]) -> Sequence[FactMessage[Store]]:
        """Parse stores. A store cannot be deleted: its orders are still there."""
        return [read_fact(message, Store, deletable=False) for message in messages]

    async def handle(
        self,
        parsed: Sequence[FactMessage[Store]],
        unit_of_work: UnitOfWork,
        transaction: Transaction,
    ) -> None:
        """Keep the newest settings of each store, and recheck the orders that depend on it."""
        stocks = {update.fact.stock_id for update in parsed if update.fact}
        await unit_of_work.lock_all(transaction, stocks)
        changed, _ = _newest(
            parsed,
            unit_of_work,
            dict(unit_of_work.stock.stores),
            lambda store: store.store_id,
            lambda store: store.updated_at,
        )
        unit_of_work.changes.stores.extend(changed.values())
        await unit_of_work.request_recheck(transaction, map(keys.depends_on_store, changed))


class ProductsHandler(Handler[FactMessage[Product]]):
    """See `handlers.handler.Handler`."""

    def parse(self, messages: Sequence[Incoming]) -> Sequence[FactMessage[Product]]:
        """Parse products."""
        return [read_fact(message, Product, deletable=True) for message in messages]

    async def handle(
        self,
        parsed: Sequence[FactMessage[Product]],
        unit_of_work: UnitOfWork,
        transaction: Transaction,
    ) -> None:
        """Keep the newest version of each product, and the newest count of the stock `default`."""
        await unit_of_work.lock_all(transaction)
        versions = await transaction.product_versions(
            {update.fact.sku for update in parsed if update.fact}
        )
        counts = [
            FactMessage(update.message, fact=item)
            for update in parsed
            if update.fact and (item := update.fact.stock_item) is not None
        ]
        changed, deleted = _newest(
            parsed,
            unit_of_work,
            dict(versions),
            lambda product: product.sku,
            lambda product: product.as_of,
            keep_deleted=True,
        )
        unit_of_work.changes.products.extend(changed.values())
        unit_of_work.changes.deleted_products.extend(deleted)
        counted = await _count(counts, unit_of_work, transaction)
        products = set(map(keys.depends_on_product, changed.keys() | deleted))
        await unit_of_work.request_recheck(transaction, counted | products)


class StockHandler(Handler[FactMessage[StockItem]]):
    """See `handlers.handler.Handler`."""

    def parse(self, messages: Sequence[Incoming]) -> Sequence[FactMessage[StockItem]]:
        """Parse the units of products in stocks."""
        parsed = [read_fact(message, StockItem, deletable=True) for message in messages]
        return [
            update
            if update.deletes is None or all(update.deletes.partition("/"))
            else FactMessage(update.message, refusal=_NO_STOCK_ITEM)
            for update in parsed
        ]

    async def handle(
        self,
        parsed: Sequence[FactMessage[StockItem]],
        unit_of_work: UnitOfWork,
        transaction: Transaction,
    ) -> None:
        """Keep the newest count of each product in each stock."""
        items = {update.fact.key for update in parsed if update.fact}
        deleted = {update.deletes for update in parsed if update.deletes}
        stocks = {key.partition("/")[0] for key in items | deleted}
        await unit_of_work.lock_stocks(transaction, stocks)
        counted = await _count(parsed, unit_of_work, transaction)
        await unit_of_work.request_recheck(transaction, counted)


async def _count(
    parsed: Sequence[FactMessage[StockItem]], unit_of_work: UnitOfWork, transaction: Transaction
) -> set[str]:
    """Keep the newest counts, and return the facts that they change.

    A count already leaves out what Commerce has acknowledged by then, or shipped, or completed, as
    its store says, so those units are no longer reserved (rules 10 and 26).
    """
    stored = await transaction.stock_items({update.fact.key for update in parsed if update.fact})
    changed, deleted = _newest(
        parsed,
        unit_of_work,
        dict(stored),
        lambda item: item.key,
        lambda item: item.as_of,
        keep_deleted=True,
    )
    unit_of_work.changes.stock_items.extend(changed.values())
    unit_of_work.changes.deleted_stock_items.extend(deleted)
    counted_as_of: defaultdict[str, dict[str, datetime]] = defaultdict(dict)
    for item in changed.values():
        counted_as_of[item.stock_id][item.sku] = item.as_of
    stores = await transaction.stores()
    for stock_id, as_of in counted_as_of.items():
        for order in await transaction.counted_orders(as_of.keys(), stock_id):
            counts_from = counts_orders_from(stores, order.store_id)
            kept, counted = release_counted(order, as_of, counts_from)
            if counted:
                unit_of_work.track((), (order,))
                unit_of_work.save_commerce_order(
                    kept,
                    counted=[(reservation.sku, reservation.quantity) for reservation in counted],
                )
    places = (key.partition("/") for key in changed.keys() | deleted)
    return {keys.depends_on_stock(stock_id, sku) for stock_id, _, sku in places}


class ListingsHandler(Handler[FactMessage[Listing]]):
    """See `handlers.handler.Handler`."""

    def parse(self, messages: Sequence[Incoming]) -> Sequence[FactMessage[Listing]]:
        """Parse listings."""
        return [read_fact(message, Listing, deletable=True) for message in messages]

    async def handle(
        self,
        parsed: Sequence[FactMessage[Listing]],
        unit_of_work: UnitOfWork,
        transaction: Transaction,
    ) -> None:
        """Keep the newest match of each seller SKU."""
        listings = {update.fact.key for update in parsed if update.fact}
        removed = {update.deletes for update in parsed if update.deletes}
        store_ids = {key.partition("/")[0] for key in listings | removed}
        await unit_of_work.lock_stores(transaction, store_ids)
        stored = await transaction.listings(listings)
        changed, deleted = _newest(
            parsed,
            unit_of_work,
            dict(stored),
            lambda listing: listing.key,
            lambda listing: listing.updated_at,
        )
        unit_of_work.changes.listings.extend(changed.values())
        unit_of_work.changes.deleted_listings.extend(deleted)
        await unit_of_work.request_recheck(
            transaction, map(keys.depends_on_listing, changed.keys() | deleted)
        )
