"""The runner: sends a replay's commands, no faster than they are carried out, and sums up."""

import asyncio
from asyncio import Event
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from models.commands import Replay as ReplayCommand
from models.errors import OrderImportError, StorageUnavailable
from models.keys import replay_id
from models.ledger import CommandMessage
from models.replays import ALL_STORES, RecordedAnswer, Replay, ReplayState, Selection
from order_import.replay.lease import LEASE, Tally, begin, catch_up, end, keep
from order_import.replay.summary import Summary
from storage.port import Storage, View

IN_FLIGHT = 1_000
"""Commands that were sent and not carried out, at most: others must not wait behind all of it."""

_AT_ONCE = 500
_LOOK_EVERY = 0.05
_BURST_SECONDS = 0.1
_PAGE = 1_000


class Commands(Protocol):
    """Where commands go; see `order_import.replay.command_log.CommandLog`."""

    async def send(self, commands: Sequence[CommandMessage]) -> None:
        """Send commands in their order."""
        ...

    async def carried_out(self) -> int:
        """Give how many of the sent commands are done."""
        ...


class LeaseLost(Exception):  # noqa: N818 - a state of the world, not a mistake
    """This runner was silent for so long that it was given up for lost."""


@dataclass(frozen=True, slots=True)
class Request:
    """What an operator asks for. `rate` is orders per second, None for as fast as it goes.

    `asked` is kept beside the selection, for people: for example where its orders were named.
    """

    wanted: Selection
    who: str
    reason_text: str
    rate: float | None = None
    asked: Mapping[str, object] = field(default_factory=dict)

    @property
    def scope(self) -> str:
        """The store that may be touched, or all."""
        return self.wanted.store_id or ALL_STORES


@dataclass(slots=True)
class Signals:
    """What may be told to a runner: send no more, and do not wait for the rest either."""

    cancel: Event = field(default_factory=Event)
    give_up: Event = field(default_factory=Event)


@dataclass(frozen=True, slots=True)
class Ran:
    """How a replay ended. `unanswered` were sent, and their answers were not waited for."""

    replay: Replay
    summary: Summary

    @property
    def unanswered(self) -> int:
        """Orders that were sent, and that nothing was said of yet."""
        return max(0, self.replay.sent - self.summary.answered)


class Runner:
    """Carries out one replay."""

    def __init__(
        self,
        storage: Storage,
        commands: Commands,
        now: Callable[[], datetime],
        progress: Callable[[Tally], None] = lambda _: None,
    ) -> None:
        self._storage = storage
        self._commands = commands
        self._now = now
        self._progress = progress
        self._sent = self._done = 0
        self._credit = 1.0

    async def run(self, request: Request, keys: Sequence[str], signals: Signals) -> Ran:
        """Replay these orders in this order, until all are answered or it is told to stop.

        Raises:
            ReplayInTheWay: Another replay of an overlapping scope runs. Nothing was sent.
            LeaseLost: Nobody knew for too long that this one is alive. What was sent is done.
            BrokerUnavailable: Kafka does not answer. What was sent is done.
            StorageUnavailable: The database does not answer.
        """
        replay = self._new(request, len(keys))
        await begin(self._storage, replay, replay.started_at)
        beats = asyncio.create_task(self._beat(replay.replay_id))
        sending = asyncio.create_task(self._send_all(replay.replay_id, request, keys, signals))
        try:
            await self._first_of(replay, beats, sending)
        except BaseException:
            await _stop(sending)
            with suppress(OrderImportError):
                await self._end(replay, ReplayState.BROKEN)
            raise
        finally:
            await _stop(beats)
        whole = self._done >= len(keys)
        return await self._end(replay, ReplayState.DONE if whole else ReplayState.CANCELED)

    async def _first_of(
        self, replay: Replay, beats: asyncio.Task[None], sending: asyncio.Task[None]
    ) -> None:
        await asyncio.wait([beats, sending], return_when=asyncio.FIRST_COMPLETED)
        if sending.done():
            sending.result()
            return
        beats.result()
        raise LeaseLost(replay.replay_id)

    def _new(self, request: Request, selected: int) -> Replay:
        at = self._now()
        asked = {
            name: value
            for name in ("store_id", "reason", "sku", "since", "until")
            if (value := getattr(request.wanted, name)) is not None
        }
        stamp = f"{at:%Y%m%dT%H%M%S}{at.microsecond // 1000:03d}Z"
        return Replay(
            replay_id=replay_id(stamp, request.who, request.scope),
            scope=request.scope,
            state=ReplayState.RUNNING,
            who=request.who,
            reason_text=request.reason_text,
            asked={**asked, **request.asked},
            selected=selected,
            started_at=at,
            lease_until=at + LEASE,
        )

    async def _send_all(
        self, replay: str, request: Request, keys: Sequence[str], signals: Signals
    ) -> None:
        loop = asyncio.get_running_loop()
        last = loop.time()
        while not signals.give_up.is_set():
            if self._sent < len(keys) and not signals.cancel.is_set():
                at, last = last, loop.time()
                room = min(IN_FLIGHT - (self._sent - self._done), _AT_ONCE)
                await self._send(replay, keys, self._allowed(request.rate, room, last - at))
            if self._sent > self._done:
                with suppress(StorageUnavailable):
                    self._done = await self._commands.carried_out()
            self._progress(Tally(self._sent, self._done))
            finished = self._sent == len(keys) or signals.cancel.is_set()
            if finished and self._done >= self._sent:
                return
            await asyncio.sleep(_LOOK_EVERY)

    async def _send(self, replay: str, keys: Sequence[str], count: int) -> None:
        part = keys[self._sent : self._sent + count]
        if part:
            await self._commands.send(
                [CommandMessage(key, ReplayCommand(replay_id=replay, key=key)) for key in part]
            )
            self._sent += len(part)

    def _allowed(self, rate: float | None, room: int, seconds: float) -> int:
        """Give how many may go out now. What was not used in time is not saved up."""
        if rate is None:
            return room
        most = max(1.0, rate * max(_BURST_SECONDS, _LOOK_EVERY))
        self._credit = min(self._credit + seconds * rate, most)
        count = min(room, int(self._credit))
        self._credit -= count
        return count

    async def _beat(self, replay: str) -> None:
        """Keep the lease; return when it is lost."""
        while True:
            await asyncio.sleep(LEASE.total_seconds() / 5)
            with suppress(StorageUnavailable):
                tally = Tally(self._sent, self._done)
                if not await keep(self._storage, replay, self._now(), tally):
                    return

    async def _end(self, replay: Replay, state: ReplayState) -> Ran:
        await catch_up(self._storage)
        summary = await sum_up(self._storage, replay.replay_id)
        tally, at = Tally(self._sent, self._done), self._now()
        await end(self._storage, replay.replay_id, state, at, tally, summary.counts)
        stored = await self._storage.look(lambda view: view.replay(replay.replay_id))
        return Ran(stored or replay, summary)


async def sum_up(storage: Storage, replay: str) -> Summary:
    """Give what a replay has said of its orders so far.

    Raises:
        StorageUnavailable: The database does not answer.
    """

    async def work(view: View) -> Summary:
        summary = Summary()
        after: RecordedAnswer | None = None
        while page := await view.answers(replay, after, _PAGE):
            for recorded in page:
                summary.add(recorded.answer)
            after = page[-1]
        return summary

    return await storage.look(work)


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError, OrderImportError):
        await task
