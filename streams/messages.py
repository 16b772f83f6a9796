"""Encode outgoing messages: the topic, key, value and headers of each on Kafka."""

from functools import cache
from typing import NamedTuple

from models.checkpoint import Outgoing
from models.commands import COMMAND
from models.dead_letters import DeadLetter
from models.events import Event, schema_urn
from models.messages import CommandMessage, Header
from models.topics import TopicName

_JSON: Header = ("content-type", b"application/json")


class Outbound(NamedTuple):
    """A message as it is produced. Its topic has no prefix yet."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: list[Header]


def topic_of(outgoing: Outgoing) -> str:
    """Return the topic of a message, without the installation's prefix."""
    match outgoing:
        case Event():
            return outgoing.topic
        case CommandMessage():
            return TopicName.COMMANDS
        case DeadLetter():
            return TopicName.DEAD_LETTER


def encode(outgoing: Outgoing, source: bytes) -> Outbound:
    """Encode a message: an event as CloudEvents 1.0 in binary mode, others as they are read.

    `source` is the `ce_source` of events: the installation.
    """
    match outgoing:
        case Event():
            return Outbound(
                topic_of(outgoing),
                outgoing.key.encode(),
                outgoing.body,
                _event_headers(outgoing, source),
            )
        case CommandMessage(key, command):
            return Outbound(topic_of(outgoing), key.encode(), COMMAND.dump_json(command), [_JSON])
        case DeadLetter():
            return Outbound(
                topic_of(outgoing),
                outgoing.key,
                # Kafka's client rejects a message with neither key nor value.
                b"" if outgoing.key is None and outgoing.value is None else outgoing.value,
                [*outgoing.headers, *_error_headers(outgoing)],
            )


def _event_headers(event: Event, source: bytes) -> list[Header]:
    headers = [
        *_type_headers(event.event_type, source),
        ("ce_id", event.event_id.encode()),
        ("ce_subject", event.key.encode()),
        ("ce_time", event.occurred_at.isoformat(timespec="milliseconds").encode()),
    ]
    cause = event.cause
    if cause.traceparent is not None:
        headers.append(("traceparent", cause.traceparent.encode()))
        if cause.tracestate is not None:
            headers.append(("tracestate", cause.tracestate.encode()))
    return headers


@cache
def _type_headers(event_type: str, source: bytes) -> tuple[Header, ...]:
    return (
        ("ce_specversion", b"1.0"),
        ("ce_type", event_type.encode()),
        ("ce_source", source),
        ("ce_dataschema", schema_urn(event_type).encode()),
        _JSON,
    )


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
