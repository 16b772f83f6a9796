"""What the console shows of blocked orders that must be shipped soon."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from html import unescape

import pytest

from models.order_query import OrderQuery, OrderSort
from models.outcome import ImportState
from models.reasons import BlockerCode
from models.reference_data import Store
from storage.queries import BlockedGroup, OrderRow
from tests.builders import STORE, a_store
from tests.unit.console_kit import NOW, Quiet, a_client, a_context, a_row


class World(Quiet):
    """One store with a group of blocked orders, one of which must be shipped within a day."""

    def __init__(self) -> None:
        self.ship_by_before: list[datetime | None] = []
        self.asked: list[OrderQuery] = []

    async def stores(self) -> Mapping[str, Store]:
        return {STORE: a_store()}

    async def state_counts(self) -> Mapping[str, Mapping[ImportState, int]]:
        return {STORE: {ImportState.BLOCKED: 2}}

    async def blocked_stores(self, _: object) -> list[str]:
        return []

    async def blocked_groups(
        self, _: str | None, __: int, ship_by_before: datetime | None
    ) -> Sequence[BlockedGroup]:
        self.ship_by_before.append(ship_by_before)
        due = NOW + timedelta(hours=20)
        if ship_by_before is not None and ship_by_before < due:
            return []
        return [
            BlockedGroup(
                code=BlockerCode.DISABLED,
                sku="A",
                stock_id=None,
                similar_sku=None,
                seller_skus=("A",),
                asins=(),
                orders=1,
                value=(),
                oldest_purchase_date=NOW,
                earliest_ship_date=due,
                blocked_since=NOW,
                tried=1,
            )
        ]

    async def page(self, query: OrderQuery, *_: object, **__: object) -> list[OrderRow]:
        self.asked.append(query)
        return [a_row()]

    async def count(self, *_: object) -> int:
        return 1


@pytest.mark.parametrize(
    ("label", "before", "is_empty"),
    [
        ("Any ship-by date", None, False),
        ("Overdue", NOW, True),
        ("Due within 24 hours", NOW + timedelta(hours=24), False),
        ("Due within 3 days", NOW + timedelta(hours=72), False),
    ],
)
async def test_blocked_groups_can_be_restricted_to_orders_that_are_due(
    label: str, before: datetime | None, is_empty: bool
) -> None:
    world = World()
    async with a_client(a_context(reader=world, orders=world)) as client:
        page = await client.get("/blocked")
        found = re.search(rf'<a href="([^"]*)"[^>]*>{label}</a>', page.text)
        assert found is not None
        page = await client.get(unescape(found[1]))
        assert world.ship_by_before[-1] == before
        assert ("No blocked order must be shipped by then." in page.text) == is_empty
        if not is_empty:
            group = re.search(r'data-open class="sku" href="([^"]*)"', page.text)
            assert group is not None
            await client.get(unescape(group[1]))
    if not is_empty:
        query = world.asked[-1]
        assert (query.sort, query.ship_by_before) == (OrderSort.SHIP_BY, before)


async def test_an_unknown_choice_restricts_nothing() -> None:
    world = World()
    async with a_client(a_context(reader=world, orders=world)) as client:
        assert (await client.get("/blocked?due=soon")).status_code == 200
    assert world.ship_by_before == [None]
