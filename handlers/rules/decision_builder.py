"""One decision about one order, with the events that tell it: id, place in sequence, and bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from pydantic_core import to_json

from handlers.rules.commerce_order import currency_of
from models import keys
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
from models.outcome import Blocked, SkipReason
from models.reference_data import CommerceStatus

TITLE_LENGTH = 500
"""Of how many letters a title in an event is."""
ALL_TITLES = 100_000
"""Of how many letters all titles of an event are: a thousand lines must fit into one message."""
_NO_FACTS: Mapping[str, object] = MappingProxyType({})
CHANGES_AT_ONCE = 1000
"""How many changes one event tells: more of them are told by more than one."""


class DecisionBuilder:
    """Builds one decision about one order: its events, numbered on from the last one, and all else.

    `record` is the order as it is with the news; what the decision makes of it is given at the end.
    """

    def __init__(self, record: OrderRecord, context: MessageContext) -> None:
        self._record = record
        self._occasion = context
        self._events: list[Event] = []

    @property
    def has_events(self) -> bool:
        """Whether there is something to tell."""
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
            what: What happened, as the order's history names it, for these reasons and facts.
            reasons: Codes.
            facts: What the decision was taken on, with their versions.
            commerce_order: The Commerce order it makes or changes.
            reserves: Units that the order reserves from now on.
            releases: Units that it no longer reserves.
            changes: Fields of the record that are others now.
        """
        events, context = tuple(self._events), self._occasion
        return Decision(
            replace(self._record, sequence=self._record.sequence + len(events), **changes),
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
        """Tell that a Commerce order exists. Its id has no sequence: it can happen only once."""
        self._add_whole(CommerceOrderCreated, order, once=True, replayed=order.replayed)

    def amended(self, order: CommerceOrder, changes: Sequence[FieldChange]) -> None:
        """Tell what a Commerce order is now, and what changed of it; nothing if nothing did."""
        for start in range(0, len(changes), CHANGES_AT_ONCE):
            told = tuple(changes[start : start + CHANGES_AT_ONCE])
            self._add_whole(CommerceOrderAmended, order, changes=told)

    def cancellation_requested(
        self, order: CommerceOrder, order_item_ids: Sequence[str], reason: str | None
    ) -> None:
        """Tell that the buyer asks to cancel lines of a Commerce order."""
        self._add(
            CommerceOrderCancellationRequested,
            commerce_order_id=order.commerce_order_id,
            requested_by="buyer",
            reason=reason,
            order_item_ids=tuple(order_item_ids),
        )

    def status_changed(self, order: CommerceOrder, to: CommerceStatus) -> None:
        """Tell that a Commerce order went forward."""
        change: dict[str, Any] = {"from": order.status, "to": to}
        self._add(CommerceOrderStatusChanged, commerce_order_id=order.commerce_order_id, **change)

    def blocked(self, outcome: Blocked) -> None:
        """Tell every cause of a block."""
        order = self._record.order
        self._add(
            OrderImportBlocked,
            blockers=outcome.blockers,
            purchase_date=order.purchase_date,
            latest_ship_date=order.latest_ship_date,
            total=order.total,
        )

    def released(self, order: CommerceOrder, blocked: Blocked) -> None:
        """Tell that a block is over."""
        self._add(
            OrderImportReleased,
            commerce_order_id=order.commerce_order_id,
            blocked_since=blocked.since,
        )

    def withdrawn(self, reason: SkipReason) -> None:
        """Tell that a blocked order will not be imported any more."""
        self._add(OrderImportWithdrawn, reason=reason)

    def skipped(self, reason: SkipReason) -> None:
        """Tell that an order is not imported."""
        self._add(OrderImportSkipped, reason=reason)

    def _add_whole(
        self, body_type: type[CommerceOrderBody], order: CommerceOrder, **told: Any
    ) -> None:
        dead_letters = min(TITLE_LENGTH, ALL_TITLES // max(1, len(order.lines)))
        lines = [
            {
                "order_item_id": item.order_item_id,
                "seller_sku": item.seller_sku,
                "sku": line.sku,
                "asin": item.asin,
                "title": None if item.title is None else item.title[:dead_letters],
                "quantity": item.quantity,
                "price": item.price,
                "tax": item.tax,
                "buyer_requested_cancel": bool(item.buyer_requested_cancel),
            }
            for line in order.lines
            if (item := line.item).quantity
        ]
        self._add(
            body_type,
            commerce_order_id=order.commerce_order_id,
            order_number=order.order_number,
            status=order.status,
            currency=currency_of(order),
            total=None if order.total is None else format(order.total.amount, "f"),
            fulfillment_channel=order.fulfillment_channel,
            purchase_date=order.purchase_date,
            lines=lines,
            buyer_requested_cancel=order.buyer_requested_cancel,
            address_known=order.address_known,
            **told,
        )

    def _add(self, body_type: type[EventBody], *, once: bool = False, **told: Any) -> None:
        key = self._record.key
        sequence = self._record.sequence + len(self._events) + 1
        cause = self._occasion.cause
        name = body_type.__name__
        event_id = keys.event_id(key, name, None if once else sequence)
        # The body as its type has it, of values that were checked when they came in.
        body = {
            "event_id": event_id,
            "event_type": name,
            "schema_version": SCHEMA_VERSION,
            "occurred_at": self._occasion.at,
            "store_id": self._record.store_id,
            "amazon_order_id": self._record.order.amazon_order_id,
            "sequence": sequence,
            "cause": {"topic": cause.topic, "partition": cause.partition, "offset": cause.offset},
            **told,
        }
        self._events.append(
            Event(
                event_id=event_id,
                event_type=name,
                topic=body_type.topic,
                key=key,
                sequence=sequence,
                occurred_at=self._occasion.at,
                cause=cause,
                body=to_json(body),
            )
        )
