"""Replays: which orders an operator asks to be judged again, and what became of each (rule 14)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from models.money import Money
from models.outcomes import ImportState

ALL_STORES = "all"
"""The scope of a replay that may touch any store."""

ALREADY_CREATED = "already-created"
"""Refused: there is a Commerce order, and there is one for ever (rule 18)."""

NOT_RECEIVED = "not-received"
"""Refused: no order of this key was ever received."""


class ReplayState(StrEnum):
    """Where a replay stands."""

    RUNNING = "running"
    DONE = "done"
    CANCELED = "canceled"
    """Its operator stopped it. What had been sent by then was carried out."""
    BROKEN = "broken"
    """Its runner was killed, or failed. What had been sent by then is carried out all the same."""


class ReplayResult(StrEnum):
    """What a replay did to one order."""

    CREATED = "created"
    BLOCKED = "blocked"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Selection:
    """Which orders to replay. `None` leaves a question out; what is given must all apply.

    Without `keys`, `reason` and `state`: blocked orders, orders skipped as `import-disabled`, and
    of `non_amazon_stores` also those skipped as `not-sold-on-amazon`.
    `keys` are `store/order`, whatever their state. `reason` is any code of a blocker, of waiting
    or of skipping. `sku` is the seller's or the catalog's SKU of a blocker; with a blocker's code,
    of that very blocker. `since` and `until` are purchase dates, both included. `state` goes
    without `reason` and `sku`, and asks for all orders in one state.
    """

    store_id: str | None = None
    reason: str | None = None
    sku: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    keys: tuple[str, ...] | None = None
    state: ImportState | None = None
    non_amazon_stores: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReplayReason:
    """Why an order was not created. A refusal is a code alone; a blocker tells its pieces too."""

    code: str
    sku: str | None = None
    required: int | None = None
    available: float | None = None


@dataclass(frozen=True, slots=True)
class ReplayAnswer:
    """What a replay says of one order, or would say. `total` is the order's, as Amazon told it."""

    key: str
    result: ReplayResult
    reasons: tuple[ReplayReason, ...] = ()
    total: Money | None = None


@dataclass(frozen=True, slots=True)
class RecordedAnswer:
    """An answer as it was given. The first one of a replay to an order stands."""

    replay_id: str
    answer: ReplayAnswer
    at: datetime

    @property
    def result_id(self) -> str:
        """`replay/store/order`."""
        return f"{self.replay_id}/{self.answer.key}"


@dataclass(frozen=True, slots=True)
class Replay:
    """A replay that was begun.

    `scope` is a store id or `ALL_STORES`. `asked` is what was selected by, in words for people.
    Its runner keeps `lease_until` in the future for as long as it lives. `sent` and `done` count
    commands; `results` has, at the end, how many orders had which result.
    """

    replay_id: str
    scope: str
    state: ReplayState
    who: str
    reason_text: str
    asked: Mapping[str, object]
    selected: int
    started_at: datetime
    lease_until: datetime
    sent: int = 0
    done: int = 0
    finished_at: datetime | None = None
    results: Mapping[str, int] = field(default_factory=dict)

    def is_alive(self, at: datetime) -> bool:
        """Say whether it runs, as far as anybody knows."""
        return self.state is ReplayState.RUNNING and at < self.lease_until

    def overlaps(self, scope: str) -> bool:
        """Say whether a replay of that scope may touch the same orders."""
        return ALL_STORES in {scope, self.scope} or scope == self.scope
