"""Cancellation requests, of a line or of the whole order, in any order of arrival (rules 6, 15)."""

from functools import reduce
from itertools import permutations
from typing import Any

import pytest

from handlers.rules.merge import merge, new_order
from models.amazon_order import AmazonOrder, Completeness, LineClock
from tests.builders import ORDER, STORE, an_item, an_order, later

WITHOUT = an_order(items=(), items_complete=False)


def merged(*bodies: AmazonOrder) -> AmazonOrder:
    return reduce(merge, bodies[1:], new_order(STORE, bodies[0]))


def of_all(requested: bool, hours: float) -> AmazonOrder:
    """Return a notification of the whole order."""
    return AmazonOrder(
        amazon_order_id=ORDER,
        is_notification=True,
        last_update_date=later(hours),
        buyer_requested_cancel=requested,
    )


def of_line(requested: bool | None, hours: float, **fields: Any) -> AmazonOrder:
    """Return a body of an order with one line."""
    line = an_item(buyer_requested_cancel=requested, **fields)
    return an_order(items=(line,), last_update_date=later(hours))


@pytest.mark.parametrize("last", [True, False])
def test_rule_15_of_two_requests_for_the_whole_order_the_newer_one_counts(last: bool) -> None:
    bodies = (an_order(), of_all(not last, 1), of_all(last, 2))
    for arrival in permutations(bodies):
        order = merged(*arrival)
        assert [item.buyer_requested_cancel for item in order.items] == [last]
        assert order.buyer_requested_cancel is last


@pytest.mark.parametrize("last", [True, False])
def test_rule_15_the_newer_request_for_the_whole_order_counts_for_lines_that_come_later(
    last: bool,
) -> None:
    for requests in permutations((of_all(not last, 1), of_all(last, 2))):
        order = merged(WITHOUT, *requests, an_order())
        assert [item.buyer_requested_cancel for item in order.items] == [last]


@pytest.mark.parametrize("last", [True, False])
def test_rule_15_a_line_keeps_a_newer_request_of_its_own(last: bool) -> None:
    bodies = (an_order(), of_all(not last, 1), of_line(last, 2))
    for arrival in permutations(bodies):
        assert [item.buyer_requested_cancel for item in merged(*arrival).items] == [last]


@pytest.mark.parametrize("last", [True, False])
def test_rule_15_a_newer_request_for_the_whole_order_is_one_for_each_line(last: bool) -> None:
    bodies = (an_order(), of_line(not last, 1), of_all(last, 2))
    for arrival in permutations(bodies):
        assert [item.buyer_requested_cancel for item in merged(*arrival).items] == [last]


@pytest.mark.parametrize("last", [True, False])
def test_rule_15_the_newest_request_for_a_line_counts(last: bool) -> None:
    bodies = (of_line(last, 1), of_line(not last, 2), of_line(last, 3), of_line(None, 4))
    for arrival in permutations(bodies):
        assert [item.buyer_requested_cancel for item in merged(*arrival).items] == [last]


def test_rule_6_a_request_that_comes_before_the_lines_is_one_for_each_of_them() -> None:
    request = WITHOUT.model_copy(update={"buyer_requested_cancel": True})
    assert merged(request, WITHOUT).buyer_requested_cancel
    order = merged(request, of_line(None, 1))
    assert [item.buyer_requested_cancel for item in order.items] == [True]


def test_rule_5_a_request_for_the_whole_order_completes_no_line() -> None:
    announced = of_line(None, 1).model_copy(update={"is_notification": True})
    for arrival in permutations((announced, of_all(True, 2))):
        clock = merged(*arrival).line_clock("item-1")
        assert clock == LineClock(later(1), later(2), None, Completeness.ANNOUNCED)


def test_rule_6_a_reason_stays_with_the_request_and_goes_with_it() -> None:
    asked = of_line(True, 1, cancel_reason="Found cheaper")
    for again in (of_all(True, 2), of_line(True, 2)):
        assert [item.cancel_reason for item in merged(asked, again).items] == ["Found cheaper"]
    for back in (of_all(False, 2), of_line(False, 2)):
        assert [item.cancel_reason for item in merged(asked, back).items] == [None]
    other = of_line(True, 2, cancel_reason="By mistake")
    assert [item.cancel_reason for item in merged(asked, other).items] == ["By mistake"]


def test_rule_6_lines_go_on_after_a_request_for_the_whole_order() -> None:
    order = merged(an_order(), of_all(True, 1), of_line(None, 2, quantity=3))
    assert [(item.quantity, item.buyer_requested_cancel) for item in order.items] == [(3, True)]


def test_rule_6_a_request_for_a_line_without_units_is_none_for_the_rest_of_the_order() -> None:
    other = an_item(order_item_id="item-2")
    bodies = (
        an_order(items=(an_item(buyer_requested_cancel=True), other)),
        an_order(items=(an_item(quantity=0), other), last_update_date=later(1)),
    )
    for arrival in permutations(bodies):
        assert merged(*arrival).buyer_requested_cancel is None
