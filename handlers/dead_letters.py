"""Dead letters: what of a refused message is kept, bounded as it is stored and as it is sent."""

from collections.abc import Iterable
from datetime import datetime

from models.dead_letters import DeadLetter
from models.messages import Header, Incoming, Rejection
from models.topics import MAX_MESSAGE_BYTES

MAX_VALUE_BYTES = MAX_MESSAGE_BYTES
MAX_KEY_BYTES = MAX_MESSAGE_BYTES // 4
MAX_HEADERS_BYTES = MAX_MESSAGE_BYTES // 4
MAX_HEADERS = 1000
"""The most of a message that is kept; together well below what a document and a topic take."""

_HEADER_BYTES = 48
"""What a header takes beside its name and value: in BSON two documents' frames, its place in two
arrays, two types and two lengths; on Kafka less."""
_MAX_WORDS = 2000


def to_dead_letter(
    topic: str,
    message: Incoming,
    refusal: Rejection,
    at: datetime,
    *,
    details_of: str | None = None,
) -> DeadLetter:
    """Return the dead letter of a message, with its bytes as far as they are kept.

    What is left out is only where the message came from, and the dead letter says so.
    """
    key, value = _cut(message.key, MAX_KEY_BYTES), _cut(message.value, MAX_VALUE_BYTES)
    headers = tuple(_kept(message.headers))
    cut = {
        "key": _left_out(message.key, key),
        "value": _left_out(message.value, value),
        "headers": _count_left_out(len(message.headers), len(headers)),
    }
    parts = tuple(part for part, words in cut.items() if words)
    words = refusal.message[:_MAX_WORDS]
    if parts:
        told = ", ".join(f"{part}: {words}" for part, words in cut.items() if words)
        words = f"{words}; not all of it is kept ({told})"
    return DeadLetter(
        topic=topic,
        partition=message.partition,
        offset=message.offset,
        code=refusal.code,
        message=words,
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


def _left_out(came: bytes | None, kept: bytes | None) -> str:
    if came is kept or came is None or kept is None:
        return ""
    return f"{len(kept)} of {len(came)} bytes"


def _count_left_out(came: int, kept: int) -> str:
    return "" if came == kept else f"{kept} of {came}"


def _kept(headers: Iterable[Header]) -> Iterable[Header]:
    """Yield the headers that there is room for, in their order."""
    room, count = MAX_HEADERS_BYTES, 0
    for name, value in headers:
        # A name that is no text is kept as far as it can be written.
        storable = name.encode(errors="backslashreplace").decode()
        size = _HEADER_BYTES + len(storable.encode()) + len(value or b"")
        if size > room:
            continue
        if count == MAX_HEADERS:
            return
        room, count = room - size, count + 1
        yield storable, value
