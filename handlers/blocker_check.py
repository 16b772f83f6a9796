"""The blocker-check stage: orders are checked again for a changed fact, a sync or a replay.

A command is one bounded step of a job. The rest of the job is the next command of its chain, put
into the outbox in the same transaction: other messages are processed in between, and a crash
loses no step.
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
from models.reasons import NOT_RECEIVED
from models.replay import RecordedAnswer, ReplayAnswer, ReplayReason, ReplayResult
from storage.port import Transaction

STEP = 500
"""The most orders that one step checks."""
_OWN_TRANSACTION = 1_000_000
"""A weight above the limit of any transaction: each step gets one of its own."""
STALLED = timedelta(minutes=1)
"""If a replay takes no step for this long, a sync sends its next step again."""
MAX_AHEAD = timedelta(hours=1)
"""How far the time of a requested sync may lie ahead of the worker's own clock."""
_MAX_RUNNING = 100


class BlockerCheckHandler(Handler[tuple[Incoming, Command | None]]):
    """See `handlers.handler.Handler`."""

    def parse(self, messages: Sequence[Incoming]) -> Sequence[tuple[Incoming, Command | None]]:
        """Parse commands; None for a message that is not a command."""
        return [(message, _read(message)) for message in messages]

    @override
    def weight(self, parsed: tuple[Incoming, Command | None]) -> int:
        """Return a weight that gives each step a transaction of its own."""
        del parsed
        return _OWN_TRANSACTION

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
                    waiting = await transaction.orders_depending_on(
                        command.fact, command.after, STEP
                    )
                    await _recheck(waiting, message, unit_of_work, transaction)
                    _continue(unit_of_work, command.fact, command, waiting)
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
        """Complete what Commerce has shipped, then check blocked orders; one step at a time."""
        key = command.store_id or ALL_STORES
        if command.after is None:
            shipped = await transaction.shipped_commerce_orders(command.store_id, STEP)
            records = await transaction.orders({order.key for order in shipped})
            unit_of_work.track(records.values(), shipped)
            for order in shipped:
                decision = complete_shipped(
                    records[order.key], order, unit_of_work.context_for(message)
                )
                if decision is not None:
                    unit_of_work.add(decision)
            if len(shipped) == STEP:
                unit_of_work.outgoing.append(CommandMessage(key, command))
                return
        blocked = await transaction.blocked_orders(command.store_id, command.after, STEP)
        await _recheck(blocked, message, unit_of_work, transaction)
        if _continue(unit_of_work, key, command, blocked):
            return
        unit_of_work.changes.synced[key] = min(command.requested_at, unit_of_work.at + MAX_AHEAD)
        if command.store_id is None:
            for replay in await transaction.replays(running=True, limit=_MAX_RUNNING):
                if unit_of_work.at - replay.moved_at > STALLED:  # its command did not reach Kafka
                    unit_of_work.outgoing.append(step_command(replay.replay_id, replay.step))

    async def _replay(
        self,
        command: ReplayStep,
        message: Incoming,
        unit_of_work: UnitOfWork,
        transaction: Transaction,
    ) -> None:
        """Check the orders of one step of a replay, and record the answer for each."""
        replay = await transaction.replay(command.replay_id)
        if replay is None:
            unit_of_work.dead_letter(message, _NO_REPLAY)
            return
        if not replay.is_running or command.step != replay.step:
            return  # canceled, or a repeated command
        keys = await transaction.replay_part(replay.replay_id, replay.step)
        stored = await transaction.orders(keys)
        await unit_of_work.prepare(transaction, stored.values())
        answers: list[ReplayAnswer] = []
        for key in keys:
            record = unit_of_work.record(key)
            if record is None:
                reasons = (ReplayReason(NOT_RECEIVED),)
                answers.append(ReplayAnswer(key, ReplayResult.REFUSED, reasons))
            else:
                answers.append(
                    unit_of_work.replay(record, unit_of_work.context_for(message), replay.replay_id)
                )
                await unit_of_work.order_decided()
        after = replay.advanced(answers, unit_of_work.at)
        unit_of_work.changes.answers.extend(
            RecordedAnswer(replay.replay_id, answer, unit_of_work.at) for answer in answers
        )
        unit_of_work.changes.replays.append(after)
        if after.is_running:
            unit_of_work.continue_with(step_command(after.replay_id, after.step))


def step_command(replay_id: str, step: int) -> CommandMessage:
    """Return the command for a step of a replay."""
    return CommandMessage(replay_id, ReplayStep(replay_id=replay_id, step=step))


async def _recheck(
    records: Sequence[OrderRecord],
    message: Incoming,
    unit_of_work: UnitOfWork,
    transaction: Transaction,
) -> None:
    await unit_of_work.prepare(transaction, records)
    for record in records:
        unit_of_work.recheck(
            unit_of_work.record(record.key) or record, unit_of_work.context_for(message)
        )
        await unit_of_work.order_decided()


def _continue(
    unit_of_work: UnitOfWork, key: str, command: Recheck | Sync, checked: Sequence[OrderRecord]
) -> bool:
    """Put the next command of the chain into the outbox if more orders may be left."""
    if len(checked) < STEP:
        return False
    last = checked[-1]
    after = OrderCursor.model_construct(purchase_date=last.order.purchase_date, key=last.key)
    unit_of_work.continue_with(CommandMessage(key, command.model_copy(update={"after": after})))
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
