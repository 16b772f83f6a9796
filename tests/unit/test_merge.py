"""Newer wins, and what is told later adds to what is known."""

from typing import Any

import pytest

from handlers.merge import is_older, merge
from models.amazon_order import Address, AmazonOrder, AmazonStatus, Buyer
from tests.builders import NOW, ORDER, a_record, an_item, an_order, later, money

STATUSES = list(AmazonStatus)


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


@pytest.mark.parametrize(("hours", "older"), [(-0.001, True), (0, False), (0.001, False)])
def test_the_time_of_the_last_update_decides(hours: float, older: bool) -> None:
    assert is_older(an_order(last_update_date=later(hours)), an_order()) is older


@pytest.mark.parametrize("known", STATUSES[:-1])
@pytest.mark.parametrize("news", STATUSES)
def test_of_the_same_time_a_lower_status_is_older(known: AmazonStatus, news: AmazonStatus) -> None:
    older = is_older(an_order(status=news), an_order(status=known))
    assert older is (STATUSES.index(news) < STATUSES.index(known))


@pytest.mark.parametrize("status", STATUSES[:-1])
def test_canceled_is_final_even_for_what_is_newer(status: AmazonStatus) -> None:
    canceled = an_order(status=AmazonStatus.CANCELED)
    assert is_older(an_order(status=status, last_update_date=later(9)), canceled)
    assert not is_older(canceled.model_copy(update={"last_update_date": later(9)}), canceled)
    assert is_older(canceled.model_copy(update={"last_update_date": later(-9)}), canceled)


@pytest.mark.parametrize("known", [an_order(), an_order(status=AmazonStatus.CANCELED)])
def test_details_that_say_no_time_are_never_older(known: AmazonOrder) -> None:
    assert not is_older(AmazonOrder(amazon_order_id=ORDER, items=(an_item(),)), known)


def test_a_time_that_is_not_known_is_not_older() -> None:
    assert not is_older(an_order(last_update_date=None), an_order())
    assert not is_older(an_order(), an_order(last_update_date=None))


def details(**told: Any) -> AmazonOrder:
    return AmazonOrder(amazon_order_id=ORDER, **told)


HEAD = an_order(items=(), items_complete=False)
ITEMS = details(items=(an_item(), an_item(order_item_id="item-2")), items_complete=True)


def test_items_told_apart_complete_an_order_whichever_comes_first() -> None:
    whole = merge(HEAD, ITEMS)
    named_first = ITEMS.model_copy(update={"store_id": HEAD.store_id})
    assert merge(named_first, HEAD) == whole
    assert whole.items == ITEMS.items
    assert whole.items_complete
    assert whole.status is AmazonStatus.UNSHIPPED
    assert whole.last_update_date == NOW


def test_a_page_of_items_with_more_to_come_is_not_all_of_them() -> None:
    first = details(items=(an_item(),), items_complete=False)
    last = details(items=(an_item(order_item_id="item-2"),), items_complete=True)
    half = merge(HEAD, first)
    assert (len(half.items), half.items_complete) == (1, False)
    whole = merge(half, last)
    assert [item.order_item_id for item in whole.items] == ["item-1", "item-2"]
    assert whole.items_complete


def test_a_line_nobody_knew_makes_the_items_incomplete_again() -> None:
    stranger = details(items=(an_item(order_item_id="new"),))
    merged = merge(an_order(), stranger)
    assert len(merged.items) == 2
    assert not merged.items_complete


def test_a_notification_does_not_wipe_what_it_cannot_tell() -> None:
    known = an_order(
        buyer=Buyer(name="B"), ship_to=Address(city="C"), items=(an_item(quantity_shipped=0),)
    )
    item = an_item(price=None, tax=None, title=None, asin=None, seller_sku=None, quantity_shipped=1)
    notified = details(status=AmazonStatus.SHIPPED, last_update_date=later(1), items=(item,))
    merged = merge(known, notified)
    assert merged.items == (an_item(quantity_shipped=1),)
    assert merged.items_complete
    assert (merged.buyer, merged.ship_to, merged.total) == (
        Buyer(name="B"),
        Address(city="C"),
        money("10.80"),
    )
    assert merged.status is AmazonStatus.SHIPPED


def test_a_message_about_one_item_leaves_the_others() -> None:
    known = an_order(items=(an_item(), an_item(order_item_id="item-2")))
    one = details(
        status=AmazonStatus.UNSHIPPED,
        last_update_date=later(1),
        items=(an_item(order_item_id="item-2", quantity=3, price=None),),
    )
    merged = merge(known, one)
    assert [(item.order_item_id, item.quantity) for item in merged.items] == [
        ("item-1", 1),
        ("item-2", 3),
    ]
    assert merged.items[1].price == money("10.00")
    assert merged.items_complete


def test_a_whole_order_says_which_lines_it_has() -> None:
    known = an_order(items=(an_item(), an_item(order_item_id="item-2")))
    assert merge(known, an_order(items=(an_item(quantity=5),))).items == (an_item(quantity=5),)
    assert merge(known, an_order(items=())).items == ()


def test_an_order_without_its_items_leaves_them() -> None:
    merged = merge(an_order(), an_order(items=(), items_complete=False, total=money("3")))
    assert merged.items == (an_item(),)
    assert merged.items_complete
    assert merged.total == money("3")


def test_rule_6_a_request_to_cancel_stays_until_it_is_said_to_be_taken_back() -> None:
    line = an_item(buyer_requested_cancel=True, cancel_reason="Found cheaper")
    asked = merge(an_order(), details(items=(line,)))
    assert asked.buyer_requested_cancel
    for silent in (details(buyer=Buyer(name="B")), an_order(), details(items=(an_item(),))):
        kept = merge(asked, silent)
        assert (kept.buyer_requested_cancel, kept.items) == (True, (line,))
    back = merge(asked, details(items=(an_item(buyer_requested_cancel=False),)))
    assert back.buyer_requested_cancel is False
    assert back.items == (an_item(buyer_requested_cancel=False),)


def test_rule_6_a_request_for_one_line_of_two_is_one_of_the_order_until_the_last_is_gone() -> None:
    lines = (an_item(), an_item(order_item_id="item-2"))
    known = an_order(items=lines)
    asked = merge(known, details(items=(an_item(buyer_requested_cancel=True),)))
    assert [line.buyer_requested_cancel for line in asked.items] == [True, None]
    other = an_item(order_item_id="item-2", buyer_requested_cancel=False)
    assert merge(asked, details(items=(other,))).buyer_requested_cancel


@pytest.mark.parametrize("lines_first", [True, False])
def test_rule_6_a_request_at_order_level_is_one_for_all_lines(*, lines_first: bool) -> None:
    lines = details(items=(an_item(), an_item(order_item_id="item-2")), items_complete=True)
    asked = details(buyer_requested_cancel=True)
    first, second = (lines, asked) if lines_first else (asked, lines)
    merged = merge(merge(an_order(items=(), items_complete=False), first), second)
    assert [line.buyer_requested_cancel for line in merged.items] == [True, True]
    assert merged.buyer_requested_cancel
    back = merge(merged, details(buyer_requested_cancel=False))
    assert [line.buyer_requested_cancel for line in back.items] == [False, False]
    assert back.buyer_requested_cancel is False


def test_the_same_message_twice_changes_nothing_more() -> None:
    for news in (HEAD, ITEMS, an_order(), an_order(status=AmazonStatus.SHIPPED)):
        once = merge(a_record().order, news)
        assert merge(once, news) == once
