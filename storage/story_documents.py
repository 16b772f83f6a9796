"""Stories: what happened to an order, and why, to BSON and back."""

from models.records import Cause, StoryEntry
from storage.values import Document, present


def story_in(entry: StoryEntry) -> Document:
    """Give one entry of a story."""
    return present(
        at=entry.at,
        cause=cause_in(entry.cause),
        what=entry.what,
        reasons=entry.reasons,
        facts=entry.facts or None,
        events=entry.events,
    )


def story_out(document: Document) -> StoryEntry:
    """Give one entry of a story back."""
    return StoryEntry(
        at=document["at"],
        cause=cause_out(document["cause"]),
        what=document["what"],
        reasons=tuple(document.get("reasons", ())),
        facts=document.get("facts", {}),
        events=tuple(document.get("events", ())),
    )


def cause_in(cause: Cause) -> Document:
    """Give a cause as it is stored."""
    return present(
        topic=cause.topic,
        partition=cause.partition,
        offset=cause.offset,
        traceparent=cause.traceparent,
    )


def cause_out(document: Document) -> Cause:
    """Give a stored cause."""
    return Cause(**document)
