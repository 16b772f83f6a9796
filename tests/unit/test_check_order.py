"""The judgment of an admitted order: a Commerce order, or a block, and nothing in between."""

from typing import Any

import pytest

from handlers.rules.check_order import MAX_PRODUCTS_KEPT, check_blockers, check_order
from models import keys
from models.amazon_order import AmazonStatus, FulfillmentChannel
from models.commerce_order import Reservation
from models.decision import Decision
from models.outcome import Blocked, Created, Skipped, Waiting, Withdrawn
from models.reasons import SkipReason, WaitingReason
from models.reference_data import CommerceStatus, OrderNumberSource
from tests.builders import (
    KEY,
    NOW,
    ORDER,
    PURCHASED,
    a_block,
    a_blocker,
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

CATALOG = a_catalog(a_product())
EMPTY = a_catalog(a_product(salable_quantity=0))
AFN = FulfillmentChannel.AFN
IMPORT_OFF = Skipped(SkipReason.IMPORT_DISABLED)


def checked(
    catalog: Any = CATALOG,
    *,
    store: Any = None,
    number: int = 12,
    replayed: bool = False,
    **record: Any,
) -> Decision:
    decision = check_order(
        a_record(**record),
        store or a_store(),
        catalog,
        number,
        an_occasion(at=later(1)),
        replayed=replayed,
    )
    assert decision is not None
    return decision


def test_a_free_order_becomes_a_commerce_order_with_every_line() -> None:
    order = an_order(
        items=(
            an_item(order_item_id="2", quantity=3, quantity_shipped=2, buyer_requested_cancel=True),
            an_item(order_item_id="1", seller_sku="SELLER", quantity=2),
            an_item(order_item_id="0", seller_sku="MISSING", quantity=0),
        ),
    )
    catalog = a_catalog(a_product(), matches={"SELLER": "SKU-1"})
    decision = checked(catalog, order=order)
    made = decision.commerce_order
    assert made is not None
    assert [(line.item.order_item_id, line.sku) for line in made.lines] == [
        ("1", "SKU-1"),
        ("2", "SKU-1"),
    ]
    assert made.reservations == decision.reserves == (Reservation("SKU-1", 5),)
    assert made.status is CommerceStatus.PROCESSING
    assert made.buyer_requested_cancel
    assert (made.key, made.created_at) == (KEY, later(1))
    assert (made.fulfillment_channel, made.purchase_date) == (FulfillmentChannel.MFN, PURCHASED)
    assert (made.acknowledged_at, made.updated_at) == (None, None)
    assert decision.record.outcome == Created(made.commerce_order_id)
    assert decision.record.depends_on == ()
    assert decision.record.decided_at == later(1)
    assert event_types(decision) == ["CommerceOrderCreated"]


@pytest.mark.parametrize(
    ("source", "number", "expected"),
    [
        (OrderNumberSource.COMMERCE, 12, "000000012"),
        (OrderNumberSource.COMMERCE, 1_234_567_890, "1234567890"),
        (OrderNumberSource.AMAZON, 12, ORDER),
    ],
)
def test_the_order_number_is_commerces_or_amazons(
    source: OrderNumberSource, number: int, expected: str
) -> None:
    made = checked(store=a_store(order_number_source=source), number=number).commerce_order
    assert made is not None
    assert made.order_number == expected


def test_ids_are_derived_and_stay_the_same_for_ever() -> None:
    decision = checked()
    assert decision.commerce_order is not None
    assert decision.commerce_order.commerce_order_id == keys.commerce_order_id(KEY)
    assert keys.commerce_order_id("store-1/902-1111111-0000001") == (
        "a4107e57-875a-5d16-b856-5bcba096a6bc"
    )
    again = checked(number=99, sequence=5, outcome=a_block())
    assert again.events[0].event_id == decision.events[0].event_id
    assert keys.commerce_order_id("store-2/902-1111111-0000001") != keys.commerce_order_id(KEY)


def test_an_order_amazon_ships_is_complete_at_once_and_holds_nothing() -> None:
    order = an_order(status=AmazonStatus.SHIPPED, fulfillment_channel=AFN)
    decision = checked(order=order)
    assert decision.commerce_order is not None
    assert decision.commerce_order.status is CommerceStatus.COMPLETE
    assert decision.commerce_order.reservations == decision.reserves == ()
    assert event_types(decision) == ["CommerceOrderCreated"]


def test_an_order_the_merchant_has_shipped_already_is_created_and_then_completed() -> None:
    decision = checked(order=an_order(status=AmazonStatus.SHIPPED))
    assert [(event.event_type, event.sequence) for event in decision.events] == [
        ("CommerceOrderCreated", 1),
        ("CommerceOrderStatusChanged", 2),
    ]
    assert b'"status":"processing"' in decision.events[0].body
    assert b'"from":"processing","to":"complete"' in decision.events[1].body
    assert decision.record.sequence == 2
    assert decision.commerce_order is not None
    assert decision.commerce_order.status is CommerceStatus.COMPLETE
    assert decision.commerce_order.reservations == decision.reserves == (Reservation("SKU-1", 1),)


def test_a_blocked_order_creates_nothing_and_takes_nothing() -> None:
    order = an_order(items=(an_item(), an_item(order_item_id="2", seller_sku="MISSING")))
    decision = checked(order=order)
    assert decision.commerce_order is None
    assert decision.reserves == decision.releases == ()
    assert isinstance(decision.record.outcome, Blocked)
    assert (decision.record.outcome.since, decision.record.outcome.tried) == (later(1), 1)
    assert decision.record.decided_at == later(1)
    assert event_types(decision) == ["OrderImportBlocked"]


def test_the_same_causes_again_are_counted_and_not_told() -> None:
    was = a_block(a_blocker(required=1, available=0.0), since=NOW, tried=3)
    decision = checked(EMPTY, outcome=was, sequence=1)
    assert event_types(decision) == []
    assert decision.history is None
    assert decision.record.sequence == 1
    assert isinstance(decision.record.outcome, Blocked)
    assert (decision.record.outcome.since, decision.record.outcome.tried) == (NOW, 4)


def test_other_causes_are_told_anew() -> None:
    decision = checked(a_catalog(), outcome=a_block(), sequence=1)
    assert [(event.event_type, event.sequence) for event in decision.events] == [
        ("OrderImportBlocked", 2)
    ]
    assert decision.history is not None
    assert decision.history.what == "blocked"
    assert isinstance(decision.record.outcome, Blocked)
    assert decision.record.outcome.since == NOW


def test_a_blocked_order_that_is_free_is_created_and_released() -> None:
    decision = checked(outcome=a_block(since=later(-3)), sequence=2, depends_on=("product:SKU-1",))
    assert [(event.event_type, event.sequence) for event in decision.events] == [
        ("CommerceOrderCreated", 3),
        ("OrderImportReleased", 4),
    ]
    assert b'"blocked_since":"2026-07-01T09:00:00Z"' in decision.events[1].body
    assert decision.record.depends_on == ()


def test_an_order_that_is_ready_while_import_is_off_is_skipped() -> None:
    decision = checked(store=a_store(import_amazon_orders=False))
    assert decision.record.outcome == IMPORT_OFF
    assert decision.history is not None
    assert decision.history.what == "rechecked"
    assert decision.history.facts["import_amazon_orders"] is False


def test_a_blocked_order_is_not_released_while_import_is_off() -> None:
    was = a_block()
    store = a_store(import_amazon_orders=False)
    for replayed in (False, True):
        decision = check_order(
            a_record(outcome=was), store, CATALOG, 1, an_occasion(), replayed=replayed
        )
        assert decision is None or decision.record.outcome == was
        assert event_types(decision) == []


def test_judging_again_what_stays_as_it_is_does_not_fill_the_story() -> None:
    store = a_store(import_amazon_orders=False)
    decision = check_order(a_record(outcome=a_block()), store, CATALOG, 1, an_occasion())
    assert decision is None or decision.history is None


def test_an_order_that_waited_for_its_store_is_created_when_the_store_is_there() -> None:
    decision = checked(outcome=Waiting(WaitingReason.STORE_UNKNOWN))
    assert isinstance(decision.record.outcome, Created)


def test_an_order_canceled_while_its_store_was_unknown_is_withdrawn() -> None:
    order = an_order(status=AmazonStatus.CANCELED)
    decision = checked(order=order, outcome=Waiting(WaitingReason.STORE_UNKNOWN))
    assert decision.record.outcome == Withdrawn(SkipReason.CANCELED)


@pytest.mark.parametrize("outcome", [IMPORT_OFF, Withdrawn(SkipReason.NOTHING_TO_IMPORT)])
def test_what_was_skipped_is_judged_again_only_by_an_operator(outcome: Any) -> None:
    record = a_record(outcome=outcome)
    assert check_order(record, a_store(), CATALOG, 1, an_occasion()) is None
    decision = checked(outcome=outcome, replayed=True)
    assert decision.commerce_order is not None
    assert decision.commerce_order.replayed
    assert b'"replayed":true' in decision.events[0].body


@pytest.mark.parametrize(
    "outcome",
    [Created("commerce-1"), Skipped(SkipReason.CANCELED), Withdrawn(SkipReason.CANCELED)],
)
@pytest.mark.parametrize("replayed", [True, False])
def test_what_is_created_or_canceled_is_never_judged_again(outcome: Any, replayed: bool) -> None:
    record = a_record(outcome=outcome)
    assert check_order(record, a_store(), CATALOG, 1, an_occasion(), replayed=replayed) is None


def test_a_replay_never_imports_what_was_bought_before_the_integration() -> None:
    before = Skipped(SkipReason.BEFORE_INTEGRATION)
    decision = checked(outcome=before, store=a_store(integrated_at=later(0)), replayed=True)
    assert decision.record.outcome == before
    assert decision.commerce_order is None
    assert decision.events == ()


def test_an_order_without_a_store_cannot_be_judged() -> None:
    decision = check_order(a_record(), None, CATALOG, 1, an_occasion())
    assert decision is not None
    assert decision.record.outcome == Waiting(WaitingReason.STORE_UNKNOWN)
    assert decision.record.depends_on == ("store:store-1",)


@pytest.mark.parametrize(
    ("outcome", "what"), [(IMPORT_OFF, "blocked"), (a_block(), "still-blocked")]
)
def test_the_history_of_a_blocked_order_has_the_reasons_and_the_facts(
    outcome: Any, what: str
) -> None:
    decision = checked(EMPTY, outcome=outcome, replayed=True)
    assert decision.history is not None
    assert (decision.history.at, decision.history.cause) == (later(1), an_occasion().cause)
    assert (decision.history.what, decision.history.reasons) == (what, ("out-of-stock",))
    assert decision.history.facts["import_amazon_orders"] is True
    assert decision.history.facts["products"] == [
        {
            "sku": "SKU-1",
            "enabled": True,
            "manage_stock": True,
            "salable_quantity": 0.0,
            "reserved": 0,
            "as_of": a_product().as_of,
        }
    ]


@pytest.mark.parametrize("missing", ["fulfillment_channel", "purchase_date"])
def test_an_order_that_the_policy_has_not_admitted_is_a_mistake_of_the_program(
    missing: str,
) -> None:
    record = a_record(order=an_order(**{missing: None}))
    with pytest.raises(ValueError, match=f"order {KEY} has no channel or purchase date"):
        check_blockers(record, None, a_store(), CATALOG, 1, an_occasion())


def test_the_history_keeps_only_the_first_products_of_an_order_of_many() -> None:
    skus = [f"SKU-{number:03}" for number in range(MAX_PRODUCTS_KEPT + 1)]
    items = tuple(an_item(order_item_id=sku, seller_sku=sku) for sku in skus)
    catalog = a_catalog(*(a_product(sku=sku) for sku in skus))
    history = checked(catalog, order=an_order(items=items)).history
    assert history is not None
    products: Any = history.facts["products"]
    assert [product["sku"] for product in products] == skus[:MAX_PRODUCTS_KEPT]


def test_the_story_keeps_the_facts_it_was_decided_by() -> None:
    history = checked(a_catalog(a_product(), reserved={"SKU-1": 2})).history
    assert history is not None
    assert history.what == "created"
    assert history.facts["products"] == [
        {
            "sku": "SKU-1",
            "enabled": True,
            "manage_stock": True,
            "salable_quantity": 10.0,
            "reserved": 2,
            "as_of": a_product().as_of,
        }
    ]
