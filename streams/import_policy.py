"""The import-policy stage: Amazon's messages become recorded orders, admitted or not."""

from collections.abc import Iterable, Mapping, Sequence

from pydantic import TypeAdapter, ValidationError

from handlers.payloads import Reading, read_payload
from handlers.reception import receive
from models import keys
from models.amazon_order import AmazonOrder, AmazonStatus
from models.base import Identifier
from models.facts import Store
from models.outcomes import Created
from models.records import Occasion, OrderRecord
from models.refusals import DeadLetterCode, Refusal
from storage.port import Transaction, Turn
from streams.messages import Incoming, header
from streams.page import Page

_STORE_ID: TypeAdapter[str] = TypeAdapter(Identifier)
_MOVES_COMMERCE = frozenset({AmazonStatus.CANCELED, AmazonStatus.SHIPPED})


Orders = tuple[Incoming, Reading]
"""A message and the orders it tells of."""
News = tuple[str, AmazonOrder, Incoming]
"""A `store/order` key, what is told of that order, and the message that tells it."""


class ImportPolicyStage:
    """See `streams.stage.Stage`."""

    def read(self, messages: Sequence[Incoming]) -> Sequence[Orders]:
        """Read each message's payload."""
        return [(message, read_payload(message.value)) for message in messages]

    async def decide(self, read: Sequence[Orders], page: Page, transaction: Transaction) -> None:
        """Record every order, ask the policy, and pass later news on to Commerce orders."""
        await transaction.take_turn(Turn.POLICY)
        stores = await transaction.stores()
        news = await self._name_stores(read, page, stores, transaction)
        known = await transaction.orders({key for key, _, _ in news})
        page.remember(known.values())
        await self._remember_commerce_orders(page, news, known, transaction)
        for key, order, message in news:
            self._receive(key, order, page, stores, page.occasion(message))
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
    ) -> None:
        record = page.record(key)
        store_id = key.partition("/")[0]
        commerce_order = None
        if record is not None and isinstance(record.outcome, Created):
            commerce_order = page.commerce_order(record.outcome.commerce_order_id)
        store = stores.get(store_id)
        page.decide(receive(record, store_id, order, store, commerce_order, occasion))

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
        named: list[tuple[str | None, AmazonOrder, Incoming]] = []
        for message, reading in read:
            if reading.refusal is not None:
                page.refuse(message, reading.refusal)
            named += [
                (_name_store(message, order, stores), order, message) for order in reading.orders
            ]
        unnamed = {order.amazon_order_id for store_id, order, _ in named if store_id is None}
        stored = await transaction.order_keys(unnamed)
        holders = {order_id: set(held) for order_id, held in stored.items()}
        for store_id, order, _ in named:
            if store_id is not None:
                key = keys.order_key(store_id, order.amazon_order_id)
                holders.setdefault(order.amazon_order_id, set()).add(key)
        news: list[News] = []
        # A message is one dead letter, whatever is wrong with it. Other partitions count their own.
        refused = {_place(message) for message, reading in read if reading.refusal}
        for store_id, order, message in named:
            holding = holders.get(order.amazon_order_id, set())
            if store_id is not None:
                news.append((keys.order_key(store_id, order.amazon_order_id), order, message))
            elif len(holding) == 1:
                news.append((next(iter(holding)), order, message))
            elif _place(message) not in refused:
                refused.add(_place(message))
                waits = order.amazon_order_id if _only_details(order) and not holding else None
                page.refuse(message, _NO_STORE, details_of=waits)
        return news

    async def _remember_commerce_orders(
        self,
        page: Page,
        news: Iterable[News],
        known: Mapping[str, OrderRecord],
        transaction: Transaction,
    ) -> None:
        """Fetch the Commerce orders that this batch may move: that takes the stock's turn too."""
        wanted = {
            outcome.commerce_order_id
            for key, order, _ in news
            if key in known and order.status in _MOVES_COMMERCE
            if isinstance(outcome := known[key].outcome, Created)
        }
        if not wanted:
            return
        await transaction.take_turn(Turn.STOCK)
        page.remember((), (await transaction.commerce_orders(wanted)).values())


_NO_STORE = Refusal(
    code=DeadLetterCode.UNKNOWN_STORE,
    message=(
        "store-id: expected a header, a store_id in the body, or a seller and marketplace "
        "that belong to exactly one store"
    ),
)


def _place(message: Incoming) -> tuple[int, int]:
    return message.partition, message.offset


def _only_details(order: AmazonOrder) -> bool:
    """Say whether a body only adds to an order (items, address, buyer) and is none itself."""
    return order.status is None and order.last_update_date is None


def _name_store(message: Incoming, order: AmazonOrder, stores: Mapping[str, Store]) -> str | None:
    """Name the store of an order.

    The header, else the body, else the one store with that seller and marketplace, else the one
    store with that marketplace.
    """
    told = header(message, "store-id") if message.headers else None
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
