"""Replays: the orders that an operator asks to check again, and the result of each (rule 14)."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from models.money import Money
from models.outcome import ImportState

MOST_REASONS = 5_000
"""The most reasons in one document of answers, unless a single order has more."""


class ReplayState(StrEnum):
    """The state of a replay."""

    RUNNING = "running"
    DONE = "done"
    CANCELED = "canceled"
    """Stopped by an operator. The steps taken until then stand."""


class ReplayResult(StrEnum):
    """The result of a replay for one order."""

    CREATED = "created"
    BLOCKED = "blocked"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Selection:
    """Which orders to replay. `None` matches all; an order must match all other fields.

    Without `keys`, `reason` and `state`: blocked orders, orders skipped as `import-disabled`, and
    of `non_amazon_stores` also those skipped as `not-sold-on-amazon`.
    `keys` are `store/order`, whatever their state. `reason` is any code of a blocker, of waiting
    or of skipping. `sku` is the seller's or the catalog's SKU of a blocker; with a blocker's code,
    of that same blocker. `since` and `until` are purchase dates, both included. `state` selects all
    orders in one state, and is not combined with `reason` or `sku`.
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
    """Why an order was not created. A refusal has only a code; a blocker has its units, too."""

    code: str
    sku: str | None = None
    required: int | None = None
    available: float | None = None


@dataclass(frozen=True, slots=True)
class ReplayAnswer:
    """The result of a replay for one order, real or predicted. `total` is the order's own total."""

    key: str
    result: ReplayResult
    reasons: tuple[ReplayReason, ...] = ()
    total: Money | None = None


@dataclass(frozen=True, slots=True)
class RecordedAnswers:
    """The answers of one step, or a part of them. A replay gives each of its orders one answer.

    They are stored together: one insert for a step, instead of one for each order.
    """

    replay_id: str
    step: int
    part: int
    answers: tuple[ReplayAnswer, ...]
    at: datetime

    @property
    def result_id(self) -> str:
        """`replay/step/part`; in this order the answers were given."""
        return f"{part_id(self.replay_id, self.step)}/{self.part:03d}"


def answers_to_record(
    replay_id: str, step: int, answers: Iterable[ReplayAnswer], at: datetime
) -> Iterator[RecordedAnswers]:
    """Yield the answers of a step in parts that fit into a document, however many reasons."""
    part, taken, reasons = 0, list[ReplayAnswer](), 0
    for answer in answers:
        if taken and reasons + len(answer.reasons) > MOST_REASONS:
            yield RecordedAnswers(replay_id, step, part, tuple(taken), at)
            part, taken, reasons = part + 1, [], 0
        taken.append(answer)
        reasons += len(answer.reasons)
    yield RecordedAnswers(replay_id, step, part, tuple(taken), at)


@dataclass(frozen=True, slots=True)
class Replay:
    """A replay: which orders, for whom, and how far it is.

    `criteria` describes the selection in words for people. `step` is the number of the next step,
    `done` how many of the `selected` orders have an answer, and `results` counts these by result.
    `moved_at` is when the replay started or took its last step.
    """

    replay_id: str
    state: ReplayState
    who: str
    reason_text: str
    criteria: Mapping[str, object]
    selected: int
    started_at: datetime
    moved_at: datetime
    step: int = 0
    done: int = 0
    finished_at: datetime | None = None
    results: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_running(self) -> bool:
        """Whether more orders are still to be checked."""
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
        """Return the replay as stopped by an operator."""
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
