"""The import-policy stage: Amazon's messages become recorded orders, each with its outcome.

Orders that the policy admits go through the blocker check at once, in the same unit of work: an
order is stored once, with its outcome. Each message is decided after the one before it, so that
the grouping of messages into transactions makes no difference.
"""

from collections.abc import Iterable, Mapping, Sequence

from typing_extensions import override

from handlers.handler import Handler
from handlers.order_routing import Orders, named_stores, route
from handlers.payloads import ParseResult, read_payload
from handlers.rules.amendments import may_amend, products_to_grow_by
from handlers.rules.stores import move_to_store
from handlers.unit_of_work import UnitOfWork, pending_stocks, sku_pairs
from models.amazon_order import AmazonOrder
from models.messages import Incoming, MessageContext
from models.order_record import OrderRecord
from models.outcome import Created
from storage.port import Transaction


class ImportPolicyHandler(Handler[Orders]):
    """See `handlers.handler.Handler`."""

    def parse(self, messages: Sequence[Incoming]) -> Sequence[Orders]:
        """Parse each message's payload."""
        return [(message, read_payload(message.value)) for message in messages]

    @override
    def weight(self, parsed: Orders) -> int:
        """Return the number of orders in the message."""
        return max(1, len(parsed[1].orders))

    @override
    def split(self, parsed: Orders, weight: int) -> tuple[Orders, Orders]:
        message, result = parsed
        first, rest = (
            ParseResult.model_construct(orders=orders, refusal=result.refusal)
            for orders in (result.orders[:weight], result.orders[weight:])
        )
        return (message, first), (message, rest)

    async def handle(
        self, parsed: Sequence[Orders], unit_of_work: UnitOfWork, transaction: Transaction
    ) -> None:
        """Record every order, apply the policy and the blocker check, and amend created orders."""
        likely = await transaction.likely_stores()
        await unit_of_work.lock_stores(transaction, named_stores(parsed, likely))
        order_ids = {order.amazon_order_id for _, result in parsed for order in result.orders}
        stored = await transaction.orders_of(order_ids)
        unit_of_work.track(stored.values())
        holders = {order_id: record.store_id for order_id, record in stored.items()}
        routed = [
            (store_id, order, unit_of_work.context_for(message))
            for store_id, order, message in route(parsed, holders, unit_of_work)
        ]
        stores = {order.amazon_order_id: store_id for store_id, order, _ in routed}
        await unit_of_work.lock_stores(transaction, set(stores.values()))
        if any(each.details_of for each in unit_of_work.changes.dead_letters):
            # The order may come for a store of any stock, and looks for its details.
            await unit_of_work.lock_all(transaction)
        # A new order claims the details that were received before it.
        new_ids = stores.keys() - stored.keys()
        routed += [
            (stores[order.amazon_order_id], order, context)
            for dead_letter in await transaction.details_of(new_ids)
            for context in (unit_of_work.claim_dead_letter(dead_letter),)
            for order in read_payload(dead_letter.value).orders
            if order.amazon_order_id in new_ids
        ]
        await _load(
            unit_of_work, [(store_id, order) for store_id, order, _ in routed], stored, transaction
        )
        for store_id, order, context in routed:
            _receive(store_id, order, unit_of_work, context)
            await unit_of_work.order_decided()
        await unit_of_work.request_recheck_of_released(transaction)


def _receive(
    store_id: str, order: AmazonOrder, unit_of_work: UnitOfWork, context: MessageContext
) -> None:
    record = unit_of_work.record_by_order_id(order.amazon_order_id)
    if record is not None and record.store_id != store_id:
        unit_of_work.move(record, move_to_store(record, store_id, context))
    unit_of_work.receive(store_id, order, context)


async def _load(
    unit_of_work: UnitOfWork,
    routed: Iterable[tuple[str, AmazonOrder]],
    stored: Mapping[str, OrderRecord],
    transaction: Transaction,
) -> None:
    pairs: set[tuple[str, str]] = set()
    amended: dict[str, list[tuple[OrderRecord, AmazonOrder]]] = {}
    for store_id, order in routed:
        record = stored.get(order.amazon_order_id)
        if record is None:
            pairs |= sku_pairs(store_id, order)
        elif not isinstance(record.outcome, Created):
            pairs |= sku_pairs(store_id, order) | sku_pairs(store_id, record.order)
        elif may_amend(record.order, order):
            amended.setdefault(record.outcome.commerce_order_id, []).append((record, order))
    commerce_orders = await transaction.commerce_orders(amended.keys())
    unit_of_work.track((), commerce_orders.values())
    stocks = {commerce_order.stock_id for commerce_order in commerce_orders.values()}
    await unit_of_work.lock_stocks(transaction, stocks | pending_stocks(stored.values()))
    await unit_of_work.stock.load(transaction, pairs)
    # A reservation stays in the stock it was made in, even if the store has another one by now.
    grown: dict[str, tuple[set[str], set[tuple[str, str]]]] = {}
    for commerce_order in commerce_orders.values():
        for record, order in amended[commerce_order.commerce_order_id]:
            more, new = products_to_grow_by(commerce_order, record.order, order)
            if more or new:
                skus, new_pairs = grown.setdefault(commerce_order.stock_id, (set(), set()))
                skus |= more
                new_pairs |= {(commerce_order.store_id, seller_sku) for seller_sku in new}
    for stock_id, (skus, new_pairs) in grown.items():
        await unit_of_work.stock.load_from(transaction, stock_id, new_pairs)
        products = await transaction.products(skus, stock_id)
        unit_of_work.stock.add_products(stock_id, products)
