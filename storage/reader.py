"""The reader: what people may ask of the database. It changes nothing and takes no locks."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from models.amazon_order import AmazonStatus, FulfillmentChannel
from models.blockers import REMEDIES, BlockerCode
from models.checkpoint import OffsetReset
from models.commerce_order import CommerceOrder
from models.messages import TopicPartition
from models.money import Money
from models.order_query import OrderQuery
from models.order_record import HistoryEntry, OrderRecord
from models.outcome import ImportState, MissingDetail
from models.reference_data import CommerceStatus, Store


@dataclass(frozen=True, slots=True)
class OrderLine:
    """An order as one line of a list. Nothing of the buyer is in it.

    `reasons` are codes, each once; `missing` are the details an order waits for. `order_number`
    and `commerce_status` are of the Commerce order, where there is one.
    """

    store_id: str
    amazon_order_id: str
    purchase_date: datetime | None
    status: AmazonStatus | None
    channel: FulfillmentChannel | None
    total: Money | None
    state: ImportState
    reasons: tuple[str, ...]
    commerce_order_id: str | None
    order_number: str | None
    commerce_status: CommerceStatus | None
    missing: tuple[MissingDetail, ...] = ()


@dataclass(frozen=True, slots=True)
class BlockedGroup:
    """Blocked orders with one cause and one product. An order counts in each of its groups.

    `sku` is the catalog's; it is None where Amazon named no SKU. `value` is the sum of the
    orders' totals, per currency. `since` is when the first of them was blocked, and `tried` is
    how often the most patient one was judged. `similar_sku` is as in a blocker.
    """

    code: BlockerCode
    sku: str | None
    similar_sku: str | None
    seller_skus: tuple[str, ...]
    asins: tuple[str, ...]
    orders: int
    value: tuple[Money, ...]
    oldest_purchase: datetime | None
    earliest_ship_by: datetime | None
    since: datetime
    tried: int

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return REMEDIES[self.code]


@dataclass(frozen=True, slots=True)
class PublishedEvent:
    """An event that was emitted for an order, without its body."""

    event_id: str
    event_type: str
    topic: str
    sequence: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class OrderHistory:
    """All there is to tell of one order. `events` are by event id, of those the history names."""

    record: OrderRecord
    history: tuple[HistoryEntry, ...]
    events: Mapping[str, PublishedEvent]
    commerce_order: CommerceOrder | None
    store: Store | None


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a source partition is decided, and how many messages of that are still to go out."""

    committed_offset: int
    unpublished: int


class Reader(Protocol):
    """Questions people ask.

    Raises:
        StorageUnavailable: From every method: the database does not answer.
    """

    async def ping(self) -> None:
        """Return when the database answers."""
        ...

    async def indexes(self) -> Collection[str]:
        """Give the indexes there are, each as `collection.name`."""
        ...

    async def stores(self) -> Mapping[str, Store]:
        """Give all stores by id."""
        ...

    async def list_orders(self, wanted: OrderQuery, limit: int) -> Sequence[OrderLine]:
        """Give orders, newest purchase first; those without a purchase date come last."""
        ...

    async def order_key(self, amazon_order_id: str) -> str | None:
        """Return the `store/order` key of the order of this Amazon id (rule 22)."""
        ...

    async def history(self, key: str) -> OrderHistory | None:
        """Give one order with its history; None where there is none of this `store/order`."""
        ...

    async def state_counts(self) -> Mapping[str, Mapping[ImportState, int]]:
        """Give, per store id, how many orders are in each state."""
        ...

    async def overdue_counts(self, since: datetime) -> Mapping[str, int]:
        """Return, per store id, how many orders have waited for details since then or longer.

        A purchase date that is not known is such a detail. Stores without any are left out.
        """
        ...

    async def blocker_counts(self) -> Mapping[str, int]:
        """Give, per blocker code, how many orders it blocks; an order may count under several."""
        ...

    async def blocked_groups(self, store_id: str | None, limit: int) -> Sequence[BlockedGroup]:
        """Give blocked orders by cause and product, the earliest ship-by date first.

        Groups without one come last.
        """
        ...

    async def dead_letter_counts(self) -> Mapping[str, int]:
        """Give, per code, how many messages became dead letters."""
        ...

    async def offset_resets(self, since: datetime, limit: int) -> Sequence[OffsetReset]:
        """Return checkpoints that were not in their logs any more since then, newest first."""
        ...

    async def standings(self) -> Mapping[TopicPartition, Standing]:
        """Give where every source partition stands that was ever read."""
        ...
