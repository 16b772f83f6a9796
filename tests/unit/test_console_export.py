"""Exports: what a spreadsheet would take for a formula is text in them."""

import csv
import io
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from order_import.console.pages.exports import _csv_line

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
