"""Ports: what the pages ask of the program around them, besides the database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from models.facts import Listing, Store
from models.money import Money
from models.outcomes import ImportState


class PortError(Exception):
    """What was asked cannot be done, in one line for people."""


class Publisher(Protocol):
    """Tells facts, which is all that operators may change.

    Raises:
        BrokerUnavailable: From every method: Kafka does not answer.
    """

    async def tell_store(self, store: Store) -> None:
        """Tell a store's settings, all of them."""
        ...

    async def tell_listing(self, listing: Listing) -> None:
        """Tell which catalog SKU a seller SKU is matched to."""
        ...

    async def sync(self, store_id: str | None) -> None:
        """Ask for the next sync now."""
        ...


@dataclass(frozen=True, slots=True)
class ReplayScope:
    """Which orders a replay is of. `orders` are `store/order`; what is None is not asked.

    `until` is the first moment that is not meant any more.
    """

    store_id: str | None = None
    reason: str | None = None
    sku: str | None = None
    orders: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    state: ImportState | None = None


@dataclass(frozen=True, slots=True)
class WhatIf:
    """Facts that are not so, for a plan only. A quantity is what Commerce would have."""

    sku: str
    enabled: bool = False
    quantity: float | None = None


@dataclass(frozen=True, slots=True)
class PlannedOrder:
    """What a replay would make of one order: a verdict, and the codes of why not."""

    key: str
    verdict: str
    reasons: tuple[str, ...] = ()
    skus: tuple[str, ...] = ()
    total: Money | None = None


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """What a replay would do. `examples` are the first of its orders, the oldest purchase first.

    `refused` counts, by code, orders a replay does not touch; `blocked` those that would stay so,
    by `code SKU`: an order counts under each of its causes, and once in `still_blocked`.
    """

    orders: int
    created: int
    blocked: Mapping[str, int]
    refused: Mapping[str, int]
    value: Sequence[Money] = ()
    examples: Sequence[PlannedOrder] = ()
    still_blocked: int = 0

    @property
    def untouched(self) -> int:
        """How many orders a replay would not touch."""
        return self.orders - self.created - self.still_blocked


class ReplayState(StrEnum):
    """How far a replay is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    CANCELED = "canceled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ReplayJob:
    """A replay that was started."""

    replay_id: str
    state: ReplayState
    scope: str
    """Which orders, in words."""
    reason: str
    by: str
    started_at: datetime
    ended_at: datetime | None
    orders: int
    sent: int
    decided: int
    created: int
    blocked: int
    refused: Mapping[str, int]
    rate: float | None
    blocked_again: Sequence[str] = ()
    """Some of the orders that are blocked again, as `store/order`."""
    error: str | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes of it."""
        return self.state not in (ReplayState.WAITING, ReplayState.RUNNING)


class Replays(Protocol):
    """Replays (rule 14): planned, started, watched and canceled.

    Raises:
        PortError: From every method: it cannot be done, and why.
    """

    async def plan(self, scope: ReplayScope, what_if: WhatIf | None = None) -> ReplayPlan:
        """Say what a replay would do. Nothing happens."""
        ...

    async def start(
        self, scope: ReplayScope, *, reason: str, by: str, rate: float | None
    ) -> str:
        """Start one; give its id."""
        ...

    async def get(self, replay_id: str) -> ReplayJob | None:
        """Give one."""
        ...

    async def list(self, limit: int) -> Sequence[ReplayJob]:
        """Give the newest."""
        ...

    async def cancel(self, replay_id: str, by: str) -> None:
        """Send no more of it. What was sent is decided."""
        ...


@dataclass(frozen=True, slots=True)
class LetterLine:
    """A dead letter as one line."""

    letter_id: str
    code: str
    topic: str
    at: datetime
    size: int | None
    message: str
    redriven: int
    is_open: bool


@dataclass(frozen=True, slots=True)
class LetterView:
    """A dead letter with its bytes as text, the buyer masked."""

    line: LetterLine
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


class LetterDesk(Protocol):
    """Dead letters: looked at, and driven again.

    Raises:
        StorageUnavailable: The database does not answer.
        BrokerUnavailable: Kafka does not answer.
    """

    async def counts(self) -> Mapping[str, int]:
        """Give how many there are per code."""
        ...

    async def find(self, code: str | None, *, only_open: bool, limit: int) -> Sequence[LetterLine]:
        """Give letters, newest first."""
        ...

    async def view(self, letter_id: str) -> LetterView | None:
        """Give one, masked."""
        ...

    async def redrive(self, ids: Sequence[str]) -> Redriven:
        """Drive letters again, each as it came."""
        ...


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
    extra: Mapping[str, Any] = field(default_factory=dict)


class Examiner(Protocol):
    """Asks Kafka and MongoDB how they are."""

    async def examine(self) -> HealthReport:
        """Take about a second, and never raise for a server that is gone."""
        ...
