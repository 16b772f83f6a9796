"""`blocked` as people and programs see it."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from models.money import Money
from models.outcome import ImportState
from models.reasons import REMEDIES, BlockerCode
from models.reference_data import Store
from order_import.__main__ import main
from order_import.operations.health import system_message_of
from storage.queries import BlockedGroup
from tests.unit.readers import FakeReader, opened

AT = datetime(2026, 11, 23, 9, 15, tzinfo=UTC)
STORE = Store(store_id="de", name="Nordlicht", marketplace_id="M", integrated_at=AT, updated_at=AT)
OUT = BlockedGroup(
    stock_id=None,
    code=BlockerCode.OUT_OF_STOCK,
    sku="MUG\x1b[2J",
    similar_sku=None,
    seller_skus=("A", "B", "C", "D", "E", "F"),
    asins=("B000000001",),
    orders=12,
    value=(
        Money(amount=Decimal("1234567890123456789.10"), currency="EUR"),
        Money(amount=Decimal("7.00"), currency="USD"),
    ),
    oldest_purchase_date=AT,
    earliest_ship_date=None,
    blocked_since=AT,
    tried=4,
)
GONE = BlockedGroup(
    stock_id=None,
    code=BlockerCode.NOT_IN_CATALOG,
    sku=None,
    similar_sku=None,
    seller_skus=(),
    asins=("B7",),
    orders=1,
    value=(),
    oldest_purchase_date=None,
    earliest_ship_date=None,
    blocked_since=AT,
    tried=1,
)
MESSAGE = (
    "Your Amazon store(s) has orders that cannot be imported into Commerce. "
    "See Recent Orders in the store dashboard(s): Nordlicht, unknown"
)


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> FakeReader:
    reader = FakeReader(groups=[OUT, GONE], known_stores=[STORE], blocked={"unknown": 1, "de": 12})
    monkeypatch.setattr(
        "order_import.cli.context.connect_database", lambda _: opened(reader=reader)
    )
    return reader


def leave(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert isinstance(left.value.code, int)
    return left.value.code


def test_the_message_is_on_top_and_each_remedy_is_told_once(
    reader: FakeReader, capsys: pytest.CaptureFixture[str]
) -> None:
    assert leave("blocked") == 0
    told = capsys.readouterr().out
    assert told.startswith(MESSAGE)
    assert told.count(REMEDIES[BlockerCode.OUT_OF_STOCK]) == 1
    assert told.count(REMEDIES[BlockerCode.NOT_IN_CATALOG]) == 1
    (row,) = [line for line in told.splitlines() if "B000000001" in line]
    for part in ("out-of-stock", "12", "1234567890123456789.10 EUR", "2026-11-23 09:15", "4"):
        assert part in row
    assert "and 2 more" in told
    assert "\x1b" not in told
    assert reader.asked_for_groups == [(None, 50)]


def test_as_json_amounts_are_exact(reader: FakeReader, capsys: pytest.CaptureFixture[str]) -> None:
    assert leave("blocked", "--store", "de", "--limit", "2", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["system_message"] == MESSAGE
    assert told["groups"][0]["value"][0] == {
        "amount": "1234567890123456789.10",
        "currency": "EUR",
    }
    assert told["groups"][0]["remedy"] == REMEDIES[BlockerCode.OUT_OF_STOCK]
    assert told["groups"][1] == {
        "code": "not-in-catalog",
        "sku": None,
        "stock_id": None,
        "similar_sku": None,
        "seller_skus": [],
        "asins": ["B7"],
        "orders": 1,
        "value": [],
        "oldest_purchase_date": None,
        "earliest_ship_date": None,
        "blocked_since": "2026-11-23T09:15:00Z",
        "tried": 1,
        "remedy": REMEDIES[BlockerCode.NOT_IN_CATALOG],
    }
    assert reader.asked_for_groups == [("de", 2)]


def test_only_orders_that_are_due_can_be_listed(
    reader: FakeReader, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("order_import.cli.blocked.now", lambda: AT)
    for due, before in (("24h", AT + timedelta(days=1)), ("overdue", AT)):
        assert leave("blocked", "--due", due) == 0
        assert reader.ship_by_before == before
    reader.groups = []
    capsys.readouterr()
    assert leave("blocked", "--due", "3d") == 0
    assert "No blocked order is due then." in capsys.readouterr().out
    assert leave("blocked", "--due", "soon") == 2
    assert "expected one of the forms overdue, 24h, 3d" in capsys.readouterr().err


@pytest.mark.usefixtures("reader")
def test_a_full_list_says_that_there_may_be_more(capsys: pytest.CaptureFixture[str]) -> None:
    assert leave("blocked", "--limit", "1") == 0
    assert "These are the 1 most urgent groups; use --limit for more." in capsys.readouterr().out


def test_without_blocked_orders_there_is_no_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = FakeReader(known_stores=[STORE])
    monkeypatch.setattr("order_import.cli.context.connect_database", lambda _: opened(reader=empty))
    assert leave("blocked") == 0
    assert capsys.readouterr().out == "No blocked orders.\n"


def test_rule_19_names_only_stores_that_have_blocked_orders() -> None:
    states = {"de": {ImportState.BLOCKED: 1}, "us": {ImportState.CREATED: 3}}
    message = system_message_of({"de": STORE}, states)
    assert message is not None
    assert message.endswith("dashboard(s): Nordlicht")
    assert system_message_of({"de": STORE}, {"de": {ImportState.BLOCKED: 0}}) is None


def test_rule_7_a_group_shows_what_cannot_be_seen_and_what_the_catalog_has(
    reader: FakeReader, capsys: pytest.CaptureFixture[str]
) -> None:
    reader.groups = [replace(GONE, sku="A ", similar_sku="A", seller_skus=("A ",))]
    assert leave("blocked") == 0
    shown = capsys.readouterr().out
    assert "A␣" in shown
    assert "the catalog has A" in " ".join(shown.replace("│", " ").split())


def test_rule_23_a_group_names_a_stock_other_than_default(
    reader: FakeReader, capsys: pytest.CaptureFixture[str]
) -> None:
    reader.groups = [replace(OUT, stock_id="north"), replace(OUT, stock_id="default")]
    assert leave("blocked") == 0
    shown = capsys.readouterr().out
    assert ("in stock north" in shown, "in stock default" in shown) == (True, False)
    assert leave("blocked", "--json") == 0
    groups = json.loads(capsys.readouterr().out)["groups"]
    assert [group["stock_id"] for group in groups] == ["north", "default"]
