"""What is compared: how a history ends, in plain values, whoever played it."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

EventFacts = tuple[str, object]


@dataclass(frozen=True)
class End:
    """`orders` by key: import state, reasons, Amazon's status, the Commerce order's status."""

    orders: dict[str, tuple[str, frozenset[object], str | None, str | None]]
    held: dict[str, int]
    events: dict[str, tuple[EventFacts, ...]]


def facts_of(body: dict[str, Any]) -> EventFacts:
    name = body["event_type"]
    match name:
        case "CommerceOrderCreated":
            lines = {
                (
                    *(one[name] for name in ("order_item_id", "sku", "quantity")),
                    one["price"] and int(one["price"]["amount"]),
                )
                for one in body["lines"]
            }
            return name, (body["status"], body["replayed"], frozenset(lines))
        case "CommerceOrderStatusChanged":
            return name, (body["from"], body["to"])
        case "OrderImportBlocked":
            told = ("code", "sku", "required", "available")
            blockers = {tuple(one[field] for field in told) for one in body["blockers"]}
            return name, frozenset(blockers)
        case "OrderImportReleased":
            return name, None
        case _:
            return name, body["reason"]


def events_by_order(bodies: Iterable[bytes | str]) -> dict[str, tuple[EventFacts, ...]]:
    """Sort events by order and sequence; each sequence is there once and none is left out."""
    found: dict[str, dict[int, EventFacts]] = {}
    for body in map(json.loads, bodies):
        of_order = found.setdefault(f"{body['store_id']}/{body['amazon_order_id']}", {})
        assert body["sequence"] not in of_order, f"two events are number {body['sequence']}"
        of_order[body["sequence"]] = facts_of(body)
    for key, events in found.items():
        assert sorted(events) == list(range(1, len(events) + 1)), f"{key}: {sorted(events)}"
    return {key: tuple(events[n] for n in sorted(events)) for key, events in found.items()}
