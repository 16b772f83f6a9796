"""The order-updates stage: what Commerce reports about its orders."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from handlers.handler import Handler
from handlers.reference_data import FactMessage, read_fact
from handlers.rules.order_updates import apply_update
from handlers.unit_of_work import UnitOfWork
from models import keys
from models.messages import DeadLetterCode, Incoming, Rejection
from models.reference_data import OrderUpdate, counts_orders_from
from storage.port import Transaction

_NO_SUCH_ORDER = Rejection(
    code=DeadLetterCode.INVALID_MESSAGE,
    message="commerce_order_id: expected the id of a Commerce order that this worker created",
)


class OrderUpdatesHandler(Handler[FactMessage[OrderUpdate]]):
    """See `handlers.handler.Handler`."""

    def parse(self, messages: Sequence[Incoming]) -> Sequence[FactMessage[OrderUpdate]]:
        """Parse order updates."""
        return [read_fact(message, OrderUpdate, deletable=False) for message in messages]

    async def handle(
        self,
        parsed: Sequence[FactMessage[OrderUpdate]],
        unit_of_work: UnitOfWork,
        transaction: Transaction,
    ) -> None:
        """Update Commerce orders, and release what is canceled or already counted."""
        order_ids = {_commerce_order_id(update.fact) for update in parsed if update.fact}
        await unit_of_work.lock_stocks(transaction, await transaction.likely_stocks(order_ids))
        unit_of_work.stock.stores = await transaction.stores()
        orders = await transaction.commerce_orders(order_ids)
        await unit_of_work.lock_stocks(transaction, {order.stock_id for order in orders.values()})
        records = await transaction.orders({order.key for order in orders.values()})
        unit_of_work.track(records.values(), orders.values())
        items = await transaction.stock_items(
            {
                keys.stock_item_key(order.stock_id, reservation.sku)
                for order in orders.values()
                for reservation in order.reservations
            }
        )
        counted_as_of: defaultdict[str, dict[str, datetime]] = defaultdict(dict)
        for item in items.values():
            counted_as_of[item.stock_id][item.sku] = item.as_of
        for update in parsed:
            if update.fact is None:
                unit_of_work.dead_letter(update.message, update.refusal or _NO_SUCH_ORDER)
                continue
            order = unit_of_work.commerce_order(_commerce_order_id(update.fact))
            record = None if order is None else unit_of_work.record(order.key)
            if order is None or record is None:
                unit_of_work.dead_letter(update.message, _NO_SUCH_ORDER)
                continue
            context = unit_of_work.context_for(update.message)
            decision = apply_update(
                record,
                order,
                update.fact,
                counted_as_of[order.stock_id],
                counts_orders_from(unit_of_work.stock.stores, order.store_id),
                context,
            )
            if decision is not None:
                unit_of_work.add(decision)
        await unit_of_work.request_recheck_of_released(transaction)


def _commerce_order_id(update: OrderUpdate) -> str:
    if update.commerce_order_id is not None:
        return update.commerce_order_id
    return keys.commerce_order_id(
        keys.order_key(update.store_id or "", update.amazon_order_id or "")
    )
