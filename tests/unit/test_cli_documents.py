"""What `send` makes of files: documents byte for byte, keys by the contract, errors by the line."""

import json
from pathlib import Path

import pytest

from handlers.payloads.json_text import parse_json
from models import keys
from order_import.cli.context import CommandRefused
from order_import.cli.send import Document, Kind, cut_documents, make_key, order_id_in, read_source

SAMPLES = Path(__file__).parents[1] / "samples"


def cut(text: str) -> list[Document]:
    return list(cut_documents("f.json", text.encode()))


def test_one_document_keeps_every_byte() -> None:
    data = b'{ "price": 10.10,\n  "name": "M\\u00fcsli" }\n'
    assert [document.raw for document in cut_documents("f", data)] == [data]


def test_json_lines_are_one_message_each() -> None:
    found = cut('{"a": 1.0}\n\n {"b": 2}\r\n')
    assert [(one.where, one.raw) for one in found] == [
        ("f.json:1", b'{"a": 1.0}'),
        ("f.json:3", b'{"b": 2}'),
    ]


def test_elements_of_an_array_keep_their_bytes() -> None:
    found = cut('[\n {"a": 1.10, "b": [1, "]"]} ,\n {"c":"x"}\n]\n')
    assert [(one.where, one.raw) for one in found] == [
        ("f.json:2", b'{"a": 1.10, "b": [1, "]"]}'),
        ("f.json:3", b'{"c":"x"}'),
    ]


MARK = b"\xef\xbb\xbf"


@pytest.mark.parametrize(
    ("data", "documents"),
    [
        (MARK + b'{"a": 1}\n', [MARK + b'{"a": 1}\n']),
        (MARK + b'[{"a": 1}, {"b": 2}]', [b'{"a": 1}', b'{"b": 2}']),
        (MARK + b'{"a": 1}\n{"b": 2}\n', [b'{"a": 1}', b'{"b": 2}']),
        (MARK + b'{"a": 1}\r\n' + MARK + b'{"b": 2}\r\n', [b'{"a": 1}', b'{"b": 2}']),
    ],
)
def test_a_byte_order_mark_stops_nothing(data: bytes, documents: list[bytes]) -> None:
    found = list(cut_documents("f", data))
    assert [one.raw for one in found] == documents
    assert [one.body for one in found] == [parse_json(raw) for raw in documents]


def test_half_a_letter_stops_nothing() -> None:
    escaped = rb'{"title": "hat \ud83c"}'
    cut = b'{"title": "hat \xf0\x9f\x8e"}'
    assert [one.raw for one in cut_documents("f", escaped + b"\n" + escaped)] == [escaped] * 2
    assert [one.raw for one in cut_documents("f", cut)] == [cut]
    assert [one.raw.decode() for one in cut_documents("f", b"[" + cut + b"]")] == [
        '{"title": "hat \N{REPLACEMENT CHARACTER}"}'
    ]
    with pytest.raises(CommandRefused, match=r"^f:2: expected UTF-8"):
        list(cut_documents("f", cut + b'\n{"title": "Zo\xeb"}'))


def test_an_empty_array_is_no_message() -> None:
    assert cut("[ ]") == []


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1),
        ('{\n "a": 1,\n "b": }\n', 3),
        ('{"a": 1}\n{"b": 2}\n{"c"\n', 3),
        ('[{"a": 1},\n {"b" 2}]', 2),
    ],
)
def test_what_is_not_json_is_named_by_file_and_line(text: str, line: int) -> None:
    with pytest.raises(CommandRefused, match=rf"^f\.json:{line}: expected JSON"):
        cut(text)


def test_what_is_not_utf8_is_named_by_file_and_line() -> None:
    with pytest.raises(CommandRefused, match=r"^f:2: expected UTF-8"):
        list(cut_documents("f", b'{"a":\n"\xff"}'))


def test_a_missing_file_is_named() -> None:
    with pytest.raises(CommandRefused, match=r"nowhere\.json: cannot be read: No such file"):
        read_source("nowhere.json")


@pytest.mark.parametrize(
    "sample",
    [
        "2026_order",
        "document",
        "order_change",
        "order_status_change",
        "v0_order",
        "v0_order_address",
        "v0_order_buyer_info",
        "v0_order_items",
        "v0_order_items_buyer_info",
    ],
)
def test_the_order_id_is_found_in_every_format(sample: str) -> None:
    text = (SAMPLES / f"{sample}.json").read_text()
    body = json.loads(text)
    found = order_id_in(body)
    assert found is not None
    assert f'"{found}"' in text
    assert order_id_in(json.dumps(body)) == found  # a queue encodes it once more


def test_the_order_id_is_found_in_the_envelopes_of_aws() -> None:
    body = json.loads((SAMPLES / "order_change.json").read_text())
    found = order_id_in(body)
    for envelope in (
        {"detail": body},
        {"Message": json.dumps(body)},
        {"body": json.dumps({"Message": json.dumps({"detail": body})})},
    ):
        assert order_id_in(envelope) == found
    assert order_id_in({"Message": "{"}) is None


@pytest.mark.parametrize("sample", ["v0_orders_page", "2026_orders_page"])
def test_a_page_of_orders_has_no_key(sample: str) -> None:
    assert order_id_in(json.loads((SAMPLES / f"{sample}.json").read_text())) is None


def test_facts_have_the_keys_of_the_contract() -> None:
    def key(kind: Kind, **body: str) -> str | None:
        return make_key(kind, Document("f:1", b"", body))

    assert key(Kind.PRODUCTS, sku="S/1") == "S/1"
    assert key(Kind.STORES, store_id="de") == "de"
    assert key(Kind.LISTINGS, store_id="de", seller_sku="A") == "de/A"
    assert key(Kind.ORDER_UPDATES, commerce_order_id="c1") == "c1"
    assert key(Kind.ORDER_UPDATES, store_id="de", amazon_order_id="1") == keys.commerce_order_id(
        "de/1"
    )


def test_a_fact_without_its_key_is_refused_by_name() -> None:
    with pytest.raises(CommandRefused, match=r"^f:7: sku: expected a string$"):
        make_key(Kind.PRODUCTS, Document("f:7", b"", {"name": "x"}))
