"""The order-updates stage: Commerce's own word on Commerce orders."""

from collections.abc import Sequence

from handlers.order_updates import apply_update
from models import keys
from models.facts import OrderUpdate
from models.refusals import DeadLetterCode, Rejection
from storage.port import Transaction
from streams.facts import FactMessage, read_fact
from streams.messages import Incoming
from streams.page import UnitOfWork
from streams.stage import Stage

_NO_SUCH_ORDER = Rejection(
    code=DeadLetterCode.INVALID_MESSAGE,
    message="commerce_order_id: expected the id of a Commerce order that this worker created",
)


class OrderUpdatesStage(Stage[FactMessage[OrderUpdate]]):
    """See `streams.stage.Stage`."""

    def read(self, messages: Sequence[Incoming]) -> Sequence[FactMessage[OrderUpdate]]:
        """Read updates."""
        return [read_fact(message, OrderUpdate, deletable=False) for message in messages]

    async def decide(
        self, read: Sequence[FactMessage[OrderUpdate]], page: UnitOfWork, transaction: Transaction
    ) -> None:
        """Move Commerce orders on, free what is canceled, and let go of what is counted."""
        await page.lock(transaction)
        wanted = {_order_of(told.fact) for told in read if told.fact is not None}
        orders = await transaction.commerce_orders(wanted)
        records = await transaction.orders({order.key for order in orders.values()})
        page.remember(records.values(), orders.values())
        skus = {hold.sku for order in orders.values() for hold in order.holds}
        versions = await transaction.product_versions(skus)
        counted_as_of = {sku: stocked.product.as_of for sku, stocked in versions.items()}
        for told in read:
            if told.fact is None:
                page.refuse(told.message, told.refusal or _NO_SUCH_ORDER)
                continue
            order = page.commerce_order(_order_of(told.fact))
            record = None if order is None else page.record(order.key)
            if order is None or record is None:
                page.refuse(told.message, _NO_SUCH_ORDER)
                continue
            occasion = page.occasion(told.message)
            decision = apply_update(record, order, told.fact, counted_as_of, occasion)
            if decision is not None:
                page.decide(decision)
        await page.wake_freed(transaction)


def _order_of(update: OrderUpdate) -> str:
    if update.commerce_order_id is not None:
        return update.commerce_order_id
    return keys.commerce_order_id(
        keys.order_key(update.store_id or "", update.amazon_order_id or "")
    )
