"""Replays as the console asks for them: planned, begun, watched, canceled."""

from collections.abc import Mapping, Sequence

from typing_extensions import override

from models.errors import OrderImportError
from models.replay import Replay, ReplayResult
from order_import.console.ports import PortError
from order_import.console.replay_plans import assumed, plan_of, said, selection, words
from order_import.console.replay_port import (
    ReplayJob,
    ReplayPlan,
    Replays,
    ReplayScope,
    ReplayState,
    WhatIf,
)
from order_import.operations.assumptions import BadAssumption
from order_import.operations.dry_run import dry_run, select_keys
from order_import.operations.replay import (
    Request,
    Summary,
    TopicMissing,
    begin,
    cancel,
    open_sender,
    sum_up,
)
from order_import.settings import Settings
from storage.port import Storage
from streams.clock import now


class StoredReplays(Replays):
    """Replays as the database has them. The worker carries them out."""

    def __init__(self, settings: Settings, storage: Storage) -> None:
        self._settings = settings
        self._storage = storage

    @override
    async def plan(self, scope: ReplayScope, what_if: WhatIf | None = None) -> ReplayPlan:
        try:
            summary = await dry_run(self._storage, selection(scope), now(), assumed(what_if))
        except BadAssumption as error:
            raise PortError(str(error)) from error
        return plan_of(summary)

    @override
    async def start(self, scope: ReplayScope, *, reason: str, by: str) -> str:
        wanted = selection(scope)
        keys = await select_keys(self._storage, wanted)
        if not keys:
            raise PortError("There is no order to replay.")
        asked: dict[str, object] = {"by": "console"}
        if wanted.state is not None:
            asked["state"] = wanted.state.value
        if scope.orders:
            asked["orders"] = list(scope.orders[:20])
        try:
            request = Request(wanted, by, reason, asked)
            async with open_sender(self._settings) as send:
                return (await begin(self._storage, send, request, keys, now())).replay_id
        except (TopicMissing, OrderImportError) as error:
            raise PortError(said(error)) from error

    @override
    async def get(self, replay_id: str) -> ReplayJob | None:
        found = await self._storage.snapshot(lambda view: view.replay(replay_id))
        if found is None:
            return None
        return _job_of(found, await sum_up(self._storage, replay_id))

    @override
    async def list(self, limit: int) -> Sequence[ReplayJob]:
        found = await self._storage.snapshot(lambda view: view.replays(running=False, limit=limit))
        return [_job_of(one, None) for one in found]

    @override
    async def cancel(self, replay_id: str) -> None:
        if not await cancel(self._storage, replay_id, now()):
            raise PortError("It is over already.")


def _job_of(found: Replay, summary: Summary | None) -> ReplayJob:
    counts: Mapping[str, int] = summary.counts if summary is not None else found.results
    again = () if summary is None else summary.first[ReplayResult.BLOCKED]
    return ReplayJob(
        replay_id=found.replay_id,
        state=ReplayState(found.state.value),
        scope=words(found),
        reason=found.reason_text,
        by=found.who,
        started_at=found.started_at,
        ended_at=found.finished_at,
        orders=found.selected,
        decided=found.done,
        created=counts.get(ReplayResult.CREATED, 0),
        blocked=counts.get(ReplayResult.BLOCKED, 0),
        refused=dict(summary.refusals) if summary is not None else {},
        blocked_again=[answer.key for answer in again],
    )
