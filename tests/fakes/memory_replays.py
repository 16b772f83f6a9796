"""Replays in memory: the part of a view that only replays ask for."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from models.change_set import ChangeSet
from models.errors import DuplicateKey
from models.order_record import OrderRecord
from models.outcome import Blocked, Skipped, Waiting, Withdrawn
from models.reasons import BlockerCode, SkipReason
from models.replay import RecordedAnswers, Replay, ReplayAnswer, ReplayState, Selection
from storage.documents.replay import LONG_AGO


@dataclass
class KeptReplays:
    """What is stored of replays."""

    replays: dict[str, Replay] = field(default_factory=dict)
    parts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    answers: dict[str, RecordedAnswers] = field(default_factory=dict)
    synced: dict[str, datetime] = field(default_factory=dict)

    def copied(self) -> "KeptReplays":
        """Give a copy to work on."""
        return KeptReplays(
            dict(self.replays), dict(self.parts), dict(self.answers), dict(self.synced)
        )

    def write(self, changes: ChangeSet) -> None:
        """Store what changed of replays and syncs; an answer that is there already stays."""
        self.replays |= {replay.replay_id: replay for replay in changes.replays}
        self.parts |= {part.part_id: part.keys for part in changes.replay_parts}
        for recorded in changes.answers:
            if recorded.result_id in self.answers:
                raise DuplicateKey("replay_results", recorded.result_id)
            self.answers[recorded.result_id] = recorded
        for scope, at in changes.synced.items():
            self.synced[scope] = max(at, self.synced.get(scope, at))

    def answers_by_order(self, replay_id: str) -> Mapping[str, ReplayAnswer]:
        """Give what a replay said of each order."""
        parts = self.answers_of(replay_id, None, len(self.answers))
        return {answer.key: answer for part in parts for answer in part.answers}

    def newest(self, *, running: bool, limit: int) -> Sequence[Replay]:
        """Give replays, newest first."""
        found = [
            one for one in self.replays.values() if not running or one.state is ReplayState.RUNNING
        ]
        return sorted(found, key=lambda one: one.replay_id, reverse=True)[:limit]

    def answers_of(
        self, replay_id: str, after: RecordedAnswers | None, limit: int
    ) -> Sequence[RecordedAnswers]:
        """Give what a replay said of orders, as it said it."""
        found = [
            one
            for one in self.answers.values()
            if one.replay_id == replay_id and (after is None or one.result_id > after.result_id)
        ]
        return sorted(found, key=lambda one: one.result_id)[:limit]


def select(orders: Mapping[str, OrderRecord], wanted: Selection) -> Sequence[str]:
    """Give the keys of a replay's orders, oldest purchase first."""
    named: Iterable[OrderRecord] = orders.values()
    if wanted.keys is not None:
        named = [orders[key] for key in dict.fromkeys(wanted.keys) if key in orders]
    found = [record for record in named if _is_wanted(record, wanted)]
    found.sort(key=lambda one: (one.order.purchase_date or LONG_AGO, one.key))
    return [record.key for record in found]


def _is_wanted(record: OrderRecord, wanted: Selection) -> bool:
    return (
        wanted.store_id in {None, record.store_id}
        and _is_between(record.order.purchase_date, wanted.since, wanted.until)
        and _has_reason(record, wanted)
    )


def _is_between(at: datetime | None, since: datetime | None, until: datetime | None) -> bool:
    if at is None:
        return since is None and until is None
    return (since is None or at >= since) and (until is None or at <= until)


def _has_reason(record: OrderRecord, wanted: Selection) -> bool:
    outcome = record.outcome
    if wanted.sku is not None or wanted.reason in set(BlockerCode):
        return isinstance(outcome, Blocked) and any(
            wanted.reason in {None, blocker.code.value}
            and wanted.sku in {None, blocker.sku, blocker.seller_sku}
            for blocker in outcome.blockers
        )
    if wanted.reason is not None:
        return isinstance(outcome, Waiting | Skipped | Withdrawn) and outcome.reason == (
            wanted.reason
        )
    if wanted.state is not None:
        return outcome.state is wanted.state
    if wanted.keys is not None:
        return True
    if outcome == Skipped(SkipReason.NOT_SOLD_ON_AMAZON):
        return record.store_id in wanted.non_amazon_stores
    return isinstance(outcome, Blocked) or outcome == Skipped(SkipReason.IMPORT_DISABLED)
