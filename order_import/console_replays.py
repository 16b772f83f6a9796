"""Replays as the console asks for them: thought through, begun here, watched, canceled."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from typing_extensions import override

from console.ports import PortError
from console.replay_port import (
    ReplayJob,
    ReplayPlan,
    Replays,
    ReplayScope,
    ReplayState,
    WhatIf,
)
from models.errors import OrderImportError
from models.replays import Replay, ReplayResult
from models.replays import ReplayState as StoredState
from order_import.console_plans import assumed, plan_of, said, selection, words
from order_import.replay.assumptions import BadAssumption
from order_import.replay.command_log import TopicMissing, open_command_log
from order_import.replay.lease import ReplayInTheWay, Tally
from order_import.replay.plan import dry_run, select_keys
from order_import.replay.runner import LeaseLost, Request, Runner, Signals, sum_up
from order_import.replay.summary import Summary
from order_import.settings import Settings
from storage.port import Storage
from storage.reader import Reader
from streams.clock import now

log = structlog.get_logger(__name__)

_STATES = {
    StoredState.RUNNING: ReplayState.RUNNING,
    StoredState.DONE: ReplayState.DONE,
    StoredState.CANCELED: ReplayState.CANCELED,
    StoredState.BROKEN: ReplayState.FAILED,
}
_BEGUN_WITHIN = 20.0


@dataclass(slots=True)
class _Job:
    """A replay that this process runs."""

    rate: float | None
    signals: Signals = field(default_factory=Signals)
    tally: Tally = field(default_factory=lambda: Tally(0, 0))


class OwnReplays(Replays):
    """Runs replays in this process; a cancel reaches those alone."""

    def __init__(self, settings: Settings, storage: Storage, reader: Reader) -> None:
        self._settings = settings
        self._storage = storage
        self._reader = reader
        self._jobs: dict[str, _Job] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    @override
    async def plan(self, scope: ReplayScope, what_if: WhatIf | None = None) -> ReplayPlan:
        try:
            summary = await dry_run(self._storage, selection(scope), now(), assumed(what_if))
        except BadAssumption as error:
            raise PortError(str(error)) from error
        return plan_of(summary)

    @override
    async def start(self, scope: ReplayScope, *, reason: str, by: str, rate: float | None) -> str:
        wanted = selection(scope)
        keys = await select_keys(self._storage, wanted)
        if not keys:
            raise PortError("There is no order to replay.")
        asked: dict[str, object] = {"by": "console"}
        if wanted.state is not None:
            asked["state"] = wanted.state.value
        if scope.orders:
            asked["orders"] = list(scope.orders[:20])
        request = Request(wanted, by, reason, rate, asked)
        job = _Job(rate)
        begun: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self._run(request, keys, job, begun))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            return await asyncio.wait_for(begun, _BEGUN_WITHIN)
        except TimeoutError:
            job.signals.cancel.set()
            raise PortError("Kafka does not answer.") from None

    @override
    async def get(self, replay_id: str) -> ReplayJob | None:
        found = await self._storage.look(lambda view: view.replay(replay_id))
        if found is None:
            return None
        summary = await sum_up(self._storage, replay_id)
        return self._job_of(found, summary)

    @override
    async def list(self, limit: int) -> Sequence[ReplayJob]:
        found = await self._storage.look(lambda view: view.replays(running=False, limit=limit))
        return [self._job_of(one, None) for one in found]

    @override
    async def cancel(self, replay_id: str, by: str) -> None:
        job = self._jobs.get(replay_id)
        if job is None:
            raise PortError("It is over, or it runs in another process: cancel it there.")
        log.info("replay-canceled", replay=replay_id, by=by)
        job.signals.cancel.set()

    async def close(self) -> None:
        """Send no more of any; what was sent is carried out."""
        for job in self._jobs.values():
            job.signals.cancel.set()
            job.signals.give_up.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=10)

    async def _run(
        self, request: Request, keys: Sequence[str], job: _Job, begun: asyncio.Future[str]
    ) -> None:
        def progress(tally: Tally) -> None:
            job.tally = tally

        replay_id = ""
        try:
            async with open_command_log(self._settings, self._reader) as commands:
                runner = Runner(
                    self._storage, _Announced(commands, begun, self._jobs, job), now, progress
                )
                ran = await runner.run(request, keys, job.signals)
                replay_id = ran.replay.replay_id
        except (ReplayInTheWay, TopicMissing, LeaseLost, OrderImportError) as error:
            log.warning("replay-broken", error=type(error).__name__)
            if not begun.done():
                begun.set_exception(PortError(said(error)))
        finally:
            for one in [one for one, known in self._jobs.items() if known is job]:
                del self._jobs[one]
            if not begun.done():
                begun.set_result(replay_id)

    def _job_of(self, found: Replay, summary: Summary | None) -> ReplayJob:
        own = self._jobs.get(found.replay_id)
        counts: Mapping[str, int] = summary.counts if summary is not None else found.results
        state = _STATES[found.state]
        if found.state is StoredState.RUNNING and not found.is_alive(now()):
            state = ReplayState.FAILED
        again = () if summary is None else summary.first[ReplayResult.BLOCKED]
        return ReplayJob(
            replay_id=found.replay_id,
            state=state,
            scope=words(found),
            reason=found.reason_text,
            by=found.who,
            started_at=found.started_at,
            ended_at=found.finished_at,
            orders=found.selected,
            sent=max(found.sent, own.tally.sent if own else 0),
            decided=max(found.done, own.tally.done if own else 0),
            created=counts.get(ReplayResult.CREATED, 0),
            blocked=counts.get(ReplayResult.BLOCKED, 0),
            refused=dict(summary.refusals) if summary is not None else {},
            rate=own.rate if own else None,
            blocked_again=[answer.key for answer in again],
        )


class _Announced:
    """Commands that tell, at the first of them, which replay was begun."""

    def __init__(
        self, commands: Any, begun: asyncio.Future[str], jobs: dict[str, _Job], job: _Job
    ) -> None:
        self._commands = commands
        self._begun = begun
        self._jobs = jobs
        self._job = job
        self.carried_out: Callable[[], Any] = commands.carried_out

    async def send(self, commands: Sequence[Any]) -> None:
        """Send commands in their order."""
        if not self._begun.done():
            replay_id = commands[0].command.replay_id
            self._jobs[replay_id] = self._job
            self._begun.set_result(replay_id)
        await self._commands.send(commands)
