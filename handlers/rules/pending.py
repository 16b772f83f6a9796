"""Pending reservations: the units that an order reserves before it can be imported (rule 25)."""

from dataclasses import replace
from datetime import datetime, timedelta

from handlers.rules.blockers import find_blockers, sum_needs
from handlers.rules.decision_builder import DecisionBuilder
from handlers.rules.import_policy import missing_details
from models.amazon_order import AmazonStatus, FulfillmentChannel
from models.commerce_order import PendingReservation, Reservation
from models.decision import Decision
from models.messages import MessageContext
from models.order_record import OrderRecord
from models.outcome import MissingDetail, Waiting
from models.reasons import BlockerCode, WaitingReason
from models.reference_data import Catalog, Store

LAPSES_AFTER = timedelta(days=21)
"""How long units stay reserved without news: Amazon cancels what is not paid by then."""
_PENDING = frozenset({AmazonStatus.PENDING, AmazonStatus.PENDING_AVAILABILITY})


def with_pending_reservation(
    decision: Decision, store: Store | None, catalog: Catalog, news_at: datetime
) -> Decision:
    """Return a decision with what its order reserves from now on while it waits.

    `catalog` leaves out what the order itself reserves so far. Its units are reserved all or none;
    later it keeps those that it still needs until it is created. `news_at` is when the last message
    about it was received.
    """
    record = decision.record
    before = record.pending_reservation
    if before is None and (store is None or not store.reserve_pending):
        return decision
    now = None if store is None else _reserve(record, before, store, catalog, news_at)
    if now == before:
        return decision
    return replace(decision, record=replace(record, pending_reservation=now))


def lapse(record: OrderRecord, context: MessageContext) -> Decision:
    """Return the decision that ends a reservation without news."""
    builder = DecisionBuilder(record, context)
    return builder.decide("pending-reservation-lapsed", pending_reservation=None)


def _reserve(
    record: OrderRecord,
    before: PendingReservation | None,
    store: Store,
    catalog: Catalog,
    news_at: datetime,
) -> PendingReservation | None:
    order = record.order
    if (
        not store.reserve_pending
        or not isinstance(record.outcome, Waiting)
        or order.fulfillment_channel is not FulfillmentChannel.MFN
    ):
        return None
    needs = sum_needs(order, store.store_id, catalog)
    units = {need.sku: need.quantity for need in needs if need.sku is not None}
    stock_id = store.stock_id
    own = {} if before is None else {each.sku: each.quantity for each in before.reservations}
    enough = own if before is not None and before.stock_id == stock_id else {}
    blockers = find_blockers(order, store, catalog, needs)
    if not _would_be_admitted(record, record.outcome, store) or not all(
        blocker.code is BlockerCode.OUT_OF_STOCK
        and enough.get(blocker.sku or "", 0) >= blocker.required
        for blocker in blockers
    ):
        if before is None:
            return None
        stock_id = before.stock_id
        units = {sku: min(quantity, units.get(sku, 0)) for sku, quantity in own.items()}
    reservations = tuple(Reservation(sku, quantity) for sku, quantity in units.items() if quantity)
    return PendingReservation(stock_id, reservations, news_at) if reservations else None


def _would_be_admitted(record: OrderRecord, outcome: Waiting, store: Store) -> bool:
    """Return whether the policy waits for nothing but the end of Pending, and its prices."""
    order = record.order
    return (
        outcome.reason is WaitingReason.STATUS_NOT_IMPORTABLE
        and order.status in _PENDING
        and set(missing_details(order)) <= {MissingDetail.PRICES}
        and any(item.quantity for item in order.items)
        and store.import_amazon_orders
    )
