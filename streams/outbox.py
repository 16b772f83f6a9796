"""The outbox: decided messages of a processor's partitions that are not published yet."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
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
"""How long an event waits for its predecessor, which another processor has to publish."""
_PAUSES = 0.005, 0.5
"""The first and the longest pause between two checks, in seconds."""


class End(NamedTuple):
    """The progress of a partition after a transaction; see `models.checkpoint.Checkpoint`."""

    committed_offset: int
    part: int = 0
    is_refused: bool = False


class Outbox:
    """Publishes decided messages in order, while the next batch is being decided.

    It is stored in the checkpoint of the processor's first partition. Entries that an earlier owner
    left in another checkpoint move there with the next transaction.

    The events of an order are decided on several topics, possibly by several workers. An event
    waits while its predecessor is still in another outbox; messages of other orders do not wait.
    """

    def __init__(
        self,
        checkpoints: Iterable[Checkpoint],
        storage: Storage,
        publisher: Publisher,
        on_published: Callable[[Mapping[TopicPartition, int]], None],
    ) -> None:
        self.checkpoints = {checkpoint.source: checkpoint for checkpoint in checkpoints}
        """The checkpoint of each partition after its last transaction."""
        self.published_offset = {
            source: 0 if checkpoint.outbox else checkpoint.committed_offset
            for source, checkpoint in self.checkpoints.items()
        }
        """Everything before these offsets is decided and published."""
        self._unpublished = tuple(
            message for checkpoint in self.checkpoints.values() for message in checkpoint.outbox
        )
        self._storage = storage
        self._publisher = publisher
        self._on_published = on_published
        self._first = next(iter(self.checkpoints))
        self._publishing: asyncio.Task[None] | None = None
        self._closing = False

    @property
    def is_settled(self) -> bool:
        """Whether all is published, and the stored checkpoints say so."""
        return not self._unpublished and not any(
            checkpoint.outbox for checkpoint in self.checkpoints.values()
        )

    def advance(
        self, ends: Mapping[TopicPartition, End], outgoing: Sequence[Outgoing]
    ) -> Sequence[tuple[Checkpoint, Checkpoint]]:
        """Return the checkpoints that a transaction moves, each before and after.

        `ends` says how far it decides each partition, `outgoing` are the messages it decides.
        """
        outbox = (*self._unpublished, *outgoing)
        moves = []
        for source, before in self.checkpoints.items():
            entries = outbox if source == self._first else ()
            if source in ends or entries or before.outbox:
                stays = End(before.committed_offset, before.part, before.part_refused)
                to, part, is_refused = ends.get(source, stays)
                moves.append((before, before.moved(to, entries, part, part_refused=is_refused)))
        return moves

    def add(
        self, moves: Iterable[tuple[Checkpoint, Checkpoint]], outgoing: Sequence[Outgoing]
    ) -> None:
        """Add the checkpoints and messages of a committed transaction."""
        self.checkpoints |= {after.source: after for _, after in moves}
        self._unpublished = (*self._unpublished, *outgoing)

    async def publish(self, *, resumed: bool = False) -> None:
        """Wait for the current publication, then start to publish the rest."""
        await self._wait_published()
        ends = {
            source: checkpoint.committed_offset for source, checkpoint in self.checkpoints.items()
        }
        if self._unpublished:
            self._publishing = asyncio.create_task(
                self._publish(self._unpublished, ends, resumed=resumed)
            )
        else:
            self._set_published(ends)

    def _set_published(self, offsets: dict[TopicPartition, int]) -> None:
        self.published_offset = offsets
        self._on_published(offsets)

    def close(self) -> None:
        """Stop waiting for other processors: the next owner publishes waiting events."""
        self._closing = True

    async def settle(self) -> None:
        """Wait until all is published, and record it, so that the next owner need not resend."""
        await self._wait_published()
        if not self.is_settled:
            await self._trim()

    async def _wait_published(self) -> None:
        if self._publishing is not None:
            await self._publishing
            self._publishing = None

    async def _publish(
        self, waiting: Sequence[Outgoing], ends: dict[TopicPartition, int], *, resumed: bool
    ) -> None:
        waited, (pause, longest) = 0.0, _PAUSES
        while True:
            blocked_from = await self._find_blocked(waiting)
            if waited > PATIENCE_SECONDS:
                log.error("published-out-of-order", topic=self._first.topic)
                blocked_from = {}
            ready = [message for message in waiting if not _is_blocked(message, blocked_from)]
            waiting = [message for message in waiting if _is_blocked(message, blocked_from)]
            await self._publisher.publish(ready, resumed=resumed)
            done = set(map(id, ready))
            self._unpublished = tuple(
                message for message in self._unpublished if id(message) not in done
            )
            if not waiting:
                self._set_published(ends)
                return
            # Record now what was published, because other processors may wait for it: two
            # processors must not wait for each other.
            is_recorded = await self._trim()
            if self._closing:
                return
            await asyncio.sleep(pause)
            waited, pause = waited + pause * is_recorded, min(2 * pause, longest)

    async def _find_blocked(self, outgoing: Iterable[Outgoing]) -> Mapping[str, int]:
        """Return from which sequence an order's events wait for one in another outbox, by key."""
        earlier = _preceding_events(outgoing)
        if not earlier:
            return {}
        try:
            missing = await self._storage.pending_in_other_outboxes(
                earlier, self.checkpoints.keys()
            )
        except TransientStorageError:
            log.warning("storage-unavailable", error="order of events", attempt=1)
            missing = earlier
        # The lowest one comes last, and stays.
        return {key: sequence + 1 for key, sequence in sorted(missing, reverse=True)}

    async def _trim(self) -> bool:
        """Remove published messages from the stored outboxes; return whether MongoDB answered.

        Raises:
            Fenced: The checkpoint has a newer epoch. Carrying on would leave entries that nobody
                marks as published, which blocks other processors.
        """
        for source, checkpoint in list(self.checkpoints.items()):
            if not checkpoint.outbox:
                continue
            unpublished = set(map(id, self._unpublished))
            rest = tuple(message for message in checkpoint.outbox if id(message) in unpublished)
            try:
                await self._storage.trim_outbox(checkpoint, rest)
            except TransientStorageError:
                log.warning("mark-published-failed", source=source)
                return False
            except Fenced:
                if not self._closing:
                    raise
                return True  # the next owner has claimed it already
            # Another transaction may have moved it meanwhile, with an outbox of its own.
            if self.checkpoints[source] is checkpoint:
                self.checkpoints[source] = replace(checkpoint, outbox=rest)
        return True


def _is_blocked(message: Outgoing, blocked_from: Mapping[str, int]) -> bool:
    if not isinstance(message, Event):
        return False
    return message.sequence >= blocked_from.get(message.key, message.sequence + 1)


def _preceding_events(outgoing: Iterable[Outgoing]) -> set[tuple[str, int]]:
    """Return the key and sequence of the events that precede these and are not among them."""
    events = {(message.key, message.sequence) for message in outgoing if isinstance(message, Event)}
    return {(key, sequence - 1) for key, sequence in events if sequence > 1} - events
