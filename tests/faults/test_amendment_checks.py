"""The checks of amendments find what is told wrongly, twice, or not at all."""

import json
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faults.amendment_checks import amended
from tests.faults.evidence import Evidence, Message
from tests.faults.verdict import Verdict

Parts = dict[str, Any]
ORDER = {"store_id": "us", "amazon_order_id": "1"}


def line(quantity: int, *, asked: bool = False) -> Parts:
    return {
        "order_item_id": "1-0",
        "quantity": quantity,
        "price": None,
        "tax": None,
        "buyer_requested_cancel": asked,
    }


def event(sequence: int, kind: str, **fields: Any) -> Parts:
    return {"event_type": kind, "sequence": sequence, "total": "10.00", "address_known": False} | (
        fields
    )


def what_happened() -> Parts:
    """An order of three units that becomes one of two, and a request to cancel it."""
    change = {"field": "quantity", "order_item_id": "1-0", "from": 3, "to": 2}
    return {
        "events": [
            event(1, "CommerceOrderCreated", lines=[line(3)]),
            event(2, "CommerceOrderAmended", lines=[line(2)], changes=[change]),
            event(3, "CommerceOrderCancellationRequested", order_item_ids=["1-0"]),
        ],
        "stored": line(2, asked=True),
        "status": "processing",
        "told": {"quantity": 2, "asks": True},
    }


def judged(tmp_path: Path, parts: Parts) -> Verdict:
    body = ORDER | {
        "status": "Unshipped",
        "last_update_date": "2026-11-01T00:00:01+00:00",
        "buyer_requested_cancel": parts["told"]["asks"],
        "items": [
            {"order_item_id": "1-0", "seller_sku": "A", "quantity": parts["told"]["quantity"]}
        ],
    }
    value = json.dumps(body).encode()
    evidence, verdict = Evidence(tmp_path), Verdict()
    vars(evidence)["topics"] = {
        "amazon.orders": [Message("amazon.orders", 0, 0, b"1", value, {}, 0)]
    }
    vars(evidence)["database"] = defaultdict(
        dict,
        {
            "events": {
                number: {"key": "us/1", "body": json.dumps(one)}
                for number, one in enumerate(parts["events"])
            },
            "commerce_orders": {
                "c": ORDER | {"status": parts["status"], "lines": [parts["stored"]]}
            },
        },
    )
    amended(evidence, verdict)
    return verdict


def test_what_is_told_as_it_is_holds(tmp_path: Path) -> None:
    verdict = judged(tmp_path, what_happened())
    assert verdict.holds, verdict.found


def not_amended(parts: Parts) -> None:
    del parts["events"][1]


def another_from(parts: Parts) -> None:
    parts["events"][1]["changes"][0]["from"] = 4


def untold_change(parts: Parts) -> None:
    parts["events"][1]["lines"][0]["price"] = {"amount": "5.00", "currency": "USD"}


def asked_twice(parts: Parts) -> None:
    parts["events"].append(parts["events"][2] | {"sequence": 4})


def not_asked(parts: Parts) -> None:
    del parts["events"][2]


def stored_otherwise(parts: Parts) -> None:
    parts["stored"]["quantity"] = 3


def never_taken(parts: Parts) -> None:
    parts["told"]["quantity"] = 1


def request_never_taken(parts: Parts) -> None:
    parts["told"]["asks"] = False


@pytest.mark.parametrize(
    ("break_it", "found"),
    [
        (not_amended, "order_violations"),
        (another_from, "order_violations"),
        (untold_change, "order_violations"),
        (asked_twice, "order_violations"),
        (not_asked, "order_violations"),
        (stored_otherwise, "order_violations"),
        (never_taken, "unresolved"),
        (request_never_taken, "unresolved"),
    ],
)
def test_what_is_told_otherwise_is_found(
    tmp_path: Path, break_it: Callable[[Parts], None], found: str
) -> None:
    parts = what_happened()
    break_it(parts)
    assert judged(tmp_path, parts).counts[found], break_it.__name__


def test_of_an_order_that_is_complete_only_the_events_are_judged(tmp_path: Path) -> None:
    parts = what_happened()
    never_taken(parts)
    parts["status"] = "complete"
    assert judged(tmp_path, parts).holds
