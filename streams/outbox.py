"""The outbox: what a processor's partitions have decided and are still to tell."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import structlog

from models.checkpoint import Checkpoint, Outgoing
from models.errors import Fenced, TransientStorageError
from models.events import Event
from models.messages import TopicPartition
from storage.port import Storage
from streams.publisher import Publisher

log = structlog.get_logger(__name__)

PATIENCE_SECONDS = 60.0
"""How long an event waits for the one before it, that another processor is to publish."""
_PAUSES = 0.005, 0.5
"""The first and the longest pause between two looks, in seconds."""


class End(NamedTuple):
    """Where a partition stands after a transaction; see `models.checkpoint.Checkpoint`."""

    committed_offset: int
    part: int = 0
    is_refused: bool = False


class Outbox:
    """Publishes what is decided, in its order, while the next is being decided.

    It is kept in the checkpoint of the processor's first partition; what an earlier owner left in
    another one moves there with the next transaction.

    An order's events are decided on more than one topic, perhaps by more than one worker. One
    whose predecessor is still to go out elsewhere waits; what stands beside it does not.
    """

    def __init__(
        self, checkpoints: Iterable[Checkpoint], storage: Storage, publisher: Publisher
    ) -> None:
        self.checkpoints = {checkpoint.source: checkpoint for checkpoint in checkpoints}
        """Where each partition stands, by the last transaction that moved it."""
        self.published_offset = {
            source: 0 if checkpoint.outbox else checkpoint.committed_offset
            for source, checkpoint in self.checkpoints.items()
        }
        """Everything before these offsets is decided and published."""
        self._unpublished = tuple(
            one for checkpoint in self.checkpoints.values() for one in checkpoint.outbox
        )
        self._storage = storage
        self._publisher = publisher
        self._keeper = next(iter(self.checkpoints))
        self._publishing: asyncio.Task[None] | None = None
        self._closing = False

    @property
    def is_settled(self) -> bool:
        """Whether all is published, and the ledger says so."""
        return not self._unpublished and not any(one.outbox for one in self.checkpoints.values())

    def moved(
        self, ends: Mapping[TopicPartition, End], outgoing: Sequence[Outgoing]
    ) -> Sequence[tuple[Checkpoint, Checkpoint]]:
        """Give how checkpoints move, before and after, with what one more transaction decides.

        Args:
            ends: How far it decides, of the partitions it decides on.
            outgoing: What it has to tell.
        """
        outbox = (*self._unpublished, *outgoing)
        moves = []
        for source, before in self.checkpoints.items():
            kept = outbox if source == self._keeper else ()
            if source in ends or kept or before.outbox:
                stays = End(before.committed_offset, before.part, before.part_refused)
                to, part, is_refused = ends.get(source, stays)
                moves.append((before, before.moved(to, kept, part, part_refused=is_refused)))
        return moves

    def add(
        self, moves: Iterable[tuple[Checkpoint, Checkpoint]], outgoing: Sequence[Outgoing]
    ) -> None:
        """Take in what a transaction, which is committed, has moved and decided."""
        self.checkpoints |= {after.source: after for _, after in moves}
        self._unpublished = (*self._unpublished, *outgoing)

    async def publish(self, *, resumed: bool = False) -> None:
        """Begin to publish what is there; what was begun before is waited for."""
        await self._published()
        ends = {
            source: checkpoint.committed_offset for source, checkpoint in self.checkpoints.items()
        }
        if self._unpublished:
            self._publishing = asyncio.create_task(
                self._publish(self._unpublished, ends, resumed=resumed)
            )
        else:
            self.published_offset = ends

    def close(self) -> None:
        """Wait for no other processor any more: the next owner publishes what waits."""
        self._closing = True

    async def settle(self) -> None:
        """Wait until all is published, and record it, so that a next owner need not send it."""
        await self._published()
        if not self.is_settled:
            await self._mark()

    async def _published(self) -> None:
        if self._publishing is not None:
            await self._publishing
            self._publishing = None

    async def _publish(
        self, waiting: Sequence[Outgoing], ends: dict[TopicPartition, int], *, resumed: bool
    ) -> None:
        waited, (pause, longest) = 0.0, _PAUSES
        while True:
            held_up = await self._held_up(waiting)
            if waited > PATIENCE_SECONDS:
                log.error("published-out-of-order", topic=self._keeper.topic)
                held_up = set()
            ready = [one for one in waiting if not _is_of(one, held_up)]
            waiting = [one for one in waiting if _is_of(one, held_up)]
            await self._publisher.publish(ready, resumed=resumed)
            done = set(map(id, ready))
            self._unpublished = tuple(one for one in self._unpublished if id(one) not in done)
            if not waiting:
                self.published_offset = ends
                return
            # Others may wait for what has just gone out: two processors must not wait for each
            # other.
            is_told = await self._mark()
            if self._closing:
                return
            await asyncio.sleep(pause)
            waited, pause = waited + pause * is_told, min(2 * pause, longest)

    async def _held_up(self, outgoing: Iterable[Outgoing]) -> set[str]:
        """Give the keys of orders whose earlier event is still to go out elsewhere."""
        earlier = _events_before(outgoing)
        if not earlier:
            return set()
        try:
            missing = await self._storage.pending_in_other_outboxes(
                earlier, self.checkpoints.keys()
            )
        except TransientStorageError:
            log.warning("storage-unavailable", error="order of events", attempt=1)
            missing = earlier
        return {key for key, _ in missing}

    async def _mark(self) -> bool:
        """Record what is still to go out; say whether the database answered.

        Raises:
            Fenced: Another owner is there, perhaps one that has lost its place since and
                only slept. An owner that went on would never record anything again, and what is
                recorded nowhere as published holds up what other processors have to tell.
        """
        for source, checkpoint in list(self.checkpoints.items()):
            if not checkpoint.outbox:
                continue
            left = set(map(id, self._unpublished))
            rest = tuple(one for one in checkpoint.outbox if id(one) in left)
            try:
                await self._storage.trim_outbox(checkpoint, rest)
            except TransientStorageError:
                log.warning("mark-published-failed", source=source)
                return False
            except Fenced:
                if not self._closing:
                    raise
                return True  # the next owner is there already
            # Another transaction may have moved it meanwhile, with an outbox of its own.
            if self.checkpoints[source] is checkpoint:
                self.checkpoints[source] = replace(checkpoint, outbox=rest)
        return True


def _is_of(one: Outgoing, keys: set[str]) -> bool:
    return isinstance(one, Event) and one.key in keys


def _events_before(outgoing: Iterable[Outgoing]) -> set[tuple[str, int]]:
    """Give, by key and sequence, the events that come right before the first of each order."""
    first: dict[str, int] = {}
    for one in outgoing:
        if isinstance(one, Event):
            first[one.key] = min(one.sequence, first.get(one.key, one.sequence))
    return {(key, sequence - 1) for key, sequence in first.items() if sequence > 1}
