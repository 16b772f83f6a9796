"""The import-policy stage: Amazon's messages become recorded orders, admitted or not."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from typing_extensions import override

from handlers.amendments import NO_CATALOG, may_amend, products_to_grow_by
from handlers.payloads import read_payload
from handlers.reception import receive
from handlers.stores import move_to_store
from models import keys
from models.amazon_order import AmazonOrder
from models.catalog import Catalog
from models.facts import Store
from models.outcomes import Created
from models.records import Occasion, OrderRecord
from storage.port import Transaction, Turn
from streams.messages import Incoming
from streams.order_routing import News, Orders, route
from streams.page import Page
from streams.stage import Stage


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
        named = {order.amazon_order_id for _, reading in read for order in reading.orders}
        found = await transaction.orders_of(named)
        page.remember(found.values())
        holders = {order_id: record.store_id for order_id, record in found.items()}
        news = route(read, holders, stores, page)
        known = {record.key: record for record in found.values()}
        catalog = await self._gather_created(page, news, known, transaction)
        for key, order, message in news:
            self._receive(key, order, page, stores, page.occasion(message), catalog)
        await self._take_up_details(named - found.keys(), page, stores, transaction)
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
        store_id = key.partition("/")[0]
        store = stores.get(store_id)
        record = page.record(key)
        if record is None and (elsewhere := page.record_of(order.amazon_order_id)) is not None:
            page.move(elsewhere, move_to_store(elsewhere, store_id, occasion))
            record = page.record(key)
        commerce_order = None
        if record is not None and isinstance(record.outcome, Created):
            commerce_order = page.commerce_order(record.outcome.commerce_order_id)
        page.decide(receive(record, store_id, order, store, commerce_order, occasion, catalog))

    async def _take_up_details(
        self,
        first_seen: Collection[str],
        page: Page,
        stores: Mapping[str, Store],
        transaction: Transaction,
    ) -> None:
        """Give orders seen for the first time the details that came before them."""
        recorded = {one for one in first_seen if page.record_of(one) is not None}
        for letter in await transaction.details_of(recorded):
            occasion = page.claim(letter)
            for order in read_payload(letter.value).orders:
                record = page.record_of(order.amazon_order_id)
                if record is not None and order.amazon_order_id in recorded:
                    self._receive(record.key, order, page, stores, occasion)

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
