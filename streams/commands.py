"""The commands stage: orders are judged again, because a fact changed, at the sync, or replayed."""

from collections.abc import Sequence
from itertools import islice, takewhile
from typing import NamedTuple

from pydantic import ValidationError

from handlers.order_updates import complete_shipped
from models.commands import COMMAND, Command, Rejudge, Replay, Sync
from models.records import OrderRecord
from models.refusals import DeadLetterCode, Refusal
from models.replays import (
    NOT_RECEIVED,
    RecordedAnswer,
    ReplayAnswer,
    ReplayReason,
    ReplayResult,
)
from storage.port import Transaction, Turn
from streams.bench import Bench
from streams.messages import Incoming
from streams.page import Page

STEP = 500
"""How many orders are judged again in one transaction."""


class Asked(NamedTuple):
    """A command, None where it is none, and the last order that it was carried out on."""

    message: Incoming
    command: Command | None
    after: OrderRecord | None = None


class CommandsStage:
    """See `streams.stage.Stage`."""

    def read(self, messages: Sequence[Incoming]) -> Sequence[Asked]:
        """Read commands."""
        return [Asked(message, _read(message)) for message in messages]

    async def decide(
        self, read: Sequence[Asked], page: Page, transaction: Transaction
    ) -> Sequence[Asked] | None:
        """Carry out one step of the first command, and leave the rest.

        Replays that come one after the other are one step together.
        """
        first, rest = read[0], read[1:]
        message, command, after = first
        if isinstance(command, Replay):
            return await self._replay(read, page, transaction)
        numbered = await transaction.take_turn(Turn.STOCK)
        judged: Sequence[OrderRecord] = ()
        match command:
            case None:
                page.refuse(message, _NO_COMMAND)
            case Rejudge(fact=fact):
                judged = await transaction.orders_waiting_on(fact, after, STEP)
            case Sync(store_id=store_id):
                if await self._complete(command, message, page, transaction) == STEP:
                    return read  # there may be more
                judged = await transaction.blocked_orders(store_id, after, STEP)
        bench = await Bench.gather(page, transaction, judged, numbered)
        for record in judged:
            current = page.record(record.key) or record
            bench.judge(current, page.occasion(message))
        if len(judged) == STEP:
            return [first._replace(after=judged[-1]), *rest]
        return rest or None

    async def _replay(
        self, read: Sequence[Asked], page: Page, transaction: Transaction
    ) -> Sequence[Asked] | None:
        """Judge the orders of the replays at hand, in their order, and record what was said."""
        numbered = await transaction.take_turn(Turn.STOCK)
        asked = [
            (message, command)
            for message, command, _ in islice(takewhile(_is_replay, read), STEP)
            if isinstance(command, Replay)
        ]
        known = await transaction.orders({command.key for _, command in asked})
        bench = await Bench.gather(page, transaction, known.values(), numbered)
        answers: dict[str, RecordedAnswer] = {}
        for message, command in asked:
            record = page.record(command.key)
            if record is None:
                reason = ReplayReason(NOT_RECEIVED)
                answer = ReplayAnswer(command.key, ReplayResult.REFUSED, (reason,))
            else:
                answer = bench.replay(record, page.occasion(message), command.replay_id)
            recorded = RecordedAnswer(command.replay_id, answer, page.at)
            answers.setdefault(recorded.result_id, recorded)
        page.answer(answers.values())
        return read[len(asked) :] or None

    async def _complete(
        self, command: Sync, message: Incoming, page: Page, transaction: Transaction
    ) -> int:
        """Complete what Commerce has shipped, some at a time; give how many."""
        shipped = await transaction.shipped_commerce_orders(command.store_id, STEP)
        records = await transaction.orders({order.key for order in shipped})
        page.remember(records.values(), shipped)
        for order in shipped:
            decision = complete_shipped(records[order.key], order, page.occasion(message))
            if decision is not None:
                page.decide(decision)
        return len(shipped)


def _is_replay(one: Asked) -> bool:
    return isinstance(one.command, Replay)


def _read(message: Incoming) -> Command | None:
    try:
        return COMMAND.validate_json(message.value or b"")
    except ValidationError:
        return None


_NO_COMMAND = Refusal(
    code=DeadLetterCode.UNKNOWN_PAYLOAD, message="command: expected rejudge, sync or replay"
)
