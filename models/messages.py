"""A message as it is read, whoever read it: its bytes, its headers, and where it came from."""

import re
from collections.abc import Sequence
from typing import Protocol

from models.ledger import Header
from models.records import MessageRef
from models.refusals import Rejection

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
