"""Messages in, and what goes out: key, value and headers on Kafka."""

import re
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from models.commands import COMMAND
from models.events import Event
from models.ledger import CommandMessage, DeadLetter, Header, Outgoing
from models.records import MessageRef
from models.refusals import Rejection
from streams.topics import TopicName

CE_SOURCE = b"/order-import"
_JSON: Header = ("content-type", b"application/json")
_TRACEPARENT = re.compile("[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
Headers = Sequence[Header]


class Incoming(Protocol):
    """A message as aiokafka reads it."""

    @property
    def partition(self) -> int:
        """Which partition of its topic."""
        ...

    @property
    def offset(self) -> int:
        """Where in its partition."""
        ...

    @property
    def key(self) -> bytes | None:
        """The key's bytes."""
        ...

    @property
    def value(self) -> bytes | None:
        """The value's bytes, None for a tombstone."""
        ...

    @property
    def headers(self) -> Headers:
        """The headers, a name may come twice."""
        ...

    @property
    def size(self) -> int:
        """About how many bytes it takes in memory."""
        ...

    @property
    def refusal(self) -> Rejection | None:
        """Why Kafka's format does not let it through; None for a message that is one."""
        ...

    @property
    def last_offset(self) -> int:
        """The last offset that a refused one stands for; else its own."""
        ...


class Outbound(NamedTuple):
    """A message as it is produced. The topic has no prefix yet."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: list[Header]


def header(message: Incoming, name: str) -> str | None:
    """Give the last header of a name, as text; None where it is missing or no text."""
    for known, value in reversed(message.headers):
        if known == name:
            try:
                return None if value is None else value.decode()
            except UnicodeDecodeError:
                return None
    return None


def cause_of(topic: str, message: Incoming) -> MessageRef:
    """Give where a message came from, and its trace."""
    trace = header(message, "traceparent") if message.headers else None
    if trace is not None and not _TRACEPARENT.fullmatch(trace):
        trace = None
    return MessageRef(topic, message.partition, message.offset, trace)


def encode(outgoing: Outgoing) -> Outbound:
    """Give what is produced: events as CloudEvents 1.0 in binary mode, the rest as it is read."""
    match outgoing:
        case Event():
            return Outbound(
                outgoing.topic, outgoing.key.encode(), outgoing.body, _event_headers(outgoing)
            )
        case CommandMessage(key, command):
            return Outbound(TopicName.COMMANDS, key.encode(), COMMAND.dump_json(command), [_JSON])
        case DeadLetter():
            return Outbound(
                TopicName.DEAD_LETTER,
                outgoing.key,
                # Kafka's client takes no message of neither key nor value.
                b"" if outgoing.key is None and outgoing.value is None else outgoing.value,
                [*outgoing.headers, *_error_headers(outgoing)],
            )


def _event_headers(event: Event) -> list[Header]:
    trace = event.cause.traceparent
    return [
        ("ce_specversion", b"1.0"),
        ("ce_id", event.event_id.encode()),
        ("ce_type", event.event_type.encode()),
        ("ce_source", CE_SOURCE),
        ("ce_subject", event.key.encode()),
        ("ce_time", event.occurred_at.isoformat(timespec="milliseconds").encode()),
        _JSON,
        *([] if trace is None else [("traceparent", trace.encode())]),
    ]


def _error_headers(letter: DeadLetter) -> list[Header]:
    """Give Kafka Connect's names for where a message came from and why it was not taken."""
    prefix = "__connect.errors."
    last = letter.last_offset
    return [
        *([] if last is None else [("last-offset", str(last).encode())]),
        (f"{prefix}topic", letter.topic.encode()),
        (f"{prefix}partition", str(letter.partition).encode()),
        (f"{prefix}offset", str(letter.offset).encode()),
        (f"{prefix}exception.class.name", b"Refusal"),
        (f"{prefix}exception.message", letter.message.encode()),
        ("error-code", letter.code.value.encode()),
    ]
