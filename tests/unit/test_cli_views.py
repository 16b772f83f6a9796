"""What people and programs see: tables, histories and health, and never a buyer."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from models.amazon_order import (
    Address,
    AmazonOrder,
    AmazonStatus,
    Buyer,
    FulfillmentChannel,
    OrderItem,
)
from models.blockers import Blocker
from models.checkpoint import OffsetReset
from models.labels import MISSING_DETAILS
from models.messages import MessageRef, TopicPartition
from models.money import Money
from models.order_record import HistoryEntry, OrderRecord
from models.outcome import DETAILS_OVERDUE, Blocked, ImportState, MissingDetail, Waiting
from models.reasons import REASONS, REMEDIES, BlockerCode, SkipReason, WaitingReason
from models.reference_data import CommerceStatus, Store
from order_import.__main__ import main
from order_import.cli.output import stdout
from order_import.cli.status import health_as_json, show_health
from order_import.operations.health import Health, ServerHealth, system_message_of
from order_import.operations.lag import TopicLag
from storage.queries import BuyerDataCounts, OrderHistory, OrderLine, PublishedEvent
from streams.clock import now
from tests.builders import a_block, a_blocker
from tests.unit.readers import FakeReader, opened

AT = datetime(2025, 11, 28, 9, 15, tzinfo=UTC)
TOTAL = Money(amount=Decimal("223.90"), currency="EUR")
STORE = Store(store_id="de", name="Nordlicht", marketplace_id="M", integrated_at=AT, updated_at=AT)
CREATED = OrderLine(
    *("de", "304-1", AT, AmazonStatus.UNSHIPPED, FulfillmentChannel.MFN, TOTAL),
    *(ImportState.CREATED, (), "c-1", "000000007", CommerceStatus.PROCESSING),
)
BLOCKED = OrderLine(
    *("de", "304-2", None, AmazonStatus.UNSHIPPED, FulfillmentChannel.MFN, None),
    *(ImportState.BLOCKED, ("disabled", "out-of-stock"), None, None, None),
)


def a_history(store_id: str = "de") -> OrderHistory:
    blocker = Blocker(
        code=BlockerCode.OUT_OF_STOCK,
        seller_sku="DE-MUG",
        sku="MUG",
        asin=None,
        order_item_ids=("1",),
        required=3,
        available=1,
        remedy=REMEDIES[BlockerCode.OUT_OF_STOCK],
    )
    order = AmazonOrder(
        amazon_order_id="304-2",
        store_id=store_id,
        status=AmazonStatus.UNSHIPPED,
        purchase_date=AT,
        total=TOTAL,
        buyer=Buyer(name="Ada Private", email="ada@private.example"),
        ship_to=Address(name="Ada Private", lines=("Secret Street 1",), city="Hidden"),
        items=(OrderItem(order_item_id="1", seller_sku="DE-[red]MUG\x1b[2J", quantity=3),),
    )
    record = OrderRecord(
        store_id=store_id,
        order=order,
        outcome=Blocked((blocker,), since=AT, tried=2),
        depends_on=(),
        sequence=1,
        received=2,
        ignored=1,
        received_at=AT,
        decided_at=AT,
    )
    product = {
        "sku": "MUG",
        "enabled": True,
        "manage_stock": True,
        "salable_quantity": 4.0,
        "reserved": 3,
        "as_of": AT,
    }
    entry = HistoryEntry(
        at=AT,
        cause=MessageRef("amazon.orders", 2, 41),
        what="blocked",
        reasons=("out-of-stock",),
        facts={"store_updated_at": AT, "products": [product]},
        events=("e-1",),
    )
    event = PublishedEvent("e-1", "OrderImportBlocked", "amazon.orders.blocked", 1, AT)
    return OrderHistory(record, (entry,), {"e-1": event}, None, STORE)


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> FakeReader:
    reader = FakeReader([CREATED, BLOCKED], [a_history()])
    monkeypatch.setattr(
        "order_import.cli.context.connect_database", lambda _: opened(reader=reader)
    )
    return reader


def leave(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert isinstance(left.value.code, int)
    return left.value.code


def test_orders_are_a_table_in_words(
    reader: FakeReader, capsys: pytest.CaptureFixture[str]
) -> None:
    assert leave("orders") == 0
    lines = capsys.readouterr().out.splitlines()
    created = next(line for line in lines if "304-1" in line)
    for part in ("2025-11-28 09:15", "223.90 EUR", "created", "000000007", "processing"):
        assert part in created
    blocked = next(line for line in lines if "304-2" in line)
    assert f"{REASONS['disabled']}; {REASONS['out-of-stock']}" in blocked
    assert reader.asked[0][1] == 50


def test_orders_pass_on_what_was_asked(reader: FakeReader) -> None:
    assert (
        leave(
            *("orders", "--store", "de", "--state", "blocked", "--reason", "disabled"),
            *("--since", "2025-11-28T10:00+01:00", "--limit", "7"),
        )
        == 0
    )
    asked, limit = reader.asked[0]
    assert (asked.store_id, asked.state, asked.reason) == ("de", ImportState.BLOCKED, "disabled")
    assert (asked.purchased_from, limit) == (datetime(2025, 11, 28, 9, tzinfo=UTC), 7)


def test_rule_5_an_order_that_waits_says_for_what_in_the_list_and_in_explain(
    reader: FakeReader, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = (MissingDetail.LINES, MissingDetail.PRICES)
    outcome = Waiting(WaitingReason.DETAILS_PENDING, missing)
    reader.lines = [
        replace(BLOCKED, state=ImportState.WAITING, reasons=("details-pending",), missing=missing)
    ]
    history = reader.histories["de/304-2"]
    reader.histories["de/304-2"] = replace(history, record=replace(history.record, outcome=outcome))
    words = "its lines (lines), prices after Pending (prices-after-pending)"
    for command, said in ((("orders",), ": lines, prices-after-p"), (("explain", "304-2"), words)):
        assert leave(*command) == 0
        assert said in capsys.readouterr().out
    assert leave("orders", "--json") == 0
    [told] = json.loads(capsys.readouterr().out)
    assert told["missing"] == ["lines", "prices-after-pending"]
    assert leave("explain", "304-2", "--json") == 0
    assert json.loads(capsys.readouterr().out)["import"]["missing"] == [
        "lines",
        "prices-after-pending",
    ]


def test_orders_that_wait_too_long_for_details_are_asked_for(reader: FakeReader) -> None:
    before = now()
    assert leave("orders", "--overdue") == 0
    since = reader.asked[0][0].overdue_since
    assert since is not None
    assert before - DETAILS_OVERDUE <= since <= now() - DETAILS_OVERDUE


def test_orders_as_json(reader: FakeReader, capsys: pytest.CaptureFixture[str]) -> None:
    assert leave("orders", "--json") == 0
    first, second = json.loads(capsys.readouterr().out)
    assert first == {
        "store_id": "de",
        "amazon_order_id": "304-1",
        "purchase_date": "2025-11-28T09:15:00Z",
        "status": "Unshipped",
        "channel": "MFN",
        "total": {"amount": "223.90", "currency": "EUR"},
        "state": "created",
        "reasons": [],
        "commerce_order_id": "c-1",
        "order_number": "000000007",
        "commerce_status": "processing",
        "missing": [],
    }
    assert second["reasons"] == ["disabled", "out-of-stock"]
    assert reader.asked


@pytest.mark.usefixtures("reader")
def test_explain_tells_state_remedy_facts_and_story(capsys: pytest.CaptureFixture[str]) -> None:
    assert leave("explain", "304-2") == 0
    shown = capsys.readouterr().out
    for part in (
        "Nordlicht (de)",
        "checked 2 times",
        f"MUG: {REASONS['out-of-stock']} (out-of-stock; needs 3, 1 available)",
        REMEDIES[BlockerCode.OUT_OF_STOCK],
        "partition 2, offset 41",
        "MUG: enabled, 4 salable, 3 reserved",
        "1. OrderImportBlocked",
        "2, of which 1 changed nothing",
    ):
        assert part in shown
    assert "DE-[red]MUG" in shown  # neither markup nor control characters of a SKU take effect
    assert "\x1b[2J" not in shown


def test_rule_7_explain_shows_what_cannot_be_seen_of_a_sku_and_what_the_catalog_has(
    reader: FakeReader, capsys: pytest.CaptureFixture[str]
) -> None:
    found = reader.histories["de/304-2"]
    blocker = a_blocker(code="not-in-catalog", sku="C25-gro\u0308ße ", similar_sku="C25-größe")
    record = replace(found.record, outcome=a_block(blocker))
    reader.histories["de/304-2"] = replace(found, record=record)
    assert leave("explain", "304-2") == 0
    shown = capsys.readouterr().out
    assert "C25-gro[U+0308]ße␣: " in shown
    assert "The catalog has C25-größe." in shown
    assert leave("explain", "304-2", "--json") == 0
    reasons = json.loads(capsys.readouterr().out)["import"]["reasons"]
    assert reasons[0]["similar_sku"] == "C25-größe"


def test_rule_23_explain_names_the_stock_that_has_not_enough(
    reader: FakeReader, capsys: pytest.CaptureFixture[str]
) -> None:
    found = reader.histories["de/304-2"]
    record = replace(found.record, outcome=a_block(a_blocker(stock_id="north", available=1.0)))
    reader.histories["de/304-2"] = replace(found, record=record)
    assert leave("explain", "304-2") == 0
    assert "1 available in stock north" in capsys.readouterr().out


@pytest.mark.usefixtures("reader")
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_explain_never_shows_the_buyer(
    form: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert leave("explain", "de/304-2", *form) == 0
    shown = capsys.readouterr().out
    for part in ("Ada", "private.example", "Secret Street", "Hidden"):
        assert part not in shown


@pytest.mark.usefixtures("reader")
def test_explain_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert leave("explain", "304-2", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told.keys().isdisjoint({"clocks", "is_notification", "charges_told"})
    assert told["import"]["state"] == "blocked"
    assert told["import"]["reasons"][0]["code"] == "out-of-stock"
    assert told["history"][0]["cause"]["offset"] == 41
    assert told["history"][0]["events"][0]["event_type"] == "OrderImportBlocked"


@pytest.mark.parametrize("order", ["304-9", "de/304-9"])
@pytest.mark.usefixtures("reader")
def test_an_unknown_order_is_1(order: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert leave("explain", order) == 1
    assert capsys.readouterr().err == f"order-import: no order {order} was received\n"


def a_health() -> Health:
    return Health(
        kafka=ServerHealth("Kafka", "k:1", 2.5),
        mongo=ServerHealth("MongoDB", "m:1", 1.5),
        lag=[TopicLag("amazon.orders", True, 12, 3, AT)],
        rate=100.0,
        states={
            "de": {ImportState.BLOCKED: 2, ImportState.CREATED: 5},
            "at": {ImportState.WAITING: 1},
            "us": {ImportState.BLOCKED: 1},
        },
        stores={"de": STORE, "us": STORE.model_copy(update={"name": "Harbor & Pine"})},
        blockers={"out-of-stock": 3},
        dead_letters={"malformed-json": 1},
    )


def test_the_system_message_has_adobes_words() -> None:
    health = a_health()
    assert system_message_of(health.stores, health.states) == (
        "Your Amazon store(s) has orders that cannot be imported into Commerce. "
        "See Recent Orders in the store dashboard(s): Nordlicht, Harbor & Pine"
    )
    health.states = {"de": {ImportState.CREATED: 5, ImportState.BLOCKED: 0}}
    assert system_message_of(health.stores, health.states) is None


def test_status_shows_lag_age_and_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    show_health(stdout(), a_health(), datetime(2025, 11, 28, 11, 20, tzinfo=UTC))
    shown = capsys.readouterr().out
    assert "Oldest undecided message: 2 h old" in shown
    assert REMEDIES[BlockerCode.OUT_OF_STOCK] in shown
    row = next(line for line in shown.splitlines() if "amazon.orders" in line)
    assert [part.strip() for part in row.strip("│").split("│")][1:] == ["12", "3"]


def test_status_says_how_many_orders_wait_too_long_for_details(
    capsys: pytest.CaptureFixture[str],
) -> None:
    health = a_health()
    show_health(stdout(), health, AT)
    assert "over an hour" not in capsys.readouterr().out
    health.overdue = {"us": 1, "de": 2}
    show_health(stdout(), health, AT)
    shown = capsys.readouterr().out
    assert "Waiting for details for over an hour: 3 (de 2, us 1)" in shown
    assert "wait" not in (system_message_of(health.stores, health.states) or "")
    assert health_as_json(health)["waiting_for_details_over_an_hour"] == {"us": 1, "de": 2}


def test_rule_27_status_shows_overdue_buyer_data_and_what_expires_soon(
    capsys: pytest.CaptureFixture[str],
) -> None:
    health = a_health()
    health.buyer_data = BuyerDataCounts(overdue=0, orders=120, dead_letters=3)
    show_health(stdout(), health, AT)
    shown = " ".join(capsys.readouterr().out.split())
    assert "Buyer data: 0 overdue for erasure; in the next 7 days, that of 120 orders" in shown
    assert health_as_json(health)["buyer_data"] == health.buyer_data


def test_status_tells_what_kafka_deleted_before_it_was_read(
    capsys: pytest.CaptureFixture[str],
) -> None:
    health = a_health()
    source = TopicPartition("amazon.orders", 1)
    health.resets = [OffsetReset(source, 1276, 2500, AT), OffsetReset(source, 40, 0, AT)]
    show_health(stdout(), health, AT)
    shown = " ".join(capsys.readouterr().out.split())
    assert "amazon.orders:1: Kafka deleted 1,224 offsets, from 1276 to 2499, before" in shown
    assert "amazon.orders:1: the topic was recreated, or lost its end; expected" in shown
    assert "expected to continue at offset 40, continued at 0" in shown
    told: Any = health_as_json(health)["offset_resets"]
    assert [one["lost"] for one in told] == [1224, None]


def test_status_as_json() -> None:
    told = health_as_json(a_health())
    assert told["blocked_per_store"] == {"de": 2, "us": 1}
    assert told["oldest_undecided_at"] == AT
    assert told["orders"] == [
        {"store_id": "at", "name": None, **_states(waiting=1)},
        {"store_id": "de", "name": "Nordlicht", **_states(blocked=2, created=5)},
        {"store_id": "us", "name": "Harbor & Pine", **_states(blocked=1)},
    ]


def _states(**counts: int) -> dict[str, int]:
    return {state.value: 0 for state in ImportState} | counts


def test_every_code_has_words() -> None:
    for codes in (BlockerCode, WaitingReason, SkipReason):
        for code in codes:
            assert REASONS[code]
    for detail in MissingDetail:
        assert MISSING_DETAILS[detail]
