"""The watchdog: detect partitions that have work but make no progress for too long."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from models.messages import TopicPartition


class Progress(NamedTuple):
    """The progress of a partition, as offsets; `step` counts its transactions."""

    committed_offset: int
    step: int
    published_offset: int
    received_offset: int


@dataclass(frozen=True, slots=True)
class Stall:
    """A partition that made no progress for some seconds, before the `end` of its log."""

    source: TopicPartition
    progress: Progress
    end: int
    seconds: float

    @property
    def is_unread(self) -> bool:
        """Whether all messages read are done: the reader is stuck, or there is nothing to read.

        The end of a log can be a transaction's control record, which consumers never see.
        """
        return self.progress.published_offset >= self.progress.received_offset

    def __str__(self) -> str:
        now = self.progress
        if self.is_unread:
            stuck = "nothing is read"
        elif now.committed_offset < now.received_offset:
            stuck = "the messages read are not decided"
        else:
            stuck = "the decisions are not published"
        return (
            f"{self.source.topic}:{self.source.partition} has been at {now.committed_offset} of "
            f"{self.end} for {self.seconds:.0f} s: {stuck} (read to {now.received_offset}, "
            f"published to {now.published_offset})"
        )


class Watchdog:
    """Compares the progress of partitions over time.

    Only moving checkpoints are progress; messages that are merely read are not.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: dict[TopicPartition, tuple[tuple[int, int, int], float]] = {}

    def check(
        self,
        progress: Mapping[TopicPartition, Progress],
        ends: Mapping[TopicPartition, int],
        at: float,
    ) -> Sequence[Stall]:
        """Return the partitions without progress for too long, at this time in seconds.

        If the end of a log is unknown, the offset read counts as its end.
        """
        before, self._since = self._since, {}
        stalls = []
        for source, now in progress.items():
            end = max(ends.get(source, 0), now.received_offset)
            if now.published_offset >= end:
                continue
            mark = (now.committed_offset, now.step, now.published_offset)
            last_mark, since = before.get(source, (mark, at))
            self._since[source] = (mark, since if last_mark == mark else at)
            if last_mark == mark and at - since > self._seconds:
                stalls.append(Stall(source, now, end, at - since))
        return stalls
