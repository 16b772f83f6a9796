"""Every page of the console asked with odd questions, on the real protocol: none of them breaks."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from html import unescape
from urllib.parse import quote

import httpx
import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

from models.change_set import ChangeSet, OrderWrite
from models.messages import TopicPartition
from models.reasons import REASON_CODES, BlockerCode
from order_import.bootstrap import connect_storage
from order_import.console.access import Access
from order_import.console.app import build_app
from order_import.console.context import open_context
from order_import.console.order_filter import FIELDS, SORTS
from order_import.console.pages import live
from order_import.settings import Settings
from storage.port import Transaction
from tests.builders import (
    NOW,
    a_block,
    a_blocker,
    a_dead_letter,
    a_history_entry,
    a_product,
    a_record,
    a_store,
    an_order,
    stocked,
)
from tests.unit.test_console_filter import ODD_CURSORS

MOST_BYTES = 100_000
SOURCE = TopicPartition("amazon.orders", 0)
PAGES = {
    "/": ("done",),
    "/stores/us": ("done",),
    "/stores/us/import": ("done",),
    "/stores/us/import-non-amazon": ("done",),
    "/stores/\x00": (),
    "/orders": ("q", *FIELDS, "after", "before", "done"),
    "/orders.csv": ("q", *FIELDS),
    "/orders.jsonl": ("q", *FIELDS),
    "/orders/us/112-1": ("shown", "done"),
    "/orders/us/\x00": ("shown",),
    "/orders/\u202e/\ufffd": ("shown",),
    "/commerce/\x00": (),
    "/blocked": ("store", "page", "done"),
    "/blocked/what-if": ("sku", "store", "code", "ask", "enabled", "quantity"),
    "/match": ("store", "seller_sku", "sku", "units", "asin", "back"),
    "/replays": ("done",),
    "/replays/new": ("order", "q", *FIELDS, "why", "rate"),
    "/replays/\x00": ("done",),
    "/dead-letters": ("code", "all", "done"),
    "/dead-letters/amazon.orders:0:7": (),
    "/dead-letters/\x00": (),
    "/audit": ("after", "done"),
    "/live": ("store", "since", "replay"),
    "/sign-in": ("next",),
    "/\x00\ufffd/..%2f": ("done",),
}
KNOWN = (
    "us",
    "112-1",
    "us/112-1",
    "SKU-1",
    "disabled",
    "1",
    "-",
    "blocked",
    "operator",
    *REASON_CODES,
)
DATES = ("0001-01-01T00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-11-22", "2026-02-30", "1990")
NUMBERS = ("-1", "1e999", "nan", "-inf", "1_0", "٣", "²", "9" * 19, "0x10", "1,5", "", " ")
ODD = (
    "\x00",
    "\ufffd",
    "a\nb",
    "$gt",
    "[]",
    "*",
    "(a+)+$",
    "\\",
    '"',
    "q:q q:r",
    'buyer:"',
    "a" * 900,
)
RAW = ("%ff%fe", "%ed%a0%80", "%", "%u1234", "%c0%ae", "&", "=", ";", "#", "+", "%00%00")
TYPED = st.one_of(
    st.sampled_from((*ODD_CURSORS, *KNOWN, *SORTS, *DATES, *NUMBERS, *ODD)).map(quote),
    st.text(max_size=12).map(lambda text: quote(text.encode("utf-8", "surrogatepass"))),
    st.sampled_from(RAW),
)


@st.composite
def addresses(draw: st.DrawFn) -> str:
    path = draw(st.sampled_from(sorted(PAGES)))
    named = st.sampled_from((*PAGES[path], "x"))
    asked = draw(st.lists(st.tuples(named, TYPED), max_size=4))
    return quote(path) + "?" + "&".join(f"{name}={value}" for name, value in asked)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(mongo_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A console over a few orders, one of them bought in the last moment of the calendar."""
    # Nobody answers as Kafka there, and no page asks it.
    told = Settings(
        mongo_url=mongo_url, mongo_database="pages", kafka_bootstrap_servers="127.0.0.1:1"
    )
    await _fill(told)
    live._LONGEST, live._PAUSE = 0.01, 0.0  # else it would tell numbers for minutes
    async with open_context(told, Access(None, frozenset(), secure=False)) as context:
        transport = httpx.ASGITransport(build_app(context), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://console") as asking:
            yield asking


async def _fill(told: Settings) -> None:
    dates = [NOW - timedelta(hours=number) for number in range(60)]
    dates[3] = datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)
    blocked = a_block(a_blocker(code=BlockerCode.DISABLED), a_blocker(seller_sku=None, sku=None))
    orders = [
        a_record(
            order=an_order(amazon_order_id=f"112-{number}", store_id="us", purchase_date=date),
            outcome=blocked,
            depends_on=("product:SKU-1",),
        )
        for number, date in enumerate(dates)
    ]
    changes = ChangeSet(
        orders=[OrderWrite(one, (a_history_entry(),), is_new=True, details=True) for one in orders],
        stores=[a_store()],
        **stocked(a_product()),
        dead_letters=[a_dead_letter()],
    )
    async with connect_storage(told) as storage:
        await storage.prepare()
        [checkpoint] = await storage.claim([SOURCE])

        async def work(transaction: Transaction) -> None:
            await transaction.lock()
            await transaction.write(changes, [(checkpoint, checkpoint.moved(1, ()))])

        await storage.transact(work, SOURCE)


@settings(max_examples=300)
@given(address=addresses())
@pytest.mark.asyncio(loop_scope="module")
async def test_no_question_breaks_a_page(client: httpx.AsyncClient, address: str) -> None:
    answer = await client.get(address)
    assert answer.status_code < 500, address
    assert len(answer.content) < MOST_BYTES, address


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("field", ["/orders?after", "/orders?before", "/audit?after"])
async def test_an_odd_cursor_is_refused_on_every_page(
    client: httpx.AsyncClient, field: str
) -> None:
    for text in filter(None, ODD_CURSORS):
        answer = await client.get(f"{field}={quote(text)}")
        assert answer.status_code == 400, text
        assert "This address is not a place in the list." in answer.text


@pytest.mark.asyncio(loop_scope="module")
async def test_pages_lead_past_an_order_of_the_year_9999(client: httpx.AsyncClient) -> None:
    for sort in SORTS:
        seen: list[str] = []
        address: str | None = f"/orders?state=blocked&sort={sort}"
        while address is not None:
            text = (await client.get(address)).text
            seen += re.findall(r'name="order" value="([^"]+)"', text)
            more = re.search(r'rel="next" href="([^"]+)"', text)
            address = None if more is None else unescape(more[1])
        assert len(seen) == len(set(seen)) == 60, sort
