"""The port for dead letters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class DeadLetterLine:
    """A dead letter as one line."""

    dead_letter_id: str
    code: str
    topic: str
    at: datetime
    size: int | None
    message: str
    redriven: int


@dataclass(frozen=True, slots=True)
class DeadLetterView:
    """A dead letter with its bytes as text, the buyer masked."""

    line: DeadLetterLine
    partition: int
    offset: int
    key: str | None
    headers: Sequence[tuple[str, str]]
    value: str | None
    is_cut: bool
    redriven: Sequence[tuple[datetime, str]]


@dataclass(frozen=True, slots=True)
class Redriven:
    """What a redrive did."""

    sent: int
    refused: Mapping[str, str]


class DeadLetters(Protocol):
    """Dead letters: looked at, and redriven.

    Raises:
        StorageUnavailable: The database does not answer.
        BrokerUnavailable: Kafka does not answer.
    """

    async def counts(self, *, only_open: bool) -> Mapping[str, int]:
        """Give how many there are per code."""
        ...

    async def find(
        self, code: str | None, *, only_open: bool, limit: int
    ) -> Sequence[DeadLetterLine]:
        """Give letters, newest first."""
        ...

    async def view(self, dead_letter_id: str) -> DeadLetterView | None:
        """Give one, masked."""
        ...

    async def redrive(self, ids: Sequence[str]) -> Redriven:
        """Redrive dead letters, each as it came."""
        ...
