"""TODO models.change_set."""

from dataclasses import dataclass, field
from datetime import datetime

from models.checkpoint import OffsetReset
from models.commerce_order import CommerceOrder
from models.dead_letters import DeadLetter
from models.events import Event
from models.order_record import HistoryEntry, OrderRecord
from models.reference_data import Listing, Product, Store
from models.replay import RecordedAnswer, Replay, ReplayPart


@dataclass(frozen=True, slots=True)
class OrderWrite:
    """An order to store: new, or with what was added to its history.

    `details` says whether anything besides its outcome changed. `moved_from` is the key under
    which a new one was stored before, with its history so far (rule 22).
    """

    record: OrderRecord
    history: tuple[HistoryEntry, ...]
    is_new: bool
    details: bool
    moved_from: str | None = None


@dataclass(slots=True)
class ChangeSet:
    """All that one batch of messages changes, stored in one transaction or not at all."""

    orders: list[OrderWrite] = field(default_factory=list)
    new_commerce_orders: list[CommerceOrder] = field(default_factory=list)
    changed_commerce_orders: list[CommerceOrder] = field(default_factory=list)
    reserved: dict[str, int] = field(default_factory=dict)
    """Units taken (positive) or free again (negative), per catalog SKU."""
    stores: list[Store] = field(default_factory=list)
    products: list[Product] = field(default_factory=list)
    deleted_products: list[str] = field(default_factory=list)
    listings: list[Listing] = field(default_factory=list)
    deleted_listings: list[str] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    claimed: list[str] = field(default_factory=list)
    """Ids of dead letters whose details an order has taken up."""
    events: list[Event] = field(default_factory=list)
    offset_resets: list[OffsetReset] = field(default_factory=list)
    replays: list[Replay] = field(default_factory=list)
    answers: list[RecordedAnswer] = field(default_factory=list)
    """What replays said of orders. An answer that is there already stays."""
    replay_parts: list[ReplayPart] = field(default_factory=list)
    synced: dict[str, datetime] = field(default_factory=dict)
    """When the syncs were requested that are carried out to the end, per store or `ALL_STORES`."""
