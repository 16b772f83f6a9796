"""Which store a message names, and the record of an order that moves to another one (rule 22)."""

from typing import Any

import pytest

from handlers.rules.stores import NamedStore, move_to_store, name_store
from models.outcome import Waiting
from models.reasons import WaitingReason
from tests.builders import ORDER, a_record, a_store, an_occasion, an_order, later

US, MX = "ATVPDKIKX0DER", "A1AM78C64UM0Y8"
STORES = {
    store.store_id: store
    for store in (
        a_store(store_id="mx", marketplace_id=MX),
        a_store(store_id="a", seller_id="A", marketplace_id=US),
        a_store(store_id="b", seller_id="B", marketplace_id=US),
    )
}


@pytest.mark.parametrize(
    ("header", "fields", "expected"),
    [
        ("h", {"store_id": "b", "marketplace_id": MX}, NamedStore("h", is_explicit=True)),
        (None, {"store_id": "b", "marketplace_id": MX}, NamedStore("b", is_explicit=True)),
        ("", {"store_id": "b"}, None),
        (None, {"marketplace_id": MX}, NamedStore("mx", is_explicit=False)),
        (None, {"marketplace_id": MX, "seller_id": "?"}, NamedStore("mx", is_explicit=False)),
        (None, {"marketplace_id": US, "seller_id": "B"}, NamedStore("b", is_explicit=False)),
        (None, {"marketplace_id": US, "seller_id": "?"}, None),
        (None, {"marketplace_id": US}, None),
        (None, {"seller_id": "A"}, None),
        (None, {"marketplace_id": "nowhere"}, None),
    ],
)
def test_rule_22_the_header_the_body_and_the_marketplace_name_a_store_in_this_order(
    header: str | None, fields: dict[str, Any], expected: NamedStore | None
) -> None:
    order = an_order(**{"store_id": None, **fields})
    assert name_store(order, header, STORES) == expected


def test_rule_22_a_moved_order_waits_for_its_new_store_and_its_history_names_the_old_one() -> None:
    record = a_record(
        order=an_order(store_id="stroe-1"),
        outcome=Waiting(WaitingReason.STORE_UNKNOWN),
        depends_on=("store:stroe-1",),
    )
    decision = move_to_store(record, "store-1", an_occasion(at=later(1)))
    assert (decision.record.key, decision.record.depends_on) == (
        f"store-1/{ORDER}",
        ("store:store-1",),
    )
    assert decision.record.order == an_order(store_id="store-1")
    assert decision.history is not None
    assert (decision.history.what, decision.history.reasons) == (
        "moved-to-store",
        ("store-unknown",),
    )
    assert decision.history.facts == {"from_store": "stroe-1"}
