"""Invariants of amendments: what is told adds up, and an open order is what was told last."""

import json
from collections import defaultdict
from typing import Any

from tests.faults import oracle
from tests.faults.evidence import Document, Evidence
from tests.faults.order_checks import refused_places
from tests.faults.verdict import Verdict

FIELDS = ("quantity", "price", "tax", "buyer_requested_cancel")
OPEN = {"processing", "shipped"}
State = dict[tuple[str, str | None], Any]
"""What is told of a Commerce order, by field and line."""


def amended(evidence: Evidence, verdict: Verdict) -> None:
    """I12: each event tells what changed since the one before; together they are the order."""
    told: dict[str, list[Document]] = defaultdict(list)
    for event in evidence.database["events"].values():
        told[event["key"]].append(json.loads(event["body"]))
    heard = oracle.tell(evidence.topics["amazon.orders"], refused_places(evidence))
    for order in evidence.database["commerce_orders"].values():
        key = f"{order['store_id']}/{order['amazon_order_id']}"
        events = sorted(told[key], key=lambda one: int(one["sequence"]))
        for wrong in _adds_up(events, order):
            verdict.add("order_violations", f"{key}: {wrong}")
        open_ = order["status"] in OPEN and key in heard and heard[key].status != "Canceled"
        if open_ and not _is_as_told(order, heard[key]):
            verdict.add("unresolved", f"{key}: its Commerce order is not what was told of it")


def _adds_up(events: list[Document], order: Document) -> list[str]:
    state: State = {}
    wrong: list[str] = []
    for body in events:
        match body["event_type"]:
            case "CommerceOrderCreated":
                state = _whole(body)
            case "CommerceOrderAmended":
                wrong += _amend(state, body)
            case "CommerceOrderCancellationRequested":
                asked = {("buyer_requested_cancel", item): True for item in body["order_item_ids"]}
                wrong += [f"{at} is told twice" for at in asked if state.get(at)]
                state |= asked
            case _:
                pass
    for line in order["lines"]:
        stored = line["quantity"], line.get("buyer_requested_cancel", False)
        names = ("quantity", "buyer_requested_cancel")
        if stored != tuple(state.get((name, line["order_item_id"])) for name in names):
            wrong.append(f"line {line['order_item_id']} is stored as it was not told")
    return wrong


def _amend(state: State, body: Document) -> list[str]:
    """Apply what an event says has changed, and compare it with the whole that it tells."""
    wrong = []
    for change in body["changes"]:
        at = change["field"], change["order_item_id"]
        if at in state and state[at] != change["from"]:
            wrong.append(f"{at} was {state[at]}, told as {change['from']}")
        state[at] = change["to"]
    asked = "buyer_requested_cancel"
    whole = {at: value for at, value in _whole(body).items() if at[0] != asked}
    return wrong + [f"{at} is not told" for at, value in whole.items() if state.get(at) != value]


def _whole(body: Document) -> State:
    whole: State = {(field, None): body[field] for field in ("total", "address_known")}
    for line in body["lines"]:
        whole |= {(field, line["order_item_id"]): line[field] for field in FIELDS}
    return whole


def _is_as_told(order: Document, told: oracle.OrderLog) -> bool:
    units = {line["order_item_id"]: line["quantity"] for line in order["lines"]}
    wanted = {item: count for item, count in told.units.items() if count or item in units}
    asked = any(line.get("buyer_requested_cancel") for line in order["lines"] if line["quantity"])
    return units == wanted and asked == (told.asks is True and any(units.values()))
