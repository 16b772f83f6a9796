"""What a Commerce order becomes when its Amazon order has changed (rules 6, 16 and 18)."""

from typing import Any

import pytest

from handlers.rules.amendments import Amendment, amend
from models.amazon_order import AmazonOrder, OrderItem
from models.commerce_order import CommerceLine, CommerceOrder, Reservation
from models.reference_data import CommerceStatus
from tests.builders import NOW, a_catalog, a_commerce_order, a_product, an_item, an_order, money

STATUSES = [CommerceStatus.COMPLETE, CommerceStatus.CANCELED]


def amended(order: CommerceOrder, now: AmazonOrder) -> Amendment:
    return amend(order, an_order(), now, now, a_catalog(a_product()), NOW)


def changes(amendment: Amendment) -> list[tuple[Any, ...]]:
    return [
        (change.field, change.order_item_id, change.from_, change.to)
        for change in amendment.changes
    ]


def of_line(item: OrderItem, **fields: Any) -> CommerceOrder:
    return a_commerce_order(lines=(CommerceLine(item, "SKU-1"),), **fields)


def item_of(amendment: Amendment) -> OrderItem:
    [line] = amendment.order.lines
    return line.item


def test_a_line_that_amazon_does_not_list_any_more_has_no_units_and_keeps_its_details() -> None:
    amendment = amended(a_commerce_order(), an_order(items=()))
    assert item_of(amendment) == an_item(quantity=0)
    assert amendment.order.reservations == ()
    assert amendment.releases == (Reservation("SKU-1", 1),)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("items", [(), (an_item(quantity=0, price=money("7"), tax=money("7")),)])
def test_after_the_end_a_line_without_units_is_no_news(status: CommerceStatus, items: Any) -> None:
    order = a_commerce_order(status=status)
    amendment = amended(order, an_order(items=items))
    assert (amendment.order, amendment.changes) == (order, ())


@pytest.mark.parametrize("status", STATUSES)
def test_after_the_end_a_line_that_had_no_units_gets_no_details(status: CommerceStatus) -> None:
    order = of_line(an_item(quantity=0, price=None), status=status)
    amendment = amended(order, an_order(items=(an_item(quantity=2),)))
    assert (amendment.order, amendment.changes) == (order, ())


def test_money_that_is_not_known_any_more_stays() -> None:
    without = an_order(total=None, items=(an_item(price=None, tax=None),))
    amendment = amended(a_commerce_order(), without)
    assert (amendment.order, amendment.changes) == (a_commerce_order(), ())


@pytest.mark.parametrize("field", ["price", "tax"])
def test_of_a_canceled_order_only_first_prices_and_taxes_are_news(field: str) -> None:
    canceled = {"status": CommerceStatus.CANCELED}
    now = an_order(items=(an_item(**{field: money("7")}),))
    assert changes(amended(a_commerce_order(**canceled), now)) == []
    order = of_line(an_item(**{field: None}), **canceled)
    assert changes(amended(order, now)) == [(field, "item-1", None, money("7"))]


def test_amounts_are_written_without_an_exponent() -> None:
    amendment = amended(a_commerce_order(total=None), an_order(total=money("0.0000001")))
    assert changes(amendment)[0] == ("total", None, None, "0.0000001")


def test_more_units_are_reserved_if_all_of_them_are_available() -> None:
    more = an_order(items=(an_item(), an_item(order_item_id="new", seller_sku="SKU-2", quantity=3)))
    for stock, reserved in ((3, (Reservation("SKU-2", 3),)), (2, ())):
        catalog = a_catalog(a_product(sku="SKU-2", salable_quantity=stock))
        amendment = amend(a_commerce_order(), an_order(), more, more, catalog, NOW)
        assert amendment.order.reservations == (Reservation("SKU-1", 1), *reserved)
        assert (amendment.reserves, amendment.releases) == (reserved, ())
        assert (amendment.has_grown, amendment.is_short) == (True, not reserved)


def test_once_commerce_has_shipped_more_units_are_short() -> None:
    shipped = a_commerce_order(status=CommerceStatus.SHIPPED)
    amendment = amended(shipped, an_order(items=(an_item(quantity=2),)))
    assert (amendment.has_grown, amendment.is_short) == (True, True)
    assert amendment.order.reservations == shipped.reservations
    assert not amended(shipped, an_order()).is_short


def test_a_new_line_is_told_with_all_that_is_known_of_it() -> None:
    new = an_item(order_item_id="new", buyer_requested_cancel=True, cancel_reason="By mistake")
    amendment = amended(a_commerce_order(), an_order(items=(an_item(), new)))
    assert changes(amendment) == [
        ("quantity", "new", 0, 1),
        ("price", "new", None, money("10.00")),
        ("tax", "new", None, money("0.80")),
    ]
    assert amendment.requests == ((("new",), "By mistake"),)


@pytest.mark.parametrize("requested", [True, False])
def test_a_request_and_other_news_of_a_line_may_come_together(requested: bool) -> None:
    reasons = {True: "By mistake", False: None}
    old = an_item(
        quantity=3, buyer_requested_cancel=not requested, cancel_reason=reasons[not requested]
    )
    new = an_item(
        quantity=2,
        price=money("7"),
        buyer_requested_cancel=requested,
        cancel_reason=reasons[requested],
    )
    assert item_of(amended(of_line(old), an_order(items=(new,)))) == new
