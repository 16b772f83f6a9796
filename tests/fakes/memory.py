"""Storage in memory, with the promises of the port, for tests."""

from asyncio import Lock
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime

from typing_extensions import override

from models.checkpoint import Checkpoint, Outgoing
from models.errors import Fenced
from models.events import Event
from models.messages import TopicPartition
from storage.port import R, Snapshot, Storage, Transaction
from tests.fakes.memory_contents import Contents
from tests.fakes.memory_transaction import MemoryTransaction


class MemoryStorage(Storage):
    """One transaction after the other, each on a copy that becomes the contents, or does not."""

    def __init__(self) -> None:
        self.contents = Contents()
        self._one_at_a_time = Lock()
        self._sync_due: datetime | None = None

    @override
    async def prepare(self) -> None:
        """Nothing is missing."""

    @override
    async def transact(
        self, work: Callable[[Transaction], Awaitable[R]], source: TopicPartition | None = None
    ) -> R:
        async with self._one_at_a_time:
            draft = self.contents.copy()
            result = await work(MemoryTransaction(draft))
            self.contents = draft
            return result

    @override
    async def snapshot(self, work: Callable[[Snapshot], Awaitable[R]]) -> R:
        return await work(MemoryTransaction(self.contents.copy()))

    @override
    async def checkpoint(self, source: TopicPartition) -> Checkpoint:
        return self.contents.checkpoints.get(source, Checkpoint(source, 0))

    @override
    async def claim(self, sources: Sequence[TopicPartition]) -> Sequence[Checkpoint]:
        async with self._one_at_a_time:
            checkpoints = self.contents.checkpoints
            for source in sources:
                stored = checkpoints.get(source, Checkpoint(source, 0))
                checkpoints[source] = replace(stored, epoch=stored.epoch + 1)
            return [checkpoints[source] for source in sources]

    @override
    async def trim_outbox(self, checkpoint: Checkpoint, rest: Sequence[Outgoing] = ()) -> None:
        async with self._one_at_a_time:
            stored = self.contents.checkpoints.get(checkpoint.source)
            if stored is not None and stored.epoch != checkpoint.epoch:
                raise Fenced(f"{checkpoint.source} has another owner")
            if stored is not None and stored.version == checkpoint.version:
                self.contents.checkpoints[checkpoint.source] = replace(stored, outbox=tuple(rest))

    @override
    async def pending_in_other_outboxes(
        self, events: Collection[tuple[str, int]], but: Collection[TopicPartition]
    ) -> Collection[tuple[str, int]]:
        return {
            (one.key, one.sequence)
            for source, checkpoint in self.contents.checkpoints.items()
            if source not in but
            for one in checkpoint.outbox
            if isinstance(one, Event) and (one.key, one.sequence) in events
        }

    async def claim_sync(self, at: datetime, next_due: datetime) -> bool:
        """Say whether a sync is due at this moment; only one caller of all is told so."""
        if self._sync_due is not None and self._sync_due > at:
            return False
        self._sync_due = next_due
        return True
