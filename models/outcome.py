"""The outcome of an order's import: one of five states, each with only the data it needs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar

from models.blockers import Blocker
from models.reasons import BlockerCode, SkipReason, WaitingReason


class ImportState(StrEnum):
    """The state of an order's import, as stored in `amazon_orders.import.state`."""

    WAITING = "waiting"
    SKIPPED = "skipped"
    BLOCKED = "blocked"
    CREATED = "created"
    WITHDRAWN = "withdrawn"


DETAILS_OVERDUE = timedelta(hours=1)
"""If an order waits longer for its details, operators are shown that it does."""


AT_RISK = timedelta(hours=24)
"""A blocked order that must be shipped within this time is at risk."""


class MissingDetail(StrEnum):
    """What an order that is `details-pending` waits for (rule 5)."""

    STATUS = "status"
    CHANNEL = "channel"
    LINES = "lines"
    PRICES = "prices-after-pending"


@dataclass(frozen=True, slots=True)
class Admitted:
    """The import policy passes the order on to the blocker check. A policy result, no outcome."""


class _ForOneReason:
    __slots__ = ()
    reason: WaitingReason | SkipReason

    @property
    def reasons(self) -> tuple[str, ...]:
        """The codes of the reasons, as operators read them."""
        return (self.reason.value,)


@dataclass(frozen=True, slots=True)
class Waiting(_ForOneReason):
    """Something is missing or not ready yet.

    `missing` names the missing details of a `details-pending` order. It does not count when two
    outcomes are compared: an order that waits for fewer details has still waited since the start.
    """

    state: ClassVar[ImportState] = ImportState.WAITING

    reason: WaitingReason
    missing: tuple[MissingDetail, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Skipped(_ForOneReason):
    """Not imported."""

    state: ClassVar[ImportState] = ImportState.SKIPPED

    reason: SkipReason


@dataclass(frozen=True, slots=True)
class Blocked:
    """Ready, but the catalog or the stock prevents the import. Every blocker is named."""

    state: ClassVar[ImportState] = ImportState.BLOCKED

    blockers: tuple[Blocker, ...]
    since: datetime
    tried: int
    """How many blocker checks have found it blocked."""

    @property
    def reasons(self) -> tuple[str, ...]:
        """The codes of the reasons, as operators read them."""
        return tuple(sorted({blocker.code.value for blocker in self.blockers}))


@dataclass(frozen=True, slots=True)
class Created:
    """There is a Commerce order, now and forever (rule 18)."""

    state: ClassVar[ImportState] = ImportState.CREATED
    reasons: ClassVar[tuple[str, ...]] = ()

    commerce_order_id: str


@dataclass(frozen=True, slots=True)
class Withdrawn(_ForOneReason):
    """It was waiting or blocked, and will never be imported."""

    state: ClassVar[ImportState] = ImportState.WITHDRAWN

    reason: SkipReason


def states_with(reason: str) -> Sequence[ImportState]:
    """Return the states in which an order may have a code; all states for an unknown code."""
    if reason in set(BlockerCode):
        return [ImportState.BLOCKED]
    if reason in set(WaitingReason):
        return [ImportState.WAITING]
    if reason in set(SkipReason):
        return [ImportState.SKIPPED, ImportState.WITHDRAWN]
    return list(ImportState)


Outcome = Waiting | Skipped | Blocked | Created | Withdrawn
