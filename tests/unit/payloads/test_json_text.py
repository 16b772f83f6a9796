"""JSON from outside: a byte order mark, letters that were cut in half, and what is no JSON."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.payloads import read_payload
from handlers.payloads.json_text import parse_json
from models.messages import DeadLetterCode

from .support import AMAZONS, SAMPLES

CUT = "\N{REPLACEMENT CHARACTER}"
ALL = [*SAMPLES, *AMAZONS]


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_a_byte_order_mark_changes_nothing(path: pytest.FixtureRequest) -> None:
    value = path.read_bytes()  # type: ignore[attr-defined]

    assert read_payload(b"\xef\xbb\xbf" + value) == read_payload(value)


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (rb"hat \ud83c", f"hat {CUT}"),
        (rb"hat \uD83C!", f"hat {CUT}!"),
        (rb"\udf89 hat", f"{CUT} hat"),
        (rb"\ud83c\u0041", f"{CUT}A"),
        (rb"\ud83c\ud83c\udf89", f"{CUT}\N{PARTY POPPER}"),
        (rb"\ud83c\udf89\udf89", f"\N{PARTY POPPER}{CUT}"),
        (rb"\ud83c\ud83c", CUT * 2),
        (rb"C:\\ud83c \ud83c", rf"C:\ud83c {CUT}"),
        (rb"\\\ud83c", f"\\{CUT}"),
        (rb"\"\ud83c\"", f'"{CUT}"'),
        (b"hat \xed\xa0\xbc", f"hat {CUT}"),
        (b"hat \xf0\x9f\x8e", f"hat {CUT}"),
        (b"hat \xf0\x9f", f"hat {CUT}"),
        (b"\xe2\x82\xac and \xe2\x82", f"\N{EURO SIGN} and {CUT}"),
        (b"\xf0\x9f\x8e\x89 and \\u0000", "\N{PARTY POPPER} and \0"),
    ],
)
def test_half_a_letter_costs_a_text_that_letter(written: bytes, text: str) -> None:
    assert parse_json(b'{"k": "' + written + b'"}') == {"k": text}
    assert parse_json(b'{"' + written + b'": 1}') == {text: 1}


@given(st.text(st.characters(exclude_categories=[])))
def test_any_text_is_read_and_can_be_written_as_utf8(text: str) -> None:
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    (read,) = parse_json(json.dumps([text]))
    assert read == whole
    assert read.encode().decode() == whole


def v0_order(title: bytes) -> bytes:
    return (
        b'{"AmazonOrderId": "111-6200001-0000001", "OrderItems": ['
        b'{"OrderItemId": "1", "QuantityOrdered": 1, "Title": "' + title + b'"}]}'
    )


def test_half_an_emoji_costs_no_order_and_no_page() -> None:
    page = b'{"Orders": [' + v0_order(rb"Party hat \ud83c") + b", " + v0_order(b"Lamp") + b"]}"

    reading = read_payload(page)

    assert reading.refusal is None
    assert [order.items[0].title for order in reading.orders] == [f"Party hat {CUT}", "Lamp"]
    cut = b'{"Message": "{\\"Title\\": \\"hat \xf0\x9f\x8e\\"}"}'
    assert parse_json(cut) == {"Message": f'{{"Title": "hat {CUT}"}}'}
    twice = json.dumps(v0_order(rb"\ud83c").decode()).encode()
    assert read_payload(twice).orders[0].items[0].title == CUT


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ('{"a": 1}'.encode("utf-16"), "expected JSON in UTF-8, not UTF-16"),
        ('{"a": 1}'.encode("utf-16-le"), "expected JSON in UTF-8, not UTF-16"),
        ('{"a": 1}'.encode("utf-16-be"), "expected JSON in UTF-8, not UTF-16"),
        (b"\x1f\x8b\x08\0", "expected JSON in UTF-8, not gzip"),
        (b"\x28\xb5\x2f\xfd\x04", "expected JSON in UTF-8, not Zstandard"),
        (b"\n<Order/>", "expected JSON in UTF-8, not XML or HTML"),
        (
            b'\0\0\0\0\x07{"a": 1}',
            "expected JSON in UTF-8, not binary data, perhaps a schema registry's",
        ),
        (b"eyJhIjogMX0=", "expected JSON in UTF-8, not Base64"),
        (
            '{\n"name": "Zoë"}'.encode("latin-1"),
            "expected JSON in UTF-8, but line 2 is in another encoding",
        ),
        (
            '{"name": "Né\xa0à"}'.encode("latin-1"),
            "expected JSON in UTF-8, but line 1 is in another encoding",
        ),
        (b"", "expected JSON: EOF while parsing a value at line 1 column 0"),
        (b'{"a": NaN}', "expected JSON: expected value at line 1 column 7"),
        (b"[" * 300, "expected JSON: recursion limit exceeded at line 1 column 202"),
    ],
)
def test_what_is_no_json_is_malformed_and_told_what_it_seems_to_be(
    value: bytes, problem: str
) -> None:
    refusal = read_payload(value).refusal

    assert refusal is not None
    assert (refusal.code, refusal.message) == (DeadLetterCode.MALFORMED_JSON, problem)
