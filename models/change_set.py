"""What one transaction stores: the changes that a batch of messages has decided."""

from dataclasses import dataclass, field
from datetime import datetime

from models.checkpoint import OffsetReset
from models.commerce_order import CommerceOrder
from models.dead_letters import DeadLetter
from models.events import Event
from models.order_record import HistoryEntry, OrderRecord
from models.reference_data import Listing, Product, StockItem, Store
from models.replay import RecordedAnswers, Replay, ReplayPart


@dataclass(frozen=True, slots=True)
class OrderWrite:
    """An order to store: a new one, or one with additions to its history.

    `details` says whether anything besides the outcome has changed. `moved_from` is the key under
    which a new order was stored before, with its history so far (rule 22).
    """

    record: OrderRecord
    history: tuple[HistoryEntry, ...]
    is_new: bool
    details: bool
    moved_from: str | None = None


@dataclass(slots=True)
class ChangeSet:
    """All changes of one batch of messages, stored in one transaction or not at all."""

    orders: list[OrderWrite] = field(default_factory=list)
    new_commerce_orders: list[CommerceOrder] = field(default_factory=list)
    changed_commerce_orders: list[CommerceOrder] = field(default_factory=list)
    reserved: dict[str, dict[str, int]] = field(default_factory=dict)
    """Units reserved (positive) or released (negative), per stock and catalog SKU."""
    stores: list[Store] = field(default_factory=list)
    products: list[Product] = field(default_factory=list)
    """Without their quantities: those are in `stock_items`."""
    deleted_products: list[str] = field(default_factory=list)
    stock_items: list[StockItem] = field(default_factory=list)
    deleted_stock_items: list[str] = field(default_factory=list)
    listings: list[Listing] = field(default_factory=list)
    deleted_listings: list[str] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    claimed: list[str] = field(default_factory=list)
    """Ids of dead letters whose details an order has claimed."""
    events: list[Event] = field(default_factory=list)
    offset_resets: list[OffsetReset] = field(default_factory=list)
    replays: list[Replay] = field(default_factory=list)
    answers: list[RecordedAnswers] = field(default_factory=list)
    """The answers of replays for orders. Answers that are already stored stay."""
    replay_parts: list[ReplayPart] = field(default_factory=list)
    synced: dict[str, datetime] = field(default_factory=dict)
    """When the completed syncs were requested, per store or `ALL_STORES`."""
