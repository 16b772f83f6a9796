"""Checkpoints: how far a partition is decided and published, and what is still to be published."""

from dataclasses import dataclass, replace
from datetime import datetime

from models.dead_letters import DeadLetter
from models.events import Event
from models.messages import CommandMessage, TopicPartition

Outgoing = Event | CommandMessage | DeadLetter


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far a partition has been processed.

    Everything before `committed_offset` is decided and stored, and all of that except `outbox` is
    published. Of the message at `committed_offset`, the first `part` orders are decided, too, and
    `part_refused` says whether its dead letter has been added. `epoch` counts the owners, `version`
    the transactions that have advanced the checkpoint: a transaction updates it only if epoch and
    version are those its owner last saw. This fences off a second owner, and tells an owner whether
    a commit without an answer succeeded. `topic_id` is Kafka's id of the topic: a topic that was
    recreated has the same name and another id.
    """

    source: TopicPartition
    committed_offset: int
    outbox: tuple[Outgoing, ...] = ()
    epoch: int = 0
    version: int = 0
    topic_id: str | None = None
    part: int = 0
    part_refused: bool = False

    def moved(
        self,
        committed_offset: int,
        outbox: tuple[Outgoing, ...],
        part: int = 0,
        *,
        part_refused: bool = False,
    ) -> "Checkpoint":
        """Return the checkpoint after one more transaction."""
        return replace(
            self,
            committed_offset=committed_offset,
            outbox=outbox,
            version=self.version + 1,
            part=part,
            part_refused=part_refused,
        )


@dataclass(frozen=True, slots=True)
class OffsetReset:
    """A checkpoint that lay outside its log, and the offset at which reading resumed.

    Kafka had deleted the next message, or the topic was recreated.
    """

    source: TopicPartition
    expected: int
    found: int
    at: datetime

    @property
    def lost(self) -> int | None:
        """How many offsets were deleted unread; None if the topic was recreated."""
        return self.found - self.expected if self.found > self.expected else None
