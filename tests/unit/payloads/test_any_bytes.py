"""Whatever the bytes are: a reading, never an exception, and no word of the buyer's."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.payloads import MAX_BYTES, ParseResult, read_payload
from models.amazon_order import AmazonOrder
from models.messages import DeadLetterCode

from .support import AMAZONS, SAMPLES, as_bytes

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=10**18, max_value=10**40),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
    st.sampled_from(["", "true", "NaN", "9999-12-31T23:59:59-23:59", "1.5", "MFN", "Canceled"]),
)

NAMES = [
    "amazon_order_id",
    "items",
    "payload",
    "AmazonOrderId",
    "OrderItems",
    "Orders",
    "BuyerInfo",
    "order",
    "orders",
    "orderId",
    "orderItems",
    "createdTime",
    "product",
    "proceeds",
    "breakdowns",
    "NotificationType",
    "notificationType",
    "Payload",
    "OrderChangeNotification",
    "order_status",
    "orderStatus",
    "detail",
    "Message",
    "body",
    "Records",
]

JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=5), inner, max_size=6)
    ),
    max_leaves=30,
)

CODES = {
    DeadLetterCode.MALFORMED_JSON,
    DeadLetterCode.UNKNOWN_PAYLOAD,
    DeadLetterCode.INVALID_ORDER,
    DeadLetterCode.UNKNOWN_STORE,
    DeadLetterCode.TOO_LARGE,
}
MARKER = "Zaphod-Beeblebrox-Marker"

MESSAGES = [json.loads(path.read_bytes()) for path in [*SAMPLES, *AMAZONS]]

Place = tuple[dict[str, Any] | list[Any], str | int]


def places(value: Any) -> list[Place]:
    """Give every place of a JSON value at which a part of it is."""
    if isinstance(value, dict):
        keys: list[str | int] = list(value)
    elif isinstance(value, list):
        keys = list(range(len(value)))
    else:
        return []
    found: list[Place] = [(value, key) for key in keys]
    return found + [place for key in keys for place in places(value[key])]


def mark_people(value: Any) -> None:
    """Plant the marker in every text of a buyer or an address."""
    for parent, key in places(value):
        part: Any = parent[key]  # type: ignore[index]
        if isinstance(part, str) and ("name" in str(key).lower() or "line" in str(key).lower()):
            parent[key] = MARKER  # type: ignore[index]


def sound(reading: ParseResult) -> None:
    """Check what is true of every reading."""
    for order in reading.orders:
        assert type(order) is AmazonOrder
        assert AmazonOrder.model_validate(order.model_dump()) == order
    if reading.refusal is not None:
        assert reading.refusal.code in CODES
        assert reading.refusal.message
        assert reading.refusal.message.splitlines() == [reading.refusal.message]


def is_json(value: bytes, errors: str) -> bool:
    """Ask another reader."""
    try:
        json.loads(value.decode(errors=errors))
    except ValueError:
        return False
    return True


@given(st.binary())
def test_any_bytes_give_a_reading(value: bytes) -> None:
    reading = read_payload(value)

    sound(reading)
    assert reading == read_payload(value)


@given(JSON)
def test_any_json_gives_a_reading(value: object) -> None:
    reading = read_payload(as_bytes(value))

    sound(reading)
    assert reading == read_payload(as_bytes(value))


def wrapped(message: Any, names: list[str]) -> Any:
    """Put a message into envelopes, those of AWS and JSON as text."""
    for name in names:
        match name:
            case "Records":
                message = {name: [message, message]}
            case "detail":
                message = {name: message}
            case "text":
                message = json.dumps(message)
            case _:
                message = {name: json.dumps(message)}
    return message


@given(
    st.sampled_from(MESSAGES),
    st.lists(st.sampled_from(["detail", "Message", "body", "text", "Records"]), max_size=9),
    st.sampled_from([b"", b"\xef\xbb\xbf"]),
)
def test_a_payload_in_any_envelopes_gives_a_reading(
    message: Any, names: list[str], mark: bytes
) -> None:
    value = mark + as_bytes(wrapped(message, names))
    reading = read_payload(value)

    sound(reading)
    if sum(name != "text" for name in names) <= 6 and len(value) <= MAX_BYTES:
        alone = read_payload(as_bytes(message))
        assert reading.orders == alone.orders * 2 ** names.count("Records")
        assert (reading.refusal is None) == (alone.refusal is None)


@given(st.sampled_from([as_bytes(message) for message in MESSAGES]), st.data())
def test_a_payload_with_broken_bytes_is_malformed_where_it_is_no_json_any_more(
    value: bytes, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(value) - 1))
    broken = value[:at] + data.draw(st.binary(max_size=3)) + value[at + 1 :]

    reading = read_payload(broken)

    sound(reading)
    code = reading.refusal and reading.refusal.code
    is_read = code is not DeadLetterCode.MALFORMED_JSON
    # Half a letter alone may be read all the same.
    assert is_json(broken, "strict") <= is_read <= is_json(broken, "replace")
    assert is_read or not reading.orders


@settings(max_examples=500)
@given(st.sampled_from([as_bytes(message) for message in MESSAGES]), st.data())
def test_a_payload_with_changed_parts_gives_a_reading_that_shows_no_buyer(
    value: bytes, data: st.DataObject
) -> None:
    message = json.loads(value)
    mark_people(message)
    for _ in range(data.draw(st.integers(1, 3))):
        where = places(message)
        if not where:
            break
        parent, key = data.draw(st.sampled_from(where))
        if data.draw(st.booleans()):
            del parent[key]  # type: ignore[arg-type]
        else:
            parent[key] = data.draw(JSON | st.just(MARKER) | st.just([MARKER]))  # type: ignore[index]

    reading = read_payload(as_bytes(message))

    sound(reading)
    if reading.refusal is not None:
        assert MARKER not in reading.refusal.message
    assert reading == read_payload(as_bytes(message))


@pytest.mark.parametrize("message", MESSAGES)
def test_no_refusal_shows_the_buyer_whichever_field_holds_the_name(message: Any) -> None:
    refusals = 0
    for at in range(len(places(message))):
        copy = json.loads(as_bytes(message))
        parent, key = places(copy)[at]
        for wrong in (MARKER, [MARKER], {MARKER: MARKER}):
            parent[key] = wrong  # type: ignore[index]
            reading = read_payload(as_bytes(copy))
            sound(reading)
            if reading.refusal is not None:
                refusals += 1
                assert MARKER not in reading.refusal.message
                assert reading.refusal.code is not DeadLetterCode.MALFORMED_JSON
    assert refusals
