"""What another site can have a visitor's browser do here: link to a page, and nothing else."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from models.errors import BrokerUnavailable
from order_import.console.access import Access, hash_password, read_users
from order_import.console.auth import hashed
from storage.port import AuditEntry, Session
from tests.unit.console_kit import NOW, Failing, Quiet, a_client, a_context, a_row

NAVIGATES = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
ELSEWHERE = {"sec-fetch-site": "cross-site"}
RECORDED = ("/orders.csv", "/orders.jsonl", "/orders?buyer=Dana", "/orders?q=buyer:Dana")
COSTLY = ("/replays/new?state=blocked", "/blocked/what-if?sku=A&code=disabled")
PAGES = ("/", "/orders", "/blocked", "/health", "/live", "/audit", "/sign-in", *RECORDED, *COSTLY)


class State(Quiet):
    """Sessions and the audit list, in memory."""

    def __init__(self) -> None:
        self.sessions: dict[str, Session] = {}
        self.recorded: list[str] = []

    async def session(self, session_id: str) -> Session | None:
        return self.sessions.get(session_id)

    async def record(self, entry: AuditEntry) -> None:
        self.recorded.append(entry.action)


class Orders(Quiet):
    async def stream(self, _: object) -> Any:
        yield a_row()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(
    "headers",
    [
        ELSEWHERE,
        {"sec-fetch-site": "same-site"},
        {**ELSEWHERE, "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"},
        {**ELSEWHERE, "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"},
        {**ELSEWHERE, "sec-fetch-mode": "cors", "sec-fetch-dest": "empty"},
        {**ELSEWHERE, **NAVIGATES, "sec-purpose": "prefetch;prerender"},
    ],
)
async def test_another_site_loads_no_page_in_the_background(
    headers: dict[str, str], path: str, method: str
) -> None:
    async with a_client(a_context()) as client:
        assert (await client.request(method, path, headers=headers)).status_code == 403


@pytest.mark.parametrize("path", [*RECORDED, *COSTLY])
async def test_a_link_of_another_site_records_and_costs_nothing_until_it_is_meant(
    path: str,
) -> None:
    state = State()
    async with a_client(a_context(state=state, orders=Orders())) as client:
        answer = await client.get(path, headers={**ELSEWHERE, **NAVIGATES})
        assert answer.status_code == 403
        assert f'href="{path.replace("&", "&amp;")}"' in answer.text
        assert state.recorded == []


async def test_what_is_meant_is_done_and_recorded() -> None:
    state = State()
    async with a_client(a_context(state=state, orders=Orders())) as client:
        for headers in ({"sec-fetch-site": "same-origin"}, {"sec-fetch-site": "none"}, {}):
            assert (await client.get("/orders.csv", headers=headers)).status_code == 200
    assert state.recorded == ["exported"] * 3


async def test_a_link_of_another_site_to_a_page_is_followed() -> None:
    down = Failing(BrokerUnavailable())
    async with a_client(a_context(state=State(), storage=down, reader=down)) as client:
        for path in ("/replays/abc", "/"):
            answer = await client.get(path, headers={**ELSEWHERE, **NAVIGATES})
            assert "Kafka does not answer." in answer.text  # it was asked for


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"cookie": "session=token"}, 403),
        ({"cookie": "session=token", "referer": "http://console/orders"}, 200),
        ({"cookie": "session=token", "referer": "http://evil.example/"}, 403),
        ({"cookie": "session=token", "referer": "null"}, 403),
    ],
)
async def test_a_browser_that_does_not_say_from_where_it_asks_is_recognized_by_its_cookies(
    headers: dict[str, str], status: int
) -> None:
    """Over plain HTTP beyond this machine, browsers do not say from where they ask."""
    users = read_users(f"olga:operator:{hash_password('a good password')}")
    olga = users.named("olga")
    assert olga is not None
    password = hashed(olga.password_hash)
    state = State()
    state.sessions[hashed("token")] = Session(
        hashed("token"), "olga", password, NOW, NOW + timedelta(hours=1)
    )
    access = Access(users, frozenset(), secure=False)
    async with a_client(a_context(access=access, state=state, orders=Orders())) as client:
        answer = await client.get("/orders.csv", headers=headers)
    assert answer.status_code == status


async def test_dry_runs_at_once_are_few_and_shut_no_page_out() -> None:
    begun, end = asyncio.Semaphore(0), asyncio.Event()

    class Slow(Quiet):
        async def snapshot(self, *_: object) -> None:
            begun.release()
            await end.wait()
            raise BrokerUnavailable

    async with a_client(a_context(storage=Slow(), reader=Failing(BrokerUnavailable()))) as client:
        path = "/replays/new?state=blocked"
        running = [asyncio.create_task(client.get(path)) for _ in range(2)]
        for _ in running:
            await begun.acquire()
        refused = await client.get(path)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
        assert "Kafka does not answer." in (await client.get("/")).text
        end.set()
        for one in await asyncio.gather(*running):
            assert "Kafka does not answer." in one.text
        assert "Kafka does not answer." in (await client.get(path)).text
