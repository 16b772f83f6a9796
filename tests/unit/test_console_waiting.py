"""What the console shows of orders that wait for their details (rule 5)."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from models.order_query import OrderQuery
from models.outcome import ImportState, MissingDetail, Waiting
from models.reasons import WaitingReason
from models.reference_data import Store
from order_import.console.formatting import Formatter
from order_import.console.language import translator
from storage.queries import Activity, Hour, OrderHistory, OrderRow
from tests.builders import KEY, ORDER, STORE, a_record, a_store
from tests.unit.console_kit import NOW, Quiet, a_client, a_context, a_row

MISSING = (MissingDetail.LINES, MissingDetail.PRICES)
RECORD = a_record(outcome=Waiting(WaitingReason.DETAILS_PENDING, MISSING))


class World(Quiet):
    """One store, and an order of it that has waited for its details since yesterday."""

    def __init__(self) -> None:
        self.asked: list[OrderQuery] = []

    async def stores(self) -> Mapping[str, Store]:
        return {STORE: a_store()}

    async def state_counts(self) -> Mapping[str, Mapping[ImportState, int]]:
        return {STORE: {ImportState.WAITING: 5}}

    async def overdue_counts(self, since: Any) -> Mapping[str, int]:
        assert since == NOW - timedelta(hours=1)
        return {STORE: 3}

    async def blocked_stores(self, _: object) -> list[str]:
        return []

    async def activity(self, *_: object) -> Activity:
        return Activity([Hour(NOW, 0, 0)], None, None)

    async def page(self, query: OrderQuery, *_: object, **__: object) -> list[OrderRow]:
        self.asked.append(query)
        row = a_row(state=ImportState.WAITING, reasons=("details-pending",), missing=MISSING)
        return [replace(row, skus=())]

    async def count(self, *_: object) -> int:
        return 1

    async def history(self, key: str) -> OrderHistory | None:
        return OrderHistory(RECORD, (), {}, None, a_store()) if key == KEY else None

    async def products(self, *_: object) -> Mapping[str, object]:
        return {}


def a_site(world: World) -> httpx.AsyncClient:
    return a_client(a_context(**dict.fromkeys(("reader", "orders", "state"), world)))


@pytest.mark.parametrize("path", ["/", f"/stores/{STORE}"])
async def test_a_dashboard_has_a_tile_of_orders_that_wait_too_long_and_it_leads_to_them(
    path: str,
) -> None:
    world = World()
    async with a_site(world) as client:
        page = await client.get(path)
        found = re.search(r'href="(/orders\?[^"]*overdue=[^"]*)"[^>]*>.*?>(\d+)</span>', page.text)
        assert found is not None
        assert found[2] == "3"
        assert "cannot be imported" not in page.text  # rule 19 speaks of blocked orders alone
        listed = await client.get(found[1].replace("&amp;", "&"))
    assert listed.status_code == 200
    assert world.asked[-1].overdue_since == NOW - timedelta(hours=1)
    assert world.asked[-1].store_id == (None if path == "/" else STORE)


async def test_the_list_and_the_page_of_an_order_say_what_it_waits_for() -> None:
    async with a_site(World()) as client:
        for path in ("/orders", f"/orders/{STORE}/{ORDER}"):
            assert "its lines, prices after Pending" in (await client.get(path)).text


@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "its lines, who ships it"), ("de", "ihre Positionen, wer sie versendet")],
)
def test_missing_details_are_said_in_the_visitors_language(language: str, said: str) -> None:
    show = Formatter(translator(language), NOW)
    assert show.missing((MissingDetail.LINES, MissingDetail.CHANNEL)) == said
