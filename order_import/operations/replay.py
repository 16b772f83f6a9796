"""Replays: start one, cancel it, follow its progress, and sum up its answers.

What takes a storage raises `StorageUnavailable` if the database does not answer, except `follow`.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import chain

from handlers.blocker_check import STEP, step_command
from models.change_set import ChangeSet
from models.errors import BrokerUnavailable, TransientStorageError
from models.keys import replay_id as make_replay_id
from models.messages import CommandMessage
from models.money import Money
from models.replay import (
    RecordedAnswers,
    Replay,
    ReplayAnswer,
    ReplayPart,
    ReplayResult,
    ReplayState,
    Selection,
)
from models.topics import TopicName
from order_import.bootstrap import broker_errors, connect_producer, event_source
from order_import.operations.install import require_topic
from order_import.settings import Settings
from storage.port import Snapshot, Storage, Transaction
from streams.messages import encode

FIRST = 20
"""How many orders of each result are listed."""


@dataclass(slots=True)
class CauseTotal:
    """Blocked orders with one cause and one product. An order counts under each of its causes.

    `required` is the sum of their units. `available` is the quantity at the check of the last one;
    None if the product is unknown or its stock is not managed.
    """

    orders: int = 0
    required: int = 0
    available: float | None = None


@dataclass(slots=True)
class Summary:
    """Counts a replay's answers. Its size does not grow with the number of orders.

    `value` has the sum of created orders' totals per currency. `causes` are by code and SKU,
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
        """How many orders have an answer."""
        return self.orders.total()

    @property
    def money(self) -> list[Money]:
        """The total of the created orders, one sum per currency."""
        return [
            Money.model_construct(amount=amount, currency=currency)
            for currency, amount in sorted(self.value.items())
        ]

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
                    subtotal = self.value.get(answer.total.currency, Decimal(0))
                    self.value[answer.total.currency] = subtotal + answer.total.amount
            case ReplayResult.BLOCKED:
                for reason in answer.reasons:
                    cause = self.causes.setdefault((reason.code, reason.sku), CauseTotal())
                    cause.orders += 1
                    cause.required += reason.required or 0
                    cause.available = reason.available
            case ReplayResult.REFUSED:
                self.refusals.update(reason.code for reason in answer.reasons)


_PARTS_AT_ONCE = 100
_PARTS_READ_AT_ONCE = 10
_POLL_SECONDS = 0.1


Send = Callable[[CommandMessage], Awaitable[None]]
"""Publishes a command; returns once Kafka has it."""


@dataclass(frozen=True, slots=True)
class Request:
    """An operator's request for a replay.

    `criteria` is stored beside the selection, for people: for example the names of its orders.
    """

    selection: Selection
    who: str
    reason_text: str
    criteria: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ran:
    """A replay, and the answers for its orders so far."""

    replay: Replay
    summary: Summary

    @property
    def unanswered(self) -> int:
        """The number of orders without an answer."""
        return self.replay.selected - self.replay.done


@asynccontextmanager
async def open_sender(settings: Settings) -> AsyncIterator[Send]:
    """Open a producer for commands, and close it at the end.

    Raises:
        TopicMissing: The topic of commands does not exist.
        BrokerUnavailable: Kafka does not answer, now or when a command is sent.
    """
    await require_topic(settings, TopicName.COMMANDS)
    source = event_source(settings)
    async with connect_producer(settings) as producer:

        async def send(command: CommandMessage) -> None:
            message = encode(command, source)
            with broker_errors():
                await producer.send_and_wait(
                    settings.topic_prefix + message.topic,
                    key=message.key,
                    value=message.value,
                    headers=message.headers,
                )

        yield send


async def begin(
    storage: Storage, send: Send, request: Request, keys: Sequence[str], at: datetime
) -> Replay:
    """Start a replay of these orders, in this order. The worker carries it out in steps.

    Raises:
        BrokerUnavailable: Kafka does not answer; the replay is canceled.
    """
    replay = _new(request, keys, at)
    parts = [
        ReplayPart(replay.replay_id, step, tuple(keys[start : start + STEP]))
        for step, start in enumerate(range(0, len(keys), STEP))
    ]
    for start in range(0, len(parts), _PARTS_AT_ONCE):
        chunk = parts[start : start + _PARTS_AT_ONCE]
        await _write(storage, replay, ChangeSet(replay_parts=chunk))
    await _write(storage, replay, ChangeSet(replays=[replay]))
    try:
        await send(step_command(replay.replay_id, replay.step))
    except BrokerUnavailable:
        with suppress(TransientStorageError):
            await cancel(storage, replay.replay_id, at)
        raise
    return replay


async def cancel(storage: Storage, replay_id: str, at: datetime) -> bool:
    """Stop a replay after its current step; return False if it was over, or does not exist."""

    async def work(transaction: Transaction) -> bool:
        replay = await transaction.replay(replay_id)
        if replay is None or not replay.is_running:
            return False
        await transaction.write(ChangeSet(replays=[replay.canceled(at)]))
        return True

    return await storage.transact(work)


async def find_replay(storage: Storage, replay_id: str) -> Replay | None:
    """Return a replay; None if it does not exist."""
    return await storage.snapshot(lambda view: view.replay(replay_id))


async def newest_replays(storage: Storage, limit: int) -> Sequence[Replay]:
    """Return the latest replays, newest first."""
    return await storage.snapshot(lambda view: view.replays(running=False, limit=limit))


async def follow(storage: Storage, replay_id: str) -> AsyncGenerator[Replay, None]:
    """Yield the current state of a replay until it is over; nothing if it does not exist.

    It waits while the database does not answer.
    """
    while True:
        with suppress(TransientStorageError):
            replay = await find_replay(storage, replay_id)
            if replay is None:
                return
            yield replay
            if not replay.is_running:
                return
        await asyncio.sleep(_POLL_SECONDS)


async def sum_up(storage: Storage, replay_id: str) -> Summary:
    """Return the summary of a replay's answers so far."""

    async def work(view: Snapshot) -> Summary:
        summary = Summary()
        after: RecordedAnswers | None = None
        while parts := await view.answers(replay_id, after, _PARTS_READ_AT_ONCE):
            for answer in chain.from_iterable(part.answers for part in parts):
                summary.add(answer)
            after = parts[-1]
        return summary

    return await storage.snapshot(work)


async def _write(storage: Storage, replay: Replay, changes: ChangeSet) -> None:
    async def work(transaction: Transaction) -> None:
        await transaction.replay(replay.replay_id)  # a transaction begins with a read
        await transaction.write(changes)

    await storage.transact(work)


def _new(request: Request, keys: Sequence[str], at: datetime) -> Replay:
    criteria = {
        name: value
        for name in ("store_id", "reason", "sku", "since", "until")
        if (value := getattr(request.selection, name)) is not None
    }
    stamp = f"{at:%Y%m%dT%H%M%S}{at.microsecond // 1000:03d}Z"
    first_and_last = f"{keys[0]}-{keys[-1]}-{len(keys)}"
    return Replay(
        replay_id=make_replay_id(stamp, request.who, first_and_last),
        state=ReplayState.RUNNING,
        who=request.who,
        reason_text=request.reason_text,
        criteria={**criteria, **request.criteria},
        selected=len(keys),
        started_at=at,
        moved_at=at,
    )
