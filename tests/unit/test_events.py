"""Events: their bytes, their ids, their envelope, and what is never in them."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.rules.check_order import check_order
from handlers.rules.decision_builder import DecisionBuilder
from models.amazon_order import Address, AmazonStatus, Buyer, Gift
from models.commerce_order import CommerceLine
from models.events import Event, FieldChange
from models.messages import CommandMessage, header, message_ref
from models.order_record import OrderRecord
from models.reasons import SkipReason
from models.reference_data import CommerceStatus
from models.topics import TopicName
from order_import.bootstrap import event_source
from order_import.settings import SettingsError, load_settings
from streams.messages import encode
from tests.builders import (
    KEY,
    ORDER,
    SOURCE,
    STATE,
    STORE,
    TRACE,
    a_block,
    a_blocker,
    a_catalog,
    a_cause,
    a_commerce_order,
    a_dead_letter,
    a_product,
    a_record,
    a_store,
    an_event,
    an_item,
    an_occasion,
    an_order,
    later,
    money,
)

PLANTED = "PERSONAL"


def every_event(record: OrderRecord) -> tuple[Event, ...]:
    order = a_commerce_order(total=record.order.total)
    cause = a_cause(traceparent=TRACE, tracestate=STATE)
    log = DecisionBuilder(record, an_occasion(cause=cause))
    log.created(order)
    log.status_changed(order, CommerceStatus.COMPLETE)
    log.amended(order, [FieldChange(field="total", from_=None, to="10.80")])
    log.cancellation_requested(order, ["item-1"], "Found cheaper")
    log.blocked(a_block())
    log.released(order, a_block())
    log.withdrawn(SkipReason.CANCELED)
    log.skipped(SkipReason.IMPORT_DISABLED)
    return log.decide("told").events


def body(event: Event) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(event.body)
    return found


def test_each_event_goes_to_its_topic_numbered_on_from_the_last() -> None:
    events = every_event(a_record(sequence=3))
    assert [(event.event_type, event.topic, event.sequence) for event in events] == [
        ("CommerceOrderCreated", "commerce.orders", 4),
        ("CommerceOrderStatusChanged", "commerce.orders", 5),
        ("CommerceOrderAmended", "commerce.orders", 6),
        ("CommerceOrderCancellationRequested", "commerce.orders", 7),
        ("OrderImportBlocked", "amazon.orders.blocked", 8),
        ("OrderImportReleased", "amazon.orders.blocked", 9),
        ("OrderImportWithdrawn", "amazon.orders.blocked", 10),
        ("OrderImportSkipped", "amazon.orders.not-imported", 11),
    ]
    for event in events:
        told = body(event)
        assert event.key == KEY
        assert (
            told
            | {
                "event_id": event.event_id,
                "event_type": event.event_type,
                "schema_version": 1,
                "occurred_at": "2026-07-01T12:00:00Z",
                "store_id": STORE,
                "amazon_order_id": ORDER,
                "sequence": event.sequence,
                "cause": {"topic": "amazon.orders", "partition": 0, "offset": 7},
            }
            == told
        )


def test_a_created_event_says_what_the_contract_says() -> None:
    created = body(every_event(a_record())[0])
    assert set(created) == {
        *("event_id", "event_type", "schema_version", "occurred_at", "store_id"),
        *("amazon_order_id", "sequence", "cause", "commerce_order_id", "order_number", "status"),
        *("currency", "total", "fulfillment_channel", "stock_id", "purchase_date"),
        "lines",
        *("charges", "prices_include_tax", "unexplained", "programs", "purchase_order_number"),
        *("latest_ship_date", "shipping_service"),
        *("buyer_requested_cancel", "address_known", "replayed"),
    }
    assert (created["total"], created["currency"]) == ("10.80", "USD")
    assert (created["order_number"], created["status"]) == ("000000001", "processing")
    assert created["fulfillment_channel"] == "MFN"
    assert created["purchase_date"] == "2026-06-15T09:30:00Z"
    assert created["lines"] == [
        {
            "order_item_id": "item-1",
            "seller_sku": "SKU-1",
            "sku": "SKU-1",
            "components": [],
            "asin": "B000000001",
            "title": "A lamp",
            "quantity": 1,
            "price": {"amount": "10.00", "currency": "USD"},
            "tax": {"amount": "0.80", "currency": "USD"},
            "tax_collection": None,
            "buyer_requested_cancel": False,
        }
    ]


def test_an_amendment_is_the_whole_order_and_what_changed() -> None:
    events = every_event(a_record())
    created, amended = body(events[0]), body(events[2])
    assert set(amended) == set(created) - {"replayed"} | {"changes"}
    assert amended["lines"] == created["lines"]
    assert amended["changes"] == [
        {"field": "total", "order_item_id": None, "from": None, "to": "10.80"}
    ]


def test_each_line_says_whether_the_buyer_asks_to_cancel_it() -> None:
    asked = (None, False, True)
    items = [an_item(buyer_requested_cancel=requested) for requested in asked]
    order = a_commerce_order(lines=tuple(CommerceLine(item, "SKU-1") for item in items))
    log = DecisionBuilder(a_record(), an_occasion())
    log.created(order)
    lines = body(log.decide("created").events[0])["lines"]
    assert [line["buyer_requested_cancel"] for line in lines] == [False, False, True]


@pytest.mark.parametrize(("lines", "length"), [(1, 500), (200, 500), (1000, 100)])
def test_titles_are_cut_off_so_that_the_lines_of_any_order_fit_into_one_message(
    lines: int, length: int
) -> None:
    line = CommerceLine(an_item(title="t" * 501), "SKU-1")
    log = DecisionBuilder(a_record(), an_occasion())
    log.created(a_commerce_order(lines=(line,) * lines))
    titles = [line["title"] for line in body(log.decide("created").events[0])["lines"]]
    assert titles == ["t" * length] * lines


def test_an_amendment_of_very_many_changes_is_several_events() -> None:
    changes = [
        FieldChange(field="quantity", order_item_id=str(number), from_=1, to=0)
        for number in range(501)
    ]
    log = DecisionBuilder(a_record(), an_occasion())
    log.amended(a_commerce_order(), changes)
    events = [body(event) for event in log.decide("amended").events]
    assert [len(event["changes"]) for event in events] == [500, 1]
    assert [event["changes"][0]["order_item_id"] for event in events] == ["0", "500"]
    assert [event["sequence"] for event in events] == [1, 2]
    assert all(len(event["lines"]) == 1 for event in events)


def test_a_line_that_is_gone_is_none_of_the_whole_order() -> None:
    gone = CommerceLine(an_item(order_item_id="item-2", quantity=0), "SKU-2")
    order = a_commerce_order(lines=(*a_commerce_order().lines, gone))
    log = DecisionBuilder(a_record(), an_occasion())
    log.amended(order, [FieldChange(field="quantity", order_item_id="item-2", from_=1, to=0)])
    assert [line["order_item_id"] for line in body(log.decide("amended").events[0])["lines"]] == [
        "item-1"
    ]


def test_a_cancellation_request_names_who_asks_why_and_for_which_lines() -> None:
    told = body(every_event(a_record())[3])
    asked = {name: told[name] for name in ("requested_by", "reason", "order_item_ids")}
    assert asked == {
        "requested_by": "buyer",
        "reason": "Found cheaper",
        "order_item_ids": ["item-1"],
    }


def test_every_event_about_a_commerce_order_names_it() -> None:
    of_order = {
        event.event_type: body(event)["commerce_order_id"]
        for event in every_event(a_record())
        if "commerce_order_id" in body(event)
    }
    names = ("Created", "StatusChanged", "Amended", "CancellationRequested")
    assert of_order == dict.fromkeys(
        [*(f"CommerceOrder{name}" for name in names), "OrderImportReleased"],
        a_commerce_order().commerce_order_id,
    )


def test_a_block_says_what_stands_in_the_way_of_how_much_and_until_when() -> None:
    record = a_record(order=an_order(latest_ship_date=later(48)))
    blocked = body(every_event(record)[4])
    assert blocked["blockers"] == [a_blocker().model_dump(mode="json")]
    assert blocked["total"] == {"amount": "10.80", "currency": "USD"}
    assert blocked["purchase_date"] == "2026-06-15T09:30:00Z"
    assert blocked["latest_ship_date"] == "2026-07-03T12:00:00Z"


def test_an_order_that_is_not_imported_says_why() -> None:
    *_, withdrawn, skipped = every_event(a_record())
    assert (body(withdrawn)["reason"], body(skipped)["reason"]) == ("canceled", "import-disabled")


def test_a_status_change_says_from_what_to_what() -> None:
    told = body(every_event(a_record())[1])
    assert (told["from"], told["to"]) == ("processing", "complete")
    assert "from_" not in told


def test_money_is_a_string_that_keeps_its_digits() -> None:
    order = replace(a_record(), order=an_order(total=money("100000000000000000000.10", "JPY")))
    assert body(every_event(order)[0])["total"] == "100000000000000000000.10"
    tiny = replace(a_record(), order=an_order(total=money("0.0000001")))
    assert body(every_event(tiny)[0])["total"] == "0.0000001"


def test_the_same_decision_has_the_same_ids_and_bytes() -> None:
    first, second = every_event(a_record()), every_event(a_record())
    assert first == second
    assert len({event.event_id for event in first}) == len(first)
    others = every_event(a_record(sequence=6))
    assert others[0].event_id == first[0].event_id  # created only once, whatever came before
    assert {one.event_id for one in others[1:]}.isdisjoint(one.event_id for one in first[1:])


def test_the_envelope_is_cloudevents_in_binary_mode() -> None:
    event = every_event(a_record())[0]
    sent = encode(event, SOURCE)
    assert (sent.topic, sent.key, sent.value) == ("commerce.orders", KEY.encode(), event.body)
    assert sent.headers == [
        ("ce_specversion", b"1.0"),
        ("ce_type", b"CommerceOrderCreated"),
        ("ce_source", b"/order-import/test"),
        ("ce_dataschema", b"urn:order-import:schema:CommerceOrderCreated:1"),
        ("content-type", b"application/json"),
        ("ce_id", event.event_id.encode()),
        ("ce_subject", KEY.encode()),
        ("ce_time", b"2026-07-01T12:00:00.000+00:00"),
        ("traceparent", TRACE.encode()),
        ("tracestate", STATE.encode()),
    ]
    assert not {"traceparent", "tracestate"} & dict(encode(an_event(), SOURCE).headers).keys()


@pytest.mark.parametrize(
    ("settings", "source"),
    [
        ({}, b"/order-import/default"),
        ({"installation": "staging"}, b"/order-import/staging"),
        ({"installation": "eu-1", "topic_prefix": "shop."}, b"/order-import/eu-1/shop."),
    ],
)
def test_the_source_of_events_names_the_installation_and_its_prefix(
    settings: dict[str, str], source: bytes
) -> None:
    assert event_source(load_settings(**settings)) == source


@pytest.mark.parametrize("name", ["a/b", "..", "a b", "ü", "x" * 65, "a%2F"])
def test_an_installation_is_named_as_a_segment_of_a_path(name: str) -> None:
    with pytest.raises(SettingsError, match="ORDER_IMPORT_INSTALLATION: "):
        load_settings(installation=name)


LONGEST = "a=" + "x" * 510


@pytest.mark.parametrize(
    ("trace", "state", "expected"),
    [
        (TRACE, STATE, STATE),
        (TRACE, "0t@vendor/x=a b;c:d , b*=~", "0t@vendor/x=a b;c:d , b*=~"),
        (TRACE, LONGEST[:258], LONGEST[:258]),
        (TRACE, ",".join(f"k{n}=v" for n in range(32)), ",".join(f"k{n}=v" for n in range(32))),
        (TRACE, ",".join(f"k{n}=v" for n in range(33)), None),
        (TRACE, LONGEST, None),
        (TRACE, ",".join(["a=" + "x" * 255] * 2), None),
        (TRACE, "", None),
        (TRACE, "a", None),
        (TRACE, "A=1", None),
        (TRACE, "a=1=2", None),
        (TRACE, "a=1\n", None),
        (TRACE, "a=ä", None),
        (TRACE, "a=1,,b=2", None),
        ("00-zz", STATE, None),
        (None, STATE, None),
    ],
)
def test_a_valid_trace_state_travels_with_the_trace_it_belongs_to(
    trace: str | None, state: str, expected: str | None
) -> None:
    headers = [("tracestate", state.encode())]
    headers += [] if trace is None else [("traceparent", trace.encode())]
    assert message_ref("t", 0, 0, headers).tracestate == expected


def test_a_dead_letter_is_the_message_as_it_came_with_the_reason_beside_it() -> None:
    dead_letter = a_dead_letter()
    sent = encode(dead_letter, SOURCE)
    assert (sent.topic, sent.key, sent.value) == (
        TopicName.DEAD_LETTER,
        b"key\xff",
        b"\x00{\xff",
    )
    assert sent.headers == [
        ("twice", b"1"),
        ("twice", b"\xfe"),
        ("__connect.errors.topic", b"amazon.orders"),
        ("__connect.errors.partition", b"0"),
        ("__connect.errors.offset", b"7"),
        ("__connect.errors.exception.class.name", b"Refusal"),
        ("__connect.errors.exception.message", b"expected JSON"),
        ("error-code", b"malformed-json"),
    ]
    assert encode(a_dead_letter(value=None), SOURCE).value is None
    # Kafka's client takes no message of neither.
    assert encode(a_dead_letter(key=None, value=None), SOURCE).value == b""


def test_the_last_header_of_a_name_counts_and_bytes_that_are_no_text_do_not() -> None:
    twice = (("a", b"1"), ("a", b"2"), ("b", b"\xff"))
    assert (header(twice, "a"), header(twice, "b"), header(twice, "c")) == ("2", None, None)


marked = st.text(min_size=1, max_size=5).map(lambda text: PLANTED + text)
channels = st.sampled_from([AmazonStatus.UNSHIPPED, AmazonStatus.SHIPPED])


@given(
    buyer=st.builds(Buyer, name=marked, email=marked),
    address=st.builds(
        Address,
        name=marked,
        lines=st.lists(marked, max_size=3).map(tuple),
        city=marked,
        region=marked,
        postal_code=marked,
        country=marked,
        phone=marked,
    ),
    gift=st.builds(Gift, order_item_id=st.just("item-1"), message=marked, wrapping=marked),
    status=channels,
    stock=st.integers(0, 1),
)
def test_no_event_tells_anything_of_the_buyer(
    buyer: Buyer, address: Address, gift: Gift, status: AmazonStatus, stock: int
) -> None:
    order = an_order(buyer=buyer, ship_to=address, gifts=(gift,), status=status, items=(an_item(),))
    record = a_record(order=order)
    catalog = a_catalog(a_product(salable_quantity=stock))
    decision = check_order(record, a_store(), catalog, 1, an_occasion())
    assert decision is not None
    told: list[Any] = [*every_event(record), *decision.events]
    for event in told:
        assert not isinstance(event, CommandMessage)
        assert PLANTED not in repr(encode(event, SOURCE))
    assert decision.history is not None
    assert PLANTED not in repr(decision.history)
