"""Rule 27: until when the buyer data of an order is kept, line by line of its table."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from handlers.rules.blockers import find_erased_address
from handlers.rules.check_order import check_order
from handlers.rules.receive import receive
from handlers.rules.retention import retain, retention, without_buyer
from models.amazon_order import (
    Address,
    AmazonStatus,
    Buyer,
    FulfillmentChannel,
    Gift,
    Package,
)
from models.buyer_data import Erased, Retained, RetentionReason
from models.decision import Decision
from models.messages import MessageContext
from models.outcome import Blocked, Created, Outcome, Skipped, Waiting, Withdrawn
from models.reasons import SkipReason, WaitingReason
from tests.builders import (
    NOW,
    STORE,
    a_block,
    a_catalog,
    a_cause,
    a_dead_letter,
    a_product,
    a_record,
    a_store,
    an_order,
)

UPDATED = NOW - timedelta(days=2)
PURCHASED = NOW - timedelta(days=10)
RECEIVED = NOW - timedelta(days=9)
BUYER = Buyer(name="Dana Muster", email="dana@example.org")
ADDRESS = Address(name="Dana Muster", city="Lübeck", phone="1")
GIFTS = (Gift(order_item_id="item-1", message="Enjoy!"),)
PERSONAL: dict[str, Any] = {"buyer": BUYER, "ship_to": ADDRESS, "gifts": GIFTS}
NOTHING: dict[str, Any] = {"buyer": None, "ship_to": None, "gifts": ()}
SHIPPED = AmazonStatus.SHIPPED
CREATED = Created("c-1")


def days(number: float) -> timedelta:
    return timedelta(days=number)


def kept(outcome: Outcome, previous: Any = None, at: datetime = NOW, **order: Any) -> Retained:
    fields: dict[str, Any] = {
        "status": AmazonStatus.UNSHIPPED,
        "purchase_date": PURCHASED,
        "last_update_date": UPDATED,
        "buyer": BUYER,
    }
    record = a_record(
        order=an_order(**(fields | order)),
        outcome=outcome,
        received_at=RECEIVED,
        buyer_data=previous,
    )
    return retention(record, at)


@pytest.mark.parametrize(
    "outcome", [Waiting(WaitingReason.STORE_UNKNOWN), a_block(), CREATED], ids=repr
)
def test_rule_27_an_open_order_keeps_its_buyer_for_180_days_after_the_purchase(
    outcome: Outcome,
) -> None:
    assert kept(outcome) == Retained(PURCHASED + days(180), RetentionReason.OPEN)
    partly = kept(outcome, status=AmazonStatus.PARTIALLY_SHIPPED)
    assert partly == Retained(PURCHASED + days(180), RetentionReason.OPEN)


def test_rule_27_without_a_purchase_date_the_receipt_counts() -> None:
    open_order = Waiting(WaitingReason.PURCHASE_DATE_UNKNOWN)
    assert kept(open_order, purchase_date=None).expires_at == RECEIVED + days(180)
    # A purchase in the future is a mistake: an order is received after its purchase.
    assert kept(open_order, purchase_date=NOW + days(900)).expires_at == RECEIVED + days(180)
    # An order that was received that late can still be imported, with its buyer.
    late = kept(open_order, purchase_date=RECEIVED - days(180))
    assert late.expires_at == RECEIVED + days(180)
    just = kept(open_order, purchase_date=RECEIVED - days(179))
    assert just.expires_at == RECEIVED + days(1)


@pytest.mark.parametrize("outcome", [CREATED, a_block()], ids=repr)
def test_rule_27_shipped_and_nothing_known_of_delivery_44_days_after_the_last_update(
    outcome: Outcome,
) -> None:
    expected = Retained(UPDATED + days(44), RetentionReason.SHIPPED)
    assert kept(outcome, status=SHIPPED) == expected
    assert kept(outcome, status=SHIPPED, packages=(Package(shipped_at=UPDATED),)) == expected


def test_rule_27_shipped_30_days_after_the_end_of_the_delivery_window() -> None:
    due = NOW + days(5)
    expected = Retained(due + days(30), RetentionReason.DELIVERY_DUE)
    assert kept(CREATED, status=SHIPPED, latest_delivery_date=due) == expected
    earlier = NOW - days(3)
    over = kept(CREATED, expected, status=SHIPPED, latest_delivery_date=earlier)
    assert over == Retained(earlier + days(30), RetentionReason.DELIVERY_DUE)


def test_rule_27_a_delivery_window_that_ends_years_later_is_not_believed() -> None:
    late = datetime.max.replace(tzinfo=UTC)
    assert kept(CREATED, status=SHIPPED, latest_delivery_date=late) == Retained(
        UPDATED + days(44), RetentionReason.SHIPPED
    )


def test_rule_27_delivered_30_days_after_the_last_parcel() -> None:
    first, last = Package(delivered_at=NOW - days(4)), Package(delivered_at=NOW - days(3))
    delivered = kept(
        CREATED, status=SHIPPED, packages=(first, last), latest_delivery_date=NOW + days(5)
    )
    assert delivered == Retained(NOW + days(27), RetentionReason.DELIVERED)
    on_its_way = kept(CREATED, status=SHIPPED, packages=(first, Package()))
    assert on_its_way.reason is RetentionReason.SHIPPED


def test_rule_27_a_delivery_that_is_reported_again_does_not_move_the_end() -> None:
    previous = Retained(NOW + days(27), RetentionReason.DELIVERED)
    again = Package(delivered_at=NOW - days(1))
    assert kept(CREATED, previous, status=SHIPPED, packages=(again,)) == previous


@pytest.mark.parametrize(
    "outcome",
    [Skipped(SkipReason.BEFORE_INTEGRATION), Withdrawn(SkipReason.CANCELED)],
    ids=repr,
)
@pytest.mark.parametrize("status", [AmazonStatus.UNSHIPPED, SHIPPED])
def test_rule_27_withdrawn_or_skipped_30_days_after_the_last_update(
    outcome: Outcome, status: AmazonStatus
) -> None:
    expected = Retained(UPDATED + days(30), RetentionReason.ENDED)
    assert kept(outcome, status=status) == expected


def test_rule_27_canceled_after_its_creation_30_days_after_the_last_update() -> None:
    expected = Retained(UPDATED + days(30), RetentionReason.ENDED)
    assert kept(CREATED, status=AmazonStatus.CANCELED) == expected


@pytest.mark.parametrize("last_update", [None, NOW + days(400)])
def test_rule_27_an_update_without_a_time_or_in_the_future_counts_as_one_now(
    last_update: datetime | None,
) -> None:
    shipped = kept(CREATED, status=SHIPPED, last_update_date=last_update)
    assert shipped.expires_at == NOW + days(44)


def test_rule_27_details_without_a_time_do_not_end_a_shipped_order_earlier() -> None:
    """Commerce may ship an order long after Amazon's last update of it."""
    previous = Retained(NOW + days(44), RetentionReason.SHIPPED)
    assert kept(CREATED, previous, status=SHIPPED) == previous


def test_rule_27_a_dead_letter_is_kept_for_30_days_after_its_receipt() -> None:
    assert a_dead_letter(at=NOW).expires_at == NOW + days(30)


def test_an_order_without_a_buyer_has_nothing_to_erase() -> None:
    record = a_record()
    assert retain(record, NOW) is record


@pytest.mark.parametrize("personal", [PERSONAL, {"gifts": GIFTS}])
def test_buyer_data_that_has_expired_is_dropped_and_the_rest_of_the_order_stays(
    personal: dict[str, Any],
) -> None:
    order = an_order(purchase_date=NOW - days(180), **personal)
    record = a_record(order=order, received_at=NOW - days(179))
    before = retain(record, NOW - days(1))
    assert before.order is order
    erased = retain(before, NOW)
    assert erased.buyer_data == Erased(NOW)
    assert erased.order == order.model_copy(update=NOTHING)


CONTEXT = MessageContext(a_cause(), NOW)


def received(stored: Any, **order: Any) -> Decision:
    store = a_store(integrated_at=NOW - days(900))
    return receive(stored, STORE, an_order(**order), store, None, CONTEXT)


def test_a_message_sets_the_end_of_the_buyer_data_it_brings() -> None:
    decision = received(None, purchase_date=PURCHASED, last_update_date=UPDATED, buyer=BUYER)
    assert isinstance(decision.record.outcome, Blocked)
    assert decision.record.buyer_data == Retained(PURCHASED + days(180), RetentionReason.OPEN)
    canceled = received(
        decision.record, status=AmazonStatus.CANCELED, last_update_date=NOW - days(1)
    )
    assert isinstance(canceled.record.outcome, Withdrawn)
    assert canceled.record.buyer_data == Retained(NOW + days(29), RetentionReason.ENDED)


def test_erased_data_does_not_come_back_with_a_later_message() -> None:
    first = received(None, purchase_date=PURCHASED, **PERSONAL).record
    order = first.order.model_copy(update=NOTHING)
    erased = replace(first, order=order, buyer_data=Erased(NOW - days(1)))
    again = received(erased, purchase_date=PURCHASED, **PERSONAL)
    assert again.record.order.personal == (None, None, ())
    assert again.record.buyer_data == Erased(NOW - days(1))
    assert again.history is not None
    assert again.history.what == "ignored-unchanged"


CATALOG = a_catalog(a_product())


def test_rule_27_an_order_whose_address_was_erased_before_its_creation_is_blocked() -> None:
    store = a_store(integrated_at=NOW - days(900))
    sent = an_order(purchase_date=PURCHASED, buyer=BUYER, ship_to=ADDRESS)
    first = receive(None, STORE, sent, store, None, CONTEXT)
    assert first.record.outcome.reasons == ("not-in-catalog",)
    erased = replace(first.record, order=without_buyer(first.record.order), buyer_data=Erased(NOW))
    decision = check_order(erased, store, CATALOG, 1, CONTEXT)
    assert decision is not None
    assert decision.record.outcome.reasons == ("address-erased",)
    assert [event.event_type for event in decision.events] == ["OrderImportBlocked"]
    # It was shipped all the same: now nobody needs the address.
    shipped = sent.model_copy(update={"status": SHIPPED})
    again = receive(decision.record, STORE, shipped, store, None, CONTEXT, CATALOG)
    assert isinstance(again.record.outcome, Created)


def test_rule_27_what_amazon_ships_needs_no_address() -> None:
    afn = an_order(fulfillment_channel=FulfillmentChannel.AFN)
    assert not find_erased_address(a_record(order=afn, buyer_data=Erased(NOW)))
    assert not find_erased_address(a_record())
