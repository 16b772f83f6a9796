"""What is stored in memory, a dictionary for each collection."""

from collections import Counter
from dataclasses import dataclass, field

from models.checkpoint import Checkpoint, OffsetReset
from models.commerce_order import CommerceOrder
from models.dead_letters import DeadLetter
from models.events import Event
from models.keys import DEFAULT_STOCK, stock_item_key
from models.messages import TopicPartition
from models.order_record import HistoryEntry, OrderRecord
from models.reference_data import Listing, Product, StockedProduct, StockItem, Store
from tests.fakes.memory_replays import KeptReplays


@dataclass(frozen=True)
class KeptStockItem:
    """What is stored of a product in one stock: the last count, and what is reserved."""

    item: StockItem | None = None
    reserved: int = 0
    deleted: bool = False


@dataclass
class Contents:
    """What is stored, a dictionary for each collection."""

    stores: dict[str, Store] = field(default_factory=dict)
    products: dict[str, Product] = field(default_factory=dict)
    """As last told, those in `deleted` too."""
    deleted: dict[str, bool] = field(default_factory=dict)
    stock_items: dict[str, KeptStockItem] = field(default_factory=dict)
    """By `stock/SKU`, those that were deleted too."""
    listings: dict[str, Listing] = field(default_factory=dict)
    orders: dict[str, OrderRecord] = field(default_factory=dict)
    histories: dict[str, tuple[HistoryEntry, ...]] = field(default_factory=dict)
    commerce_orders: dict[str, CommerceOrder] = field(default_factory=dict)
    events: dict[str, Event] = field(default_factory=dict)
    dead_letters: dict[str, DeadLetter] = field(default_factory=dict)
    checkpoints: dict[TopicPartition, Checkpoint] = field(default_factory=dict)
    offset_resets: dict[tuple[TopicPartition, int, int], OffsetReset] = field(default_factory=dict)
    kept_replays: KeptReplays = field(default_factory=KeptReplays)
    numbered: Counter[str] = field(default_factory=Counter)
    """How many orders of each stock have a number."""

    def stocked(self, sku: str, stock_id: str = DEFAULT_STOCK) -> StockedProduct:
        """Give a product, deleted or not, with its units in one stock."""
        kept = self.stock_items.get(stock_item_key(stock_id, sku), KeptStockItem())
        quantity = 0.0 if kept.item is None or kept.deleted else kept.item.salable_quantity
        counted_at = None if kept.item is None else kept.item.as_of
        return StockedProduct(self.products[sku], kept.reserved, quantity, counted_at)

    def copy(self) -> "Contents":
        """Give a copy to work on; the values themselves are frozen."""
        copied = Contents(numbered=self.numbered.copy(), kept_replays=self.kept_replays.copied())
        for name, kept in vars(self).items():
            if isinstance(kept, dict) and not isinstance(kept, Counter):
                setattr(copied, name, dict(kept))
        return copied
