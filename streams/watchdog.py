"""The watchdog: says when a partition has work, and for too long nothing of it has been done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from models.messages import TopicPartition


class Progress(NamedTuple):
    """How far a partition is, as offsets; `step` counts the transactions decided on it."""

    committed_offset: int
    step: int
    published_offset: int
    received_offset: int


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
        return self.progress.published_offset >= self.progress.received_offset

    def __str__(self) -> str:
        """Say which partition, how far it is, and what stands."""
        now = self.progress
        if self.is_unread:
            what = "nothing is read"
        elif now.committed_offset < now.received_offset:
            what = "what was read is not decided"
        else:
            what = "what was decided is not published"
        return (
            f"{self.source.topic}:{self.source.partition} stands at {now.committed_offset} of "
            f"{self.end} for {self.seconds:.0f} s: {what} (read to {now.received_offset}, "
            f"published to {now.published_offset})"
        )


class Watchdog:
    """Looks again and again; remembers since when each partition stands.

    Messages that are delivered are no progress: only checkpoints that move are.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: dict[TopicPartition, tuple[tuple[int, int, int], float]] = {}

    def look(
        self,
        progress: Mapping[TopicPartition, Progress],
        ends: Mapping[TopicPartition, int],
        at: float,
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
            end = max(ends.get(source, 0), now.received_offset)
            if now.published_offset >= end:
                continue
            mark = (now.committed_offset, now.step, now.published_offset)
            known, since = before.get(source, (mark, at))
            self._since[source] = (mark, since if known == mark else at)
            if known == mark and at - since > self._seconds:
                stalls.append(Stall(source, now, end, at - since))
        return stalls
