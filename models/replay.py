"""Replays: which orders an operator asks to be judged again, and what became of each (rule 14)."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from models.money import Money
from models.outcome import ImportState

ALREADY_CREATED = "already-created"
"""Refused: there is a Commerce order, and there is one for ever (rule 18)."""

NOT_RECEIVED = "not-received"
"""Refused: no order of this key was ever received."""


class ReplayState(StrEnum):
    """Where a replay stands."""

    RUNNING = "running"
    DONE = "done"
    CANCELED = "canceled"
    """An operator stopped it. The steps taken by then stand."""


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
    """Why an order was not created. A refusal is a code alone; a blocker tells its units too."""

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
    """A replay: which orders, for whom, and how far it is.

    `asked` is what was selected by, in words for people. `step` is the number of the next step,
    `done` how many of the `selected` orders have their answer, `results` how many of those had
    which result. `moved_at` is when it began or took its last step.
    """

    replay_id: str
    state: ReplayState
    who: str
    reason_text: str
    asked: Mapping[str, object]
    selected: int
    started_at: datetime
    moved_at: datetime
    step: int = 0
    done: int = 0
    finished_at: datetime | None = None
    results: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_running(self) -> bool:
        """Whether more of its orders are still to be checked."""
        return self.state is ReplayState.RUNNING

    def rate(self, at: datetime) -> float:
        """Return how many orders were checked per second, until now or in all."""
        seconds = ((self.finished_at or at) - self.started_at).total_seconds()
        return self.done / max(seconds, 1.0)

    def advanced(self, answers: Iterable[ReplayAnswer], at: datetime) -> "Replay":
        """Return the replay after its next step, which gave these answers."""
        counted = Counter(answer.result.value for answer in answers)
        done = self.done + counted.total()
        over = done >= self.selected
        return replace(
            self,
            state=ReplayState.DONE if over else self.state,
            step=self.step + 1,
            done=done,
            results=dict(Counter(self.results) + counted),
            moved_at=at,
            finished_at=at if over else None,
        )

    def canceled(self, at: datetime) -> "Replay":
        """Return the replay as an operator has stopped it."""
        return replace(self, state=ReplayState.CANCELED, finished_at=at)


@dataclass(frozen=True, slots=True)
class ReplayPart:
    """The orders of one step of a replay, as `store/order`."""

    replay_id: str
    step: int
    keys: tuple[str, ...]

    @property
    def part_id(self) -> str:
        """`replay/step`."""
        return part_id(self.replay_id, self.step)


def part_id(replay_id: str, step: int) -> str:
    """Return `replay/step`, the id of the orders of a step."""
    return f"{replay_id}/{step:06d}"
