"""Whatever Amazon tells of a created order, in whatever order: what is told adds up (rule 16)."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from handlers.rules.check_order import check_order
from handlers.rules.receive import receive
from models.amazon_order import Address, AmazonOrder
from models.charges import Charge, ChargeKind, sum_charges
from models.commerce_order import CommerceOrder
from models.order_record import OrderRecord
from models.reference_data import Catalog, CommerceStatus
from tests.builders import (
    STORE,
    a_catalog,
    a_product,
    a_record,
    a_store,
    an_item,
    an_occasion,
    an_order,
    later,
    money,
)

SKUS = ("SKU-1", "SKU-2")
ITEMS = ("1", "2", "3")
prices = st.sampled_from([None, money("10.00"), money("20.00")])
charges = st.one_of(
    st.none(),
    st.lists(
        st.builds(
            Charge,
            kind=st.sampled_from([ChargeKind.SHIPPING, ChargeKind.DISCOUNT]),
            amount=st.sampled_from([money("5.00"), money("-2.00"), money("5.00", "GBP")]),
            tax=st.sampled_from([None, money("0.50")]),
        ),
        max_size=3,
    ).map(sum_charges),
)


def items(charges: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(
        st.builds(
            an_item,
            order_item_id=st.sampled_from(ITEMS),
            seller_sku=st.sampled_from(SKUS),
            quantity=st.integers(0, 4),
            price=prices,
            tax=prices,
            charges=charges,
            buyer_requested_cancel=st.sampled_from([None, None, True, False]),
        ),
        min_size=1,
        max_size=3,
        unique_by=lambda item: item.order_item_id,
    ).map(tuple)


bodies = st.builds(
    an_order,
    status=st.sampled_from(["Unshipped", "PartiallyShipped"]),
    items=items(st.none()),
    items_complete=st.booleans(),
    total=prices,
    ship_to=st.sampled_from([None, Address(city="A"), *(Address(lines=(x,)) for x in "ab")]),
)
charged_bodies = st.builds(
    an_order,
    items=items(charges),
    total=prices,
    charges=charges.map(lambda some: some or ()),
    purchase_order_number=st.sampled_from([None, "PO-1", "PO-2"]),
    latest_ship_date=st.sampled_from([None, later(1), later(2)]),
    shipping_service=st.sampled_from([None, "Standard", "Expedited"]),
    programs=st.sampled_from([(), ("PRIME",), ("BUSINESS", "PRIME")]),
)


def news_of(*, max_size: int, min_size: int = 0) -> st.SearchStrategy[list[AmazonOrder]]:
    some, charged = (
        st.lists(one, min_size=min_size, max_size=max_size) for one in (bodies, charged_bodies)
    )
    return st.one_of(some, charged)


AT_CREATION = an_order(
    items=(an_item(order_item_id="1", quantity=3), an_item(order_item_id="2", quantity=1)),
    total=money("40.00"),
)


class Played(NamedTuple):
    record: OrderRecord
    order: CommerceOrder
    events: Sequence[dict[str, Any]]
    reserved: Counter[str]


def created() -> Played:
    decision = check_order(a_record(order=AT_CREATION), a_store(), catalog({}), 1, an_occasion())
    assert decision is not None
    assert decision.commerce_order is not None
    reserved = Counter({reservation.sku: reservation.quantity for reservation in decision.reserves})
    told = [json.loads(event.body) for event in decision.events]
    return Played(decision.record, decision.commerce_order, told, reserved)


def catalog(reserved: dict[str, int] | Counter[str]) -> Catalog:
    products = (a_product(sku=sku, salable_quantity=9) for sku in SKUS)
    return a_catalog(*products, reserved=dict(reserved))


def play(news: Sequence[AmazonOrder], status: CommerceStatus = CommerceStatus.PROCESSING) -> Played:
    """Tell news of an order that was created, one after the other."""
    record, order, told, reserved = created()
    order = replace(order, status=status)
    for one in news:
        stock = catalog(reserved)
        decision = receive(record, STORE, one, a_store(), order, an_occasion(), stock)
        before = reserved.copy()
        for reservation in decision.reserves:
            reserved[reservation.sku] += reservation.quantity
            assert stock.products[reservation.sku].available >= reservation.quantity, (
                "not there to be taken"
            )
        for reservation in decision.releases:
            reserved[reservation.sku] -= reservation.quantity
        assert decision.commerce_order is not None or reserved == before
        record, order = decision.record, decision.commerce_order or order
        told = [*told, *(json.loads(event.body) for event in decision.events)]
        assert {reservation.sku: reservation.quantity for reservation in order.reservations} == {
            sku: units for sku, units in reserved.items() if units
        }
    return Played(record, order, told, reserved)


def timed(news: Sequence[AmazonOrder]) -> list[AmazonOrder]:
    return [
        one.model_copy(update={"last_update_date": later(hours + 1)})
        for hours, one in enumerate(news)
    ]


def with_all_details(order: AmazonOrder) -> AmazonOrder:
    told = [
        {
            "price": one.price or money("30.00"),
            "tax": one.tax or money("3"),
            "charges": one.charges or (),
        }
        for one in order.items
    ]
    lines = [one.model_copy(update=more) for one, more in zip(order.items, told, strict=True)]
    return order.model_copy(update={"items": tuple(lines)})


def contents(order: CommerceOrder) -> tuple[object, ...]:
    """What Amazon says of an order; lines that are gone are as if they were never there."""
    lines = [
        (
            *(one.order_item_id, one.quantity, one.price, one.tax, one.charges or ()),
            bool(one.buyer_requested_cancel),
        )
        for one in (line.item for line in order.lines)
        if one.quantity
    ]
    of_order = order.charges, order.purchase_order_number, order.latest_ship_date
    return lines, order.total, order.address_known, *of_order, order.shipping_service


@given(news_of(max_size=6))
def test_the_commerce_order_is_what_amazon_says_by_now(news: list[AmazonOrder]) -> None:
    played = play(timed(news))
    known = {item.order_item_id: item for item in played.record.order.items}
    for line in played.order.lines:
        item = known[line.item.order_item_id]
        assert line.item.quantity == item.quantity
        if item.quantity:
            assert (line.item.price, line.item.tax) == (item.price, item.tax)
            assert (line.item.charges or ()) == (item.charges or ())
            asked = bool(line.item.buyer_requested_cancel), bool(item.buyer_requested_cancel)
            assert asked[0] == asked[1]
    assert {name for name, item in known.items() if item.quantity} <= {
        line.item.order_item_id for line in played.order.lines
    }
    of_order = ("total", "charges", "purchase_order_number", "latest_ship_date", "shipping_service")
    for name in of_order:
        assert getattr(played.order, name) == getattr(played.record.order, name)
    assert set(played.order.programs) >= set(played.record.order.programs)


@given(news_of(min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(news: list[AmazonOrder], chance: Any) -> None:
    """A line's details have one clock: a body that leaves one of them out keeps older ones out."""
    told = timed([with_all_details(one) for one in news])
    assert contents(play(told).order) == contents(play(chance.sample(told, len(told))).order)


@given(news_of(min_size=1, max_size=5), st.data())
def test_news_that_was_taken_tells_nothing_when_it_comes_again(
    news: list[AmazonOrder], data: st.DataObject
) -> None:
    told = timed(news)
    again = [*told, *data.draw(st.lists(st.sampled_from(told), min_size=1))]
    assert len(play(again).events) == len(play(told).events)


@given(
    news_of(max_size=6),
    st.sampled_from([CommerceStatus.PROCESSING, CommerceStatus.SHIPPED, CommerceStatus.COMPLETE]),
)
def test_what_the_events_tell_adds_up_to_the_order(
    news: list[AmazonOrder], status: CommerceStatus
) -> None:
    played = play(timed(news), status)
    known: dict[tuple[str, str | None], object] = {}
    body = played.events[0]
    for number, event in enumerate(played.events, 1):
        assert event["sequence"] == number
        if event["event_type"] == "CommerceOrderCancellationRequested":
            for item in event["order_item_ids"]:
                before = known.get(("buyer_requested_cancel", item))
                assert not before, "asked once, until it is taken back"
                known["buyer_requested_cancel", item] = True
            continue
        if number == 1:
            known = told_by(event)
            continue
        for change in event["changes"]:
            at = place_of(change)
            if at[0] not in {"address", "currency"}:
                assert change["from"] == known.get(at, 0 if at[0] == "quantity" else None)
            assert change["from"] != change["to"]
            known[at] = change["to"]
        body = event
    for at, value in told_by(body).items():
        if at[0] != "buyer_requested_cancel":
            assert value == known.get(at), at


def place_of(change: dict[str, Any]) -> tuple[str, str | None]:
    """Where a change belongs in what is told: charges by currency, programs each by itself."""
    field, item = change["field"], change["order_item_id"]
    if field.startswith("charges"):
        return f"{field} {(change['from'] or change['to'])['currency']}", item
    return (change["to"] if field == "programs" else field), item


def add_up(
    told: dict[tuple[str, str | None], object], at: tuple[str, str | None], money_of: dict[str, str]
) -> None:
    """A tax in another currency keeps a charge apart: amendments tell both together."""
    before = told.get(at)
    amount = Decimal(money_of["amount"])
    if isinstance(before, dict):
        amount += Decimal(before["amount"])
    told[at] = money_of | {"amount": str(amount)}


def told_by(body: dict[str, Any]) -> dict[tuple[str, str | None], object]:
    """What an event says of the whole order, field by field."""
    told: dict[tuple[str, str | None], object] = {
        (field, None): body[field]
        for field in (
            *("total", "address_known", "purchase_order_number", "latest_ship_date"),
            "shipping_service",
        )
    }
    told |= {(program, None): program for program in body["programs"]}
    for charge in body["charges"]:
        for field, money_of in (("", charge["amount"]), (".tax", charge["tax"])):
            if money_of is not None:
                at = f"charges.{charge['kind']}{field} {money_of['currency']}"
                add_up(told, (at, charge["order_item_id"]), money_of)
    for line in body["lines"]:
        for field in ("quantity", "price", "tax", "buyer_requested_cancel"):
            told[field, line["order_item_id"]] = line[field]
    return told


@given(news_of(max_size=6), st.sampled_from(["shipped", "complete"]))
def test_once_commerce_has_shipped_nothing_is_freed_or_taken(
    news: list[AmazonOrder], status: str
) -> None:
    assert play(timed(news), CommerceStatus(status)).reserved == created().reserved


@given(news_of(max_size=6))
def test_an_order_never_reserves_more_than_it_needs(news: list[AmazonOrder]) -> None:
    played = play(timed(news))
    needed: Counter[str] = Counter()
    for line in played.order.lines:
        needed.update(dict(line.units))
    assert all(
        reservation.quantity <= needed[reservation.sku] for reservation in played.order.reservations
    )
    grown = any(
        change["field"] == "quantity" and change["to"] > change["from"]
        for event in played.events
        for change in event.get("changes", ())
    )
    if not grown:
        assert {
            reservation.sku: reservation.quantity for reservation in played.order.reservations
        } == {sku: units for sku, units in needed.items() if units}
