"""What holds for every order, whatever it is made of."""

import asyncio
import random
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from handlers.rules.blockers import find_blockers, sum_needs
from handlers.rules.check_order import check_blockers, check_order
from handlers.rules.import_policy import apply_import_policy
from handlers.rules.receive import receive
from handlers.unit_of_work import UnitOfWork
from models.amazon_order import AmazonOrder, AmazonStatus, FulfillmentChannel, OrderItem
from models.keys import DEFAULT_STOCK
from models.order_record import OrderRecord
from models.outcome import Blocked, Created
from models.reference_data import Catalog, Product, Store
from storage.port import Facts
from tests.builders import (
    INTEGRATED,
    NOW,
    PURCHASED,
    STORE,
    a_catalog,
    a_product,
    a_record,
    a_store,
    an_item,
    an_occasion,
    an_order,
    later,
)

SKUS = ("A", "B", "C")


products = st.builds(
    a_product,
    sku=st.sampled_from(SKUS),
    enabled=st.booleans(),
    manage_stock=st.booleans(),
    salable_quantity=st.integers(-2, 8),
)
stocked = st.builds(
    lambda sku, quantity: a_product(sku=sku, salable_quantity=quantity),
    st.sampled_from(SKUS),
    st.integers(0, 12),
)
catalogs = st.builds(
    lambda known, reserved, matches: a_catalog(*known, reserved=reserved, matches=matches),
    st.lists(products, unique_by=lambda product: product.sku),
    st.dictionaries(st.sampled_from(SKUS), st.integers(0, 4)),
    st.dictionaries(st.sampled_from((*SKUS, "D")), st.sampled_from(SKUS)),
)
items = st.lists(
    st.builds(
        an_item,
        order_item_id=st.integers(0, 99).map(str),
        seller_sku=st.sampled_from((*SKUS, "D", None)),
        quantity=st.integers(0, 4),
    ),
    max_size=4,
    unique_by=lambda item: item.order_item_id,
).map(tuple)
stores = st.builds(
    a_store,
    import_amazon_orders=st.booleans(),
    fba_requires_stock=st.booleans(),
)
orders = st.builds(
    an_order,
    status=st.sampled_from([*AmazonStatus, None]),
    fulfillment_channel=st.sampled_from([*FulfillmentChannel, None]),
    purchase_date=st.sampled_from([None, INTEGRATED, PURCHASED, later(-10_000)]),
    last_update_date=st.sampled_from([None, NOW, later(1), later(-1)]),
    items=items,
    items_complete=st.booleans(),
)
admitted = st.builds(
    lambda lines, channel: an_order(items=lines, fulfillment_channel=channel, status="Shipped"),
    items,
    st.sampled_from(FulfillmentChannel),
)


@given(st.lists(orders, min_size=1, max_size=5), st.none() | stores, catalogs)
def test_every_history_is_decided_and_always_alike(
    orders_sent: list[AmazonOrder], store: Store | None, catalog: Catalog
) -> None:
    def history() -> list[Any]:
        record: OrderRecord | None = None
        made, decisions = None, []
        for incoming in orders_sent:
            decision = receive(record, STORE, incoming, store, made, an_occasion(), catalog)
            decisions.append(decision)
            record, made = decision.record, decision.commerce_order or made
            assert record.sequence == sum(len(one.events) for one in decisions)
        return decisions

    first = history()
    assert first == history()
    events = [event for decision in first for event in decision.events]
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert len({event.event_id for event in events}) == len(events)
    assert sum(event.event_type == "CommerceOrderCreated" for event in events) <= 1


@given(orders, st.none() | stores)
def test_the_policy_answers_every_order(order: AmazonOrder, store: Store | None) -> None:
    assert apply_import_policy(order, store) == apply_import_policy(order, store)


@given(admitted, stores, catalogs, st.randoms(use_true_random=False))
def test_the_order_of_lines_and_of_facts_does_not_matter(
    order: AmazonOrder, store: Store, catalog: Catalog, chance: random.Random
) -> None:
    def shuffled(values: Sequence[Any]) -> list[Any]:
        return chance.sample(list(values), len(values))

    other = order.model_copy(update={"items": tuple(shuffled(order.items))})
    mixed = Catalog(
        dict(shuffled([*catalog.matches.items()])), dict(shuffled([*catalog.products.items()]))
    )
    first = check_order(a_record(order=order), store, catalog, 1, an_occasion())
    second = check_order(a_record(order=other), store, mixed, 1, an_occasion())
    assert first is not None
    assert second is not None
    assert first.events == second.events
    assert first.record == replace(second.record, order=order)
    assert set(first.reserves) == set(second.reserves)


def is_blocked(item: OrderItem, order: AmazonOrder, store: Store, catalog: Catalog) -> bool:
    """Say it once more, line by line and in other words."""
    if item.quantity == 0:
        return False
    if item.seller_sku is None:
        return True
    sku = catalog.match(STORE, item.seller_sku)
    if not isinstance(sku, str) or sku not in catalog.products:
        return True
    there = catalog.products[sku]
    known: Product = there.product
    needed = sum(
        other.quantity
        for other in order.items
        if other.seller_sku is not None and catalog.match(STORE, other.seller_sku) == sku
    )
    looks = known.manage_stock and (order.fulfillment_channel == "MFN" or store.fba_requires_stock)
    return not known.enabled or (looks and there.salable_quantity - there.reserved < needed)


@given(admitted, stores, catalogs)
def test_an_order_is_blocked_when_a_check_applies_to_a_line_and_only_then(
    order: AmazonOrder, store: Store, catalog: Catalog
) -> None:
    blockers = find_blockers(order, store, catalog, sum_needs(order, STORE, catalog))
    blocked = {
        item.order_item_id for item in order.items if is_blocked(item, order, store, catalog)
    }
    assert {one for blocker in blockers for one in blocker.order_item_ids} == blocked
    decision = check_blockers(a_record(order=order), None, store, catalog, 1, an_occasion())
    assert isinstance(decision.record.outcome, Blocked if blocked else Created)


class GivenFacts(Facts):
    """Facts as a test has them."""

    def __init__(self, stores: Mapping[str, Store], catalog: Catalog) -> None:
        self._stores, self._catalog = stores, catalog

    @override
    async def stores(self) -> Mapping[str, Store]:
        return self._stores

    @override
    async def catalog(
        self, pairs: Collection[tuple[str, str]], stock_id: str = DEFAULT_STOCK
    ) -> Catalog:
        return self._catalog


@given(
    st.lists(st.tuples(items, st.booleans()), min_size=1, max_size=8),
    st.lists(stocked, unique_by=lambda product: product.sku),
)
def test_a_page_never_gives_away_more_than_is_salable(
    baskets: list[tuple[tuple[OrderItem, ...], bool]], known: list[Product]
) -> None:
    unit_of_work = UnitOfWork("amazon.orders", NOW)
    orders = [
        an_order(
            amazon_order_id=str(number),
            items=lines,
            status=AmazonStatus.SHIPPED if shipped else AmazonStatus.UNSHIPPED,
        )
        for number, (lines, shipped) in enumerate(baskets)
    ]
    records = [a_record(order=order) for order in orders]
    asyncio.run(unit_of_work.prepare(GivenFacts({STORE: a_store()}, a_catalog(*known)), records))
    taken = Counter[str]()
    for record in records:
        decision = unit_of_work.recheck(record, an_occasion())
        assert decision is not None
        for reservation in decision.reserves:
            taken[reservation.sku] += reservation.quantity
        assert (decision.commerce_order is None) is not isinstance(decision.record.outcome, Created)
    salable = {product.sku: product.salable_quantity or 0 for product in known}
    assert all(units <= salable[sku] for sku, units in taken.items())
    changes = unit_of_work.take_changes()
    assert changes.reserved.get(DEFAULT_STOCK, {}) == dict(taken)
    numbers = [order.order_number for order in changes.new_commerce_orders]
    assert len(set(numbers)) == len(numbers)
