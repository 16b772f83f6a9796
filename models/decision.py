"""A decision about one order: what is stored, what is published, and what it does to the stock."""

from dataclasses import dataclass

from models.commerce_order import CommerceOrder, Reservation
from models.events import Event
from models.order_record import HistoryEntry, OrderRecord


@dataclass(frozen=True, slots=True)
class Decision:
    """What one message changes in one order. Nothing has happened yet.

    `history` is None if there is nothing new to record. `reserves` and `releases` are units that
    the order reserves from now on, and no longer reserves.
    """

    record: OrderRecord
    history: HistoryEntry | None
    events: tuple[Event, ...] = ()
    commerce_order: CommerceOrder | None = None
    reserves: tuple[Reservation, ...] = ()
    releases: tuple[Reservation, ...] = ()
