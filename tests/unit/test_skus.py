"""Rule 7's hint: SKUs that look alike, and what makes them two."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.skus import normalized_sku, visible_sku

ALIKE = [
    ("C25-CASE", "C25-case"),
    ("C25-trail ", "C25-trail"),
    (" C25", "C25"),
    ("RED  SHIRT", "RED SHIRT"),
    ("REDSHIRT", "red shirt"),
    ("C25-gro\u0308ße", "C25-größe"),
    ("C25-GRÖSSE", "C25-größe"),
    ("A\u00a0B", "A B"),
    ("A\u3000B", "A B"),
    ("A\u200bB", "AB"),
    ("\ufeffAB", "AB"),
    ("A\u00adB", "AB"),
    ("\uff21\uff22-\uff11", "AB-1"),
    ("\u212b", "\u00e5"),
    ("\ufb01n", "fin"),
    ("\u1112\u1161\u11ab", "한"),
    ("İ", "i\u0307"),
]
APART = [("A-1", "A1"), ("A-1", "A_1"), ("00123", "123"), ("A.B", "AB"), ("größe", "grosse")]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_rule_7_skus_that_differ_by_case_blanks_or_unicode_form_are_alike(
    one: str, other: str
) -> None:
    assert one != other
    assert normalized_sku(one) == normalized_sku(other)


@pytest.mark.parametrize(("one", "other"), APART)
def test_rule_7_skus_that_differ_by_a_mark_or_a_letter_are_not(one: str, other: str) -> None:
    assert normalized_sku(one) != normalized_sku(other)


@pytest.mark.parametrize(
    ("sku", "shown"),
    [
        ("RED SHIRT XL", "RED SHIRT XL"),
        ("C25-größe", "C25-größe"),
        ("靴-27cm", "靴-27cm"),
        ("नमस्ते", "नमस्ते"),
        ("C25-trail ", "C25-trail␣"),
        (" C25", "␣C25"),
        ("A  B", "A␣␣B"),
        (" ", "␣"),
        ("C25-gro\u0308ße", "C25-gro[U+0308]ße"),
        ("A\u00a0B", "A[U+00A0]B"),
        ("A\u200bB", "A[U+200B]B"),
        ("A\tB", "A[U+0009]B"),
        ("\uff21", "\uff21[U+FF21]"),
        ("\u1112\u1161\u11ab", "\u1112[U+1161][U+11AB]"),
    ],
)
def test_rule_7_what_cannot_be_seen_of_a_sku_is_shown(sku: str, shown: str) -> None:
    assert visible_sku(sku) == shown


@given(st.text(min_size=1, max_size=20))
def test_rule_7_a_sku_is_alike_to_its_own_forms(sku: str) -> None:
    key = normalized_sku(sku)
    assert key
    assert normalized_sku(key) == key
    assert normalized_sku(f" {sku}") in {key, f" {sku}"}


@given(st.text(max_size=12), st.text(max_size=12))
def test_rule_7_alike_skus_are_never_shown_alike_but_for_case_and_inner_blanks(
    one: str, other: str
) -> None:
    if visible_sku(one) == visible_sku(other):
        assert one == other or "[U+" in one + other or "␣" in one + other
