"""The blocker check: every cause, for every line, in one answer."""

import random
from dataclasses import replace
from typing import Any

import pytest

from handlers.rules.blockers import find_blockers, sum_needs
from handlers.rules.unblocking import depends_on
from models.amazon_order import FulfillmentChannel
from models.blockers import Blocker
from models.reasons import REMEDIES, BlockerCode
from models.reference_data import Catalog
from tests.builders import STORE, a_catalog, a_product, a_store, an_item, an_order

NOT_IN_CATALOG = BlockerCode.NOT_IN_CATALOG
DISABLED = BlockerCode.DISABLED
OUT_OF_STOCK = BlockerCode.OUT_OF_STOCK


def blockers_of(
    catalog: Catalog, *items: Any, store: Any = None, **fields: Any
) -> tuple[Blocker, ...]:
    order = an_order(**({"items": items} | fields))
    return find_blockers(order, store or a_store(), catalog, sum_needs(order, STORE, catalog))


def codes(blockers: tuple[Blocker, ...]) -> list[tuple[str, str | None]]:
    return [(blocker.code.value, blocker.sku) for blocker in blockers]


def test_the_remedies_are_adobes_words() -> None:
    assert (
        REMEDIES.items()
        >= {
            NOT_IN_CATALOG: "Create the product in your Commerce catalog and match it to the "
            "Amazon listing.",
            DISABLED: "Enable the product.",
            OUT_OF_STOCK: "Update the product's quantity and source options.",
        }.items()
    )


def test_a_free_order_has_no_blocker() -> None:
    assert blockers_of(a_catalog(a_product()), an_item()) == ()


def test_a_blocker_says_all_an_operator_needs() -> None:
    items = (
        an_item(order_item_id="b", quantity=2, asin="B2"),
        an_item(order_item_id="a", quantity=9, asin=None),
    )
    assert blockers_of(a_catalog(a_product()), *items) == (
        Blocker(
            code=OUT_OF_STOCK,
            seller_sku="SKU-1",
            sku="SKU-1",
            asin="B2",
            order_item_ids=("a", "b"),
            required=11,
            available=10,
            remedy=REMEDIES[OUT_OF_STOCK],
            stock_id="default",
        ),
    )


def test_rule_7_a_missing_sku_says_which_one_the_catalog_has_that_looks_alike() -> None:
    similar = {"sku-1": "SKU-1", "OTHER ": "OTHER", "SKU-2": "sku-2"}
    catalog = replace(
        a_catalog(a_product(sku="SKU-2", enabled=False), matches={"LAMP": "OTHER "}),
        similar=similar,
    )
    lines = ("sku-1", "LAMP", "NOWHERE", "SKU-2", None)
    items = [an_item(order_item_id=str(n), seller_sku=sku) for n, sku in enumerate(lines)]
    assert {one.sku: one.similar_sku for one in blockers_of(catalog, *items)} == {
        None: None,
        "sku-1": "SKU-1",
        "OTHER ": "OTHER",
        "NOWHERE": None,
        "SKU-2": None,  # it is there, and disabled
    }


def test_all_causes_of_all_lines_are_named_whatever_the_order_of_the_lines() -> None:
    catalog = a_catalog(
        a_product(sku="OFF", enabled=False),
        a_product(sku="EMPTY", salable_quantity=0),
        a_product(sku="BOTH", salable_quantity=0, enabled=False),
        a_product(sku="FREE"),
    )
    items = [
        an_item(order_item_id=str(number), seller_sku=sku)
        for number, sku in enumerate([None, "MISSING", "OFF", "EMPTY", "BOTH", "FREE"])
    ]
    expected = [
        ("not-in-catalog", None),
        ("disabled", "BOTH"),
        ("out-of-stock", "BOTH"),
        ("out-of-stock", "EMPTY"),
        ("not-in-catalog", "MISSING"),
        ("disabled", "OFF"),
    ]
    shuffled = random.Random(1)
    for _ in range(20):
        shuffled.shuffle(items)
        assert codes(blockers_of(catalog, *items)) == expected


@pytest.mark.parametrize(("quantity", "blocked"), [(4, False), (5, False), (6, True)])
def test_stock_is_enough_up_to_the_last_piece(quantity: int, blocked: bool) -> None:
    catalog = a_catalog(a_product(salable_quantity=8), reserved={"SKU-1": 3})
    assert bool(blockers_of(catalog, an_item(quantity=quantity))) is blocked


def test_several_seller_skus_of_one_product_are_summed() -> None:
    catalog = a_catalog(a_product(salable_quantity=5), matches={"one": "SKU-1", "two": "SKU-1"})
    items = [
        an_item(order_item_id=sku, seller_sku=sku, quantity=2) for sku in ("one", "two", "SKU-1")
    ]
    assert blockers_of(catalog, *items[:2]) == ()
    (blocker,) = blockers_of(catalog, *items)
    assert (blocker.required, blocker.available) == (6, 5)
    assert blocker.order_item_ids == ("SKU-1", "one", "two")


def test_a_seller_sku_that_is_matched_is_not_looked_for_by_its_name() -> None:
    catalog = a_catalog(a_product(sku="SELLER"), matches={"SELLER": "SKU-1"})
    assert codes(blockers_of(catalog, an_item(seller_sku="SELLER"))) == [
        ("not-in-catalog", "SKU-1")
    ]


def test_stock_that_is_not_managed_never_runs_out() -> None:
    catalog = a_catalog(a_product(manage_stock=False, salable_quantity=0), reserved={"SKU-1": 9})
    assert blockers_of(catalog, an_item(quantity=50)) == ()
    off = a_catalog(a_product(manage_stock=False, salable_quantity=0, enabled=False))
    assert [(one.code, one.available) for one in blockers_of(off, an_item())] == [(DISABLED, None)]


@pytest.mark.parametrize("channel", FulfillmentChannel)
@pytest.mark.parametrize("requires", [True, False])
@pytest.mark.parametrize("managed", [True, False])
@pytest.mark.parametrize("stock", [0, 1])
def test_amazons_own_orders_need_stock_only_where_the_store_says_so(
    channel: FulfillmentChannel, requires: bool, managed: bool, stock: int
) -> None:
    catalog = a_catalog(a_product(salable_quantity=stock, manage_stock=managed))
    store = a_store(fba_requires_stock=requires)
    blockers = blockers_of(catalog, an_item(), store=store, fulfillment_channel=channel)
    looks = channel is FulfillmentChannel.MFN or requires
    assert [one.code for one in blockers] == (
        [OUT_OF_STOCK] if looks and managed and not stock else []
    )


def test_amazons_own_orders_need_a_product_that_is_there_and_enabled_all_the_same() -> None:
    store = a_store(fba_requires_stock=False)
    afn = {"store": store, "fulfillment_channel": FulfillmentChannel.AFN}
    assert codes(blockers_of(a_catalog(), an_item(), **afn)) == [("not-in-catalog", "SKU-1")]
    off = a_catalog(a_product(enabled=False, salable_quantity=0))
    assert codes(blockers_of(off, an_item(), **afn)) == [("disabled", "SKU-1")]


def test_lines_of_no_pieces_are_ignored() -> None:
    empty = an_item(order_item_id="0", seller_sku="MISSING", quantity=0)
    catalog = a_catalog(a_product())
    assert blockers_of(catalog, empty, an_item()) == ()
    (blocker,) = blockers_of(a_catalog(), empty, an_item(), an_item(order_item_id="00", quantity=0))
    assert blocker.order_item_ids == ("item-1",)


def test_a_blocked_order_waits_on_all_that_may_free_it_and_on_nothing_else() -> None:
    order = an_order(
        items=(
            an_item(order_item_id="1", seller_sku="MISSING"),
            an_item(order_item_id="2", seller_sku="one"),
            an_item(order_item_id="3", seller_sku="two"),
            an_item(order_item_id="4", seller_sku="FREE"),
            an_item(order_item_id="5", seller_sku=None),
        )
    )
    catalog = a_catalog(
        a_product(enabled=False), a_product(sku="FREE"), matches={"one": "SKU-1", "two": "SKU-1"}
    )
    needs = sum_needs(order, STORE, catalog)
    blockers = find_blockers(order, a_store(), catalog, needs)
    assert depends_on(a_store(), needs, blockers) == (
        f"listing:{STORE}/MISSING",
        f"listing:{STORE}/one",
        f"listing:{STORE}/two",
        "product:MISSING",
        "product:SKU-1",
        f"store:{STORE}",
    )
