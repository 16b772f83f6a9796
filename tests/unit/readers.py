"""Readers for tests of what people see: one with a few orders, one whose database is gone."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from types import SimpleNamespace

from typing_extensions import override

from models.checkpoint import OffsetReset
from models.errors import StorageUnavailable
from models.messages import TopicPartition
from models.order_query import OrderQuery
from models.outcome import ImportState
from models.reference_data import Store
from storage.mongo.orders import MongoReader
from storage.queries import (
    BlockedGroup,
    BlockedSummary,
    BuyerDataCounts,
    OrderHistory,
    OrderLine,
    Standing,
)


class FakeReader(MongoReader):
    """Answers with what it was given, and remembers what it was asked."""

    def __init__(
        self,
        lines: Sequence[OrderLine] = (),
        histories: Sequence[OrderHistory] = (),
        groups: Sequence[BlockedGroup] = (),
        known_stores: Sequence[Store] = (),
        blocked: Mapping[str, int] | None = None,
        overdue: Mapping[str, int] | None = None,
        resets: Sequence[OffsetReset] = (),
        summary: BlockedSummary | None = None,
    ) -> None:
        self.summary = summary or BlockedSummary((), None, None)
        self.resets = resets
        self.ship_by_before: datetime | None = None
        self.lines = lines
        self.groups = groups
        self.known_stores = known_stores
        self.blocked = blocked or {}
        self.overdue = overdue or {}
        self.asked_for_groups: list[tuple[str | None, int]] = []
        self.histories = {history.record.key: history for history in histories}
        self.asked: list[tuple[OrderQuery, int]] = []

    @override
    async def ping(self) -> None:
        pass

    @override
    async def indexes(self) -> Collection[str]:
        return ()

    @override
    async def stores(self) -> Mapping[str, Store]:
        return {store.store_id: store for store in self.known_stores}

    @override
    async def list_orders(self, query: OrderQuery, limit: int) -> Sequence[OrderLine]:
        self.asked.append((query, limit))
        return self.lines

    @override
    async def order_key(self, amazon_order_id: str) -> str | None:
        return next((key for key in self.histories if key.endswith(f"/{amazon_order_id}")), None)

    @override
    async def history(self, key: str) -> OrderHistory | None:
        return self.histories.get(key)

    @override
    async def state_counts(self) -> Mapping[str, Mapping[ImportState, int]]:
        return {store: {ImportState.BLOCKED: count} for store, count in self.blocked.items()}

    @override
    async def blocked_groups(
        self, store_id: str | None, limit: int, ship_by_before: datetime | None = None
    ) -> Sequence[BlockedGroup]:
        self.asked_for_groups.append((store_id, limit))
        self.ship_by_before = ship_by_before
        return self.groups[:limit]

    @override
    async def overdue_counts(self, since: datetime) -> Mapping[str, int]:
        return self.overdue

    @override
    async def blocker_counts(self) -> Mapping[str, int]:
        return {}

    @override
    async def buyer_data_counts(self, overdue: datetime, until: datetime) -> BuyerDataCounts:
        return BuyerDataCounts(0, 0, 0)

    @override
    async def blocked_summary(self, now: datetime) -> BlockedSummary:
        return self.summary

    @override
    async def dead_letter_counts(self) -> Mapping[str, int]:
        return {}

    @override
    async def offset_resets(self, since: datetime, limit: int) -> Sequence[OffsetReset]:
        return [one for one in self.resets if one.at >= since][:limit]

    @override
    async def standings(self) -> Mapping[TopicPartition, Standing]:
        return {}


class BrokenReader(FakeReader):
    """Its database does not answer."""

    @override
    async def ping(self) -> None:
        raise StorageUnavailable("no server found")

    @override
    async def list_orders(self, query: OrderQuery, limit: int) -> Sequence[OrderLine]:
        raise StorageUnavailable("no server found")


@asynccontextmanager
async def opened(**parts: object) -> AsyncIterator[SimpleNamespace]:
    """Give a database that has nothing but these parts."""
    yield SimpleNamespace(**parts)
