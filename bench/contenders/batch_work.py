"""What every contender without a ledger does with a batch: one transaction without a checkpoint."""

from collections.abc import Sequence
from typing import Any

from handlers.handler import Handler
from handlers.import_policy import ImportPolicyHandler
from handlers.unit_of_work import UnitOfWork
from models.messages import Incoming
from models.topics import TopicName
from storage.port import Storage, Transaction
from streams.clock import now
from streams.messages import Outbound, encode

HANDLERS: dict[TopicName, Handler[Any]] = {TopicName.ORDERS: ImportPolicyHandler()}


def as_incoming(
    topic: str, partition: int, offset: int, key: bytes | None, value: bytes | None
) -> Incoming:
    """Return a message of a framework with a class of its own for it."""
    return Incoming(topic, partition, offset, -1, key, value, (), len(value or b""), offset)


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
