"""Documents of checkpoints, events, dead letters and resets; references to what is to go out."""

from bson.binary import Binary

from models import keys
from models.checkpoint import OffsetReset, Outgoing
from models.commands import COMMAND
from models.dead_letters import DeadLetter, count_redrives
from models.events import EVENT_TYPES, Event
from models.messages import CommandMessage, DeadLetterCode, Header, TopicPartition
from storage.documents.order_record import cause_from_document, cause_to_document
from storage.documents.values import Document, present


def checkpoint_id(source: TopicPartition) -> str:
    """Give `topic:partition`."""
    return f"{source.topic}:{source.partition}"


def reference_to_document(outgoing: Outgoing) -> Document:
    """Give what it takes to find an outgoing message again after a crash."""
    match outgoing:
        case Event():
            return {"event": outgoing.event_id}
        case DeadLetter():
            return {"dead_letter": outgoing.dead_letter_id}
        case CommandMessage(key, command):
            return {"command": COMMAND.dump_json(command).decode(), "key": key}


def ids_of_event(key: str, sequence: int) -> list[str]:
    """Give the ids that the event of this place in an order's sequence can have."""
    return [
        keys.event_id(key, of.__name__, place) for of in EVENT_TYPES for place in (None, sequence)
    ]


def event_to_document(event: Event) -> Document:
    """Give an event as it is kept: the body is the very text that is published."""
    return {
        "_id": event.event_id,
        "event_type": event.event_type,
        "topic": event.topic,
        "key": event.key,
        "sequence": event.sequence,
        "occurred_at": event.occurred_at,
        "cause": cause_to_document(event.cause),
        "body": event.body.decode(),
    }


def event_from_document(document: Document) -> Event:
    """Give a kept event."""
    return Event(
        event_id=document["_id"],
        event_type=document["event_type"],
        topic=document["topic"],
        key=document["key"],
        sequence=document["sequence"],
        occurred_at=document["occurred_at"],
        cause=cause_from_document(document["cause"]),
        body=document["body"].encode(),
    )


def dead_letter_to_document(dead_letter: DeadLetter) -> Document:
    """Give a dead letter, its bytes unchanged."""
    return {
        "_id": dead_letter.dead_letter_id,
        "topic": dead_letter.topic,
        "partition": dead_letter.partition,
        "offset": dead_letter.offset,
        "code": dead_letter.code.value,
        "message": dead_letter.message,
        "key": None if dead_letter.key is None else Binary(dead_letter.key),
        "value": None if dead_letter.value is None else Binary(dead_letter.value),
        "headers": [
            [name, None if value is None else Binary(value)] for name, value in dead_letter.headers
        ],
        "at": dead_letter.at,
        **present(
            details_of=dead_letter.details_of,
            cut=dead_letter.cut,
            last_offset=dead_letter.last_offset,
            redrive_count=count_redrives(dead_letter.headers, ()) or None,
        ),
    }


def offset_reset_to_document(reset: OffsetReset) -> Document:
    """Give an offset reset; the same one, noted again, is the same document."""
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
    """Give a kept offset reset."""
    source = TopicPartition(document["topic"], document["partition"])
    return OffsetReset(source, document["expected"], document["found"], document["at"])


def headers_from_document(document: Document) -> tuple[Header, ...]:
    """Give the headers of a kept dead letter."""
    kept = document["headers"]
    return tuple((name, None if value is None else bytes(value)) for name, value in kept)


def dead_letter_from_document(document: Document) -> DeadLetter:
    """Give a kept dead letter."""
    return DeadLetter(
        topic=document["topic"],
        partition=document["partition"],
        offset=document["offset"],
        code=DeadLetterCode(document["code"]),
        message=document["message"],
        key=document["key"],
        value=document["value"],
        headers=headers_from_document(document),
        at=document["at"],
        details_of=document.get("details_of"),
        cut=tuple(document.get("cut", ())),
        last_offset=document.get("last_offset"),
    )
