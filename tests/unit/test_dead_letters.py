"""Dead letters: what is shown of them and what never is, and with which headers they go again."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from models.dead_letters import DeadLetter, Redrive, StoredDeadLetter, count_redrives
from models.labels import DEAD_LETTER_CAUSES, DEAD_LETTER_REMEDIES
from models.messages import DeadLetterCode
from order_import.cli.dead_letters import show_dead_letter
from order_import.operations.dead_letters import PREVIEW, view_of
from order_import.operations.masking import _BY_FIELD, _HEADERS, MASK, masked, masked_text
from order_import.operations.redrive import headers_again
from tests.builders import NOW, a_dead_letter

SAMPLES = Path(__file__).parents[1] / "samples"
EXAMPLES = Path(__file__).parents[2] / "examples"


def dead_letter(value: bytes | None, **fields: Any) -> StoredDeadLetter:
    return StoredDeadLetter(a_dead_letter(value=value, **fields), ())


def personal(value: Any, within: str = "") -> set[str]:
    """Give every text below a field that is a buyer's by its name, however it is spelled."""
    found: set[str] = set()
    if isinstance(value, dict):
        for name, part in value.items():
            plain = name.lower().replace("_", "")
            words = (
                "buyer",
                "address",
                "shipto",
                "recipient",
                "phone",
                "email",
                "postal",
                "taxinfo",
            )
            hit = any(word in plain for word in words) and "requestedcancel" not in plain
            found |= personal(part, within or (plain if hit else ""))
    elif isinstance(value, list):
        for part in value:
            found |= personal(part, within)
    elif within and isinstance(value, str) and len(value) > 2:
        found.add(value)
    return found


@pytest.mark.parametrize(
    "file",
    [*sorted(SAMPLES.glob("*.json")), *sorted(EXAMPLES.glob("order*.json"))],
    ids=lambda f: f.name,
)
def test_no_accepted_form_shows_its_buyer(file: Path) -> None:
    value = json.loads(file.read_bytes())
    hidden = personal(value)
    view = view_of(dead_letter(file.read_bytes()))
    shown = json.dumps(view.value, ensure_ascii=False)
    assert view.is_json
    assert not [text for text in hidden if f'"{text}"' in shown]
    # Cut in the middle it is no JSON any more, and still nobody's.
    cut = view_of(dead_letter(file.read_bytes()[:-3]))
    assert not cut.is_json
    assert not [text for text in hidden if any(map(str.isalnum, text)) and text in cut.value]


def test_the_samples_have_buyers_to_hide() -> None:
    found = {file.name: personal(json.loads(file.read_bytes())) for file in SAMPLES.glob("*.json")}
    assert sum(bool(hidden) for hidden in found.values()) >= 4


def test_what_helps_to_mend_it_is_shown() -> None:
    told = {
        "amazon_order_id": "902-1",
        "purchase_date": "yesterday",
        "total": {"amount": "NaN", "currency": "USD"},
        "items": [{"seller_sku": "MUG", "quantity": -1, "note": "for Jane", "gift": True}],
        "buyer_requested_cancel": True,
        "ship_to": {"lines": ["1 Marker Street"], "country": "US", "sku": "x"},
        "Jane Marker": "Jane",
        "phones": [555, {"quantity": 3}],
    }
    assert masked(told) == {
        "amazon_order_id": "902-1",
        "purchase_date": "yesterday",
        "total": {"amount": "NaN", "currency": "USD"},
        "items": [{"seller_sku": "MUG", "quantity": -1, "note": MASK, "gift": True}],
        "buyer_requested_cancel": True,
        "ship_to": {"lines": [MASK], "country": MASK, "sku": MASK},
        MASK: MASK,
        "phones": [MASK, {"quantity": MASK}],
    }
    tax = {"tax": {"amount": "1.x"}, "TaxInfo": {"amount": "1"}, "vat": {"taxIds": [{"sku": "1"}]}}
    assert masked(tax) == {
        "tax": {"amount": "1.x"},
        "TaxInfo": {"amount": MASK},
        "vat": {"taxIds": [{"sku": MASK}]},
    }
    assert masked("Jane") == MASK
    assert masked(["Jane", 5]) == [MASK, MASK]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(_JSON)
def test_below_a_buyer_nothing_is_left_but_names(value: Any) -> None:
    def leaves(node: Any) -> list[Any]:
        match node:
            case dict():
                return [leaf for part in node.values() for leaf in leaves(part)]
            case list():
                return [leaf for part in node for leaf in leaves(part)]
            case _:
                return [node]

    hidden = masked({"BuyerInfo": {"deep": [value]}})
    assert all(leaf is None or isinstance(leaf, bool) or leaf == MASK for leaf in leaves(hidden))


@given(st.binary(max_size=300))
def test_any_bytes_can_be_shown(raw: bytes) -> None:
    view = view_of(dead_letter(raw))
    assert view.size == len(raw)
    assert view.raw is None
    json.dumps(view.value, ensure_ascii=False).encode()
    whole = view_of(dead_letter(raw), unmask=True)
    assert base64.b64decode(whole.raw or "") == raw


def test_bytes_that_are_no_text_are_escaped_and_their_text_is_crossed_out() -> None:
    raw = b'\xff\xfe{"buyer": {"name": "Jane"}, "n": 12'
    view = view_of(dead_letter(raw))
    assert view.value == r'\xff\xfe{"buyer": {"name": "xxxx"}, "n": xx'
    assert (
        view_of(dead_letter(raw), unmask=True).value
        == r'\xff\xfe{"buyer": {"name": "Jane"}, "n": 12'
    )
    assert masked_text('Zoë "a b": 5') == 'xxx "x x": x'


def test_a_long_text_is_cut() -> None:
    view = view_of(dead_letter(b"\xc3\xa4" * PREVIEW))
    assert view.is_cut
    assert len(view.value) <= PREVIEW


def test_json_nested_beyond_reason_is_shown_as_text() -> None:
    view = view_of(dead_letter(b'{"a":' * 50_000 + b"1"))
    assert not view.is_json
    assert view.is_cut
    assert not view_of(dead_letter(b"[" * 50_000 + b"]" * 50_000)).is_json


def test_a_notification_that_is_encoded_twice_is_masked_inside() -> None:
    raw = json.dumps(json.dumps({"NotificationType": "ORDER_CHANGE", "BuyerName": "Jane"}))
    assert view_of(dead_letter(raw.encode())).value == {
        "NotificationType": "ORDER_CHANGE",
        "BuyerName": MASK,
    }


def test_what_envelopes_hold_is_masked_inside() -> None:
    change = {"NotificationType": "ORDER_CHANGE", "BuyerName": "Jane", "Title": r"hat \ud83c"}
    text = json.dumps(change).replace(r"\\ud83c", r"\ud83c")
    inside = {
        "NotificationType": "ORDER_CHANGE",
        "BuyerName": MASK,
        "Title": MASK,
    }
    for value, shown in (
        ({"Message": text}, {"Message": inside}),
        ({"body": json.dumps({"Message": text})}, {"body": {"Message": inside}}),
        ({"body": "{Jane"}, {"body": MASK}),
        ({"buyer": text}, {"buyer": MASK}),
    ):
        view = view_of(dead_letter(b"\xef\xbb\xbf" + json.dumps(value).encode()))
        assert (view.is_json, view.value) == (True, shown)


def test_keys_and_headers_are_shown_where_they_are_of_an_expected_form() -> None:
    headers = (
        ("store-id", b"us"),
        ("ce_time", b"2026-11-23T09:30:00.000+00:00"),
        ("content-type", b"application/json; charset=utf-8"),
        ("x-customer", b"jane"),
        ("store-id", b"\xff"),
    )
    view = view_of(dead_letter(b"{}", key=b"902-1111111-0000001", headers=headers))
    assert view.key == "902-1111111-0000001"
    assert [value for _, value in view.headers] == [
        "us",
        "2026-11-23T09:30:00.000+00:00",
        "application/json; charset=utf-8",
        MASK,
        MASK,
    ]
    assert view_of(dead_letter(b"{}", key=b"jane@marker.example")).key == MASK
    assert view_of(dead_letter(b"{}", key=b"\xff"), unmask=True).key == r"\xff"
    assert view_of(dead_letter(None, key=None)).key is None
    assert view_of(dead_letter(None)).value is None


def kept(*counts: int, headers: tuple[tuple[str, bytes], ...] = ()) -> StoredDeadLetter:
    return StoredDeadLetter(
        a_dead_letter(headers=headers), tuple(Redrive(NOW, count, "t:0:1") for count in counts)
    )


@pytest.mark.parametrize(
    ("dead_letter", "chain"),
    [
        (kept(), 0),
        (kept(1, 2), 2),
        (kept(headers=(("redrive-count", b"2"),)), 2),
        (kept(3, headers=(("redrive-count", b"2"),)), 3),
        (kept(headers=(("redrive-count", b"2"), ("redrive-count", b"1"))), 1),
        (kept(headers=(("redrive-count", b"many"),)), 0),
        (kept(headers=(("redrive-count", b"-1"),)), 0),
        (kept(headers=(("redrive-count", b"9" * 500),)), 0),
        (kept(headers=(("redrive-count", b"\xff"),)), 0),
    ],
)
def test_the_chain_counts_this_one_and_those_before_it(
    dead_letter: StoredDeadLetter, chain: int
) -> None:
    assert (
        dead_letter.chain
        == chain
        == count_redrives(dead_letter.dead_letter.headers, dead_letter.redriven)
    )


def test_headers_go_as_they_came_with_one_count() -> None:
    came: DeadLetter = a_dead_letter(
        headers=(
            ("store-id", b"us"),
            ("redrive-count", b"1"),
            ("store-id", b"\xff"),
            ("redriven-from", b"amazon.orders:0:1"),
        )
    )
    assert headers_again(came, 2) == [
        ("store-id", b"us"),
        ("store-id", b"\xff"),
        ("redrive-count", b"2"),
        ("redriven-from", came.dead_letter_id.encode()),
    ]


@pytest.mark.parametrize("code", DeadLetterCode)
def test_every_code_has_its_cause_and_its_remedy(code: DeadLetterCode) -> None:
    shown = io.StringIO()
    show_dead_letter(
        Console(file=shown, width=300, markup=False), view_of(dead_letter(b"{", code=code))
    )
    assert f"{DEAD_LETTER_CAUSES[code]}. {DEAD_LETTER_REMEDIES[code]}" in shown.getvalue()


NAMES = ("Erika Mustermann", "Erika", "MÜLLER", "Mustermann, E.", "Анна", "O'Neill", "李小龍")
MAILS = ("erika@example.org", "erika.mustermann+x@example.org")
PHONES = ("+49 30 1234567", "0301234567", "030 123 45 67", "(030) 1234567", "004915112345678")
STREETS = ("Musterstraße 5", "Hauptstr. 12 a", "12 Main St", "PO Box 77", "10115 Berlin")
BUYERS = (*NAMES, *MAILS, *PHONES, *STREETS, 301234567, 4915112345678, 4915112345678.0)


@pytest.mark.parametrize("field", sorted(_BY_FIELD))
def test_no_well_known_field_shows_what_may_be_a_buyers(field: str) -> None:
    """A name in `quantity` and an e-mail in `purchase_date` were shown, to viewers too."""
    assert [told for told in BUYERS if masked({field: told}) != {field: MASK}] == []
    assert masked({field: [{"x": "Erika"}, "Erika"]}) == {field: [{"x": MASK}, MASK]}


@pytest.mark.parametrize("header", [*_HEADERS, "x-note", "tracestate", "Erika Mustermann"])
def test_no_key_and_no_header_shows_what_may_be_a_buyers(header: str) -> None:
    for told in map(str, BUYERS):
        view = view_of(dead_letter(b"{}", key=told.encode(), headers=((header, told.encode()),)))
        name = MASK if " " in header else header
        assert (view.key, *view.headers[0]) == (MASK, name, MASK), told


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("store_id", ("us", "harbor-us", "nordlicht-de", "DE", "store-1")),
        ("AmazonOrderId", ("304-1234567-1234567", "S01-1234567-1234567", "902-1", "")),
        ("SellerSKU", ("TENT-MOSS-S", "MUG", "lamp-2", "A/B", "B0CXYZ1234")),
        ("orderItemId", ("12345678901234", "item-1", 12345678901234)),
        ("ASIN", ("B0CXYZ1234",)),
        ("marketplaceId", ("ATVPDKIKX0DER", "A1PA6795UKMFR9")),
        ("salesChannel", ("Amazon.de", "Amazon.co.uk", "Non-Amazon", "AMAZON")),
        ("orderStatus", ("Unshipped", "PARTIALLY_SHIPPED", "Cancelled", "canceled")),
        ("PurchaseDate", ("2026-11-22T12:00:00Z", "2026-11-22", "2026-13-99", "yesterday")),
        ("quantity", (3, -1, 0.5, "3", "1.5", "NaN")),
        ("Amount", ("1064.90", "1.x", "-3", "1234567.89", 19.99, "1,5")),
        ("CurrencyCode", ("EUR",)),
        ("enabled", ("true", "no")),
        ("notificationType", ("ORDER_CHANGE", "ORDER_STATUS_CHANGE")),
        ("notificationId", ("3f2a9f1e-6f0b-4d53-9d0e-0c8f3a1f7d11",)),
        ("fact", ("product:SKU-1", "listing:us/SKU-1")),
    ],
)
def test_what_has_the_form_of_its_field_is_shown(field: str, values: tuple[Any, ...]) -> None:
    assert [masked({field: value}) for value in values] == [{field: value} for value in values]
