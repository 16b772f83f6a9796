"""The outbox: what one partition has decided and is still to tell."""

import asyncio
from collections.abc import Iterable, Sequence

import structlog

from models.errors import PositionLost, StorageUnavailable
from models.events import Event
from models.ledger import Outgoing, Position
from storage.port import Storage
from streams.publisher import Publisher

log = structlog.get_logger(__name__)

PATIENCE_SECONDS = 60.0
"""How long an event waits for the one before it, that another partition is to publish."""
_PAUSES = 0.005, 0.5
"""The first and the longest pause between two looks, in seconds."""


class Outbox:
    """Publishes what is decided, in its order, while the next is being decided.

    An order's events are decided on more than one partition, perhaps by more than one worker. One
    whose predecessor is still to go out elsewhere waits; what stands beside it does not.
    """

    def __init__(self, position: Position, storage: Storage, publisher: Publisher) -> None:
        self.position = position
        """Where the partition stands, by the last transaction that moved it."""
        self.unpublished = position.outbox
        """What is committed and was not acknowledged by Kafka yet."""
        self.published_to = position.decided_to if not position.outbox else 0
        """Everything before this offset is decided and published."""
        self._storage = storage
        self._publisher = publisher
        self._is_marked = not position.outbox
        self._publishing: asyncio.Task[None] | None = None
        self._closing = False

    @property
    def is_settled(self) -> bool:
        """Whether all is published, and the ledger says so."""
        return self._is_marked and not self.unpublished

    def add(self, position: Position, outgoing: Sequence[Outgoing]) -> None:
        """Take in what a transaction, which is committed, has decided."""
        self.position = position
        self.unpublished = (*self.unpublished, *outgoing)
        self._is_marked = self._is_marked and not position.outbox

    async def publish(self, *, resumed: bool = False) -> None:
        """Begin to publish what is there; what was begun before is waited for."""
        await self._published()
        outgoing, up_to = self.unpublished, self.position.decided_to
        if outgoing:
            self._publishing = asyncio.create_task(self._publish(outgoing, up_to, resumed=resumed))
        else:
            self.published_to = up_to

    def close(self) -> None:
        """Wait for no other partition any more: the next owner publishes what waits."""
        self._closing = True

    async def settle(self) -> None:
        """Wait until all is published, and record it, so that a next owner need not send it."""
        await self._published()
        if not self._is_marked:
            await self._mark()

    async def _published(self) -> None:
        if self._publishing is not None:
            await self._publishing
            self._publishing = None

    async def _publish(self, waiting: Sequence[Outgoing], up_to: int, *, resumed: bool) -> None:
        waited, (pause, longest) = 0.0, _PAUSES
        while True:
            held_up = await self._held_up(waiting)
            if waited > PATIENCE_SECONDS:
                log.error("published-out-of-order", source=self.position.source)
                held_up = set()
            ready = [one for one in waiting if not _is_of(one, held_up)]
            waiting = [one for one in waiting if _is_of(one, held_up)]
            await self._publisher.publish(ready, resumed=resumed)
            done = set(map(id, ready))
            self.unpublished = tuple(one for one in self.unpublished if id(one) not in done)
            if not waiting:
                self.published_to = up_to
                return
            # Others may wait for what has just gone out: two partitions must not wait for
            # each other.
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
            missing = await self._storage.unpublished_elsewhere(earlier, self.position.source)
        except StorageUnavailable:
            log.warning("storage-unavailable", error="order of events", attempt=1)
            missing = earlier
        return {key for key, _ in missing}

    async def _mark(self) -> bool:
        """Record what is still to go out; say whether the database answered.

        Raises:
            PositionLost: Another owner is there, perhaps one that has lost its place since and
                only slept. An owner that went on would never record anything again, and what is
                recorded nowhere as published holds up what other partitions have to tell.
        """
        position, rest = self.position, self.unpublished
        try:
            await self._storage.mark_published(position, rest)
        except StorageUnavailable:
            log.warning("mark-published-failed", source=position.source)
            return False
        except PositionLost:
            if not self._closing:
                raise
            return True  # the next owner is there already
        # Another transaction may have been committed meanwhile, with an outbox of its own.
        self._is_marked = position is self.position and not rest
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
