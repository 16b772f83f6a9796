"""The port for health."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from models.checkpoint import OffsetReset


@dataclass(frozen=True, slots=True)
class ServerHealth:
    """One server: how long it took to answer, or why it did not."""

    name: str
    address: str
    latency_ms: float | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class TopicLag:
    """One topic that is read."""

    topic: str
    exists: bool
    undecided: int
    unpublished: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class HealthReport:
    """How the installation is doing. `workers` is None where nobody could say."""

    kafka: ServerHealth
    mongo: ServerHealth
    lag: Sequence[TopicLag] = ()
    rate: float | None = None
    workers: Sequence[str] | None = None
    resets: Sequence[OffsetReset] = ()
    """Positions that were not in their logs any more lately, newest first."""
    exposed_files: Sequence[tuple[str, str]] = ()
    """Files with secrets that others on the console's machine can read, each after its setting."""


class HealthCheck(Protocol):
    """Asks Kafka and MongoDB how they are."""

    async def run(self) -> HealthReport:
        """Take about a second, and never raise for a server that is gone."""
        ...
