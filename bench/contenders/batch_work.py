"""What every contender without a ledger does with a batch: one transaction, no position in it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from storage.port import Storage, Transaction
from streams.clock import now
from streams.import_policy import ImportPolicyStage
from streams.messages import Headers, Incoming, Outbound, encode
from streams.page import UnitOfWork
from streams.stage import Stage
from streams.topics import TopicName

STAGES: dict[TopicName, Stage[Any]] = {TopicName.ORDERS: ImportPolicyStage()}


class Taken(NamedTuple):
    """A message, for frameworks that have a form of their own for it."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    refusal: None = None

    @property
    def size(self) -> int:
        """Its value's bytes."""
        return len(self.value or b"")

    @property
    def last_offset(self) -> int:
        """Its own: it is one that can be read."""
        return self.offset


async def decide(
    stage: Stage[Any], storage: Storage, topic: str, messages: Sequence[Incoming]
) -> list[Outbound]:
    """Read, decide and store a batch of one topic; give what is to be published."""
    read = stage.read(messages)

    async def work(transaction: Transaction) -> UnitOfWork:
        page = UnitOfWork(topic, now())
        await stage.decide(read, page, transaction)
        await transaction.write(page.to_changes())
        return page

    page = await storage.transact(work)
    return [encode(message) for message in page.outgoing]
