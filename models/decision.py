"""A decision about one order: what is stored, what is told, and what it does to the stock."""

from dataclasses import dataclass

from models.commerce_order import CommerceOrder, Reservation
from models.events import Event
from models.order_record import HistoryEntry, OrderRecord


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from one message for one order. Nothing has happened yet.

    `history` is None where nothing happened that is worth telling again. `reserves` and `releases`
    are units the order holds from now on, and no longer holds.
    """

    record: OrderRecord
    history: HistoryEntry | None
    events: tuple[Event, ...] = ()
    commerce_order: CommerceOrder | None = None
    reserves: tuple[Reservation, ...] = ()
    releases: tuple[Reservation, ...] = ()
