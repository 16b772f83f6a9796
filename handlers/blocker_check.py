"""The blocker-check stage: orders are judged again, for a changed fact, at a sync, in a replay.

A command is one bounded step of a job. What is left to do is the next command of its chain, which
goes into the outbox in the same transaction: others come in between, and a crash loses no step.
"""

from collections.abc import Sequence
from datetime import timedelta

from typing_extensions import override

from handlers.handler import Handler
from handlers.payloads.json_text import parse_json
from handlers.rules.order_updates import complete_shipped
from handlers.unit_of_work import UnitOfWork
from models.commands import ALL_STORES, COMMAND, Command, OrderCursor, Recheck, ReplayStep, Sync
from models.messages import CommandMessage, DeadLetterCode, Incoming, Rejection
from models.order_record import OrderRecord
from models.replay import (
    NOT_RECEIVED,
    RecordedAnswer,
    ReplayAnswer,
    ReplayReason,
    ReplayResult,
)
from storage.port import Transaction

STEP = 500
"""How many orders one step checks again at most."""
_ALONE = 1_000_000
"""More than any transaction takes: a step has one of its own."""
STALLED = timedelta(minutes=1)
"""After how long without a step a sync sends a replay's next step again."""
AHEAD = timedelta(hours=1)
"""How much later than the worker's own clock a sync can have been asked for."""
_MOST_RUNNING = 100


class BlockerCheckHandler(Handler[tuple[Incoming, Command | None]]):
    """See `handlers.handler.Handler`."""

    def parse(self, messages: Sequence[Incoming]) -> Sequence[tuple[Incoming, Command | None]]:
        """Read commands; None for a message that is none."""
        return [(message, _read(message)) for message in messages]

    @override
    def weight(self, parsed: tuple[Incoming, Command | None]) -> int:
        """Return so much that each step has a transaction of its own."""
        del parsed
        return _ALONE

    async def handle(
        self,
        parsed: Sequence[tuple[Incoming, Command | None]],
        unit_of_work: UnitOfWork,
        transaction: Transaction,
    ) -> None:
        """Take one step for each command."""
        await unit_of_work.lock(transaction)
        for message, command in parsed:
            match command:
                case None:
                    unit_of_work.dead_letter(message, _NO_COMMAND)
                case Recheck():
                    found = await transaction.orders_depending_on(command.fact, command.after, STEP)
                    await _check_again(found, message, unit_of_work, transaction)
                    _go_on(unit_of_work, command.fact, command, found)
                case Sync():
                    await self._sync(command, message, unit_of_work, transaction)
                case ReplayStep():
                    await self._replay(command, message, unit_of_work, transaction)

    async def _sync(
        self,
        command: Sync,
        message: Incoming,
        unit_of_work: UnitOfWork,
        transaction: Transaction,
    ) -> None:
        """Complete what Commerce has shipped, then check blocked orders; some at a time."""
        key = command.store_id or ALL_STORES
        if command.after is None:
            shipped = await transaction.shipped_commerce_orders(command.store_id, STEP)
            records = await transaction.orders({order.key for order in shipped})
            unit_of_work.track(records.values(), shipped)
            for order in shipped:
                decision = complete_shipped(
                    records[order.key], order, unit_of_work.context_of(message)
                )
                if decision is not None:
                    unit_of_work.add(decision)
            if len(shipped) == STEP:
                unit_of_work.outgoing.append(CommandMessage(key, command))
                return
        blocked = await transaction.blocked_orders(command.store_id, command.after, STEP)
        await _check_again(blocked, message, unit_of_work, transaction)
        if _go_on(unit_of_work, key, command, blocked):
            return
        unit_of_work.facts.synced[key] = min(command.requested_at, unit_of_work.at + AHEAD)
        if command.store_id is None:
            for replay in await transaction.replays(running=True, limit=_MOST_RUNNING):
                if unit_of_work.at - replay.moved_at > STALLED:  # its command never reached Kafka
                    unit_of_work.outgoing.append(step_of(replay.replay_id, replay.step))

    async def _replay(
        self,
        command: ReplayStep,
        message: Incoming,
        unit_of_work: UnitOfWork,
        transaction: Transaction,
    ) -> None:
        """Check the orders of one step of a replay, and record what is said of each."""
        replay = await transaction.replay(command.replay_id)
        if replay is None:
            unit_of_work.dead_letter(message, _NO_REPLAY)
            return
        if not replay.is_running or command.step != replay.step:
            return  # canceled, or a command that came twice
        keys = await transaction.replay_part(replay.replay_id, replay.step)
        known = await transaction.orders(keys)
        await unit_of_work.prepare(transaction, known.values())
        answers: list[ReplayAnswer] = []
        for key in keys:
            record = unit_of_work.record(key)
            if record is None:
                reasons = (ReplayReason(NOT_RECEIVED),)
                answers.append(ReplayAnswer(key, ReplayResult.REFUSED, reasons))
            else:
                answers.append(
                    unit_of_work.replay(record, unit_of_work.context_of(message), replay.replay_id)
                )
        after = replay.advanced(answers, unit_of_work.at)
        unit_of_work.facts.answers.extend(
            RecordedAnswer(replay.replay_id, answer, unit_of_work.at) for answer in answers
        )
        unit_of_work.facts.replays.append(after)
        if after.is_running:
            unit_of_work.outgoing.append(step_of(after.replay_id, after.step))


def step_of(replay_id: str, step: int) -> CommandMessage:
    """Return the command that takes a step of a replay."""
    return CommandMessage(replay_id, ReplayStep(replay_id=replay_id, step=step))


async def _check_again(
    found: Sequence[OrderRecord],
    message: Incoming,
    unit_of_work: UnitOfWork,
    transaction: Transaction,
) -> None:
    await unit_of_work.prepare(transaction, found)
    for record in found:
        unit_of_work.recheck(
            unit_of_work.record(record.key) or record, unit_of_work.context_of(message)
        )


def _go_on(
    unit_of_work: UnitOfWork, key: str, command: Recheck | Sync, checked: Sequence[OrderRecord]
) -> bool:
    """Put the next command of the chain into the outbox if there may be more orders."""
    if len(checked) < STEP:
        return False
    last = checked[-1]
    after = OrderCursor.model_construct(purchase_date=last.order.purchase_date, key=last.key)
    unit_of_work.outgoing.append(CommandMessage(key, command.model_copy(update={"after": after})))
    return True


def _read(message: Incoming) -> Command | None:
    try:
        return COMMAND.validate_python(parse_json(message.value or b""))
    except ValueError:
        return None


_NO_COMMAND = Rejection(
    code=DeadLetterCode.UNKNOWN_PAYLOAD, message="command: expected recheck, sync or replay"
)
_NO_REPLAY = Rejection(
    code=DeadLetterCode.UNKNOWN_PAYLOAD,
    message="replay_id: expected a replay that an operator has begun",
)
