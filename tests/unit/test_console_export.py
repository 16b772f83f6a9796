"""Exports: what a spreadsheet would take for a formula is text in them."""

import csv
import io

import pytest

from console.pages.exports import _csv_line


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r"])
def test_a_formula_gets_an_apostrophe_in_front(sign: str) -> None:
    (cells,) = csv.reader(io.StringIO(_csv_line([f"{sign}1+cmd|' /C calc'!A0", "B", 3])))
    assert cells == [f"'{sign}1+cmd|' /C calc'!A0", "B", "3"]


def test_quotes_commas_and_lines_stay_in_their_cell() -> None:
    told: list[object] = ['a "b", c', "two\nlines", None, ["x", "y"]]
    (cells,) = csv.reader(io.StringIO(_csv_line(told)))
    assert cells == ['a "b", c', "two\nlines", "", "x y"]
