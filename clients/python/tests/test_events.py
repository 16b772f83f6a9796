"""What is read from a message: typed where it fits, kept as it is where it does not."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from order_import_client import (
    EVENT_TYPES,
    BlockerCode,
    CommerceOrderAmended,
    CommerceOrderCreated,
    CommerceOrderStatusChanged,
    CommerceStatus,
    Money,
    OrderImportBlocked,
    UnknownEvent,
    read_event,
)
from order_import_client.testing import make_event, make_record

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
TYPES = sorted(EVENT_TYPES)
SAME_EACH_TIME = settings(derandomize=True, deadline=None, max_examples=60)


def value_of(kind: str, **fields: Any) -> dict[str, Any]:
    body = json.loads(make_record(EVENT_TYPES[kind]).value)
    return {name: value for name, value in (body | fields).items() if value is not ...}


def money(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "USD"}


@pytest.mark.parametrize("kind", TYPES)
def test_every_type_is_read_as_its_class(kind: str) -> None:
    event = make_event(EVENT_TYPES[kind], sequence=3)
    assert (type(event).__name__, event.event_type, event.sequence) == (kind, kind, 3)
    assert event.envelope.source == "/order-import/default"
    assert event.envelope.dataschema == f"urn:order-import:schema:{kind}:1"
    assert event.envelope.event_id == event.event_id
    assert event.envelope.topic == event.topic
    assert event.key == "harbor-us/111-0000001-0000001"


@pytest.mark.parametrize("kind", TYPES)
def test_an_event_without_headers_is_read_by_its_body(kind: str) -> None:
    assert type(read_event(make_record(EVENT_TYPES[kind]).value)).__name__ == kind


def test_an_unknown_type_keeps_its_data() -> None:
    body = {"event_type": "BuyerDataErased", "store_id": "us", "sequence": 4}
    event = read_event(json.dumps(body).encode(), [("ce_type", b"BuyerDataErased")])
    assert isinstance(event, UnknownEvent)
    assert (event.event_type, event.data, event.problem) == ("BuyerDataErased", body, None)


def test_unknown_values_and_fields_are_kept() -> None:
    record = make_record(
        CommerceOrderCreated,
        status="on-hold",
        fulfillment_channel="3PL",
        loyalty_points=12,
        charges=[{"kind": "insurance", "amount": money("1.00"), "tax": None, "broker": "x"}],
    )
    event = record.read()
    assert isinstance(event, CommerceOrderCreated)
    assert (event.status, event.fulfillment_channel) == ("on-hold", "3PL")
    assert event.model_extra == {"loyalty_points": 12}
    assert event.charges[0].kind == "insurance"
    assert event.charges[0].model_extra == {"broker": "x"}
    blocker = value_of("OrderImportBlocked")["blockers"][0] | {"code": "recalled"}
    blocked = make_event(OrderImportBlocked, blockers=[blocker])
    assert blocked.blockers[0].code == "recalled"


def test_known_values_are_members_of_their_enumerations() -> None:
    changed = make_event(CommerceOrderStatusChanged)
    assert changed.from_ is CommerceStatus.PROCESSING
    assert make_event(OrderImportBlocked).blockers[0].code is BlockerCode.OUT_OF_STOCK


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (b"\xff{", "not JSON"),
        (b"[" * 200_000, "not JSON"),
        (b"[1]", "not an object"),
        (None, "not an object"),
        (json.dumps(value_of("CommerceOrderCreated", sequence=0)).encode(), "sequence: "),
        (json.dumps(value_of("CommerceOrderCreated", lines="all")).encode(), "lines: "),
        (json.dumps(value_of("CommerceOrderCreated", store_id=...)).encode(), "store_id: "),
    ],
    ids=["bytes", "deep", "list", "null", "number", "text", "missing"],
)
def test_what_does_not_fit_becomes_an_unknown_event(value: bytes | None, problem: str) -> None:
    event = read_event(value, [("ce_type", b"CommerceOrderCreated")])
    assert isinstance(event, UnknownEvent)
    assert event.event_type == "CommerceOrderCreated"
    assert event.raw == value
    assert (event.problem or "").startswith(problem)


@SAME_EACH_TIME
@given(st.sampled_from(TYPES), st.dictionaries(st.text(), JSON, max_size=3), st.data())
def test_nothing_that_arrives_raises(kind: str, extra: dict[str, Any], data: st.DataObject) -> None:
    """Any field of an event may be missing, or be anything."""
    body = value_of(kind)
    for name in data.draw(st.sets(st.sampled_from(sorted(body)), max_size=3)):
        body[name] = data.draw(JSON)
    value = json.dumps(body | extra).encode()
    event = read_event(value, [("ce_type", kind.encode()), ("ce_id", None), ("x", b"\xff")])
    assert isinstance(event, EVENT_TYPES[kind] | UnknownEvent)
    assert "x" not in event.envelope.headers


@SAME_EACH_TIME
@given(st.binary())
def test_no_bytes_raise(value: bytes) -> None:
    read_event(value)


def test_an_order_of_today_has_no_charges_and_adds_up() -> None:
    event = make_event(CommerceOrderCreated)
    assert (event.charges, event.unexplained) == ((), None)
    assert event.sum_of_parts == event.total == Decimal("38.00")


CHARGES = [
    {"kind": "shipping", "amount": money("5.00"), "tax": money("0.75"), "order_item_id": None},
    {"kind": "discount", "amount": money("-2.00"), "tax": None, "order_item_id": "1"},
    {"kind": "gift-wrap", "amount": {"amount": "9", "currency": "EUR"}, "tax": None},
]


@pytest.mark.parametrize(("include", "total"), [(None, "45.07"), (False, "45.07"), (True, "40.90")])
def test_lines_charges_and_the_rest_add_up_to_the_total(
    *, include: bool | None, total: str
) -> None:
    line = value_of("CommerceOrderCreated")["lines"][0] | {"tax": money("3.42")}
    event = make_event(
        CommerceOrderCreated,
        total=total,
        lines=[line, line | {"order_item_id": "2", "price": None, "tax": None}],
        charges=CHARGES,
        prices_include_tax=include,
        unexplained="-0.10",
        programs=["PRIME"],
        purchase_order_number="PO-7",
        stock_id="default",
    )
    assert event.sum_of_parts == event.total
    assert event.charges[1].order_item_id == "1"
    assert (event.programs, event.purchase_order_number) == (("PRIME",), "PO-7")


def test_a_sum_is_not_rounded() -> None:
    lines = [
        value_of("CommerceOrderCreated")["lines"][0] | {"price": money(price)}
        for price in ("12345678901234567890123456789012.25", "0.01")
    ]
    event = make_event(CommerceOrderCreated, lines=lines)
    assert event.sum_of_parts == Decimal("12345678901234567890123456789012.26")


def test_a_change_has_amounts_as_money_and_anything_else_as_it_is() -> None:
    changes = [
        {"field": "price", "order_item_id": "1", "from": money("38.00"), "to": money("19.00")},
        {"field": "quantity", "order_item_id": "1", "from": 2, "to": 1},
        {"field": "charges", "from": [1], "to": {"a": None}},
    ]
    price, quantity, other = make_event(CommerceOrderAmended, changes=changes).changes
    assert (price.from_, quantity.to, other.from_) == (
        Money(amount=Decimal("38.00"), currency="USD"),
        1,
        [1],
    )


def test_the_trace_is_in_the_envelope() -> None:
    record = make_record(CommerceOrderCreated)
    event = read_event(record.value, [*record.headers, ("tracestate", b"a=1")])
    assert (event.envelope.traceparent, event.envelope.tracestate) == (None, "a=1")


def test_an_event_keeps_its_json() -> None:
    record = make_record(CommerceOrderAmended, changes=[{"field": "total", "from": 1, "to": 2}])
    again = json.loads(record.read().model_dump_json(by_alias=True, exclude_unset=True))
    sent = json.loads(record.value)
    assert again.keys() == sent.keys()
    assert again["changes"] == sent["changes"]
    assert again["total"] == sent["total"]


def test_a_builder_says_which_field_does_not_fit() -> None:
    with pytest.raises(AssertionError, match="quantity"):
        make_event(CommerceOrderCreated, lines=[{"order_item_id": "1", "quantity": "many"}])
