"""The import-policy stage: Amazon's messages become recorded orders, with what came of each.

What the policy admits is handed to the blocker check at once, in the same unit of work: an order is
stored once, with its outcome. Each message is decided after the one before it, so that it does not
matter which of them are decided together.
"""

from collections.abc import Iterable, Mapping, Sequence

from typing_extensions import override

from handlers.amendments import may_amend, products_to_grow_by
from handlers.payloads import ParseResult, read_payload
from handlers.stores import move_to_store
from models.amazon_order import AmazonOrder
from models.outcomes import Created
from models.records import MessageContext, OrderRecord
from storage.port import Transaction
from streams.messages import Incoming
from streams.order_routing import Orders, route
from streams.page import UnitOfWork, sold_in
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

    @override
    def split(self, read: Orders, weight: int) -> tuple[Orders, Orders]:
        message, reading = read
        first, rest = (
            ParseResult.model_construct(orders=orders, refusal=reading.refusal)
            for orders in (reading.orders[:weight], reading.orders[weight:])
        )
        return (message, first), (message, rest)

    async def decide(
        self, read: Sequence[Orders], page: UnitOfWork, transaction: Transaction
    ) -> None:
        """Record every order, ask the policy and the blocker check, and amend what is created."""
        await page.lock(transaction)
        named = {order.amazon_order_id for _, reading in read for order in reading.orders}
        found = await transaction.orders_of(named)
        page.remember(found.values())
        holders = {order_id: record.store_id for order_id, record in found.items()}
        news = [
            (key.partition("/")[0], order, page.occasion(message))
            for key, order, message in route(read, holders, page.stores, page)
        ]
        stores = {order.amazon_order_id: store_id for store_id, order, _ in news}
        # Orders seen for the first time take up the details that came before them.
        first_seen = stores.keys() - found.keys()
        news += [
            (stores[order.amazon_order_id], order, occasion)
            for letter in await transaction.details_of(first_seen)
            for occasion in (page.claim_dead_letter(letter),)
            for order in read_payload(letter.value).orders
            if order.amazon_order_id in first_seen
        ]
        await _gather(page, [(store_id, order) for store_id, order, _ in news], found, transaction)
        for store_id, order, occasion in news:
            _receive(store_id, order, page, occasion)
        await page.wake_freed(transaction)


def _receive(store_id: str, order: AmazonOrder, page: UnitOfWork, occasion: MessageContext) -> None:
    recorded = page.record_of(order.amazon_order_id)
    if recorded is not None and recorded.store_id != store_id:
        page.move(recorded, move_to_store(recorded, store_id, occasion))
    page.receive(store_id, order, occasion)


async def _gather(
    page: UnitOfWork,
    told: Iterable[tuple[str, AmazonOrder]],
    found: Mapping[str, OrderRecord],
    transaction: Transaction,
) -> None:
    """Fetch what these orders are judged by, and the Commerce orders that news may amend."""
    pairs: set[tuple[str, str]] = set()
    skus: set[str] = set()
    amended: dict[str, list[tuple[OrderRecord, AmazonOrder]]] = {}
    for store_id, order in told:
        record = found.get(order.amazon_order_id)
        if record is None:
            pairs |= sold_in(store_id, order)
        elif not isinstance(record.outcome, Created):
            pairs |= sold_in(store_id, order) | sold_in(store_id, record.order)
        elif may_amend(record.order, order):
            amended.setdefault(record.outcome.commerce_order_id, []).append((record, order))
    orders = await transaction.commerce_orders(amended.keys())
    page.remember((), orders.values())
    for made in orders.values():
        for record, order in amended[made.commerce_order_id]:
            more, new = products_to_grow_by(made, record.order, order)
            skus |= more
            pairs |= {(made.store_id, seller_sku) for seller_sku in new}
    await page.gather(transaction, pairs)
    page.stock(await transaction.products(skus))
