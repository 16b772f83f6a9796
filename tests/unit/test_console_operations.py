"""What operators ask of the program on the console's pages: replays, what-if, dead letters."""

import re
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from html import unescape
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from models.dead_letters import DeadLetterLine, Redrive, StoredDeadLetter
from models.messages import DeadLetterCode
from models.reference_data import StockedProduct
from models.topics import TopicName
from order_import.console.pages import live, replays
from order_import.operations.replay import Send
from order_import.settings import Settings
from storage.queries import OrderHistory
from tests.builders import (
    KEY,
    STORE,
    TRACE,
    a_cause,
    a_dead_letter,
    a_document,
    a_history_entry,
    a_product,
    a_record,
    a_replay,
    a_store,
)
from tests.unit.console_kit import NOW, Quiet, a_client, a_context
from tests.unit.kit import World
from tests.unit.readers import FakeReader
from tests.unit.test_replay_steps import Outside, a_world

LETTER = "amazon.orders:0:7"
FORMATTER: Any = SimpleNamespace(number=str)


class Orders(Quiet):
    """A catalog without products, and stores without blocked orders."""

    async def blocked_stores(self, _: object) -> list[str]:
        return []

    async def products(self, *_: object) -> Mapping[str, StockedProduct]:
        return {}


class DeadLetters:
    """One dead letter, of a topic that no worker reads."""

    letter = StoredDeadLetter(
        a_dead_letter(value=b'{"items": [' + b"1, " * 6_000 + b"2]}"),
        (Redrive(NOW, 1, "amazon.orders:0:9"),),
    )

    async def dead_letters(self, ids: Collection[str]) -> Mapping[str, StoredDeadLetter]:
        return {one: self.letter for one in ids if one == LETTER}

    async def lines(self, ids: Collection[str]) -> Mapping[str, DeadLetterLine]:
        return {
            one: DeadLetterLine(
                one, DeadLetterCode.TOO_LARGE, "elsewhere", NOW, 3, "", True, False, (), 0
            )
            for one in ids
            if one == LETTER
        }


def a_site(**fakes: Any) -> httpx.AsyncClient:
    reader = FakeReader(known_stores=[a_store()])
    return a_client(a_context(**{"reader": reader, "orders": Orders(), "state": Quiet()} | fakes))


def text_of(page: httpx.Response) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page.text)).split())


async def test_a_replay_is_planned_started_and_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    world, keys = await a_world(4)
    outside = Outside(world)

    @asynccontextmanager
    async def a_sender(_: Settings) -> AsyncIterator[Send]:
        yield outside.send

    monkeypatch.setattr(replays, "open_sender", a_sender)
    async with a_site(storage=world.storage) as client:
        plan = await client.get("/replays/new", params={"order": keys})
        assert "Checked 4 Would be created 4" in text_of(plan)
        form = {"order": keys}
        assert (await client.post("/replays", data=form)).status_code == 400
        started = await client.post("/replays", data=form | {"why": "import was off"})
        path = started.headers["location"].partition("?")[0]
        running = text_of(await client.get(path))
        assert "Orders 4 Decided 0" in running
        assert "import was off" in running
        await outside.take_step()
        done = text_of(await client.get(path))
        assert "Decided 4" in done
        assert "Created 4 Blocked again 0" in done
        listed = await client.get("/replays")
        assert f"{', '.join(keys[:3])} …" in text_of(listed)
        over = await client.post(f"{path}/cancel")
    assert (over.status_code, "The replay has already ended." in over.text) == (409, True)


async def test_a_replay_that_is_watched_tells_how_far_it_is() -> None:
    world, keys = await a_world(4)
    outside = Outside(world)
    replay = await outside.begin(keys)
    context, shown = a_context(storage=world.storage), FORMATTER
    for numbers in (("0", 0, False), ("4", 100, True)):
        told = await live._replay_numbers(context, replay.replay_id, shown)
        assert (told["made"], told["progress"], told["over"]) == numbers
        assert (told["decided"], told["again"]) == (numbers[0], "0")
        await outside.take_step()
        context.cache.forget()
    assert await live._replay_numbers(context, "nowhere", shown) == {}


async def test_a_replay_of_no_order_is_not_started() -> None:
    async with a_site(storage=World().storage) as client:
        plan = await client.get("/replays/new", params={"state": "blocked", "to": "2026-11-22"})
        assert "to 2026-11-23 00:00" in text_of(plan), "the first moment that is not meant"
        refused = await client.post("/replays", data={"state": "blocked", "why": "x"})
    assert (refused.status_code, "There are no orders to replay." in refused.text) == (409, True)


@pytest.mark.parametrize(
    ("criteria", "scope"),
    [
        ({"by": "console"}, "all stores"),
        ({"store_id": "us", "since": NOW}, "store: us, since: 2026-11-23 12:00"),
        ({"by": "console", "orders": ["us/1", "us/2"]}, "us/1, us/2"),
    ],
)
def test_which_orders_a_replay_is_of_is_said_in_words(
    criteria: dict[str, object], scope: str
) -> None:
    assert replays.describe_scope(a_replay(criteria=criteria)) == scope


def test_the_rate_of_a_replay_is_of_its_whole_time() -> None:
    replay = a_replay(started_at=NOW, done=30)
    assert replay.rate(NOW) == 30
    assert replay.rate(NOW + timedelta(seconds=10)) == 3
    ended = a_replay(started_at=NOW, done=30, finished_at=NOW + timedelta(seconds=3))
    assert ended.rate(NOW + timedelta(hours=1)) == 10


async def test_what_if_tells_what_would_be_created_and_what_would_still_block() -> None:
    world = World()
    await world.tell(TopicName.STORES, a_store().model_dump(mode="json"))
    product = a_product(enabled=False, salable_quantity=0)
    await world.tell(TopicName.PRODUCTS, product.model_dump(mode="json"))
    await world.tell(TopicName.ORDERS, a_document(amazon_order_id="1"))
    asked = {"sku": "SKU-1", "code": "disabled", "store": STORE, "ask": "1", "enabled": "1"}
    async with a_site(storage=world.storage) as client:
        short = text_of(await client.get("/blocked/what-if", params=asked))
        enough = await client.get("/blocked/what-if", params=asked | {"quantity": "7,5"})
    assert "Would be created 0 Would stay blocked 1 Not affected 0" in short
    assert "Remaining causes The ordered item is out of stock SKU-1 1" in short
    assert "Would be created 1 " in text_of(enough)
    assert 'name="quantity" inputmode="decimal" value="7.5"' in enough.text


async def test_a_dead_letter_is_shown_up_to_a_length_with_where_it_was_redriven() -> None:
    async with a_site(dead_letters=DeadLetters()) as client:
        page = await client.get(f"/dead-letters/{LETTER}")
        missing = await client.get("/dead-letters/amazon.orders:0:8")
    shown = re.search(r"<pre[^>]*><bdi>(.*?)</bdi></pre>", page.text, re.DOTALL)
    assert shown is not None
    assert unescape(shown[1]).startswith('{\n  "items": [\n')
    assert len(unescape(shown[1])) == 20_000
    assert "The rest is not shown." in page.text
    assert "→ amazon.orders:0:9" in text_of(page)
    assert missing.status_code == 404


async def test_a_dead_letter_that_cannot_be_redriven_says_why() -> None:
    async with a_site(dead_letters=DeadLetters()) as client:
        form = {"dead_letter": [LETTER, "gone:0:1"]}
        page = text_of(await client.post("/dead-letters/redrive", data=form))
    assert "0 redriven" in page
    assert "elsewhere is not a topic that this installation reads" in page
    assert "there is no such dead letter" in page


async def test_the_history_of_an_order_shows_the_id_of_its_trace_to_copy() -> None:
    entries = (a_history_entry(cause=a_cause(traceparent=TRACE)), a_history_entry())
    history = OrderHistory(a_record(), entries, {}, None, a_store())
    async with a_site(reader=FakeReader(histories=[history])) as client:
        page = await client.get(f"/orders/{KEY}")
    trace_id = TRACE.split("-")[1]
    assert f"trace {trace_id}" in text_of(page)
    assert page.text.count("data-copy=") == 1
    assert f'data-copy="{trace_id}"' in page.text


async def test_the_history_of_an_order_shows_the_stock_it_was_decided_on() -> None:
    """It answered 500."""
    fact = {
        "sku": "SKU-1",
        "enabled": True,
        "manage_stock": True,
        "salable_quantity": 5,
        "reserved": 2,
        "as_of": NOW,
    }
    entry = a_history_entry(facts={"products": [fact]})
    history = OrderHistory(a_record(), (entry,), {}, None, a_store())
    async with a_site(reader=FakeReader(histories=[history])) as client:
        page = await client.get(f"/orders/{KEY}")
    assert "SKU-1: enabled, 5 salable, 2 " in text_of(page)
