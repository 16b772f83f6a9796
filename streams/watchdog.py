"""The watchdog: says when a partition has work, and for too long nothing of it has been done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from models.ledger import TopicPartition


class Progress(NamedTuple):
    """How far a partition is, as offsets; `step` counts the transactions decided on it."""

    decided_to: int
    step: int
    published_to: int
    delivered_to: int


@dataclass(frozen=True, slots=True)
class Stall:
    """A partition that stands still, for so many seconds, before the `end` of its log."""

    source: TopicPartition
    progress: Progress
    end: int
    seconds: float

    @property
    def is_unread(self) -> bool:
        """Whether all that was read is done: then the reader stands, or there is nothing to read.

        The end of a log can be a producer's mark of a transaction, which no one is given.
        """
        return self.progress.published_to >= self.progress.delivered_to

    def __str__(self) -> str:
        """Say which partition, how far it is, and what stands."""
        now = self.progress
        if self.is_unread:
            what = "nothing is read"
        elif now.decided_to < now.delivered_to:
            what = "what was read is not decided"
        else:
            what = "what was decided is not published"
        return (
            f"{self.source.topic}:{self.source.partition} stands at {now.decided_to} of {self.end} "
            f"for {self.seconds:.0f} s: {what} (read to {now.delivered_to}, "
            f"published to {now.published_to})"
        )


class Watchdog:
    """Looks again and again; remembers since when each partition stands.

    Messages that are delivered are no progress: only checkpoints that move are.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: dict[TopicPartition, tuple[tuple[int, int, int], float]] = {}

    def look(
        self, progress: Mapping[TopicPartition, Progress], ends: Mapping[TopicPartition, int], at: float
    ) -> Sequence[Stall]:
        """Give the partitions that stand for too long.

        Args:
            progress: How far each of this worker's partitions is.
            ends: The ends of their logs; where one is not known, what was read counts.
            at: The present, in seconds.
        """
        before, self._since = self._since, {}
        stalls = []
        for source, now in progress.items():
            end = max(ends.get(source, 0), now.delivered_to)
            if now.published_to >= end:
                continue
            mark = (now.decided_to, now.step, now.published_to)
            known, since = before.get(source, (mark, at))
            self._since[source] = (mark, since if known == mark else at)
            if known == mark and at - since > self._seconds:
                stalls.append(Stall(source, now, end, at - since))
        return stalls
