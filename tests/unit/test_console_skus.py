"""SKUs in the console: what looks alike is told apart, offered first, and matched as it is."""

import re
from collections.abc import Mapping, Sequence
from html import unescape
from typing import Any

import httpx

from models.keys import DEFAULT_STOCK
from models.order_query import OrderQuery
from models.reasons import BlockerCode
from models.reference_data import Component, Listing, Product, StockedProduct, Store
from models.topics import TopicName
from order_import.operations.publish import Message
from storage.queries import BlockedGroup, OrderHistory
from tests.builders import (
    KEY,
    NOW,
    STORE,
    a_block,
    a_blocker,
    a_product,
    a_record,
    a_store,
)
from tests.unit.console_kit import a_client, a_context

TRAILING, DECOMPOSED = "C25-trail ", "C25-gro\u0308ße"


class Catalog:
    """A catalog of a few SKUs, and one blocked order."""

    def __init__(self, *skus: str, listing: Listing | None = None) -> None:
        self.skus = skus
        self.known = listing
        self.told: list[Listing | Product] = []
        self.groups: list[BlockedGroup] = []
        self.found: OrderHistory | None = None

    async def stores(self) -> Mapping[str, Store]:
        return {STORE: a_store()}

    async def state_counts(self) -> Mapping[str, Mapping[str, int]]:
        return {}

    async def blocked_stores(self, _: object) -> list[str]:
        return []

    async def blocked_groups(self, *_: object) -> Sequence[BlockedGroup]:
        return self.groups

    async def history(self, _: str) -> OrderHistory | None:
        return self.found

    async def listing(self, _: str) -> Listing | None:
        return self.known

    async def count(self, _: OrderQuery, __: int) -> int:
        return 1

    async def similar_skus(self, sku: str) -> Sequence[str]:
        return [one for one in self.skus if one.strip().lower() == sku.strip().lower() != one]

    async def skus_like(self, text: str, _: int) -> Sequence[str]:
        return [one for one in self.skus if one.startswith(text)]

    async def products(
        self, skus: Sequence[str], _stock_id: str = DEFAULT_STOCK
    ) -> Mapping[str, StockedProduct]:
        there = [sku for sku in skus if sku in self.skus]
        return {sku: StockedProduct(a_product(sku=sku, enabled=False), 0) for sku in there}

    async def publish(self, messages: Sequence[Message]) -> int:
        for topic, _, value, _ in messages:
            model = Listing if topic == TopicName.LISTINGS else Product
            self.told.append(model.model_validate_json(value or b""))
        return len(messages)

    async def record(self, _: object) -> None:
        pass


def a_site(world: Catalog) -> httpx.AsyncClient:
    fakes: dict[str, Any] = dict.fromkeys(("reader", "orders", "state"), world)
    return a_client(a_context(**fakes, publish=world.publish))


def shown(page: httpx.Response) -> str:
    assert page.status_code == 200, page.text
    return unescape(page.text)


def a_group(sku: str, similar: str) -> BlockedGroup:
    return BlockedGroup(
        stock_id=None,
        code=BlockerCode.NOT_IN_CATALOG,
        sku=sku,
        similar_sku=similar,
        seller_skus=(sku,),
        asins=(),
        orders=1,
        value=(),
        oldest_purchase_date=NOW,
        earliest_ship_date=NOW,
        blocked_since=NOW,
        tried=1,
    )


async def test_rule_7_the_match_page_offers_first_what_the_catalog_has_that_looks_alike() -> None:
    world = Catalog("C25-blue", "c25-TRAIL", "C25-trail")
    async with a_site(world) as client:
        page = shown(await client.get("/match", params={"store": STORE, "seller_sku": TRAILING}))
    assert "C25-trail␣" in page
    assert "The catalog has c25-TRAIL." in page
    assert "The catalog has C25-trail." in page
    assert re.findall(r'name="sku" value="([^"]*)"', page) == ["c25-TRAIL"]
    offered = re.findall(r'<option value="([^"]*)"></option>', page)
    assert offered == ["c25-TRAIL", "C25-trail", "C25-blue"]


async def test_rule_7_a_matched_listing_is_looked_at_by_what_it_is_matched_to() -> None:
    listing = Listing(store_id=STORE, seller_sku="S", sku="lamp ", updated_at=NOW)
    async with a_site(Catalog("LAMP", listing=listing)) as client:
        page = shown(await client.get("/match", params={"store": STORE, "seller_sku": "S"}))
    assert "The catalog has LAMP." in page


async def test_a_seller_sku_that_ends_with_a_blank_is_matched_as_it_is() -> None:
    world = Catalog("C25-trail", "C25-blank ")
    async with a_site(world) as client:
        for typed in ("C25-trail ", "C25-blank "):
            page = await client.get("/match", params={"store": STORE, "seller_sku": TRAILING})
            form = {
                **dict(re.findall(r'name="(seller_sku)" value="([^"]*)"', page.text)),
                "store": STORE,
                "sku": typed,
            }
            assert (await client.post("/match", data=form)).status_code == 303
    assert [(one.seller_sku, one.sku) for one in world.told if isinstance(one, Listing)] == [
        (TRAILING, "C25-trail"),
        (TRAILING, "C25-blank "),
    ]


async def test_rule_24_a_seller_sku_is_matched_to_several_units_of_a_product() -> None:
    world = Catalog("MUG")
    async with a_site(world) as client:
        form = {"store": STORE, "seller_sku": "MUG-6PK", "sku": "MUG"}
        for units in ("0", "six", ""):
            refused = await client.post("/match", data=form | {"units": units})
            assert refused.status_code == 400
            assert "Expected a whole number from 1 to 10,000." in unescape(refused.text)
        assert (await client.post("/match", data=form | {"units": "6"})).status_code == 303
        assert (await client.post("/match", data=form | {"units": "1"})).status_code == 303
    told = [one.match for one in world.told if isinstance(one, Listing)]
    assert told == [(Component(sku="MUG", quantity=6),), "MUG"]


async def test_rule_24_a_kit_is_shown_on_the_match_page() -> None:
    kit = (Component(sku="MUG", quantity=2), Component(sku="LID", quantity=1))
    listing = Listing(store_id=STORE, seller_sku="S", components=kit, updated_at=NOW)
    async with a_site(Catalog("MUG", listing=listing)) as client:
        page = shown(await client.get("/match", params={"store": STORE, "seller_sku": "S"}))
    assert "2 MUG + 1 LID" in page


async def test_a_product_whose_sku_ends_with_a_blank_is_enabled() -> None:
    world = Catalog(TRAILING)
    what_if = {"sku": TRAILING, "code": "not-in-catalog"}
    async with a_site(world) as client:
        page = await client.get("/blocked/what-if", params=what_if)
        form = dict(re.findall(r'name="(sku)" value="([^"]*)"', page.text))
        assert form["sku"] == TRAILING
        await client.post("/products/enable", data=form)
    assert [one.sku for one in world.told] == [TRAILING]


async def test_rule_7_the_blocked_page_shows_what_cannot_be_seen_and_what_the_catalog_has() -> None:
    world = Catalog()
    world.groups = [a_group(TRAILING, "C25-trail"), a_group(DECOMPOSED, "C25-größe")]
    async with a_site(world) as client:
        page = shown(await client.get("/blocked"))
    for text in ("C25-trail␣", "The catalog has C25-trail.", "C25-gro[U+0308]ße", "C25-größe"):
        assert text in page
    assert "product=C25-trail+" in page, "it opens as it is"


async def test_rule_7_the_order_page_shows_what_cannot_be_seen_and_what_the_catalog_has() -> None:
    blocker = a_blocker(
        code="not-in-catalog", sku=TRAILING, seller_sku=TRAILING, similar_sku="C25-trail"
    )
    world = Catalog()
    world.found = OrderHistory(a_record(outcome=a_block(blocker)), (), {}, None, a_store())
    async with a_site(world) as client:
        page = shown(await client.get(f"/orders/{KEY}"))
        german = await client.get(f"/orders/{KEY}", headers={"accept-language": "de"})
    assert "C25-trail␣" in page
    assert "The catalog has C25-trail." in page
    assert "Der Katalog hat C25-trail." in shown(german)
