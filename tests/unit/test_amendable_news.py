"""Which news of a created order has its Commerce order read, and which products with it."""

from typing import Any

import pytest

from handlers.rules.amendments import may_amend, products_to_grow_by
from models.amazon_order import Address, AmazonStatus
from tests.builders import NOW, a_commerce_order, an_item, an_order, money


def test_only_a_line_with_more_units_than_its_commerce_order_needs_its_product() -> None:
    for units, skus in ((1, set[str]()), (2, {"SKU-1"})):
        incoming = an_order(items=[an_item(quantity=units)])
        assert products_to_grow_by(a_commerce_order(), an_order(), incoming) == (skus, set())


KNOWN = an_order(
    items=(an_item(buyer_requested_cancel=False), an_item(order_item_id="item-2")),
    buyer_requested_cancel=False,
    ship_to=Address(city="Testville"),
)


@pytest.mark.parametrize(
    ("news", "amends"),
    [
        ({}, False),
        ({"items": KNOWN.items[:1], "items_complete": False}, False),
        ({"items": (), "items_complete": False, "total": None, "ship_to": None}, False),
        ({"status": AmazonStatus.PARTIALLY_SHIPPED}, False),
        ({"latest_ship_date": NOW}, True),
        ({"items": (an_item(title="Other"), KNOWN.items[1])}, False),
        ({"items": (an_item(price=None, tax=None, seller_sku=None), KNOWN.items[1])}, False),
        ({"status": AmazonStatus.SHIPPED}, True),
        ({"status": AmazonStatus.CANCELED}, True),
        ({"total": money("9.99")}, True),
        ({"ship_to": Address(city="Elsewhere")}, True),
        ({"buyer_requested_cancel": True}, True),
        ({"items": KNOWN.items[:1]}, True),
        ({"items": (*KNOWN.items, an_item(order_item_id="item-3"))}, True),
        ({"items": (an_item(quantity=2), KNOWN.items[1])}, True),
        ({"items": (an_item(price=money("9")), KNOWN.items[1])}, True),
        ({"items": (an_item(tax=money("9")), KNOWN.items[1])}, True),
        ({"items": (an_item(seller_sku="OTHER"), KNOWN.items[1])}, True),
        ({"items": (an_item(buyer_requested_cancel=True), KNOWN.items[1])}, True),
    ],
    ids=str,
)
def test_a_commerce_order_is_read_only_for_news_that_may_amend_it(
    news: dict[str, Any], amends: bool
) -> None:
    assert may_amend(KNOWN, KNOWN.model_copy(update=news)) is amends


def test_a_line_that_has_no_units_any_more_is_left_out_without_being_news() -> None:
    stored = an_order(items=(an_item(), an_item(order_item_id="gone", quantity=0)))
    assert not may_amend(stored, an_order())
