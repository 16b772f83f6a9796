"""A store's switches: each says what it will do, tells the whole store anew, and is recorded."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import pytest

from models.order_query import OrderQuery
from models.outcome import ImportState
from models.reference_data import Store
from models.topics import TopicName
from order_import.operations.publish import Message
from storage.port import AuditEntry
from storage.queries import SearchedRows
from tests.builders import STORE, a_store
from tests.unit.console_kit import NOW, a_client, a_context, a_row

HAS_STORE = f"/stores/{STORE}"


class OneStore:
    """A worker that stores what it is told at once, and what the pages ask of it."""

    def __init__(self, **settings: bool) -> None:
        self.store = a_store(**settings)
        self.audit: list[AuditEntry] = []
        self.asked: list[OrderQuery] = []

    async def stores(self) -> Mapping[str, Store]:
        return {STORE: self.store}

    async def state_counts(self) -> Mapping[str, Mapping[ImportState, int]]:
        return {STORE: {ImportState.BLOCKED: 7}}

    async def blocked_stores(self, _: object) -> list[str]:
        return []

    async def search(self, query: OrderQuery, *_: object, **__: object) -> SearchedRows:
        self.asked.append(query)
        return SearchedRows([a_row()], None)

    async def publish(self, messages: Sequence[Message]) -> int:
        [(topic, key, value, _)] = messages
        self.store = Store.model_validate_json(value or b"")
        assert (topic, key) == (TopicName.STORES, self.store.store_id)
        return 1

    async def record(self, entry: AuditEntry) -> None:
        self.audit.append(entry)


def a_site(world: OneStore) -> httpx.AsyncClient:
    fakes: dict[str, Any] = dict.fromkeys(("reader", "orders", "state"), world)
    return a_client(a_context(**fakes, publish=world.publish))


@pytest.mark.parametrize(
    ("path", "field", "code", "actions"),
    [
        ("import", "import_amazon_orders", "import-disabled", ("import-off", "import-on")),
        (
            "import-non-amazon",
            "import_non_amazon_orders",
            "not-sold-on-amazon",
            ("non-amazon-on", "non-amazon-off"),
        ),
    ],
)
async def test_a_switch_changes_its_setting_alone_and_is_recorded(
    path: str, field: str, code: str, actions: tuple[str, str]
) -> None:
    world = OneStore()
    was = world.store
    async with a_site(world) as client:
        for action in actions:
            page = await client.get(f"{HAS_STORE}/{path}")
            assert page.status_code == 200
            fields = dict(re.findall(r'name="(import)" value="([^"]*)"', page.text))
            done = await client.post(f"{HAS_STORE}/{path}", data=fields)
            assert done.headers["location"] == f"{HAS_STORE}?done={action}"
            assert getattr(world.store, field) is action.endswith("-on")
    assert {query.reason for query in world.asked} == {code}
    assert [(one.action, one.target) for one in world.audit] == [(one, STORE) for one in actions]
    assert world.store.updated_at > NOW
    assert world.store.model_copy(update={"updated_at": was.updated_at}) == was


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "origin": "http://other.console"},
        {"origin": "http://evil.example"},
        {"referer": "http://evil.example/console"},
        {"cookie": "lang=en"},
    ],
)
async def test_a_form_from_another_site_changes_nothing(headers: dict[str, str]) -> None:
    world = OneStore()
    async with a_site(world) as client:
        form = {"import": "on"}
        answer = await client.post(f"{HAS_STORE}/import-non-amazon", data=form, headers=headers)
    assert answer.status_code == 403
    assert not world.store.import_non_amazon_orders
    assert world.audit == []


@pytest.mark.parametrize("path", ["import", "import-non-amazon"])
async def test_an_unknown_store_has_no_switch(path: str) -> None:
    async with a_site(OneStore()) as client:
        assert (await client.get(f"/stores/nowhere/{path}")).status_code == 404
