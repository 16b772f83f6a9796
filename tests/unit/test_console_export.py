"""Exports: what a spreadsheet would take for a formula is text in them."""

import csv
import io
import json
import unicodedata
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.charges import Charge, ChargeKind
from order_import.console import formatting
from order_import.console.language import translator
from order_import.console.pages.exports import _COLUMNS, _csv_line, _json_line
from tests.builders import NOW, an_item, an_order, money
from tests.unit.console_kit import a_row

SIGNS = (
    "=+-@\u2212\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b\u207a\u207b\u207c\u208a\u208b\u208c"
)


@pytest.mark.parametrize("blank", ["", " ", "\xa0", "\u3000", "\u200b", "\ufeff\x00 "])
@pytest.mark.parametrize("sign", [*SIGNS, "\t", "\r", "\n"])
def test_a_formula_gets_an_apostrophe_in_front(sign: str, blank: str) -> None:
    told = f"{blank if sign in SIGNS else ''}{sign}1+cmd|' /C calc'!A0"
    (cells,) = csv.reader(io.StringIO(_csv_line([told, "B", 3]), newline=""))
    assert cells == [f"'{told}", "B", "3"]


@pytest.mark.parametrize("separator", list(",;|\t\r\n"))
@pytest.mark.parametrize("sign", SIGNS)
def test_a_formula_behind_what_may_separate_cells_is_defused_too(sign: str, separator: str) -> None:
    (cells,) = csv.reader(io.StringIO(_csv_line([f"a{separator} {sign}1+1"]), newline=""))
    assert cells == [f"a{separator}' {sign}1+1"]


UNSEEN = " \t\r\n\xa0\u3000\u200b"
ODD = st.text(f'{SIGNS},;|\t\r\n "a1\u200b\xa0', max_size=8)


@settings(max_examples=500)
@given(st.lists(ODD, min_size=1, max_size=3), st.sampled_from(",;\t|"))
def test_no_spreadsheet_reads_a_formula(told: list[str], separator: str) -> None:
    line = _csv_line(list(told))
    for cell in next(csv.reader(io.StringIO(line, newline=""), delimiter=separator)):
        first = unicodedata.normalize("NFKC", cell.strip(UNSEEN))[:1]
        assert first not in {"=", "+", "-", "@", "\u2212"}


def test_every_cell_is_quoted_and_usual_values_stay_as_they_are() -> None:
    told: list[object] = ["2026-11-22T12:00:00.000+00:00", "TENT-MOSS-S", "19.99", "a@b", "A + B"]
    assert _csv_line(told) == ",".join(f'"{value}"' for value in told) + "\r\n"


def test_quotes_commas_and_lines_stay_in_their_cell() -> None:
    told: list[object] = ['a "b", c', "two\nlines", None, ["x", "y"]]
    (cells,) = csv.reader(io.StringIO(_csv_line(told), newline=""))
    assert cells == ['a "b", c', "two\nlines", "", "x y"]


def exported(**fields: Any) -> list[object]:
    shown = formatting.Formatter(translator("en"), NOW)
    row = replace(a_row(), details=an_order(**fields))
    return [column(row, shown) for column in _COLUMNS.values()]


def test_charges_are_columns_of_numbers_and_what_is_unexplained_is_one() -> None:
    discount = Charge(kind=ChargeKind.DISCOUNT, amount=money("-2.00"), tax=money("-0.20"))
    shipping = Charge(kind=ChargeKind.SHIPPING, amount=money("5.00"), tax=money("0.40"))
    values = exported(
        total=money("24.10"),
        items=(
            an_item(charges=(shipping, discount)),
            an_item(order_item_id="2", charges=(shipping,)),
            an_item(order_item_id="3", quantity=0, charges=(shipping,)),
        ),
        charges=(Charge(kind=ChargeKind.COD, amount=money("3.00", "GBP")),),
        programs=("PRIME", "BUSINESS"),
        purchase_order_number="=1+1",
        shipping_service="Standard",
    )
    (cells,) = csv.reader(io.StringIO(_csv_line(values), newline=""))
    row = dict(zip(_COLUMNS, cells, strict=True))
    assert {name: row[name] for name in list(_COLUMNS)[17:]} == {
        "shipping_service": "Standard",
        "programs": "PRIME BUSINESS",
        "purchase_order_number": "'=1+1",
        "price": "20.00",
        "shipping": "10.00",
        "gift_wrap": "",
        "discount": "-2.00",
        "cod": "",
        "other": "",
        "tax": "2.20",
        "prices_include_tax": "True",
        "unexplained": "-3.90",
    }
    line = json.loads(_json_line(values))
    assert list(line) == list(_COLUMNS)
    assert (line["discount"], line["cod"], line["unexplained"]) == ("-2.00", None, "-3.90")
    assert (line["prices_include_tax"], line["programs"]) == (True, ["PRIME", "BUSINESS"])


def test_an_order_without_a_total_has_no_sums() -> None:
    row = dict(zip(_COLUMNS, exported(total=None), strict=True))
    assert {row[name] for name in list(_COLUMNS)[20:]} == {None}
