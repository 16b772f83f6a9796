"""Storage in memory, with the promises of the port, for tests."""

from asyncio import Lock
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime

from typing_extensions import override

from models.errors import Fenced
from models.events import Event
from models.ledger import Outgoing, Checkpoint, TopicPartition
from storage.port import R, Storage, Transaction, View
from tests.fakes.memory_contents import Contents
from tests.fakes.memory_transaction import MemoryTransaction


class MemoryStorage(Storage):
    """One transaction after the other, each on a copy that becomes the contents, or does not.

    `conflicts_ahead` says how often the work of coming transactions is thrown away and done
    again, as if another transaction had been quicker.
    """

    def __init__(self) -> None:
        self.contents = Contents()
        self.conflicts_ahead = 0
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
            while True:
                draft = self.contents.copy()
                result = await work(MemoryTransaction(draft))
                if not self.conflicts_ahead:
                    self.contents = draft
                    return result
                self.conflicts_ahead -= 1

    @override
    async def look(self, work: Callable[[View], Awaitable[R]]) -> R:
        return await work(MemoryTransaction(self.contents.copy()))

    @override
    async def position(self, source: TopicPartition) -> Checkpoint:
        return self.contents.positions.get(source, Checkpoint(source, 0))

    @override
    async def take_up(self, sources: Sequence[TopicPartition]) -> Sequence[Checkpoint]:
        async with self._one_at_a_time:
            positions = self.contents.positions
            for source in sources:
                stored = positions.get(source, Checkpoint(source, 0))
                positions[source] = replace(stored, epoch=stored.epoch + 1)
            return [positions[source] for source in sources]

    @override
    async def mark_published(self, position: Checkpoint, rest: Sequence[Outgoing] = ()) -> None:
        async with self._one_at_a_time:
            stored = self.contents.positions.get(position.source)
            if stored is not None and stored.epoch != position.epoch:
                raise Fenced(f"{position.source} has another owner")
            if stored is not None and stored.step == position.step:
                self.contents.positions[position.source] = replace(stored, outbox=tuple(rest))

    @override
    async def unpublished_elsewhere(
        self, events: Collection[tuple[str, int]], but: Collection[TopicPartition]
    ) -> Collection[tuple[str, int]]:
        return {
            (one.key, one.sequence)
            for source, position in self.contents.positions.items()
            if source not in but
            for one in position.outbox
            if isinstance(one, Event) and (one.key, one.sequence) in events
        }

    async def claim_sync(self, at: datetime, next_due: datetime) -> bool:
        """Say whether a sync is due at this moment; only one caller of all is told so."""
        if self._sync_due is not None and self._sync_due > at:
            return False
        self._sync_due = next_due
        return True
