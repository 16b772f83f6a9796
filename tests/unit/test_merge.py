"""Newer values win, and later bodies add to the stored order."""

from datetime import datetime
from functools import reduce
from itertools import permutations
from typing import Any

import pytest

from handlers.rules.merge import merge, new_order, status_applies
from models.amazon_order import (
    MAX_LINES,
    Address,
    AmazonOrder,
    AmazonStatus,
    Buyer,
    Clocks,
    Completeness,
    FulfillmentChannel,
    LineClock,
    Package,
    SalesChannel,
)
from tests.builders import NOW, ORDER, STORE, an_item, an_order, later, money

STATUSES = list(AmazonStatus)


def merged_from(*bodies: AmazonOrder) -> AmazonOrder:
    """Return the order after these bodies, in this order."""
    return reduce(merge, bodies[1:], new_order(STORE, bodies[0]))


STORED = merged_from(an_order())


def test_the_statuses_have_an_order_that_ends_with_canceled() -> None:
    assert [status.value for status in sorted(AmazonStatus, key=lambda one: one.rank)] == [
        "PendingAvailability",
        "Pending",
        "Unknown",
        "Unfulfillable",
        "Unshipped",
        "PartiallyShipped",
        "InvoiceUnconfirmed",
        "Shipped",
        "Canceled",
    ]


@pytest.mark.parametrize(("hours", "applies"), [(-0.001, False), (0, True), (0.001, True)])
def test_the_time_of_the_last_update_decides(hours: float, applies: bool) -> None:
    assert status_applies(STORED, an_order(last_update_date=later(hours))) is applies


@pytest.mark.parametrize("stored", STATUSES[:-1])
@pytest.mark.parametrize("incoming", STATUSES)
@pytest.mark.parametrize("at", [NOW, None])
def test_of_the_same_time_or_none_the_further_status_counts(
    stored: AmazonStatus, incoming: AmazonStatus, at: datetime | None
) -> None:
    applies = status_applies(
        merged_from(an_order(status=stored)), an_order(status=incoming, last_update_date=at)
    )
    assert applies is (STATUSES.index(incoming) >= STATUSES.index(stored))


@pytest.mark.parametrize("status", STATUSES[:-1])
@pytest.mark.parametrize("hours", [-9, 0, 9])
def test_canceled_is_final_whichever_time_it_has(status: AmazonStatus, hours: float) -> None:
    other = an_order(status=status)
    canceled = an_order(status=AmazonStatus.CANCELED, last_update_date=later(hours))
    for bodies in ((other, canceled), (canceled, other), (canceled, other, canceled)):
        assert merged_from(*bodies).status is AmazonStatus.CANCELED


def test_a_status_has_the_time_of_the_last_body_that_says_it() -> None:
    canceled = [
        an_order(status=AmazonStatus.CANCELED, last_update_date=later(hours)) for hours in (1, 2)
    ]
    others = [an_order(status=None, last_update_date=later(3)), an_order(last_update_date=later(4))]
    for arrival in permutations((*canceled, *others)):
        assert merged_from(*arrival).updated_at("status") == later(2)


def test_a_status_that_was_never_told_is_taken_however_old_it_is() -> None:
    without = an_order(status=None, last_update_date=later(1))
    assert merged_from(without, an_order()).status is AmazonStatus.UNSHIPPED


def test_an_older_status_is_compared_with_the_time_of_the_status_alone() -> None:
    pending = an_order(status=AmazonStatus.PENDING, last_update_date=later(-2))
    details_later = an_order(status=None, last_update_date=later(2))
    unshipped = merged_from(pending, details_later, an_order())
    assert unshipped.status is AmazonStatus.UNSHIPPED
    shipped = an_order(status=AmazonStatus.SHIPPED, last_update_date=later(1))
    assert merge(unshipped, shipped).status is AmazonStatus.SHIPPED


def details(**overrides: Any) -> AmazonOrder:
    return AmazonOrder(amazon_order_id=ORDER, **overrides)


HEAD = an_order(items=(), items_complete=False)
ITEMS = details(items=(an_item(), an_item(order_item_id="item-2")), items_complete=True)


def notified(**overrides: Any) -> AmazonOrder:
    fields = {"status": AmazonStatus.UNSHIPPED, "last_update_date": later(1)} | overrides
    return details(is_notification=True, **fields)


def announced(**overrides: Any) -> Any:
    """A line as a notification has it."""
    return an_item(price=None, tax=None, title=None, asin=None, **overrides)


def test_items_told_apart_complete_an_order_whichever_comes_first() -> None:
    whole = merged_from(HEAD, ITEMS)
    other = merged_from(ITEMS, HEAD)
    assert (other.items, other.items_complete) == (whole.items, whole.items_complete)
    assert whole.items == ITEMS.items
    assert whole.items_complete
    assert whole.status is AmazonStatus.UNSHIPPED
    assert whole.last_update_date == NOW


@pytest.mark.parametrize("first", [an_order(store_id=None), notified()], ids=["body", "news"])
def test_the_first_message_of_any_form_makes_the_order_of_its_id_and_store(
    first: AmazonOrder,
) -> None:
    order = new_order(STORE, first)
    assert (order.amazon_order_id, order.store_id) == (ORDER, STORE)
    assert order.status is AmazonStatus.UNSHIPPED


def test_a_line_that_one_body_names_twice_is_one_line() -> None:
    twice = (an_item(quantity=1), an_item(quantity=2))
    for bodies in ((an_order(items=twice),), (HEAD, details(items=twice, items_complete=True))):
        assert merged_from(*bodies).items == twice[1:]


def test_a_page_of_items_with_more_to_come_is_not_all_of_them() -> None:
    first_page = details(items=(an_item(),), items_complete=False)
    last_page = details(items=(an_item(order_item_id="item-2"),), items_complete=True)
    half = merged_from(HEAD, first_page)
    assert (len(half.items), half.items_complete) == (1, False)
    whole = merge(half, last_page)
    assert [item.order_item_id for item in whole.items] == ["item-1", "item-2"]
    assert whole.items_complete


def test_rule_15_a_notification_moves_no_clock_but_that_of_the_status() -> None:
    change = notified(last_update_date=later(0.1), items=(announced(),), latest_ship_date=later(9))
    body = an_order(
        buyer=Buyer(email="b@example.org"), ship_to=Address(city="C"), latest_ship_date=later(8)
    )
    for bodies in ((change, body), (body, change)):
        stored = merged_from(*bodies)
        assert (stored.total, stored.buyer, stored.ship_to) == (
            body.total,
            body.buyer,
            body.ship_to,
        )
        assert (stored.items, stored.latest_ship_date) == (body.items, later(8))
        assert stored.updated_at("total") == NOW
        assert stored.updated_at("status") == later(0.1) == stored.last_update_date
        assert stored.line_clock("item-1") == LineClock(
            later(0.1), later(0.1), NOW, Completeness.COMPLETE
        )


def test_rule_15_each_detail_has_the_time_of_the_last_body_that_carried_it() -> None:
    bodies = [
        an_order(total=money("1"), last_update_date=later(1)),
        an_order(total=None, last_update_date=later(3), ship_to=Address(city="C")),
        an_order(total=money("2"), last_update_date=later(2), ship_to=Address(city="B")),
    ]
    for order in permutations(bodies):
        stored = merged_from(*order)
        assert (stored.total, stored.ship_to) == (money("2"), Address(city="C"))


@pytest.mark.parametrize(
    ("name", "older", "newer"),
    [
        ("seller_id", "A", "B"),
        ("marketplace_id", "A", "B"),
        ("sales_channel", SalesChannel.AMAZON, SalesChannel.NON_AMAZON),
        ("fulfillment_channel", FulfillmentChannel.AFN, FulfillmentChannel.MFN),
        ("purchase_date", later(-9), later(-8)),
        ("latest_ship_date", later(8), later(9)),
        ("total", money("1"), money("2")),
        ("buyer", Buyer(email="a@example.org"), Buyer(email="b@example.org")),
        ("ship_to", Address(city="A"), Address(city="B")),
        ("items_expected", 1, 0),
        ("shipping_service", "A", "B"),
        ("programs", ("A",), ("B",)),
        ("packages", (Package(carrier="A"),), (Package(carrier="B"),)),
    ],
)
def test_rule_15_a_field_has_its_newest_value_whatever_else_is_newer(
    name: str, older: Any, newer: Any
) -> None:
    absent = () if isinstance(newer, tuple) else None
    bodies = [
        an_order(last_update_date=later(hours), items=(), items_complete=False, **{name: value})
        for hours, value in ((1, older), (2, newer), (3, absent))
    ]
    clock = "buyer.email" if name == "buyer" else name
    for arrival in permutations(bodies):
        stored = merged_from(*arrival)
        assert (getattr(stored, name), stored.updated_at(clock)) == (newer, later(2))


def test_bodies_without_any_time_or_status_are_put_together() -> None:
    order = merged_from(details(buyer=Buyer(name="B")), ITEMS, details(total=money("1")))
    assert (order.buyer, order.items, order.total) == (Buyer(name="B"), ITEMS.items, money("1"))
    assert order.last_update_date is None


def test_a_clock_is_stored_only_if_it_is_not_the_orders_own() -> None:
    body = an_order(buyer=Buyer(name="B"), ship_to=Address(city="C"), seller_id="S")
    for stored in (
        merged_from(body),
        merged_from(an_order(last_update_date=later(-1)), body),
        merged_from(body, an_order(last_update_date=later(-1))),
    ):
        assert stored.clocks == Clocks(listed_at=NOW)


def test_every_field_that_has_a_value_has_a_clock_and_nothing_else_has_one() -> None:
    body = an_order(
        items_expected=1, buyer=Buyer(name="B"), ship_to=Address(city="C"), programs=("P",)
    )
    later_one = details(last_update_date=later(1), buyer_requested_cancel=False)
    assert merged_from(body, later_one).clocks.fields == dict.fromkeys(
        (
            *("status", "fulfillment_channel", "purchase_date", "total", "items_expected"),
            *("buyer.name", "ship_to", "programs"),
        ),
        NOW,
    )


def test_a_stored_order_is_no_notification_and_keeps_the_details_of_bodies() -> None:
    stored = merge(STORED, notified(total=money("1"), latest_ship_date=later(9)))
    assert (stored.is_notification, stored.total) == (False, money("10.80"))


def test_rule_15_quantities_belong_to_the_status_and_prices_to_the_lines() -> None:
    body = an_order(items=(an_item(quantity=3, quantity_shipped=0),))
    change = notified(items=(announced(quantity=1, quantity_shipped=1),))
    older = an_order(last_update_date=later(0.5), items=(an_item(quantity=3, price=money("7")),))
    for bodies in permutations((body, change, older)):
        [line] = merged_from(*bodies).items
        assert (line.quantity, line.quantity_shipped, line.price) == (1, 1, money("7"))


def test_rule_15_each_line_has_its_own_time() -> None:
    body = an_order(items=(an_item(quantity=2), an_item(order_item_id="item-2", quantity=2)))
    changes = [
        notified(last_update_date=later(hours), items=(announced(order_item_id=item, quantity=1),))
        for item, hours in (("item-1", 1), ("item-2", 2))
    ]
    for bodies in permutations((body, *changes)):
        assert [item.quantity for item in merged_from(*bodies).items] == [1, 1]


def test_rule_15_of_the_same_time_the_body_of_the_further_status_has_the_details() -> None:
    pending = an_order(status=AmazonStatus.PENDING, total=money("1"), items=(an_item(price=None),))
    for bodies in permutations((pending, an_order())):
        stored = merged_from(*bodies)
        assert (stored.total, stored.items) == (money("10.80"), (an_item(),))


@pytest.mark.parametrize("first_is_newer", [True, False])
def test_rule_15_a_line_that_a_newer_list_of_all_lines_has_not_has_no_pieces(
    first_is_newer: bool,
) -> None:
    two = an_order(items=(an_item(), an_item(order_item_id="item-2")))
    one = an_order(items=(an_item(quantity=5),), last_update_date=later(1))
    bodies = (one, two) if first_is_newer else (two, one)
    assert merged_from(*bodies).items == (
        an_item(quantity=5),
        an_item(order_item_id="item-2", quantity=0),
    )
    named = notified(last_update_date=later(2), items=(announced(order_item_id="item-2"),))
    for arrival in permutations((*bodies, named)):
        assert {item.order_item_id: item.quantity for item in merged_from(*arrival).items} == {
            "item-1": 5,
            "item-2": 1,
        }


def test_rule_15_older_pages_give_no_units_to_a_line_that_a_newer_list_leaves_out() -> None:
    pages = [
        an_order(
            items=(an_item(order_item_id="item-2"),),
            items_complete=False,
            last_update_date=later(hours),
        )
        for hours in (1, 2)
    ]
    whole = an_order(last_update_date=later(3))
    for arrival in permutations((*pages, whole)):
        units = {item.order_item_id: item.quantity for item in merged_from(*arrival).items}
        assert units == {"item-1": 1, "item-2": 0}


@pytest.mark.parametrize("absent", ["status", "last_update_date"])
def test_an_order_without_a_status_or_a_time_may_list_all_lines(absent: str) -> None:
    two = merged_from(an_order(items=(an_item(), an_item(order_item_id="item-2"))))
    whole = an_order(**{"last_update_date": later(1), absent: None})
    assert [item.quantity for item in merge(two, whole).items] == [1, 0]


def test_a_whole_order_with_fewer_pieces_than_amazon_counts_lists_not_all_lines() -> None:
    page = an_order(items=(an_item(order_item_id="item-2"),), items_expected=2)
    stored = merged_from(STORED, page.model_copy(update={"last_update_date": later(1)}))
    assert [item.quantity for item in stored.items] == [1, 1]


def test_an_order_that_says_it_has_no_lines_has_none() -> None:
    assert merge(STORED, an_order(items=())).items == (an_item(quantity=0),)


def test_an_order_without_its_items_leaves_them() -> None:
    merged = merge(STORED, an_order(items=(), items_complete=False, total=money("3")))
    assert merged.items == (an_item(),)
    assert merged.items_complete
    assert merged.total == money("3")


def test_a_body_without_a_time_is_as_new_as_what_is_known() -> None:
    stored = merged_from(
        an_order(), details(items=(an_item(price=money("9")),), items_complete=True)
    )
    assert stored.items[0].price == money("9")
    assert stored == merge(stored, an_order(last_update_date=later(-1), items=(an_item(),)))


PARTS = (
    Address(name="N", lines=("1 Street",), city="City", postal_code="1"),
    Address(city="CITY ", postal_code="1", country="US"),
)


def test_rule_15_parts_of_one_address_are_put_together() -> None:
    for newer, older in permutations(PARTS):
        bodies = [an_order(ship_to=newer, last_update_date=later(1)), an_order(ship_to=older)]
        for arrival in permutations(bodies):
            stored = merged_from(*arrival).ship_to
            assert stored is not None
            assert (stored.lines, stored.country) == (("1 Street",), "US")
            assert stored.city == newer.city


def test_rule_15_another_address_takes_nothing_of_the_older_one() -> None:
    moved = Address(city="Elsewhere", postal_code="2")
    bodies = [an_order(ship_to=PARTS[0]), an_order(ship_to=moved, last_update_date=later(1))]
    for arrival in permutations(bodies):
        assert merged_from(*arrival).ship_to == moved


def test_rule_15_a_buyer_is_put_together_too() -> None:
    bodies = [
        an_order(buyer=Buyer(name="B", email="old@example.org")),
        an_order(buyer=Buyer(email="new@example.org"), last_update_date=later(1)),
    ]
    for arrival in permutations(bodies):
        assert merged_from(*arrival).buyer == Buyer(name="B", email="new@example.org")


def test_rule_15_each_part_of_a_buyer_has_its_own_time() -> None:
    bodies = [
        an_order(buyer=Buyer(name="A"), last_update_date=later(1)),
        an_order(buyer=Buyer(name="B"), last_update_date=later(2)),
        an_order(buyer=Buyer(email="b@example.org"), last_update_date=later(3)),
    ]
    for arrival in permutations(bodies):
        assert merged_from(*arrival).buyer == Buyer(name="B", email="b@example.org")


def test_an_order_keeps_the_store_that_it_was_routed_to() -> None:
    newer = an_order(store_id="another", last_update_date=later(1))
    assert merge(STORED, newer).store_id == STORE


def test_an_order_that_grows_without_end_is_cut_off_and_never_complete() -> None:
    lines = [an_item(order_item_id=str(number)) for number in range(MAX_LINES)]
    stored = merged_from(an_order(items=tuple(lines)), ITEMS)
    assert (len(stored.items), stored.items_complete) == (MAX_LINES, False)
    others = [an_item(order_item_id=f"other-{number}") for number in range(MAX_LINES)]
    again = merge(stored, an_order(items=tuple(others), last_update_date=later(1)))
    assert (again.items, again.items_complete) == (tuple(others), True)


def test_rule_6_a_request_to_cancel_stays_until_it_is_said_to_be_taken_back() -> None:
    line = an_item(buyer_requested_cancel=True, cancel_reason="Found cheaper")
    requested = merge(STORED, details(items=(line,)))
    assert requested.buyer_requested_cancel
    for silent in (details(buyer=Buyer(name="B")), an_order(), details(items=(an_item(),))):
        kept = merge(requested, silent)
        assert (kept.buyer_requested_cancel, kept.items) == (True, (line,))
    back = merge(requested, details(items=(an_item(buyer_requested_cancel=False),)))
    assert back.buyer_requested_cancel is False
    assert back.items == (an_item(buyer_requested_cancel=False),)


def test_rule_6_a_request_for_one_line_of_two_is_one_of_the_order_until_the_last_is_gone() -> None:
    lines = (an_item(), an_item(order_item_id="item-2"))
    stored = merged_from(an_order(items=lines))
    requested = merge(stored, details(items=(an_item(buyer_requested_cancel=True),)))
    assert [line.buyer_requested_cancel for line in requested.items] == [True, None]
    other = an_item(order_item_id="item-2", buyer_requested_cancel=False)
    assert merge(requested, details(items=(other,))).buyer_requested_cancel


@pytest.mark.parametrize("lines_first", [True, False])
def test_rule_6_a_request_at_order_level_is_one_for_all_lines(*, lines_first: bool) -> None:
    lines = details(items=(an_item(), an_item(order_item_id="item-2")), items_complete=True)
    requested = details(buyer_requested_cancel=True)
    one, other = (lines, requested) if lines_first else (requested, lines)
    merged = merged_from(an_order(items=(), items_complete=False), one, other)
    assert [line.buyer_requested_cancel for line in merged.items] == [True, True]
    assert merged.buyer_requested_cancel
    back = merge(merged, details(buyer_requested_cancel=False))
    assert [line.buyer_requested_cancel for line in back.items] == [False, False]
    assert back.buyer_requested_cancel is False


def test_rule_15_what_was_said_last_of_a_request_counts_in_any_order_of_arrival() -> None:
    lines = (an_item(), an_item(order_item_id="item-2"))
    bodies = [
        an_order(items=lines),
        notified(last_update_date=later(1), items=(announced(buyer_requested_cancel=True),)),
        notified(last_update_date=later(2), items=(), buyer_requested_cancel=False),
        notified(last_update_date=later(3), items=(announced(),)),
    ]
    for arrival in permutations(bodies):
        stored = merged_from(*arrival)
        assert [line.buyer_requested_cancel for line in stored.items] == [False, False]
        assert stored.buyer_requested_cancel is False


def test_rule_6_a_line_without_pieces_asks_for_nothing_more() -> None:
    lines = (an_item(buyer_requested_cancel=True), an_item(order_item_id="item-2"))
    requested = merged_from(
        an_order(items=(lines[0], lines[1].model_copy(update={"buyer_requested_cancel": False})))
    )
    assert requested.buyer_requested_cancel
    canceled = notified(items=(announced(quantity=0),))
    assert merge(requested, canceled).buyer_requested_cancel is False


def test_the_same_message_twice_changes_nothing_more() -> None:
    for incoming in (HEAD, ITEMS, an_order(), an_order(status=AmazonStatus.SHIPPED), notified()):
        once = merge(STORED, incoming)
        assert merge(once, incoming) == once
