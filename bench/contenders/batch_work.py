"""What every contender without a ledger does with a batch: one transaction without a checkpoint."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from handlers.handler import Handler
from handlers.import_policy import ImportPolicyHandler
from handlers.unit_of_work import UnitOfWork
from models.messages import Headers, Incoming
from models.topics import TopicName
from storage.port import Storage, Transaction
from streams.clock import now
from streams.messages import Outbound, encode

HANDLERS: dict[TopicName, Handler[Any]] = {TopicName.ORDERS: ImportPolicyHandler()}


class Message(NamedTuple):
    """A message, for frameworks with a class of their own for it."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    refusal: None = None
    timestamp: int = -1

    @property
    def size(self) -> int:
        """Its value's bytes."""
        return len(self.value or b"")

    @property
    def last_offset(self) -> int:
        """Its own offset, because it is one message that can be read."""
        return self.offset


async def decide(
    handler: Handler[Any], storage: Storage, topic: str, messages: Sequence[Incoming]
) -> list[Outbound]:
    """Parse, decide and store a batch of one topic; return the messages to publish."""
    parsed = handler.parse(messages)

    async def work(transaction: Transaction) -> UnitOfWork:
        unit_of_work = UnitOfWork(topic, now())
        await handler.handle(parsed, unit_of_work, transaction)
        await transaction.write(unit_of_work.take_changes())
        return unit_of_work

    unit_of_work = await storage.transact(work)
    return [encode(message, b"/order-import/bench") for message in unit_of_work.outgoing]
