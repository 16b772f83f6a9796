"""The list of orders: filters from an address, places in it, and how it is read from an index."""

import base64
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.amazon_order import AmazonStatus, FulfillmentChannel
from models.order_query import Cursor, OrderQuery, OrderSort
from models.outcome import ImportState
from order_import.console.order_filter import (
    FIELDS,
    OrderFilter,
    read_cursor,
    read_filter,
    write_cursor,
)
from storage.mongo.order_queries import index_ranges, literal_pattern, to_mongo
from storage.mongo.search import TimeSlices, matcher

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def read(params: Mapping[str, str], *, may_see_buyers: bool = True) -> OrderFilter:
    return read_filter(params, NOON, may_see_buyers=may_see_buyers)


def test_every_field_is_understood_in_the_box_and_in_its_own_place() -> None:
    fields = {
        "store": ("harbor-us", "store_id", "harbor-us"),
        "state": ("blocked", "state", ImportState.BLOCKED),
        "reason": ("out-of-stock", "reason", "out-of-stock"),
        "status": ("unshipped", "status", AmazonStatus.UNSHIPPED),
        "channel": ("AFN", "channel", FulfillmentChannel.AFN),
        "number": ("304-1", "number", "304-1"),
        "buyer": ("smith", "buyer", "smith"),
        "sku": ("A/B", "sku", "A/B"),
        "min": ("19,99", "total_min", Decimal("19.99")),
        "max": ("20", "total_max", Decimal(20)),
        "from": ("2026-11-22", "purchased_from", NOON.replace(hour=0)),
        "overdue": ("2026-11-22T12:00", "overdue_since", NOON),
        "due": ("36H", "ship_by_before", NOON + timedelta(hours=36)),
        "sort": ("received", "sort", OrderSort.RECEIVED),
    }
    for name, (text, attribute, value) in fields.items():
        for asked in ({name: text}, {"q": f"{name}:{text}"}):
            found = read(asked)
            assert found.errors == {}
            assert getattr(found.query, attribute) == value


def test_a_day_as_an_end_is_meant_with_all_its_hours() -> None:
    assert read({"to": "2026-11-22"}).query.purchased_to == NOON.replace(hour=0) + timedelta(days=1)
    assert read({"to": "2026-11-22T12:00"}).query.purchased_to == NOON


@pytest.mark.parametrize(
    ("text", "before"),
    [("overdue", NOON), ("24h", NOON + timedelta(days=1)), ("3d", NOON + timedelta(days=3))],
)
def test_orders_that_are_due_are_blocked_and_the_most_urgent_come_first(
    text: str, before: datetime
) -> None:
    query = read({"due": text}).query
    assert query == OrderQuery(ship_by_before=before, sort=OrderSort.SHIP_BY, descending=False)
    assert (query.states, query.is_searched) == ([ImportState.BLOCKED], False)
    (dated,) = index_ranges(query, None, forward=True)
    assert dated.condition == {"latest_ship_date": {"$lt": before}}
    assert to_mongo(query) == {"import.state": "blocked", "latest_ship_date": {"$lt": before}}


def test_orders_that_are_due_can_be_sorted_otherwise_and_are_then_searched() -> None:
    query = read({"due": "24h", "sort": "purchased"}).query
    assert query.is_searched
    matches = matcher(query)
    order = {"import": {"state": "blocked", "reasons": []}}
    due, later = NOON + timedelta(hours=23), NOON + timedelta(hours=25)
    assert [matches(order | {"latest_ship_date": at}) for at in (due, later, None)] == [
        True,
        False,
        False,
    ]


@pytest.mark.parametrize("text", ["0h", "24", "h", "99999h", "-1h", "soon", "٣h"])
def test_when_an_order_is_due_has_a_form(text: str) -> None:
    assert list(read({"due": text}).errors) == ["due"]


def test_a_bare_word_is_an_order_number_and_quotes_keep_spaces() -> None:
    found = read({"q": '304-77 buyer:"van der Berg"'})
    assert (found.query.number, found.query.buyer) == ("304-77", "van der Berg")


@pytest.mark.parametrize(
    ("asked", "where"),
    [
        ({"q": "color:red"}, "q"),
        ({"q": "state:broken"}, "q"),
        ({"state": "broken"}, "state"),
        ({"q": "state:blocked", "state": "created"}, "q"),
        ({"min": "much"}, "min"),
        ({"max": "1e99"}, "max"),
        ({"from": "yesterday"}, "from"),
        ({"overdue": "yes"}, "overdue"),
        ({"to": "9999-12-31"}, "to"),
        ({"sort": "buyer"}, "sort"),
    ],
)
def test_what_is_wrong_is_told_at_its_place_and_asks_for_nothing(
    asked: dict[str, str], where: str
) -> None:
    found = read(asked)
    assert list(found.errors) == [where]
    assert found.query == OrderQuery()


def test_an_address_is_read_back_as_it_was() -> None:
    asked = {"q": "sku:A", "state": "blocked", "min": "1"}
    found = read(asked)
    assert found.address() == "/orders?q=sku%3AA&state=blocked&min=1"
    assert (
        found.address(sort="received", min=None) == "/orders?q=sku%3AA&state=blocked&sort=received"
    )


@given(st.text(max_size=60))
def test_any_text_in_a_filter_is_read_back_from_its_address(text: str) -> None:
    found = read(dict.fromkeys(("q", *FIELDS), text))
    assert read(dict(parse_qsl(urlsplit(found.address()).query))) == found
    assert not found.errors or found.query == OrderQuery()


@given(st.text(max_size=60))
def test_any_text_is_a_cursor_or_none(text: str) -> None:
    cursor = read_cursor(text)
    assert cursor is None or read_cursor(write_cursor(cursor)) == cursor


@given(
    st.one_of(
        st.none(),
        st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis adds the zone
    ),
    st.text(max_size=40),
)
def test_a_cursor_is_read_back_as_it_was(at: datetime | None, key: str) -> None:
    cut = at
    if isinstance(at, datetime):
        cut = at.replace(microsecond=at.microsecond // 1000 * 1000)
    assert read_cursor(write_cursor(Cursor(cut, key))) == Cursor(cut, key)


def test_orders_of_one_moment_are_read_from_their_key_on() -> None:
    query = OrderQuery()
    same, rest, undated = index_ranges(query, Cursor(NOON, "s/2"), forward=True)
    assert same.condition == {"purchase_date": NOON, "_id": {"$lt": "s/2"}}
    assert rest.condition["purchase_date"]["$lt"] == NOON
    assert undated.condition == {"purchase_date": None}
    assert same.sort == [("purchase_date", -1), ("_id", -1)]


def test_backwards_the_undated_come_before_the_dated() -> None:
    query = OrderQuery()
    undated, dated = index_ranges(query, Cursor(None, "s/2"), forward=False)
    assert undated.condition == {"purchase_date": None, "_id": {"$gt": "s/2"}}
    assert "$gte" in dated.condition["purchase_date"]


def test_a_filter_names_all_states_since_most_indexes_begin_with_the_state() -> None:
    states = [state.value for state in ImportState]
    assert to_mongo(OrderQuery()) == {"import.state": {"$in": states}}
    assert to_mongo(OrderQuery(reason="disabled"))["import.state"] == "blocked"
    assert to_mongo(OrderQuery(sort=OrderSort.RECEIVED)) == {}
    assert "import.state" not in to_mongo(OrderQuery(number="304"))


def test_only_blocked_orders_are_sorted_by_ship_by_date() -> None:
    assert list(read({"sort": "ship-by"}).errors) == ["sort"]
    assert list(read({"sort": "ship-by", "state": "created"}).errors) == ["sort"]
    for blocked in ({"state": "blocked"}, {"reason": "disabled"}, {"product": "A"}):
        assert read({"sort": "ship-by", **blocked}).errors == {}


def test_slices_cover_a_range_once_from_where_reading_begins() -> None:
    (dated, _) = index_ranges(OrderQuery(), None, forward=True)
    slices = TimeSlices(dated, NOON, None)
    cut: list[dict[str, datetime]] = []
    while (piece := slices.cut(timedelta(hours=8 ** len(cut)))) is not None:
        cut.append(piece.condition["purchase_date"])
    assert "$lt" not in cut[0]
    for newer, older in pairwise(cut):
        assert older["$lt"] == newer["$gte"]
    assert cut[-1]["$gte"] == datetime(1, 1, 1, tzinfo=UTC)


def test_what_people_type_is_no_pattern() -> None:
    assert literal_pattern(".*") == r"\.\*"
    assert to_mongo(OrderQuery(number="(a+)+$"))["amazon_order_id"]["$gte"] == "(a+)+$"


def test_who_may_not_see_buyers_cannot_search_by_them() -> None:
    for asked in ({"buyer": "smith"}, {"q": "buyer:smith"}):
        found = read(asked, may_see_buyers=False)
        assert list(found.errors) == list(asked)
        assert found.query == OrderQuery()
    assert read({"store": "a"}, may_see_buyers=False).errors == {}


@pytest.mark.parametrize("asked", [{"buyer": "van Berg"}, {"q": 'x buyer:"van Berg"'}])
def test_an_address_that_is_kept_names_no_buyer(asked: dict[str, str]) -> None:
    kept = read({**asked, "store": "a"}).address_without_buyer()
    assert "Berg" not in kept
    assert "store=a" in kept


@pytest.mark.parametrize("date", ["0026-11-22", "9999-12-01", "1889-12-31"])
def test_a_year_far_away_is_a_slip_of_the_pen(date: str) -> None:
    assert list(read({"to": date}).errors) == ["to"]


ODD_CURSORS = (
    *(
        "zzz",
        "=",
        "%%%",
        "WzEsImEiXQ==x",
        "eyJhIjoxfQ",
        "W10",
        "WzFd",
        "W10" * 500,
        "null",
        "é",
        "\0",
    ),
    *(
        base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
        for text in (
            '[null,"\\ud800"]',
            '[0,"\\udfff/a"]',
            '["\\ud800","a/b"]',
            "[null,null]",
            "[0,7]",
            '[0,["a"]]',
            '[0,{"$gt":""}]',
            '[{"$gt":""},"a/b"]',
            '[[],"a/b"]',
            '[true,"a/b"]',
            '[1.5,"a/b"]',
            '[1e999,"a/b"]',
            '[NaN,"a/b"]',
            '["1e9","a/b"]',
            '["-","a/b"]',
            '["٣","a/b"]',
            f'["{"9" * 40}","a/b"]',
            f'[{10**30},"a/b"]',
            f'[{-(10**30)},"a/b"]',
            f'[{"9" * 3_000},"a/b"]',
            '[253402300800000,"a/b"]',
            '[-62135596800001,"a/b"]',
            '[0,"a/b",1]',
            '{"0":0,"1":"a/b"}',
            '"ab"',
            "[" * 1_500,
            "",
        )
    ),
)


@pytest.mark.parametrize("text", ODD_CURSORS)
def test_an_odd_cursor_is_none(text: str) -> None:
    assert read_cursor(text) is None


@given(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.just("1.5")),
    st.one_of(st.text(st.characters(codec=None)), st.integers(), st.lists(st.text())),
)
def test_whatever_a_cursor_is_made_of_it_is_a_place_or_none(at: object, key: object) -> None:
    text = base64.urlsafe_b64encode(json.dumps([at, key]).encode()).decode()
    if (place := read_cursor(text)) is not None:
        assert isinstance(key, str)
        assert place.key.encode().decode() == key
        assert read_cursor(write_cursor(place)) == place


@pytest.mark.parametrize("year", [1, 1969, 2200, 9999])
@pytest.mark.parametrize("descending", [True, False])
def test_a_place_at_the_calendars_end_is_read_from(year: int, descending: bool) -> None:
    """An order may have been bought in the year 9999, and its page has a next one all the same."""
    at = datetime(year, 12 if year > 1 else 1, 31 if year > 1 else 1, tzinfo=UTC)
    place = read_cursor(write_cursor(Cursor(at, "a/b")))
    assert place == Cursor(at, "a/b")
    query = OrderQuery(descending=descending, buyer="x")
    for forward in (True, False):
        for part in index_ranges(query, place, forward=forward):
            slices = TimeSlices(part, NOON, NOON)
            width = timedelta(hours=1)
            while slices.cut(width) is not None:
                width *= 8


def test_a_pattern_has_no_nul_in_it() -> None:
    """MongoDB refuses one that has."""
    pattern = literal_pattern("a\0.b")
    assert pattern == r"a\x00\.b"
    assert re.fullmatch(pattern, "a\0.b")
