"""The summary: what a replay did to all its orders, or would do."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from handlers.blocker_check import STEP, step_command
from models.change_set import ChangeSet
from models.errors import BrokerUnavailable, TransientStorageError
from models.keys import replay_id
from models.messages import CommandMessage
from models.money import Money
from models.replay import (
    RecordedAnswer,
    Replay,
    ReplayAnswer,
    ReplayPart,
    ReplayResult,
    ReplayState,
    Selection,
)
from models.topics import TopicName
from order_import.bootstrap import new_producer
from order_import.operations.lag import broker_errors
from order_import.operations.publish import topic_exists
from order_import.settings import Settings
from storage.port import Snapshot, Storage, Transaction
from streams.messages import encode

FIRST = 20
"""How many orders of each result are told one by one."""


@dataclass(slots=True)
class CauseTotal:
    """Blocked orders with one cause and one product. An order counts in each of its causes.

    `required` are the units of all of them together. `available` is what there was for the last
    one, or None where the product is unknown or its stock not managed.
    """

    orders: int = 0
    required: int = 0
    available: float | None = None


@dataclass(slots=True)
class Summary:
    """Answers, counted as they come. Its size does not grow with the number of orders.

    `value` sums the totals of created orders per currency. `causes` are by code and SKU,
    `refusals` by code; `first` has the first orders of each result.
    """

    orders: Counter[ReplayResult] = field(default_factory=Counter)
    value: dict[str, Decimal] = field(default_factory=dict)
    causes: dict[tuple[str, str | None], CauseTotal] = field(default_factory=dict)
    refusals: Counter[str] = field(default_factory=Counter)
    first: dict[ReplayResult, list[ReplayAnswer]] = field(
        default_factory=lambda: {result: [] for result in ReplayResult}
    )

    @property
    def answered(self) -> int:
        """How many orders there is an answer for."""
        return self.orders.total()

    @property
    def money(self) -> list[Money]:
        """The value of what is created, one sum per currency."""
        return [
            Money.model_construct(amount=amount, currency=currency)
            for currency, amount in sorted(self.value.items())
        ]

    @property
    def counts(self) -> dict[str, int]:
        """How many orders have which result."""
        return {result.value: self.orders[result] for result in ReplayResult}

    @property
    def largest_causes(self) -> list[tuple[str, str | None, CauseTotal]]:
        """What blocks, by code and SKU, the cause of most orders first."""
        causes = [(code, sku, total) for (code, sku), total in self.causes.items()]
        return sorted(causes, key=lambda cause: -cause[2].orders)

    @property
    def examples(self) -> list[ReplayAnswer]:
        """Some answers: of each result the first ones."""
        return [answer for answers in self.first.values() for answer in answers][: 2 * FIRST]

    def add(self, answer: ReplayAnswer) -> None:
        """Count one order's answer."""
        self.orders[answer.result] += 1
        if len(self.first[answer.result]) < FIRST:
            self.first[answer.result].append(answer)
        match answer.result:
            case ReplayResult.CREATED:
                if answer.total is not None:
                    so_far = self.value.get(answer.total.currency, Decimal(0))
                    self.value[answer.total.currency] = so_far + answer.total.amount
            case ReplayResult.BLOCKED:
                for reason in answer.reasons:
                    cause = self.causes.setdefault((reason.code, reason.sku), CauseTotal())
                    cause.orders += 1
                    cause.required += reason.required or 0
                    cause.available = reason.available
            case ReplayResult.REFUSED:
                self.refusals.update(reason.code for reason in answer.reasons)


_PARTS_AT_ONCE = 100
_ANSWERS_AT_ONCE = 1_000
_POLL_SECONDS = 0.1


class TopicMissing(Exception):  # noqa: N818 - a state of the world, not a mistake
    """The topic of the commands was not created yet. The message is its name."""


Send = Callable[[CommandMessage], Awaitable[None]]
"""Publishes a command; returns when Kafka has it."""


@dataclass(frozen=True, slots=True)
class Request:
    """What an operator asks for.

    `asked` is kept beside the selection, for people: for example where its orders were named.
    """

    selection: Selection
    who: str
    reason_text: str
    asked: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ran:
    """A replay and what it said of its orders so far."""

    replay: Replay
    summary: Summary

    @property
    def unanswered(self) -> int:
        """Orders of which nothing is said."""
        return self.replay.selected - self.replay.done


@asynccontextmanager
async def open_sender(settings: Settings) -> AsyncIterator[Send]:
    """Give what publishes a command, closed at the end.

    Raises:
        TopicMissing: Kafka has no topic for commands.
        BrokerUnavailable: Kafka does not answer, now or when a command is sent.
    """
    if not await topic_exists(settings, TopicName.COMMANDS):
        raise TopicMissing(settings.topic_prefix + TopicName.COMMANDS)
    producer = new_producer(settings)

    async def send(command: CommandMessage) -> None:
        message = encode(command)
        with broker_errors():
            await producer.send_and_wait(
                settings.topic_prefix + message.topic,
                key=message.key,
                value=message.value,
                headers=message.headers,
            )

    try:
        with broker_errors():
            await producer.start()
        yield send
    finally:
        await producer.stop()


async def begin(
    storage: Storage, send: Send, request: Request, keys: Sequence[str], at: datetime
) -> Replay:
    """Begin a replay of these orders, in this order. The worker takes its steps.

    Raises:
        BrokerUnavailable: Kafka does not answer; what was begun is canceled.
        StorageUnavailable: The database does not answer.
    """
    replay = _new(request, keys, at)
    parts = [
        ReplayPart(replay.replay_id, step, tuple(keys[start : start + STEP]))
        for step, start in enumerate(range(0, len(keys), STEP))
    ]
    for start in range(0, len(parts), _PARTS_AT_ONCE):
        some = parts[start : start + _PARTS_AT_ONCE]
        await _write(storage, replay, ChangeSet(replay_parts=some))
    await _write(storage, replay, ChangeSet(replays=[replay]))
    try:
        await send(step_command(replay.replay_id, replay.step))
    except BrokerUnavailable:
        with suppress(TransientStorageError):
            await cancel(storage, replay.replay_id, at)
        raise
    return replay


async def cancel(storage: Storage, wanted: str, at: datetime) -> bool:
    """Stop a replay after the step it is in; False if it was over, or never begun.

    Raises:
        StorageUnavailable: The database does not answer.
    """

    async def work(transaction: Transaction) -> bool:
        replay = await transaction.replay(wanted)
        if replay is None or not replay.is_running:
            return False
        await transaction.write(ChangeSet(replays=[replay.canceled(at)]))
        return True

    return await storage.transact(work)


async def find_replay(storage: Storage, wanted: str) -> Replay | None:
    """Return a replay; None if there is none of this id.

    Raises:
        StorageUnavailable: The database does not answer.
    """
    return await storage.snapshot(lambda view: view.replay(wanted))


async def newest_replays(storage: Storage, limit: int) -> Sequence[Replay]:
    """Return the replays that were begun last, the newest first.

    Raises:
        StorageUnavailable: The database does not answer.
    """
    return await storage.snapshot(lambda view: view.replays(running=False, limit=limit))


async def follow(storage: Storage, wanted: str) -> AsyncGenerator[Replay, None]:
    """Give a replay as it goes on, until it is over. Nothing is given if there is none.

    An outage of the database is waited out.
    """
    while True:
        with suppress(TransientStorageError):
            replay = await find_replay(storage, wanted)
            if replay is None:
                return
            yield replay
            if not replay.is_running:
                return
        await asyncio.sleep(_POLL_SECONDS)


async def sum_up(storage: Storage, wanted: str) -> Summary:
    """Return what a replay has said of its orders so far.

    Raises:
        StorageUnavailable: The database does not answer.
    """

    async def work(view: Snapshot) -> Summary:
        summary = Summary()
        after: RecordedAnswer | None = None
        while answers := await view.answers(wanted, after, _ANSWERS_AT_ONCE):
            for recorded in answers:
                summary.add(recorded.answer)
            after = answers[-1]
        return summary

    return await storage.snapshot(work)


async def _write(storage: Storage, replay: Replay, changes: ChangeSet) -> None:
    async def work(transaction: Transaction) -> None:
        await transaction.replay(replay.replay_id)  # a transaction begins with a read
        await transaction.write(changes)

    await storage.transact(work)


def _new(request: Request, keys: Sequence[str], at: datetime) -> Replay:
    asked = {
        name: value
        for name in ("store_id", "reason", "sku", "since", "until")
        if (value := getattr(request.selection, name)) is not None
    }
    stamp = f"{at:%Y%m%dT%H%M%S}{at.microsecond // 1000:03d}Z"
    first_and_last = f"{keys[0]}-{keys[-1]}-{len(keys)}"
    return Replay(
        replay_id=replay_id(stamp, request.who, first_and_last),
        state=ReplayState.RUNNING,
        who=request.who,
        reason_text=request.reason_text,
        asked={**asked, **request.asked},
        selected=len(keys),
        started_at=at,
        moved_at=at,
    )
