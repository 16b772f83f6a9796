"""A message as it is read, whoever read it: its bytes, its headers, and where it came from."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Protocol

from models.base import Value
from models.commands import Command


class TopicPartition(NamedTuple):
    """A partition of a topic that is read."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class CommandMessage:
    """A command and its key on Kafka."""

    key: str
    command: Command


@dataclass(frozen=True, slots=True)
class MessageRef:
    """The Kafka message something was decided for. `traceparent` is W3C's, if it had one."""

    topic: str
    partition: int
    offset: int
    traceparent: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class MessageContext:
    """For which message, and when, a decision is taken."""

    cause: MessageRef
    at: datetime


class DeadLetterCode(StrEnum):
    """Why a message was not taken. Stable for ever."""

    MALFORMED_JSON = "malformed-json"
    UNKNOWN_PAYLOAD = "unknown-payload"
    INVALID_ORDER = "invalid-order"
    INVALID_MESSAGE = "invalid-message"
    """As `invalid-order`, on every topic but that of orders."""
    UNKNOWN_STORE = "unknown-store"
    STORE_MISMATCH = "store-mismatch"
    TOO_LARGE = "too-large"
    ALREADY_STORED = "already-stored"
    """What it would store is there already, though nothing says that it was decided."""
    UNREADABLE = "unreadable"
    """Kafka's own format does not let the bytes through."""


class Rejection(Value):
    """One clear error: the code, the field, and what was expected. Never the input itself."""

    code: DeadLetterCode
    message: str


Header = tuple[str, bytes | None]
"""A header of a message; Kafka allows that it has no value."""


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
