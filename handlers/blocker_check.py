"""The blocker-check stage: orders are checked again for a changed fact, a sync or a replay.

A command is one bounded step of a job. The rest of the job is the next command of its chain, put
into the outbox in the same transaction: other messages are processed in between, and a crash
loses no step.
"""

from collections.abc import Collection, Sequence
from datetime import timedelta

from typing_extensions import override

from handlers.handler import Handler
from handlers.payloads.json_text import parse_json
from handlers.rules.order_updates import complete_shipped
from handlers.rules.pending import LAPSES_AFTER, lapse
from handlers.unit_of_work import UnitOfWork, pending_stocks
from models.commands import ALL_STORES, COMMAND, Command, OrderCursor, Recheck, ReplayStep, Sync
from models.messages import CommandMessage, DeadLetterCode, Incoming, Rejection
from models.order_record import OrderRecord
from models.reasons import NOT_RECEIVED
from models.replay import ReplayAnswer, ReplayReason, ReplayResult, answers_to_record
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
        for message, command in parsed:
            match command:
                case None:
                    await unit_of_work.lock_stocks(transaction, ())
                    unit_of_work.dead_letter(message, _NO_COMMAND)
                case Recheck():
                    await _lock_for(command.fact, unit_of_work, transaction)
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
        key = command.store_id or ALL_STORES
        if command.store_id is None:
            await unit_of_work.lock_all(transaction)
        else:
            await unit_of_work.lock_stores(transaction, {command.store_id})
        if command.after is None and await _finish_due(command, message, unit_of_work, transaction):
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
        await unit_of_work.lock_stocks(transaction, ())
        replay = await transaction.replay(command.replay_id)
        if replay is None:
            unit_of_work.dead_letter(message, _NO_REPLAY)
            return
        if not replay.is_running or command.step != replay.step:
            return  # canceled, or a repeated command
        keys = await transaction.replay_part(replay.replay_id, replay.step)
        stored = await transaction.orders(keys)
        await _lock_for_orders(stored.values(), unit_of_work, transaction)
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
        await unit_of_work.request_recheck_of_released(transaction)
        after = replay.advanced(answers, unit_of_work.at)
        unit_of_work.changes.answers.extend(
            answers_to_record(replay.replay_id, replay.step, answers, unit_of_work.at)
        )
        unit_of_work.changes.replays.append(after)
        if after.is_running:
            unit_of_work.continue_with(step_command(after.replay_id, after.step))


async def _finish_due(
    command: Sync, message: Incoming, unit_of_work: UnitOfWork, transaction: Transaction
) -> bool:
    """Complete what Commerce has shipped and end pending reservations without news.

    Returns whether more may be left.
    """
    context = unit_of_work.context_for(message)
    shipped = await transaction.shipped_commerce_orders(command.store_id, STEP)
    records = await transaction.orders({order.key for order in shipped})
    silent_since = unit_of_work.at - LAPSES_AFTER
    silent = await transaction.pending_reservations(command.store_id, silent_since, STEP)
    await unit_of_work.lock_stocks(transaction, pending_stocks(silent))
    unit_of_work.track((*records.values(), *silent), shipped)
    decisions = [complete_shipped(records[order.key], order, context) for order in shipped]
    decisions += [lapse(record, context) for record in silent]
    for decision in decisions:
        if decision is not None:
            unit_of_work.add(decision)
    await unit_of_work.request_recheck_of_released(transaction)
    return STEP in {len(shipped), len(silent)}


def step_command(replay_id: str, step: int) -> CommandMessage:
    """Return the command for a step of a replay."""
    return CommandMessage(replay_id, ReplayStep(replay_id=replay_id, step=step))


async def _lock_for(fact: str, unit_of_work: UnitOfWork, transaction: Transaction) -> None:
    """Lock the stocks of the orders that are most likely to depend on a fact."""
    kind, _, key = fact.partition(":")
    owner = key.partition("/")[0]
    match kind:
        case "store" | "listing":
            await unit_of_work.lock_stores(transaction, {owner})
        case "stock":
            await unit_of_work.lock_stocks(transaction, {owner})
        case _:
            await unit_of_work.lock_stocks(transaction, ())


async def _lock_for_orders(
    records: Collection[OrderRecord], unit_of_work: UnitOfWork, transaction: Transaction
) -> None:
    await unit_of_work.lock_stores(transaction, {record.store_id for record in records})
    await unit_of_work.lock_stocks(transaction, pending_stocks(records))


async def _recheck(
    records: Sequence[OrderRecord],
    message: Incoming,
    unit_of_work: UnitOfWork,
    transaction: Transaction,
) -> None:
    await _lock_for_orders(records, unit_of_work, transaction)
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
