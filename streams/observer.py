"""What the processors report of their work, for metrics."""

from collections.abc import Mapping, Sequence

from models.change_set import ChangeSet
from models.messages import Incoming, TopicPartition


class Observer:
    """Ignores every report; a subclass counts them. No method may wait or raise."""

    def assigned(self, partitions: int) -> None:
        """Partitions were claimed: all that the worker has now."""

    def committed(
        self,
        topic: str,
        messages: Sequence[tuple[TopicPartition, Incoming]],
        written: Sequence[ChangeSet],
        seconds: float,
    ) -> None:
        """A transaction was committed, after some seconds; it decided the rest of these messages.

        `written` are its changes, in the parts in which they were written. Called before anything
        of it is published.
        """

    def failed(self, error: BaseException | None) -> None:
        """A transaction failed, and its messages are decided again."""

    def published(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Everything before these offsets is decided and published."""


UNOBSERVED = Observer()
"""The observer of processors that nobody watches."""
