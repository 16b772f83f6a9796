"""The import-policy stage: Amazon's messages become recorded orders, with what came of each.

What the policy admits is handed to the blocker check at once, in the same unit of work: an order is
stored once, with its outcome. Each message is decided after the one before it, so that it does not
matter which of them are decided together.
"""

from collections.abc import Iterable, Mapping, Sequence

from typing_extensions import override

from handlers.handler import Handler
from handlers.order_routing import Orders, route
from handlers.payloads import ParseResult, read_payload
from handlers.rules.amendments import may_amend, products_to_grow_by
from handlers.rules.stores import move_to_store
from handlers.unit_of_work import UnitOfWork, sold_in
from models.amazon_order import AmazonOrder
from models.messages import Incoming, MessageContext
from models.order_record import OrderRecord
from models.outcome import Created
from storage.port import Transaction


class ImportPolicyHandler(Handler[Orders]):
    """See `handlers.handler.Handler`."""

    def parse(self, messages: Sequence[Incoming]) -> Sequence[Orders]:
        """Read each message's payload."""
        return [(message, read_payload(message.value)) for message in messages]

    @override
    def weight(self, parsed: Orders) -> int:
        """Return how many orders the message names."""
        return max(1, len(parsed[1].orders))

    @override
    def split(self, parsed: Orders, weight: int) -> tuple[Orders, Orders]:
        message, reading = parsed
        first, rest = (
            ParseResult.model_construct(orders=orders, refusal=reading.refusal)
            for orders in (reading.orders[:weight], reading.orders[weight:])
        )
        return (message, first), (message, rest)

    async def handle(
        self, parsed: Sequence[Orders], unit_of_work: UnitOfWork, transaction: Transaction
    ) -> None:
        """Record every order, ask the policy and the blocker check, and amend what is created."""
        await unit_of_work.lock(transaction)
        named = {order.amazon_order_id for _, reading in parsed for order in reading.orders}
        found = await transaction.orders_of(named)
        unit_of_work.track(found.values())
        holders = {order_id: record.store_id for order_id, record in found.items()}
        news = [
            (key.partition("/")[0], order, unit_of_work.context_of(message))
            for key, order, message in route(parsed, holders, unit_of_work.stores, unit_of_work)
        ]
        stores = {order.amazon_order_id: store_id for store_id, order, _ in news}
        # Orders seen for the first time take up the details that came before them.
        first_seen = stores.keys() - found.keys()
        news += [
            (stores[order.amazon_order_id], order, context)
            for dead_letter in await transaction.details_of(first_seen)
            for context in (unit_of_work.claim_dead_letter(dead_letter),)
            for order in read_payload(dead_letter.value).orders
            if order.amazon_order_id in first_seen
        ]
        await _gather(
            unit_of_work, [(store_id, order) for store_id, order, _ in news], found, transaction
        )
        for store_id, order, context in news:
            _receive(store_id, order, unit_of_work, context)
        await unit_of_work.request_recheck_of_released(transaction)


def _receive(
    store_id: str, order: AmazonOrder, unit_of_work: UnitOfWork, context: MessageContext
) -> None:
    recorded = unit_of_work.record_of(order.amazon_order_id)
    if recorded is not None and recorded.store_id != store_id:
        unit_of_work.move(recorded, move_to_store(recorded, store_id, context))
    unit_of_work.receive(store_id, order, context)


async def _gather(
    unit_of_work: UnitOfWork,
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
    unit_of_work.track((), orders.values())
    for made in orders.values():
        for record, order in amended[made.commerce_order_id]:
            more, new = products_to_grow_by(made, record.order, order)
            skus |= more
            pairs |= {(made.store_id, seller_sku) for seller_sku in new}
    await unit_of_work.gather(transaction, pairs)
    unit_of_work.stock(await transaction.products(skus))
