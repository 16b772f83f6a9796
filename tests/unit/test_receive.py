"""One message about one order: what is recorded of it, and what the history says."""

from typing import Any

from handlers.rules.receive import MAX_CHANGES_KEPT, receive
from models.amazon_order import AmazonOrder, Clocks
from models.commerce_order import CommerceLine
from models.decision import Decision
from models.order_record import OrderRecord
from models.outcome import Created, Skipped, Waiting
from models.reasons import SkipReason, WaitingReason
from tests.builders import (
    NOW,
    STORE,
    a_block,
    a_catalog,
    a_commerce_order,
    a_product,
    a_record,
    a_store,
    an_item,
    an_occasion,
    an_order,
    later,
    money,
)
from tests.unit.kit import event_types

CONTEXT = an_occasion(at=later(1))
EMPTY = a_catalog(a_product(salable_quantity=0))
BLOCKED = a_record(outcome=a_block(), depends_on=("product:SKU-1",), sequence=1)


def received(stored: OrderRecord | None, incoming: AmazonOrder, **fields: Any) -> Decision:
    store = fields.get("store", a_store())
    return receive(stored, STORE, incoming, store, None, CONTEXT, EMPTY)


def what(decision: Decision) -> str:
    assert decision.history is not None
    return decision.history.what


def test_a_first_message_makes_a_record_of_its_time_and_store() -> None:
    record = received(None, an_order(store_id=None, status="Pending")).record
    assert (record.store_id, record.order.store_id) == (STORE, STORE)
    assert (record.received, record.ignored) == (1, 0)
    assert record.received_at == record.decided_at == later(1)


def test_the_history_of_an_order_that_is_not_checked_has_the_settings_that_were_asked() -> None:
    off = a_store(import_amazon_orders=False)
    decision = received(None, an_order(), store=off)
    assert decision.record.outcome == Skipped(SkipReason.IMPORT_DISABLED)
    assert decision.history is not None
    assert decision.history.what == "received"
    assert decision.history.facts["import_amazon_orders"] is False


def test_an_order_of_an_unknown_store_waits_for_it() -> None:
    decision = received(None, an_order(), store=None)
    assert decision.record.outcome == Waiting(WaitingReason.STORE_UNKNOWN)
    assert decision.record.depends_on == (f"store:{STORE}",)


def test_a_blocked_order_is_not_checked_again_for_news_that_no_check_reads() -> None:
    decision = received(BLOCKED, an_order(latest_ship_date=NOW, last_update_date=later(1)))
    assert decision.record.outcome == BLOCKED.outcome
    assert decision.record.depends_on == BLOCKED.depends_on
    assert what(decision) == "received"


def test_a_blocked_order_is_checked_again_for_news_of_its_lines() -> None:
    decision = received(BLOCKED, an_order(items=(an_item(quantity=2),), last_update_date=later(1)))
    assert decision.record.outcome == a_block(*_blockers(decision), tried=2)
    assert what(decision) == "still-blocked"


def test_a_message_that_changes_nothing_is_counted_and_the_history_says_why() -> None:
    same = received(BLOCKED, an_order(last_update_date=later(1)))
    older = received(BLOCKED, an_order(status="Pending", last_update_date=later(-1)))
    details = received(BLOCKED, an_order(status=None, last_update_date=later(-1)))
    assert [what(decision) for decision in (same, older, details)] == [
        *("ignored-unchanged", "ignored-older", "ignored-unchanged")
    ]
    for decision in (same, older, details):
        assert (decision.record.received, decision.record.ignored) == (2, 1)
        assert decision.history is not None
        assert decision.history.reasons == ("out-of-stock",)
        assert event_types(decision) == []


def test_the_times_of_a_message_that_changes_nothing_else_are_kept() -> None:
    record = received(BLOCKED, an_order(last_update_date=later(1))).record
    assert record.order == an_order(last_update_date=later(1), clocks=Clocks(listed_at=later(1)))


def test_an_order_that_is_sent_again_stays_the_same_object_and_is_not_written_again() -> None:
    stored = received(None, an_order()).record
    assert received(stored, an_order()).record.order is stored.order


def test_a_status_older_than_the_stored_one_moves_no_commerce_order() -> None:
    for status in ("Shipped", "PartiallyShipped"):
        older = an_order(status=status, last_update_date=later(-1))
        decision = receive(
            a_record(outcome=Created("c")), STORE, older, a_store(), a_commerce_order(), CONTEXT
        )
        assert (decision.commerce_order, decision.events) == (None, ())


def test_the_history_of_an_amendment_has_its_changes() -> None:
    amendment = an_order(items=(an_item(quantity=0),), total=money("9"), last_update_date=later(1))
    decision = receive(
        a_record(outcome=Created("c")), STORE, amendment, a_store(), a_commerce_order(), CONTEXT
    )
    assert decision.history is not None
    assert decision.history.what == "amended"
    assert decision.history.facts == {
        "changes": [
            {"field": "total", "order_item_id": None, "from": "10.80", "to": "9"},
            {"field": "quantity", "order_item_id": "item-1", "from": 1, "to": 0},
        ]
    }


def test_the_history_keeps_only_the_first_changes_of_an_amendment_of_many() -> None:
    items = [an_item(order_item_id=f"{number:03}") for number in range(MAX_CHANGES_KEPT + 1)]
    order = a_commerce_order(lines=tuple(CommerceLine(item, "SKU-1") for item in items))
    fewer = [item.model_copy(update={"quantity": 0}) for item in items]
    decision = receive(
        a_record(order=an_order(items=items), outcome=Created("c")),
        STORE,
        an_order(items=fewer, last_update_date=later(1)),
        a_store(),
        order,
        CONTEXT,
    )
    assert decision.history is not None
    kept: Any = decision.history.facts["changes"]
    assert [change["order_item_id"] for change in kept] == [
        item.order_item_id for item in items[:MAX_CHANGES_KEPT]
    ]


def test_the_event_of_a_status_change_names_the_new_status() -> None:
    shipped = an_order(status="Shipped", last_update_date=later(1))
    decision = receive(
        a_record(outcome=Created("c")), STORE, shipped, a_store(), a_commerce_order(), CONTEXT
    )
    [event] = decision.events
    assert b'"from":"processing","to":"complete"' in event.body


def test_without_another_number_the_first_commerce_order_is_number_one() -> None:
    decision = receive(None, STORE, an_order(), a_store(), None, CONTEXT, a_catalog(a_product()))
    assert decision.commerce_order is not None
    assert decision.commerce_order.order_number == "000000001"


def _blockers(decision: Decision) -> Any:
    return getattr(decision.record.outcome, "blockers", ())
