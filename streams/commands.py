"""The commands stage: orders are judged again, because a fact changed, at the sync, or replayed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pydantic import ValidationError

from handlers.order_updates import complete_shipped
from models.commands import COMMAND, Command, Rejudge, Replay, Sync
from models.records import OrderRecord
from models.refusals import DeadLetterCode, Refusal
from storage.port import Transaction, Turn
from streams.bench import Bench
from streams.messages import Incoming
from streams.page import Page

STEP = 500
"""How many orders are judged again in one transaction."""


@dataclass(frozen=True, slots=True)
class Commands:
    """Commands still to be carried out, and how far the first of them has come."""

    waiting: tuple[tuple[Incoming, Command | None], ...]
    after: OrderRecord | None = None


class CommandsStage:
    """See `streams.stage.Stage`."""

    def read(self, messages: Sequence[Incoming]) -> Commands:
        """Read commands."""
        return Commands(tuple((message, _read(message)) for message in messages))

    async def decide(self, read: Commands, page: Page, transaction: Transaction) -> Commands | None:
        """Carry out one step of the first command, and leave the rest."""
        if not read.waiting:
            return None
        message, command = read.waiting[0]
        rest = Commands(read.waiting[1:])
        numbered = await transaction.take_turn(Turn.STOCK)
        judged: Sequence[OrderRecord] = ()
        match command:
            case None:
                page.refuse(message, _NO_COMMAND)
            case Rejudge(fact=fact):
                judged = await transaction.orders_waiting_on(fact, read.after, STEP)
            case Sync(store_id=store_id):
                judged = await transaction.blocked_orders(store_id, read.after, STEP)
                if read.after is None:
                    await self._complete(command, message, page, transaction)
            case Replay(key=key):
                judged = tuple((await transaction.orders({key})).values())
        bench = await Bench.gather(page, transaction, judged, numbered)
        for record in judged:
            current = page.record(record.key) or record
            bench.judge(current, page.occasion(message), replayed=isinstance(command, Replay))
        if len(judged) == STEP:
            return replace(read, after=judged[-1])
        return rest if rest.waiting else None

    async def _complete(
        self, command: Sync, message: Incoming, page: Page, transaction: Transaction
    ) -> None:
        shipped = await transaction.shipped_commerce_orders(command.store_id, STEP)
        records = await transaction.orders({order.key for order in shipped})
        page.remember(records.values(), shipped)
        for order in shipped:
            decision = complete_shipped(records[order.key], order, page.occasion(message))
            if decision is not None:
                page.decide(decision)


def _read(message: Incoming) -> Command | None:
    try:
        return COMMAND.validate_json(message.value or b"")
    except ValidationError:
        return None


_NO_COMMAND = Refusal(
    code=DeadLetterCode.UNKNOWN_PAYLOAD, message="command: expected rejudge, sync or replay"
)
