"""A dead letter is bounded as it is stored and as it is sent, whatever was refused (rule 28)."""

import bson
import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from hypothesis import given
from hypothesis import strategies as st

from handlers.dead_letters import (
    MAX_HEADERS,
    MAX_HEADERS_BYTES,
    MAX_KEY_BYTES,
    MAX_VALUE_BYTES,
    to_dead_letter,
)
from models.checkpoint import Checkpoint
from models.dead_letters import COUNT_HEADER, DeadLetterLine
from models.messages import DeadLetterCode, Header, Rejection, TopicPartition
from models.topics import MAX_PUBLISHED_BYTES
from order_import.operations.redrive import _find_refusal as why_not_redriven
from order_import.settings import Settings
from storage.documents.checkpoint import (
    checkpoint_id,
    dead_letter_from_document,
    dead_letter_to_document,
    reference_to_document,
)
from streams.messages import encode
from tests.builders import NOW, SOURCE, Message, a_dead_letter

MIB = 1024 * 1024
TOPIC = "amazon.orders"
REFUSAL = Rejection(code=DeadLetterCode.TOO_LARGE, message="expected less")

MESSAGES = {
    "690,000 headers of nothing": Message(0, b"x", b"k", (("", None),) * 690_000),
    "100,000 headers with a name": Message(0, b"x", b"k", (("name", None),) * 100_000),
    "a header name of 2 MiB": Message(0, b"x", b"k", (("n" * 2 * MIB, b"v"), ("store-id", b"us"))),
    "a header of 2 MiB": Message(0, b"x", b"k", (("n", b"v" * 2 * MIB), ("store-id", b"us"))),
    "names of four bytes a letter": Message(
        0, b"x", b"k", (("\N{GRINNING FACE}" * 1000, b""),) * 500
    ),
    "names that are no text": Message(0, b"x", b"k", (("\udcff" * 100_000, b"\xff"),) * 5),
    "a key of 2 MiB": Message(0, b"x", b"k" * 2 * MIB),
    "a key that is no text": Message(0, b"x", b"\xff" * MIB),
    "a value of 20 MiB": Message(0, b"v" * 20 * MIB, b"k"),
    "all at once": Message(
        0, b"v" * 20 * MIB, b"k" * 20 * MIB, (("h" * 500, b"w" * 500),) * 50_000
    ),
    "nothing": Message(0, None),
}


def on_the_wire(key: bytes | None, value: bytes | None, headers: list[Header]) -> int:
    return int(DefaultRecordBatchBuilder.size_of(key, value, headers))


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES.keys())
def test_rule_28_what_is_kept_of_a_message_can_be_stored_and_sent(message: Message) -> None:
    dead_letter = to_dead_letter(TOPIC, message, REFUSAL, NOW)
    document = dead_letter_to_document(dead_letter)
    stored = bson.encode(document)
    assert len(stored) < MAX_PUBLISHED_BYTES
    assert dead_letter_from_document(bson.decode(stored, _AWARE)) == dead_letter
    out = encode(dead_letter, SOURCE)
    assert on_the_wire(out.key, out.value, out.headers) < MAX_PUBLISHED_BYTES
    assert all(name.encode() is not None for name, _ in out.headers)


@pytest.mark.parametrize(
    ("message", "cut", "words"),
    [
        (MESSAGES["690,000 headers of nothing"], ("headers",), f"headers: {MAX_HEADERS} of 690000"),
        (MESSAGES["a header of 2 MiB"], ("headers",), "headers: 1 of 2"),
        (MESSAGES["a key of 2 MiB"], ("key",), f"key: {MAX_KEY_BYTES} of {2 * MIB} bytes"),
        (
            MESSAGES["a value of 20 MiB"],
            ("value",),
            f"value: {MAX_VALUE_BYTES} of {20 * MIB} bytes",
        ),
        (MESSAGES["all at once"], ("key", "value", "headers"), "headers: "),
    ],
)
def test_what_is_cut_says_so(message: Message, cut: tuple[str, ...], words: str) -> None:
    dead_letter = to_dead_letter(TOPIC, message, REFUSAL, NOW)
    assert dead_letter.cut == cut
    assert words in dead_letter.message
    assert dead_letter.message.startswith("expected less; not all of it is kept (")


def test_a_header_that_does_not_fit_costs_no_other() -> None:
    dead_letter = to_dead_letter(TOPIC, MESSAGES["a header name of 2 MiB"], REFUSAL, NOW)
    assert dead_letter.headers == (("store-id", b"us"),)


@given(
    st.lists(st.tuples(st.text(max_size=20), st.none() | st.binary(max_size=20)), max_size=20),
    st.none() | st.binary(max_size=200),
    st.none() | st.binary(max_size=200),
)
def test_a_message_of_a_usual_size_is_kept_as_it_came(
    headers: list[Header], key: bytes | None, value: bytes | None
) -> None:
    message = Message(7, value, key, tuple(headers))
    dead_letter = to_dead_letter(TOPIC, message, REFUSAL, NOW)
    assert (dead_letter.key, dead_letter.value, dead_letter.headers) == (key, value, tuple(headers))
    assert (dead_letter.cut, dead_letter.message) == ((), "expected less")


@given(st.lists(st.tuples(st.text(max_size=300), st.none() | st.binary(max_size=300))))
def test_a_header_is_counted_with_all_that_it_takes_in_a_document(headers: list[Header]) -> None:
    def size(of: list[Header]) -> int:
        kept = to_dead_letter(TOPIC, Message(0, None, None, tuple(of)), REFUSAL, NOW)
        return len(bson.encode(dead_letter_to_document(kept)))

    told = sum(48 + len(name.encode()) + len(value or b"") for name, value in headers)
    assert size(headers) - size([]) <= told <= MAX_HEADERS_BYTES


def test_a_refusal_is_not_longer_than_anybody_reads() -> None:
    told = Rejection(code=DeadLetterCode.INVALID_ORDER, message="field" * MIB)
    assert len(to_dead_letter(TOPIC, Message(0, b"{}"), told, NOW).message) <= 2000


def test_a_dead_letter_that_was_cut_is_not_driven_again() -> None:
    line = DeadLetterLine(
        dead_letter_id="amazon.orders:0:1",
        code=DeadLetterCode.TOO_LARGE,
        topic=TOPIC,
        at=NOW,
        size=5,
        message="",
        has_key=True,
        claimed=False,
        redriven=(),
        chain=0,
        cut=("key", "headers"),
    )
    told = why_not_redriven(line, {TOPIC: True}, force=True)
    assert told == "only a part of its key and headers is stored: send it again from its source"


def test_how_often_it_was_driven_again_is_stored_beside_its_headers() -> None:
    assert (
        dead_letter_to_document(a_dead_letter(headers=((COUNT_HEADER, b"2"),)))["redrive_count"]
        == 2
    )
    assert "redrive_count" not in dead_letter_to_document(a_dead_letter(headers=()))


def test_no_batch_of_dead_letters_outgrows_a_position() -> None:
    """A topic's name has at most 249 bytes; at most two batches wait to be published."""
    most = Settings.model_fields["batch_size"].metadata[1].le
    one = a_dead_letter(topic="t" * 249, partition=2**31 - 1, offset=2**63 - 1)
    checkpoint = Checkpoint(TopicPartition(one.topic, one.partition), 0, (one,) * 2 * most)
    document = {
        "_id": checkpoint_id(checkpoint.source),
        "outbox": [reference_to_document(outgoing) for outgoing in checkpoint.outbox],
    }
    assert len(bson.encode(document)) < 16 * MIB / 4


_AWARE: bson.CodecOptions[dict[str, object]] = bson.CodecOptions(tz_aware=True)
