"""One message about one order: what is recorded of it, and what the history says."""

from typing import Any

from handlers.rules.receive import receive
from models.amazon_order import AmazonOrder
from models.decision import Decision
from models.order_record import OrderRecord
from models.outcome import Skipped, SkipReason, Waiting, WaitingReason
from tests.builders import (
    NOW,
    STORE,
    a_block,
    a_catalog,
    a_product,
    a_record,
    a_store,
    an_item,
    an_occasion,
    an_order,
    later,
)
from tests.unit.kit import event_types

EMPTY = a_catalog(a_product(salable_quantity=0))
BLOCKED = a_record(outcome=a_block(), depends_on=("product:SKU-1",), sequence=1)


def received(stored: OrderRecord | None, incoming: AmazonOrder, **fields: Any) -> Decision:
    store = fields.get("store", a_store())
    return receive(stored, STORE, incoming, store, None, an_occasion(at=later(1)), EMPTY)


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


def _blockers(decision: Decision) -> Any:
    return getattr(decision.record.outcome, "blockers", ())
