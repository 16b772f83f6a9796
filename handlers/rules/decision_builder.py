"""Builds a decision about one order, with its events: their ids, sequence numbers and bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from pydantic_core import to_json

from handlers.rules.retention import retain
from models import keys
from models.charges import sum_charges
from models.commerce_order import CommerceOrder, Reservation
from models.decision import Decision
from models.events import (
    SCHEMA_VERSION,
    CommerceOrderAmended,
    CommerceOrderBody,
    CommerceOrderCancellationRequested,
    CommerceOrderCreated,
    CommerceOrderStatusChanged,
    Event,
    EventBody,
    FieldChange,
    OrderImportBlocked,
    OrderImportReleased,
    OrderImportSkipped,
    OrderImportWithdrawn,
)
from models.messages import MessageContext
from models.order_record import HistoryEntry, OrderRecord
from models.outcome import Blocked
from models.reasons import SkipReason
from models.reference_data import CommerceStatus

TITLE_LENGTH = 500
"""Maximum length of a title in an event."""
ALL_TITLES = 100_000
"""Maximum length of all titles of an event: a thousand lines must fit into one message."""
_NO_FACTS: Mapping[str, object] = MappingProxyType({})
CHANGES_AT_ONCE = 500
"""The most changes in one event; more changes become several events."""
MAX_CHARGES = 500
"""The most charges in one event; more are summed up over all lines."""


class DecisionBuilder:
    """Builds one decision about one order; its events continue the order's sequence.

    `record` is the order with the message merged in. `decide` sets what the decision changes.
    """

    def __init__(self, record: OrderRecord, context: MessageContext) -> None:
        self._record = record
        self._context = context
        self._events: list[Event] = []

    @property
    def has_events(self) -> bool:
        """Whether any event has been added."""
        return bool(self._events)

    def decide(
        self,
        what: str,
        reasons: tuple[str, ...] = (),
        facts: Mapping[str, object] = _NO_FACTS,
        *,
        commerce_order: CommerceOrder | None = None,
        reserves: tuple[Reservation, ...] = (),
        releases: tuple[Reservation, ...] = (),
        **changes: Any,
    ) -> Decision:
        """Return the decision.

        Args:
            what: The history code of what happened.
            reasons: The codes of the reasons.
            facts: What the decision is based on, with versions.
            commerce_order: The Commerce order that it creates or changes.
            reserves: Units that the order reserves from now on.
            releases: Units that the order no longer reserves.
            changes: The record's fields that change.
        """
        events, context = tuple(self._events), self._context
        sequence = self._record.sequence + len(events)
        return Decision(
            retain(replace(self._record, sequence=sequence, **changes), context.at),
            HistoryEntry(
                context.at,
                context.cause,
                what,
                reasons,
                facts,
                tuple([event.event_id for event in events]),
            ),
            events,
            commerce_order,
            reserves,
            releases,
        )

    def created(self, order: CommerceOrder) -> None:
        """Add the event of a new Commerce order. Its id has no sequence: it happens only once."""
        self._add_whole(CommerceOrderCreated, order, once=True, replayed=order.replayed)

    def amended(self, order: CommerceOrder, changes: Sequence[FieldChange]) -> None:
        """Add the events of an amendment: the whole order and its changes. No changes, no event."""
        for start in range(0, len(changes), CHANGES_AT_ONCE):
            part = tuple(changes[start : start + CHANGES_AT_ONCE])
            self._add_whole(CommerceOrderAmended, order, changes=part)

    def cancellation_requested(
        self, order: CommerceOrder, order_item_ids: Sequence[str], reason: str | None
    ) -> None:
        """Add the event that the buyer asks to cancel lines of a Commerce order."""
        self._add(
            CommerceOrderCancellationRequested,
            commerce_order_id=order.commerce_order_id,
            requested_by="buyer",
            reason=reason,
            order_item_ids=tuple(order_item_ids),
        )

    def status_changed(self, order: CommerceOrder, to: CommerceStatus) -> None:
        """Add the event that the status of a Commerce order has changed."""
        change: dict[str, Any] = {"from": order.status, "to": to}
        self._add(CommerceOrderStatusChanged, commerce_order_id=order.commerce_order_id, **change)

    def blocked(self, outcome: Blocked) -> None:
        """Add the event of a blocked order, with every cause."""
        order = self._record.order
        self._add(
            OrderImportBlocked,
            blockers=outcome.blockers,
            purchase_date=order.purchase_date,
            latest_ship_date=order.latest_ship_date,
            total=order.total,
        )

    def released(self, order: CommerceOrder, blocked: Blocked) -> None:
        """Add the event that an order is no longer blocked."""
        self._add(
            OrderImportReleased,
            commerce_order_id=order.commerce_order_id,
            blocked_since=blocked.since,
        )

    def withdrawn(self, reason: SkipReason) -> None:
        """Add the event that a blocked order will never be imported."""
        self._add(OrderImportWithdrawn, reason=reason)

    def skipped(self, reason: SkipReason) -> None:
        """Add the event that an order is not imported."""
        self._add(OrderImportSkipped, reason=reason)

    def _add_whole(
        self, body_type: type[CommerceOrderBody], order: CommerceOrder, **fields: Any
    ) -> None:
        title_length = min(TITLE_LENGTH, ALL_TITLES // max(1, len(order.lines)))
        lines = [
            {
                "order_item_id": item.order_item_id,
                "seller_sku": item.seller_sku,
                "sku": line.sku,
                "components": line.components,
                "asin": item.asin,
                "title": None if item.title is None else item.title[:title_length],
                "quantity": item.quantity,
                "price": item.price,
                "tax": item.tax,
                "tax_collection": item.tax_collection,
                "buyer_requested_cancel": bool(item.buyer_requested_cancel),
            }
            for line in order.lines
            if (item := line.item).quantity
        ]
        order_balance = order.balance
        unexplained = order_balance.unexplained
        self._add(
            body_type,
            commerce_order_id=order.commerce_order_id,
            order_number=order.order_number,
            status=order.status,
            currency=order.currency,
            total=None if order.total is None else format(order.total.amount, "f"),
            fulfillment_channel=order.fulfillment_channel,
            stock_id=order.stock_id,
            purchase_date=order.purchase_date,
            lines=lines,
            charges=_charges(order),
            prices_include_tax=order_balance.prices_include_tax,
            unexplained=None if unexplained is None else format(unexplained, "f"),
            programs=order.programs,
            purchase_order_number=order.purchase_order_number,
            latest_ship_date=order.latest_ship_date,
            shipping_service=order.shipping_service,
            buyer_requested_cancel=order.buyer_requested_cancel,
            address_known=order.address_known,
            **fields,
        )

    def _add(self, body_type: type[EventBody], *, once: bool = False, **fields: Any) -> None:
        key = self._record.key
        sequence = self._record.sequence + len(self._events) + 1
        cause = self._context.cause
        name = body_type.__name__
        event_id = keys.event_id(key, name, None if once else sequence)
        # The fields of the body's type, not validated again: they were checked on receipt.
        body = {
            "event_id": event_id,
            "event_type": name,
            "schema_version": SCHEMA_VERSION,
            "occurred_at": self._context.at,
            "store_id": self._record.store_id,
            "amazon_order_id": self._record.order.amazon_order_id,
            "sequence": sequence,
            "cause": {"topic": cause.topic, "partition": cause.partition, "offset": cause.offset},
            **fields,
        }
        self._events.append(
            Event(
                event_id=event_id,
                event_type=name,
                topic=body_type.topic,
                key=key,
                sequence=sequence,
                occurred_at=self._context.at,
                cause=cause,
                body=to_json(body),
            )
        )


def _charges(order: CommerceOrder) -> list[dict[str, object]]:
    charges = order.all_charges
    if len(charges) > MAX_CHARGES:
        charges = tuple(
            (charge, None)
            for charge in sum_charges((charge for charge, _ in charges), stored=False)
        )
    return [
        {"kind": charge.kind, "amount": charge.amount, "tax": charge.tax, "order_item_id": item_id}
        for charge, item_id in charges
    ]
