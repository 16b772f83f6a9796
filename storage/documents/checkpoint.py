"""Documents of checkpoints, outbox references, events, dead letters and offset resets."""

from collections.abc import Mapping
from typing import Any

from models import keys
from models.checkpoint import OffsetReset, Outgoing
from models.commands import COMMAND
from models.dead_letters import DeadLetter, count_redrives
from models.events import EVENT_TYPES, Event
from models.messages import CommandMessage, DeadLetterCode, TopicPartition
from storage.documents.order_record import cause_from_document, cause_to_document
from storage.documents.values import Document, present


def checkpoint_id(source: TopicPartition) -> str:
    """Return `topic:partition`."""
    return f"{source.topic}:{source.partition}"


def reference_to_document(outgoing: Outgoing) -> Document:
    """Return the outbox entry by which an outgoing message is found after a crash."""
    match outgoing:
        case Event():
            return {"event": outgoing.event_id}
        case DeadLetter():
            return {"dead_letter": outgoing.dead_letter_id}
        case CommandMessage(key, command):
            return {"command": COMMAND.dump_json(command).decode(), "key": key}


def ids_of_event(key: str, sequence: int) -> list[str]:
    """Return the ids that the event at this place in an order's sequence can have."""
    return [
        keys.event_id(key, event_type.__name__, place)
        for event_type in EVENT_TYPES
        for place in (None, sequence)
    ]


_EVENT = ("event_type", "topic", "key", "sequence", "occurred_at")
"""Fields of an event that are stored as they are."""
_DEAD_LETTER = ("topic", "partition", "offset", "message", "at")
"""The same of a dead letter."""


def event_to_document(event: Event) -> Document:
    """Return an event's document: the body is the exact text that is published."""
    return {
        "_id": event.event_id,
        **{name: getattr(event, name) for name in _EVENT},
        "cause": cause_to_document(event.cause),
        "body": event.body.decode(),
    }


def event_from_document(document: Document) -> Event:
    """Return a stored event."""
    return Event(
        event_id=document["_id"],
        cause=cause_from_document(document["cause"]),
        body=document["body"].encode(),
        **{name: document[name] for name in _EVENT},
    )


def dead_letter_to_document(dead_letter: DeadLetter) -> Document:
    """Return a dead letter's document. The message's bytes are stored encrypted, elsewhere."""
    return {
        "_id": dead_letter.dead_letter_id,
        **{name: getattr(dead_letter, name) for name in _DEAD_LETTER},
        "code": dead_letter.code.value,
        "has_key": dead_letter.key is not None,
        **present(
            size=None if dead_letter.value is None else len(dead_letter.value),
            details_of=dead_letter.details_of,
            expires_at=dead_letter.expires_at if dead_letter.erased_at is None else None,
            cut=dead_letter.cut,
            last_offset=dead_letter.last_offset,
            redrive_count=count_redrives(dead_letter.headers, ()) or None,
        ),
    }


def offset_reset_to_document(reset: OffsetReset) -> Document:
    """Return an offset reset's document; the same reset always has the same id."""
    source = reset.source
    return {
        "_id": f"{checkpoint_id(source)}:{reset.expected}:{reset.found}",
        "topic": source.topic,
        "partition": source.partition,
        "expected": reset.expected,
        "found": reset.found,
        "at": reset.at,
    }


def offset_reset_from_document(document: Document) -> OffsetReset:
    """Return a stored offset reset."""
    source = TopicPartition(document["topic"], document["partition"])
    return OffsetReset(source, document["expected"], document["found"], document["at"])


def dead_letter_from_document(document: Document, content: Mapping[str, Any]) -> DeadLetter:
    """Return a stored dead letter; `content` is its decrypted bytes, empty if they are erased."""
    headers = content.get("headers", ())
    return DeadLetter(
        **{name: document[name] for name in _DEAD_LETTER},
        code=DeadLetterCode(document["code"]),
        key=content.get("key"),
        value=content.get("value"),
        headers=tuple((name, None if value is None else bytes(value)) for name, value in headers),
        details_of=document.get("details_of"),
        cut=tuple(document.get("cut", ())),
        last_offset=document.get("last_offset"),
        erased_at=document.get("erased_at"),
    )
