"""Afterwards: what became of dead letters that were redriven."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models.messages import DeadLetterCode, TopicPartition
from storage.mongo.dead_letters import MongoDeadLetters
from storage.queries import Reader

_LOOK_EVERY = 0.2
_LOOK_UP = 1_000
"""How many dead letters are asked for at a time."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A dead letter that was redriven, and the place of the new message."""

    dead_letter_id: str
    topic: str
    partition: int
    offset: int

    @property
    def to(self) -> str:
        """`topic:partition:offset` of the new message, and of its dead letter if refused again."""
        return f"{self.topic}:{self.partition}:{self.offset}"


@dataclass(frozen=True, slots=True)
class Afterwards:
    """How many were `taken`, which were refused again and why, and how many are not read yet."""

    taken: int
    refused_again: Mapping[str, DeadLetterCode]
    """Codes by the id of the new letter."""
    unread: int


async def look_after(
    sent: Sequence[Sent], reader: Reader, dead_letters: MongoDeadLetters, within: float
) -> Afterwards:
    """Wait until the worker has decided all that was sent, and tell what became of it.

    Args:
        sent: What was redriven.
        reader: How far the worker is.
        dead_letters: Where new dead letters would be.
        within: Seconds to wait for the worker, at most.

    Raises:
        StorageUnavailable: The database does not answer.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within
    while True:
        decided = await _decided(sent, reader)
        if len(decided) == len(sent) or loop.time() >= deadline:
            break
        await asyncio.sleep(_LOOK_EVERY)
    refused: dict[str, DeadLetterCode] = {}
    for at in range(0, len(decided), _LOOK_UP):
        found = await dead_letters.lines([one.to for one in decided[at : at + _LOOK_UP]])
        refused |= {new: line.code for new, line in found.items()}
    return Afterwards(len(decided) - len(refused), refused, len(sent) - len(decided))


async def _decided(sent: Sequence[Sent], reader: Reader) -> Sequence[Sent]:
    standings = await reader.standings()
    return [
        one
        for one in sent
        if (standing := standings.get(TopicPartition(one.topic, one.partition))) is not None
        and one.offset < standing.committed_offset
    ]
