"""Dead letters: the parts of a refused message that are kept, within the limits of both stores."""

from collections.abc import Iterable
from datetime import datetime

from models.dead_letters import DeadLetter
from models.messages import Header, Incoming, Rejection
from models.topics import MAX_MESSAGE_BYTES

MAX_VALUE_BYTES = MAX_MESSAGE_BYTES
MAX_KEY_BYTES = MAX_MESSAGE_BYTES // 4
MAX_HEADERS_BYTES = MAX_MESSAGE_BYTES // 4
MAX_HEADERS = 1000
"""The most of a message that is kept: together well below the limits of a document and a topic."""

_HEADER_BYTES = 48
"""The overhead of a header, beside its name and value: in BSON two document frames, two array
indexes, two types and two lengths; on Kafka less."""
_MAX_TEXT = 2000


def to_dead_letter(
    topic: str,
    message: Incoming,
    refusal: Rejection,
    at: datetime,
    *,
    details_of: str | None = None,
) -> DeadLetter:
    """Return the dead letter of a message, with its bytes up to the limits.

    Bytes beyond the limits are only in the source topic, and the dead letter says so.
    """
    key, value = _cut(message.key, MAX_KEY_BYTES), _cut(message.value, MAX_VALUE_BYTES)
    headers = tuple(_kept(message.headers))
    cut = {
        "key": _left_out(message.key, key),
        "value": _left_out(message.value, value),
        "headers": _count_left_out(len(message.headers), len(headers)),
    }
    parts = tuple(part for part, note in cut.items() if note)
    text = refusal.message[:_MAX_TEXT]
    if parts:
        notes = ", ".join(f"{part}: {cut[part]}" for part in parts)
        text = f"{text}; not all of it is kept ({notes})"
    return DeadLetter(
        topic=topic,
        partition=message.partition,
        offset=message.offset,
        code=refusal.code,
        message=text,
        key=key,
        value=value,
        headers=headers,
        at=at,
        details_of=details_of,
        cut=parts,
        last_offset=message.last_offset if message.last_offset > message.offset else None,
    )


def _cut(raw: bytes | None, most: int) -> bytes | None:
    return raw if raw is None or len(raw) <= most else raw[:most]


def _left_out(received: bytes | None, kept: bytes | None) -> str:
    if received is kept or received is None or kept is None:
        return ""
    return f"{len(kept)} of {len(received)} bytes"


def _count_left_out(received: int, kept: int) -> str:
    return "" if received == kept else f"{kept} of {received}"


def _kept(headers: Iterable[Header]) -> Iterable[Header]:
    room, count = MAX_HEADERS_BYTES, 0
    for name, value in headers:
        # Escape what UTF-8 cannot encode in a name.
        storable = name.encode(errors="backslashreplace").decode()
        size = _HEADER_BYTES + len(storable.encode()) + len(value or b"")
        if size > room:
            continue
        if count == MAX_HEADERS:
            return
        room, count = room - size, count + 1
        yield storable, value
