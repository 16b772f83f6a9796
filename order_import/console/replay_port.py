"""The port for replays: planned, started, watched and canceled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from models.money import Money
from models.outcome import ImportState


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

    RUNNING = "running"
    DONE = "done"
    CANCELED = "canceled"


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
    decided: int
    created: int
    blocked: int
    refused: Mapping[str, int]
    blocked_again: Sequence[str] = ()
    """Some of the orders that are blocked again, as `store/order`."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes of it."""
        return self.state is not ReplayState.RUNNING

    def pace(self, now: datetime) -> float:
        """Give how many orders were decided in a second, so far or in all."""
        seconds = ((self.ended_at or now) - self.started_at).total_seconds()
        return self.decided / max(seconds, 1.0)


class Replays(Protocol):
    """Replays (rule 14): planned, started, watched and canceled.

    Raises:
        PortError: From every method: it cannot be done, and why.
    """

    async def plan(self, scope: ReplayScope, what_if: WhatIf | None = None) -> ReplayPlan:
        """Say what a replay would do. Nothing happens."""
        ...

    async def start(self, scope: ReplayScope, *, reason: str, by: str) -> str:
        """Start one; give its id."""
        ...

    async def get(self, replay_id: str) -> ReplayJob | None:
        """Give one."""
        ...

    async def list(self, limit: int) -> Sequence[ReplayJob]:
        """Give the newest."""
        ...

    async def cancel(self, replay_id: str) -> None:
        """Stop it after the step it is in."""
        ...
