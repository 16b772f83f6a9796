"""What is stored in memory, a dictionary for each collection."""

from dataclasses import dataclass, field

from models.checkpoint import Checkpoint, OffsetReset
from models.commerce_order import CommerceOrder
from models.dead_letters import DeadLetter
from models.events import Event
from models.messages import TopicPartition
from models.order_record import HistoryEntry, OrderRecord
from models.reference_data import Listing, StockedProduct, Store
from tests.fakes.memory_replays import KeptReplays


@dataclass
class Contents:
    """What is stored, a dictionary for each collection."""

    stores: dict[str, Store] = field(default_factory=dict)
    products: dict[str, StockedProduct] = field(default_factory=dict)
    """As last told, those in `deleted` too."""
    deleted: dict[str, bool] = field(default_factory=dict)
    listings: dict[str, Listing] = field(default_factory=dict)
    orders: dict[str, OrderRecord] = field(default_factory=dict)
    histories: dict[str, tuple[HistoryEntry, ...]] = field(default_factory=dict)
    commerce_orders: dict[str, CommerceOrder] = field(default_factory=dict)
    events: dict[str, Event] = field(default_factory=dict)
    dead_letters: dict[str, DeadLetter] = field(default_factory=dict)
    checkpoints: dict[TopicPartition, Checkpoint] = field(default_factory=dict)
    offset_resets: dict[tuple[TopicPartition, int, int], OffsetReset] = field(default_factory=dict)
    kept_replays: KeptReplays = field(default_factory=KeptReplays)
    numbered: int = 0

    def copy(self) -> "Contents":
        """Give a copy to work on; the values themselves are frozen."""
        copied = Contents(numbered=self.numbered, kept_replays=self.kept_replays.copied())
        for name, kept in vars(self).items():
            if isinstance(kept, dict):
                setattr(copied, name, dict(kept))
        return copied
