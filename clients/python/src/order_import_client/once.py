"""Handle each event once, in the order of its Commerce order, and notice what is missing.

Kafka delivers at least once, and you may read a topic again from its beginning. `Once` remembers
for each order how far it is, in the same transaction as your own writes: both happen, or neither.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from order_import_client.events import COMMERCE_ORDERS, CommerceOrderCreated, Event, OrderEvent

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

log = logging.getLogger("order_import_client")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one order is on one topic: the sequences of its first and its last handled event."""

    first: int
    last: int


Effect = Callable[[Progress | None, T], Awaitable[None]]


class Store(Protocol[T_co]):
    """Remembers progress, in a database that has transactions."""

    async def advance(self, name: str, sequence: int, effect: Effect[T_co]) -> bool:
        """Advance the progress and have the effect, in one transaction.

        Nothing happens if the progress is at `sequence` or beyond. If the effect raises, the
        progress stays where it was.

        Args:
            name: The name of the progress, at most 600 characters.
            sequence: Where it is advanced to.
            effect: Called with the progress so far, None if there is none, and the transaction.

        Returns:
            Whether the progress was advanced.
        """
        ...


@dataclass(frozen=True, slots=True)
class Gap:
    """Events of an order that were not received before this one.

    They have sequences above `after`, which is 0 if nothing was received before, and below that of
    `event`.
    """

    after: int
    event: OrderEvent


def warn_of_gap(gap: Gap) -> None:
    """Log a gap."""
    log.warning(
        "events are missing: order=%s after=%d before=%d",
        gap.event.key,
        gap.after,
        gap.event.sequence,
    )


class Once(Generic[T]):
    """Calls your handler once for each event, in the order of its Commerce order.

    Call it with every event you receive; it is a handler itself. One that was handled already, or
    that is older than one that was, is dropped. The handler gets the store's transaction: what it
    writes there is committed together with the fact that the event is handled.

    `on_gap` is called before the handler if events are missing, for example because they were
    deleted before you read them. Raise in it to stop there. Gaps are noticed on `commerce.orders`:
    on the other topics, sequences are not consecutive.
    """

    def __init__(
        self,
        store: Store[T],
        handler: Callable[[Event, T], Awaitable[None]],
        on_gap: Callable[[Gap], None] = warn_of_gap,
    ) -> None:
        self._store = store
        self._handler = handler
        self._on_gap = on_gap

    async def __call__(self, event: Event) -> bool:
        """Handle an event, and return whether it was new."""

        async def effect(progress: Progress | None, transaction: T) -> None:
            gap = _find_gap(event, progress)
            if gap is not None:
                self._on_gap(gap)
            await self._handler(event, transaction)

        return await self._store.advance(*_place(event), effect)


def _place(event: Event) -> tuple[str, int]:
    """Return the name of an event's progress, and its sequence there."""
    envelope = event.envelope
    source = f"{envelope.source} {envelope.topic}"
    data = getattr(event, "data", None)
    match data if isinstance(data, dict) else event:
        case OrderEvent(sequence=sequence, key=key):
            return f"{source} {key}", sequence
        case {"store_id": str(store), "amazon_order_id": str(order), "sequence": int(sequence)}:
            # An event of a type that came later: it counts like any other.
            return f"{source} {store}/{order}", sequence
        case _:
            return f"{source} {envelope.event_id}", 1


def _find_gap(event: Event, progress: Progress | None) -> Gap | None:
    if not (isinstance(event, OrderEvent) and event.envelope.topic.endswith(COMMERCE_ORDERS)):
        return None
    if progress is None:
        return None if isinstance(event, CommerceOrderCreated) else Gap(0, event)
    # Right after the creation of a blocked order comes its release, on another topic.
    released = progress.last == progress.first > 1
    is_next = event.sequence - progress.last in ({1, 2} if released else {1})
    return None if is_next else Gap(progress.last, event)
