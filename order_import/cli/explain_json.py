"""An order's history for programs. Buyer and address stay in the database."""

from typing import Any

from models.commerce_order import CommerceOrder
from models.order_record import HistoryEntry
from models.outcome import Blocked, Waiting
from storage.documents.order_record import state_of
from storage.queries import OrderHistory

_PERSONAL = {"buyer", "ship_to", "packages"}
_BOOKKEEPING = {"clocks", "is_notification"}
"""What only tells newer messages from older ones."""


def history_as_json(found: OrderHistory) -> dict[str, Any]:
    """Give all there is to tell of an order, in the contract's names."""
    record = found.record
    outcome = record.outcome
    return {
        "store_id": record.store_id,
        "store": found.store,
        **record.order.model_dump(mode="json", exclude=_PERSONAL | _BOOKKEEPING | {"store_id"}),
        "received": record.received,
        "ignored": record.ignored,
        "received_at": record.received_at,
        "import": {
            "state": state_of(outcome),
            "reasons": _reasons(found),
            "missing": outcome.missing if isinstance(outcome, Waiting) else (),
            "since": outcome.since if isinstance(outcome, Blocked) else None,
            "tried": outcome.tried if isinstance(outcome, Blocked) else None,
            "decided_at": record.decided_at,
        },
        "commerce_order": _commerce_order(found.commerce_order),
        "history": [_entry(entry, found) for entry in found.history],
    }


def _reasons(found: OrderHistory) -> list[object]:
    outcome = found.record.outcome
    if isinstance(outcome, Blocked):
        return [blocker.model_dump(mode="json") for blocker in outcome.blockers]
    reason = getattr(outcome, "reason", None)
    return [] if reason is None else [reason.value]


def _commerce_order(order: CommerceOrder | None) -> dict[str, object] | None:
    if order is None:
        return None
    return {
        "commerce_order_id": order.commerce_order_id,
        "order_number": order.order_number,
        "status": order.status,
        "created_at": order.created_at,
        "acknowledged_at": order.acknowledged_at,
        "replayed": order.replayed,
        "total": order.total,
        "buyer_requested_cancel": order.buyer_requested_cancel,
        "address_known": order.address_known,
        "lines": [
            {"sku": line.sku, **line.item.model_dump(mode="json", exclude={"title"})}
            for line in order.lines
        ],
        "reservations": order.reservations,
    }


def _entry(entry: HistoryEntry, found: OrderHistory) -> dict[str, object]:
    return {
        "at": entry.at,
        "what": entry.what,
        "cause": entry.cause,
        "reasons": entry.reasons,
        "facts": entry.facts,
        "events": [found.events.get(one, {"event_id": one}) for one in entry.events],
    }
