"""What is compared: how a history ends, in plain values, whoever played it."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

EventFacts = tuple[str, object]
OrderEnd = tuple[str, frozenset[object], str | None, str | None, int]
"""Import state, reasons and what is waited for, Amazon's status, the Commerce order's status, and
how many messages changed nothing."""


@dataclass(frozen=True)
class End:
    """How a history ends: its orders by key, units by `stock/SKU`, and the events of each order."""

    orders: dict[str, OrderEnd]
    reserved: dict[str, int]
    events: dict[str, tuple[EventFacts, ...]]


def facts_of(body: dict[str, Any]) -> EventFacts:
    name = body["event_type"]
    match name:
        case "CommerceOrderCreated":
            return name, (*_whole(body), body["replayed"])
        case "CommerceOrderAmended":
            changes = {
                (one["field"], one["order_item_id"], _plain(one["from"]), _plain(one["to"]))
                for one in body["changes"]
            }
            return name, (*_whole(body), frozenset(changes))
        case "CommerceOrderCancellationRequested":
            return name, frozenset(body["order_item_ids"])
        case "CommerceOrderStatusChanged":
            return name, (body["from"], body["to"])
        case "OrderImportBlocked":
            told = ("code", "sku", "required", "available", "stock_id")
            blockers = {tuple(one[field] for field in told) for one in body["blockers"]}
            return name, frozenset(blockers)
        case "OrderImportReleased":
            return name, None
        case _:
            return name, body["reason"]


def _whole(body: dict[str, Any]) -> tuple[object, ...]:
    lines = {
        (
            *(one["order_item_id"], _stands_for(one), one["quantity"]),
            *(_plain(one["price"]), one["buyer_requested_cancel"]),
        )
        for one in body["lines"]
    }
    flags = body["address_known"], body["buyer_requested_cancel"]
    return body["status"], body["stock_id"], _plain(body["total"]), *flags, frozenset(lines)


def _stands_for(line: dict[str, Any]) -> object:
    parts = tuple((one["sku"], one["quantity"]) for one in line["components"])
    assert (line["sku"] is None) == bool(parts)
    return line["sku"] or parts


def _plain(value: object) -> object:
    """Write an amount as the model does: a whole number of dollars."""
    match value:
        case {"amount": str(amount)}:
            return _plain(amount)
        case str() if value.endswith(".00"):
            return int(value[:-3])
        case _:
            return value


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
