"""MongoDB's twin for all processes: snapshots, and of two writers of one document the first wins.

As there, a transaction that only read what another one wrote commits all the same. What keeps
decisions from passing each other are the locks, here as there.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, cast

from typing_extensions import override

from models.checkpoint import Checkpoint, Outgoing
from models.events import Event
from models.keys import DEFAULT_STOCK
from models.messages import TopicPartition
from storage.port import R, Snapshot, Transaction
from tests.fakes.memory import MemoryStorage
from tests.fakes.memory_contents import Contents
from tests.fakes.memory_transaction import MemoryTransaction
from tests.simulation.invariants import check_stock, check_taken
from tests.simulation.power import Power

Table = dict[Any, Any]


class Broken(StrEnum):
    """What a negative control leaves out."""

    ACKED_AS_READ = "acknowledging only what is decided"
    FORGETFUL = "publishing what a crash left unpublished"
    NO_COMPARE = "the ledger's compare-and-set"
    EARLY = "publishing only after the commit"
    NO_LOCKS = "judging under a lock"
    BLIND_STOCK = "taking units only where they still are"


class Conflict(Exception):  # noqa: N818 - a state of the world, not a mistake
    """Another transaction was quicker with one of the documents."""


@dataclass
class Database:
    """What is stored, for all processes, and what was found wrong at a commit."""

    contents: Contents = field(default_factory=Contents)
    locks: Counter[str] = field(default_factory=Counter)
    broken: frozenset[Broken] = frozenset()
    violations: list[str] = field(default_factory=list)
    read_to: dict[TopicPartition, int] = field(default_factory=dict)
    """What was ever handed to a processor, for the control that acknowledges it."""
    conflicts_ahead: int = 0
    """How many of the next commits are too late."""

    def commit(self, base: Contents, draft: Contents, locks: Mapping[str, int]) -> None:
        """Store what a draft has that its base had not, and count its locks on.

        Raises:
            Conflict: One of these documents was written since, or one of its locks taken.
        """
        if self.conflicts_ahead:
            self.conflicts_ahead -= 1
            raise Conflict
        if any(self.locks[stock] != count for stock, count in locks.items()):
            raise Conflict
        stored = self.contents.copy()
        for before, after, now in zip(_tables(base), _tables(draft), _tables(stored), strict=True):
            _merge(before, after, now)
        stored.numbered += draft.numbered - base.numbered
        _check_unique(stored)
        try:
            check_taken(self.contents, stored)
            check_stock(stored)
        except AssertionError as wrong:
            self.violations.append(str(wrong))
        self.contents = stored
        self.locks.update(locks.keys())


def _tables(contents: Contents) -> Iterator[Table]:
    for kept in (contents, contents.kept_replays):
        for table in vars(kept).values():
            if isinstance(table, dict) and not isinstance(table, Counter):
                yield table


def _check_unique(stored: Contents) -> None:
    """Of two who insert orders of one Amazon id at the same time, MongoDB lets the first win."""
    names = Counter(record.order.amazon_order_id for record in stored.orders.values())
    if any(count > 1 for count in names.values()):
        raise Conflict


def _merge(before: Table, after: Table, now: Table) -> None:
    for key in before | after:
        if before.get(key) is after.get(key):
            continue
        if now.get(key) is not before.get(key):
            raise Conflict(key)
        if key in after:
            now[key] = after[key]
        else:
            del now[key]


class _Steps:
    """A transaction each of whose calls is a step. It remembers its locks and what it wrote."""

    def __init__(self, draft: Contents, power: Power, broken: frozenset[Broken]) -> None:
        self.locks: set[str] = set()
        self.written: list[tuple[str, tuple[Any, ...]]] = []
        self._draft = draft
        self._power = power
        self._broken = broken

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        async def call(*told: Any, **named: Any) -> Any:
            await self._power.step(f"storage.{name}")
            if name == "lock" and Broken.NO_LOCKS not in self._broken:
                self.locks.update(*told or [{DEFAULT_STOCK}])
            if name.startswith("write"):
                self.written.append((name, told))
            if name == "write" and Broken.NO_COMPARE in self._broken:
                changes, moves = told
                self._draft.checkpoints |= {after.source: after for _, after in moves}
                told = (changes,)
            return await getattr(MemoryTransaction(self._draft), name)(*told, **named)

        return call


class ProcessStorage(MemoryStorage):
    """The database as one process sees it: each call is a step there, and one back."""

    def __init__(
        self,
        database: Database,
        power: Power,
        publish: Callable[[Sequence[Outgoing]], Awaitable[None]] | None = None,
    ) -> None:
        self._database = database
        self._power = power
        self._publish = publish
        super().__init__()

    @property
    def contents(self) -> Contents:
        """What is stored."""
        return self._database.contents

    @contents.setter
    def contents(self, _: Contents) -> None:
        """What is stored was there before this process."""

    @override
    async def transact(
        self, work: Callable[[Transaction], Awaitable[R]], source: TopicPartition | None = None
    ) -> R:
        database, broken = self._database, self._database.broken
        while True:
            await self._power.step("storage.begin")
            base, counts = database.contents.copy(), database.locks.copy()
            draft = base.copy()
            steps = _Steps(draft, self._power, broken)
            result = await work(cast(Transaction, steps))
            if Broken.EARLY in broken and source is not None and self._publish is not None:
                moved = [
                    one.outbox
                    for one in draft.checkpoints.values()
                    if one.source.topic == source.topic
                ]
                await self._publish([e for told in moved for e in told if isinstance(e, Event)])
            await self._power.step("storage.commit")
            try:
                database.commit(base, draft, {one: counts[one] for one in steps.locks})
            except Conflict:
                if Broken.BLIND_STOCK not in broken:
                    continue
                base, draft = database.contents.copy(), database.contents.copy()
                for name, written in steps.written:
                    await getattr(MemoryTransaction(draft), name)(*written)
                database.commit(base, draft, {})
            await self._power.step("storage.committed")
            return result

    @override
    async def snapshot(self, work: Callable[[Snapshot], Awaitable[R]]) -> R:
        await self._power.step("storage.look")
        return await super().snapshot(work)

    @override
    async def checkpoint(self, source: TopicPartition) -> Checkpoint:
        await self._power.step("storage.checkpoint")
        return await super().checkpoint(source)

    @override
    async def pending_in_other_outboxes(
        self, events: Collection[tuple[str, int]], but: Collection[TopicPartition]
    ) -> Collection[tuple[str, int]]:
        await self._power.step("storage.unpublished")
        return await super().pending_in_other_outboxes(events, but)

    @override
    async def claim(self, sources: Sequence[TopicPartition]) -> Sequence[Checkpoint]:
        await self._power.step("storage.take-up")
        checkpoints = await self._written(super().claim(sources))
        if Broken.FORGETFUL in self._database.broken:
            checkpoints = [replace(checkpoint, outbox=()) for checkpoint in checkpoints]
        if Broken.ACKED_AS_READ in self._database.broken:
            read_to = self._database.read_to
            checkpoints = [
                replace(one, committed_offset=max(read_to.get(one.source, 0), one.committed_offset))
                for one in checkpoints
            ]
        return checkpoints

    @override
    async def trim_outbox(self, checkpoint: Checkpoint, rest: Sequence[Outgoing] = ()) -> None:
        await self._power.step("storage.mark")
        await self._written(super().trim_outbox(checkpoint, rest))

    async def _written(self, writing: Awaitable[R]) -> R:
        """Write one document outside of a transaction; whose draft has the old one, conflicts."""
        result = await writing
        await self._power.step("storage.written")
        return result
