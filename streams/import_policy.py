"""The import-policy stage: Amazon's messages become recorded orders, admitted or not."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

from pydantic import TypeAdapter, ValidationError
from typing_extensions import override

from handlers.amendments import NO_CATALOG, may_amend, products_to_grow_by
from handlers.payloads import Reading, read_payload
from handlers.payloads.problems import joined, quoted
from handlers.reception import receive
from models import keys
from models.amazon_order import AmazonOrder
from models.base import Identifier
from models.catalog import Catalog
from models.facts import Store
from models.outcomes import Created
from models.records import Occasion, OrderRecord
from models.refusals import DeadLetterCode, Refusal
from storage.port import Transaction, Turn
from streams.messages import Incoming, header
from streams.page import Page
from streams.stage import Stage

_STORE_ID: TypeAdapter[str] = TypeAdapter(Identifier)

Orders = tuple[Incoming, Reading]
"""A message and the orders it tells of."""
News = tuple[str, AmazonOrder, Incoming]
"""A `store/order` key, what is told of that order, and the message that tells it."""


class ImportPolicyStage(Stage[Orders]):
    """See `streams.stage.Stage`."""

    def read(self, messages: Sequence[Incoming]) -> Sequence[Orders]:
        """Read each message's payload."""
        return [(message, read_payload(message.value)) for message in messages]

    @override
    def weight(self, read: Orders) -> int:
        """Return how many orders the message names."""
        return max(1, len(read[1].orders))

    async def decide(self, read: Sequence[Orders], page: Page, transaction: Transaction) -> None:
        """Record every order, ask the policy, and pass later news on to Commerce orders."""
        await transaction.take_turn(Turn.POLICY)
        stores = await transaction.stores()
        news = await self._name_stores(read, page, stores, transaction)
        known = await transaction.orders({key for key, _, _ in news})
        page.remember(known.values())
        catalog = await self._gather_created(page, news, known, transaction)
        for key, order, message in news:
            self._receive(key, order, page, stores, page.occasion(message), catalog)
        await self._take_up_details(news, known, page, stores, transaction)
        if page.freed:
            await page.wake(transaction, {keys.waits_on_product(sku) for sku in page.freed})

    def _receive(
        self,
        key: str,
        order: AmazonOrder,
        page: Page,
        stores: Mapping[str, Store],
        occasion: Occasion,
        catalog: Catalog = NO_CATALOG,
    ) -> None:
        record = page.record(key)
        store_id = key.partition("/")[0]
        commerce_order = None
        if record is not None and isinstance(record.outcome, Created):
            commerce_order = page.commerce_order(record.outcome.commerce_order_id)
        store = stores.get(store_id)
        page.decide(receive(record, store_id, order, store, commerce_order, occasion, catalog))

    async def _take_up_details(
        self,
        news: Iterable[News],
        known: Mapping[str, OrderRecord],
        page: Page,
        stores: Mapping[str, Store],
        transaction: Transaction,
    ) -> None:
        """Give orders seen for the first time the details that came before them."""
        first_seen = {order.amazon_order_id: key for key, order, _ in news if key not in known}
        for letter in await transaction.details_of(first_seen.keys()):
            occasion = page.claim(letter)
            for order in read_payload(letter.value).orders:
                if order.amazon_order_id in first_seen:
                    self._receive(first_seen[order.amazon_order_id], order, page, stores, occasion)

    async def _name_stores(
        self,
        read: Sequence[Orders],
        page: Page,
        stores: Mapping[str, Store],
        transaction: Transaction,
    ) -> list[News]:
        """Give each order with its key. What belongs to no store becomes a dead letter."""
        named = [
            (_name_store(message, order, stores), order, message)
            for message, reading in read
            for order in reading.orders
        ]
        unnamed = {order.amazon_order_id for store_id, order, _ in named if store_id is None}
        stored = await transaction.order_keys(unnamed)
        holders = {order_id: set(held) for order_id, held in stored.items()}
        for store_id, order, _ in named:
            if store_id is not None:
                key = keys.order_key(store_id, order.amazon_order_id)
                holders.setdefault(order.amazon_order_id, set()).add(key)
        news: list[News] = []
        # A message is named by its partition too: each counts its own offsets.
        storeless: dict[tuple[int, int], list[AmazonOrder]] = {}
        for store_id, order, message in named:
            holding = holders.get(order.amazon_order_id, set())
            if store_id is not None:
                news.append((keys.order_key(store_id, order.amazon_order_id), order, message))
            elif len(holding) == 1:
                news.append((next(iter(holding)), order, message))
            else:
                storeless.setdefault(_place(message), []).append(order)
        for message, reading in read:
            orders = storeless.get(_place(message), ())
            if orders:
                problem = _no_store(message, orders, holders, stores)
                _refuse_storeless(page, message, orders[0], reading.refusal, problem, holders)
            elif reading.refusal is not None:
                page.refuse(message, reading.refusal)
        return news

    async def _gather_created(
        self,
        page: Page,
        news: Iterable[News],
        known: Mapping[str, OrderRecord],
        transaction: Transaction,
    ) -> Catalog:
        """Fetch the Commerce orders that this batch may concern: that takes the stock's turn too.

        Also gives the part of the catalog that they may need more pieces of, which is seldom any.
        """
        concerned = {
            key: outcome.commerce_order_id
            for key, order, _ in news
            if key in known
            and isinstance(outcome := known[key].outcome, Created)
            and may_amend(known[key].order, order)
        }
        if not concerned:
            return NO_CATALOG
        await transaction.take_turn(Turn.STOCK)
        orders = await transaction.commerce_orders(set(concerned.values()))
        page.remember((), orders.values())
        skus: set[str] = set()
        pairs: set[tuple[str, str]] = set()
        for key, order, _ in news:
            made = orders.get(concerned.get(key, ""))
            if made is not None:
                more, new = products_to_grow_by(made, known[key].order, order)
                skus |= more
                pairs |= {(made.store_id, seller_sku) for seller_sku in new}
        if not skus and not pairs:
            return NO_CATALOG
        catalog = await transaction.catalog(pairs)
        page.stock({**catalog.products, **await transaction.products(skus)})
        return replace(catalog, products=page.products)


def _place(message: Incoming) -> tuple[int, int]:
    return message.partition, message.offset


def _only_details(order: AmazonOrder) -> bool:
    """Say whether a body only adds to an order (items, address, buyer) and is none itself."""
    return order.status is None and order.last_update_date is None


def _store_header(message: Incoming) -> str | None:
    return header(message, "store-id") if message.headers else None


def _name_store(message: Incoming, order: AmazonOrder, stores: Mapping[str, Store]) -> str | None:
    """Name the store of an order.

    The header, else the body, else the one store with that seller and marketplace, else the one
    store with that marketplace.
    """
    told = _store_header(message)
    if told is not None:
        try:
            return _STORE_ID.validate_python(told)
        except ValidationError:
            return None
    if order.store_id is not None:
        return order.store_id
    if order.marketplace_id is None:
        return None
    there = [store for store in stores.values() if store.marketplace_id == order.marketplace_id]
    if order.seller_id is not None:
        exact = [store.store_id for store in there if store.seller_id == order.seller_id]
        if len(exact) == 1:
            return exact[0]
    return there[0].store_id if len(there) == 1 else None


def _refuse_storeless(
    page: Page,
    message: Incoming,
    first: AmazonOrder,
    refusal: Refusal | None,
    problem: str,
    holders: Mapping[str, AbstractSet[str]],
) -> None:
    """Add the one dead letter of a message that has orders of no store, whatever else is wrong."""
    order_id = first.amazon_order_id
    if refusal is not None:
        text = f"{refusal.message}; {problem}"
        page.refuse(message, refusal.model_copy(update={"message": text}))
    else:
        waits = _only_details(first) and not holders.get(order_id)
        refusal = Refusal(code=DeadLetterCode.UNKNOWN_STORE, message=problem)
        page.refuse(message, refusal, details_of=order_id if waits else None)


def _no_store(
    message: Incoming,
    orders: Iterable[AmazonOrder],
    holders: Mapping[str, AbstractSet[str]],
    stores: Mapping[str, Store],
) -> str:
    """Say which orders of a message belong to no store, and why."""
    which = [
        f"order {quoted(order.amazon_order_id)}: "
        + _why_no_store(message, order, holders.get(order.amazon_order_id, set()), stores)
        for order in orders
    ]
    return f"{joined(which)}; store-id: {_STORE_EXPECTED}"


_STORE_EXPECTED = (
    "expected a header, a store_id in the body, or a seller and marketplace that belong to "
    "exactly one store"
)


def _why_no_store(
    message: Incoming, order: AmazonOrder, holding: AbstractSet[str], stores: Mapping[str, Store]
) -> str:
    told = _store_header(message)
    if told is not None:
        return f"the header {quoted(told)} is no store's id"
    if holding:
        return f"stores {joined(sorted(key.partition('/')[0] for key in holding), ', ')} have it"
    if order.marketplace_id is None:
        return "it names neither a store nor a marketplace"
    there = [one.store_id for one in stores.values() if one.marketplace_id == order.marketplace_id]
    known = f"stores {joined(sorted(there), ', ')} have" if there else "no known store has"
    return f"{known} its marketplace {quoted(order.marketplace_id)}"
