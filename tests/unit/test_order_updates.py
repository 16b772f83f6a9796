"""Commerce's own word on a Commerce order, and Amazon's later news of one."""

from datetime import datetime
from itertools import product
from typing import Any

import pytest

from handlers.rules.commerce_order import may_become
from handlers.rules.order_updates import apply_update, complete_shipped
from handlers.rules.receive import receive
from handlers.rules.reservations import release_counted
from models.amazon_order import AmazonStatus
from models.commerce_order import CommerceOrder, Reservation
from models.decision import Decision
from models.outcome import Created
from models.reference_data import CommerceStatus, CountsOrdersFrom
from tests.builders import (
    NOW,
    ORDER,
    STORE,
    a_commerce_order,
    a_record,
    a_store,
    an_item,
    an_occasion,
    an_order,
    an_update,
    later,
)
from tests.unit.kit import event_types

FORWARD = {
    ("processing", "shipped"),
    ("processing", "complete"),
    ("processing", "canceled"),
    ("shipped", "complete"),
}
ACKNOWLEDGED = CountsOrdersFrom.ACKNOWLEDGED
RECORD = a_record(outcome=Created("c"), sequence=1)


def written(decision: Decision | None) -> tuple[str, bytes]:
    """Return what a decision writes into the history, and the body of its only event."""
    assert decision is not None
    assert decision.history is not None
    [event] = decision.events
    return decision.history.what, event.body


def updated(order: CommerceOrder, update: Any, **counted: datetime) -> Decision | None:
    as_of = {sku.replace("_", "-"): at for sku, at in counted.items()}
    return apply_update(RECORD, order, update, as_of, ACKNOWLEDGED, an_occasion())


@pytest.mark.parametrize(("current", "to"), list(product(CommerceStatus, repeat=2)))
def test_a_commerce_order_goes_only_forward(current: CommerceStatus, to: CommerceStatus) -> None:
    forward = (current.value, to.value) in FORWARD
    assert may_become(current, to) is forward
    decision = updated(a_commerce_order(status=current), an_update(to))
    assert decision is not None
    assert decision.commerce_order is not None
    assert decision.commerce_order.status is (to if forward else current)
    assert event_types(decision) == (["CommerceOrderStatusChanged"] if forward else [])
    assert decision.record.sequence == 1 + forward


def test_an_update_older_than_the_last_one_changes_nothing() -> None:
    order = a_commerce_order(updated_at=NOW, acknowledged_at=NOW)
    assert updated(order, an_update("complete", at=later(-0.001))) is None
    assert updated(order, an_update("complete", at=NOW)) is not None


def test_the_first_word_acknowledges_and_the_last_one_is_kept() -> None:
    first = updated(a_commerce_order(), an_update("processing", at=later(1)))
    assert first is not None
    assert first.commerce_order is not None
    second = updated(first.commerce_order, an_update("processing", at=later(2)))
    assert second is not None
    assert second.commerce_order is not None
    assert second.commerce_order.acknowledged_at == later(1)
    assert second.commerce_order.updated_at == later(2)


@pytest.mark.parametrize(("as_of", "free"), [(-1, False), (0, True), (1, True)])
def test_a_count_no_older_than_the_acknowledgement_has_the_order_in_it(
    as_of: float, free: bool
) -> None:
    decision = updated(a_commerce_order(), an_update("processing"), SKU_1=later(as_of))
    assert decision is not None
    assert decision.commerce_order is not None
    reservation = (Reservation("SKU-1", 1),)
    assert (decision.releases, decision.commerce_order.reservations) == (
        (reservation, ()) if free else ((), reservation)
    )


def test_each_product_is_let_go_by_its_own_count() -> None:
    both = (Reservation("SKU-1", 2), Reservation("SKU-2", 3))
    order = a_commerce_order(reservations=both, acknowledged_at=NOW)
    assert release_counted(order, {"SKU-2": NOW}, ACKNOWLEDGED)[1] == both[1:]
    assert release_counted(order, {"SKU-2": NOW}, ACKNOWLEDGED)[0].reservations == both[:1]
    assert release_counted(order, {"SKU-9": NOW}, ACKNOWLEDGED) == (order, ())
    nobody_spoke = a_commerce_order(reservations=both)
    assert release_counted(nobody_spoke, {"SKU-1": NOW}, ACKNOWLEDGED) == (nobody_spoke, ())


def test_what_is_canceled_by_commerce_is_free_once() -> None:
    decision = updated(a_commerce_order(), an_update("canceled"), SKU_1=later(1))
    assert decision is not None
    assert decision.releases == (Reservation("SKU-1", 1),)


def test_what_commerce_ships_is_shipped_for_amazon_unless_it_was_canceled_there() -> None:
    decision = updated(a_commerce_order(), an_update("shipped"))
    assert decision is not None
    assert decision.record.order.status is AmazonStatus.SHIPPED
    canceled = a_record(order=an_order(status=AmazonStatus.CANCELED), outcome=Created("c"))
    decision = apply_update(
        canceled,
        a_commerce_order(),
        an_update("shipped"),
        {},
        ACKNOWLEDGED,
        an_occasion(),
    )
    assert decision is not None
    assert decision.record.order.status is AmazonStatus.CANCELED


def test_history_and_event_name_the_new_status() -> None:
    what, body = written(updated(a_commerce_order(), an_update("shipped")))
    assert what == "commerce-shipped"
    assert b'"from":"processing","to":"shipped"' in body
    shipped = a_commerce_order(status=CommerceStatus.SHIPPED)
    what, body = written(complete_shipped(RECORD, shipped, an_occasion()))
    assert what == "completed-at-sync"
    assert b'"from":"shipped","to":"complete"' in body


@pytest.mark.parametrize(("hours", "acknowledges"), [(-0.001, False), (0, True)])
def test_only_an_update_from_after_an_order_has_grown_acknowledges_it(
    hours: float, acknowledges: bool
) -> None:
    decision = updated(a_commerce_order(grown_at=NOW), an_update("processing", at=later(hours)))
    assert decision is not None
    assert decision.commerce_order is not None
    assert decision.commerce_order.acknowledged_at == (later(hours) if acknowledges else None)


@pytest.mark.parametrize("status", CommerceStatus)
def test_the_sync_completes_what_is_shipped_and_nothing_else(status: CommerceStatus) -> None:
    decision = complete_shipped(RECORD, a_commerce_order(status=status), an_occasion())
    assert (decision is not None) is (status is CommerceStatus.SHIPPED)
    assert event_types(decision) == ["CommerceOrderStatusChanged"] * (decision is not None)


@pytest.mark.parametrize(("current", "news"), list(product(CommerceStatus, AmazonStatus)))
def test_amazons_later_news_moves_a_commerce_order_forward_or_not_at_all(
    current: CommerceStatus, news: AmazonStatus
) -> None:
    decision = receive(
        RECORD,
        STORE,
        an_order(status=news, last_update_date=later(1)),
        a_store(),
        a_commerce_order(status=current),
        an_occasion(),
    )
    wanted = {"Shipped": "complete", "Canceled": "canceled"}.get(news.value)
    moves = (current.value, wanted) in FORWARD
    assert isinstance(decision.record.outcome, Created)
    assert event_types(decision) == ["CommerceOrderStatusChanged"] * moves
    assert (decision.commerce_order is not None) is moves
    assert decision.releases == (
        (Reservation("SKU-1", 1),) if moves and wanted == "canceled" else ()
    )


def test_later_details_of_a_created_order_are_added_and_move_nothing() -> None:
    details = an_order(
        status=None, last_update_date=None, amazon_order_id=ORDER, items=(an_item(title="New"),)
    )
    decision = receive(RECORD, STORE, details, a_store(), None, an_occasion())
    assert decision.record.order.items[0].title == "New"
    assert decision.record.received == 2
    assert decision.events == ()
