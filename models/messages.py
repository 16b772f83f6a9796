"""A Kafka message as it is read: its bytes, its headers, and where it came from."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from models.base import Value
from models.commands import Command


class TopicPartition(NamedTuple):
    """A partition of a topic that the worker reads."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class CommandMessage:
    """A command and its key on Kafka."""

    key: str
    command: Command


@dataclass(frozen=True, slots=True)
class MessageRef:
    """The Kafka message that caused a decision, with W3C's trace context if it has one."""

    topic: str
    partition: int
    offset: int
    traceparent: str | None = field(default=None, compare=False)
    tracestate: str | None = field(default=None, compare=False)

    @property
    def trace_id(self) -> str | None:
        """The id of the trace that the message belongs to."""
        return None if self.traceparent is None else self.traceparent.split("-")[1]


@dataclass(frozen=True, slots=True)
class MessageContext:
    """The message that a decision is made for, and when."""

    cause: MessageRef
    at: datetime


class DeadLetterCode(StrEnum):
    """Why a message was refused. These codes never change."""

    MALFORMED_JSON = "malformed-json"
    UNKNOWN_PAYLOAD = "unknown-payload"
    INVALID_ORDER = "invalid-order"
    INVALID_MESSAGE = "invalid-message"
    """The same as `invalid-order`, on every topic except that of orders."""
    UNKNOWN_STORE = "unknown-store"
    STORE_MISMATCH = "store-mismatch"
    TOO_LARGE = "too-large"
    ALREADY_STORED = "already-stored"
    """What it would store exists already, though no decision about it is recorded."""
    UNREADABLE = "unreadable"
    """The bytes are invalid in Kafka's own format."""


class Rejection(Value):
    """One clear error: the code, the field, and what was expected. Never the input itself."""

    code: DeadLetterCode
    message: str


Header = tuple[str, bytes | None]
"""A header of a message; in Kafka, its value may be missing."""


_TRACEPARENT = re.compile("[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_VENDOR = r"[a-z0-9][a-z0-9_*/@-]{0,255}=[ -+\--<>-~]{0,255}[!-+\--<>-~]"
_TRACESTATE = re.compile(rf"{_VENDOR}(?:[ \t]*,[ \t]*{_VENDOR}){{0,31}}")
_TRACESTATE_LENGTH = 512
"""The length that W3C asks everyone to pass on, and the most that is stored."""


class Incoming(NamedTuple):
    """A message as it is read. With a `refusal`, `offset` to `last_offset` cannot be read.

    `timestamp` is in milliseconds since 1970, negative if it does not say so, and `size` is roughly
    its memory in bytes. The value of a tombstone is None. A header's name may occur more than once.
    """

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[Header]
    size: int
    last_offset: int
    refusal: Rejection | None = None


def header(headers: Sequence[Header], name: str) -> str | None:
    """Return the last header of a name, as text; None if it is missing or not text."""
    for header_name, value in reversed(headers):
        if header_name == name:
            try:
                return None if value is None else value.decode()
            except UnicodeDecodeError:
                return None
    return None


def message_ref(topic: str, partition: int, offset: int, headers: Sequence[Header]) -> MessageRef:
    """Return the reference to a message, with its trace context unless that is invalid."""
    trace = header(headers, "traceparent") if headers else None
    if trace is None or not _TRACEPARENT.fullmatch(trace):
        return MessageRef(topic, partition, offset)
    return MessageRef(topic, partition, offset, trace, _tracestate(headers))


def _tracestate(headers: Sequence[Header]) -> str | None:
    state = header(headers, "tracestate")
    if state is None or len(state) > _TRACESTATE_LENGTH or not _TRACESTATE.fullmatch(state):
        return None
    return state
