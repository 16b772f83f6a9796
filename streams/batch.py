"""Batches: the messages of a partition as they are read and parsed, and how far they decide it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import structlog

from handlers.unit_of_work import UnitOfWork
from models.checkpoint import OffsetReset
from models.errors import DuplicateKey
from models.messages import DeadLetterCode, Incoming, Rejection, TopicPartition
from streams.outbox import End

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Batch:
    """The messages read from one partition, from `start` up to, not including, `end`.

    Not every offset has a message: some are control records, or belong to aborted transactions.
    Kafka deleted the messages before `deleted_to` before they were read.
    """

    start: int
    messages: Sequence[Incoming]
    end: int
    deleted_to: int = 0


class ParsedMessage(NamedTuple):
    """A message, or a part of one, as its handler parsed it.

    With neither `parsed` nor `refusal` it only moves the checkpoint. The checkpoint moves to `end`,
    with `part` orders of the message at `end` decided too, of which `done` were decided before this
    part. It may move past offsets that Kafka `deleted` before they were read.
    """

    source: TopicPartition
    end: int
    weight: int = 0
    size: int = 0
    message: Incoming | None = None
    parsed: Any = None
    refusal: Rejection | None = None
    done: int = 0
    part: int = 0
    deleted: range = range(0)


def offset_resets(batch: Sequence[ParsedMessage], at: datetime) -> Sequence[OffsetReset]:
    """Return the resets that a batch reports: offsets that Kafka deleted before they were read."""
    return [
        OffsetReset(item.source, item.deleted.start, item.deleted.stop, at)
        for item in batch
        if item.deleted
    ]


def log_reset(reset: OffsetReset) -> None:
    """Log that a checkpoint was no longer in its log, and how many offsets are lost."""
    log.error(
        "checkpoint-outside-log",
        topic=reset.source.topic,
        partition=reset.source.partition,
        expected=reset.expected,
        found=reset.found,
        lost=reset.lost,
    )


def ends(batch: Sequence[ParsedMessage], unit_of_work: UnitOfWork) -> Mapping[TopicPartition, End]:
    """Return how far a batch decides each of its partitions."""
    ends = {}
    for item in batch:
        is_refused = bool(item.part) and (item.source.partition, item.end) in unit_of_work.refused
        ends[item.source] = End(item.end, item.part, is_refused=is_refused)
    return ends


def refuse(item: ParsedMessage, error: DuplicateKey) -> ParsedMessage:
    """Return a message as refused, because what it would store exists already."""
    expected = f"{error.collection}: expected no document yet with the message's key"
    refusal = Rejection(code=DeadLetterCode.ALREADY_STORED, message=expected)
    return item._replace(parsed=None, refusal=refusal)
