"""Retention: until when the buyer data of an order is kept (rule 27).

Amazon allows 30 days after delivery. Every moment is on this program's clock: a time that lies in
the future counts as the present.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from models.amazon_order import AmazonOrder, AmazonStatus
from models.buyer_data import Erased, Retained, RetentionReason
from models.order_record import OrderRecord
from models.outcome import Skipped, Withdrawn

AFTER_DELIVERY = timedelta(days=30)
AFTER_SHIPMENT = timedelta(days=44)
"""Two weeks for the delivery, of which nothing is known."""
AFTER_END = timedelta(days=30)
OPEN_AT_MOST = timedelta(days=180)
"""For how long an open order keeps its buyer after the purchase."""
LATEST_DELIVERY = timedelta(days=150)
"""The latest end of a delivery window, after the last update, that is believed."""


def retain(record: OrderRecord, at: datetime) -> OrderRecord:
    """Return a record with the end of its buyer data, or without the data if that has come.

    Erased data never comes back. `at` is the present moment.
    """
    order = record.order
    if not any(order.personal):
        return record
    if isinstance(record.buyer_data, Erased):
        return replace(record, order=without_buyer(order))
    retained = retention(record, at)
    if retained.expires_at <= at:
        return replace(record, order=without_buyer(order), buyer_data=Erased(at))
    return record if retained == record.buyer_data else replace(record, buyer_data=retained)


def without_buyer(order: AmazonOrder) -> AmazonOrder:
    """Return an order, stored or in a message, without anything personal."""
    return order.model_copy(update={"buyer": None, "ship_to": None, "gifts": ()})


def retention(record: OrderRecord, at: datetime) -> Retained:
    """Return until when the buyer data of an order is kept, and why.

    As long as the reason stays the same, a delivery that is reported again does not move the end,
    and a shipment or an end never moves it to an earlier moment.
    """
    order = record.order
    updated_at = min(order.last_update_date or at, at)
    if isinstance(record.outcome, Skipped | Withdrawn) or order.status is AmazonStatus.CANCELED:
        retained = Retained(updated_at + AFTER_END, RetentionReason.ENDED)
    elif order.status is AmazonStatus.SHIPPED:
        retained = _after_shipment(order, updated_at, at)
    else:
        retained = Retained(_open_since(record) + OPEN_AT_MOST, RetentionReason.OPEN)
    previous = record.buyer_data
    if not isinstance(previous, Retained) or previous.reason is not retained.reason:
        return retained
    ends = previous.expires_at, retained.expires_at
    match retained.reason:
        case RetentionReason.DELIVERED:
            return Retained(min(ends), retained.reason)
        case RetentionReason.SHIPPED | RetentionReason.ENDED:
            return Retained(max(ends), retained.reason)
        case RetentionReason.OPEN | RetentionReason.DELIVERY_DUE:
            return retained


def _open_since(record: OrderRecord) -> datetime:
    """Return the purchase; the receipt if it is unknown, in the future, or too long before that.

    An order that is received very late can still be imported, with its buyer.
    """
    purchased, received = record.order.purchase_date, record.received_at
    if purchased is None or not received - OPEN_AT_MOST < purchased <= received:
        return received
    return purchased


def _after_shipment(order: AmazonOrder, updated_at: datetime, at: datetime) -> Retained:
    deliveries = [package.delivered_at for package in order.packages]
    if deliveries and None not in deliveries:
        delivered_at = max(delivery for delivery in deliveries if delivery is not None)
        return Retained(min(delivered_at, at) + AFTER_DELIVERY, RetentionReason.DELIVERED)
    due = order.latest_delivery_date
    if due is not None and due <= updated_at + LATEST_DELIVERY:
        return Retained(due + AFTER_DELIVERY, RetentionReason.DELIVERY_DUE)
    return Retained(updated_at + AFTER_SHIPMENT, RetentionReason.SHIPPED)
