"""The ledger: how far each source partition is decided and published, and what is to go out."""

from dataclasses import dataclass, replace
from datetime import datetime

from models.dead_letters import DeadLetter
from models.events import Event
from models.messages import CommandMessage, TopicPartition

Outgoing = Event | CommandMessage | DeadLetter


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where a source partition stands.

    Everything before `committed_offset` is decided and stored; of that, everything but `outbox` is
    published. Of the message at `committed_offset` the first `part` orders are decided, too, and
    `part_refused` says whether its dead letter is given. `epoch` counts its owners, `version` the
    transactions that moved it: a stored checkpoint moves only from the epoch and version its owner
    last saw. That is the fence against a second owner, and how an owner learns whether a commit
    without an answer happened. `topic_id` is Kafka's own of the topic it is a checkpoint in: one
    that is created anew has the same name.
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
        """Give the checkpoint after one more transaction."""
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
    """A checkpoint that was not in its log any more, and where reading went on.

    Kafka had deleted what was to be read next, or the topic was created anew.
    """

    source: TopicPartition
    expected: int
    found: int
    at: datetime

    @property
    def lost(self) -> int | None:
        """How many offsets were deleted unread; None where the topic is another one."""
        return self.found - self.expected if self.found > self.expected else None
