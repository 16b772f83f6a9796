"""Encode outgoing messages: the topic, key, value and headers of each on Kafka."""

from typing import NamedTuple

from models.checkpoint import Outgoing
from models.commands import COMMAND
from models.dead_letters import DeadLetter
from models.events import Event
from models.messages import CommandMessage, Header
from models.topics import TopicName

CE_SOURCE = b"/order-import"
_JSON: Header = ("content-type", b"application/json")


class Outbound(NamedTuple):
    """A message as it is produced. Its topic has no prefix yet."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: list[Header]


def encode(outgoing: Outgoing) -> Outbound:
    """Encode a message: an event as CloudEvents 1.0 in binary mode, others as they are read."""
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
                # Kafka's client rejects a message with neither key nor value.
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


def _error_headers(dead_letter: DeadLetter) -> list[Header]:
    """Return the origin of a rejected message and the reason, under Kafka Connect's names."""
    prefix = "__connect.errors."
    last = dead_letter.last_offset
    return [
        *([] if last is None else [("last-offset", str(last).encode())]),
        (f"{prefix}topic", dead_letter.topic.encode()),
        (f"{prefix}partition", str(dead_letter.partition).encode()),
        (f"{prefix}offset", str(dead_letter.offset).encode()),
        (f"{prefix}exception.class.name", b"Refusal"),
        (f"{prefix}exception.message", dead_letter.message.encode()),
        ("error-code", dead_letter.code.value.encode()),
    ]
