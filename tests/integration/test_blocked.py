"""`blocked` on real servers: grouped in the database, on both drivers and both engines."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from models.blockers import Blocker
from models.change_set import ChangeSet, OrderWrite
from models.money import Money
from models.order_record import OrderRecord
from models.outcome import Blocked, Skipped
from models.reasons import REMEDIES, BlockerCode, SkipReason
from models.topics import TopicName
from order_import.devtools.embedded import EmbeddedServers
from order_import.devtools.embedded.mongo import MongoEngine
from storage.mongo.database import open_database
from storage.mongo.driver import Driver
from storage.mongo.orders import MongoReader
from storage.mongo.storage import MongoStorage
from tests.builders import a_record, an_order
from tests.integration.commands import Commands
from tests.integration.kit import System
from tests.integration.wire import item, key, order, product, store
from tests.servers import ask_for

ENGINES: tuple[MongoEngine, ...] = ("auto", "python")


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=ENGINES)
async def engine_url(
    request: pytest.FixtureRequest, servers: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[str]:
    if request.param == "auto":
        yield ask_for(servers, "mongo")[0]
        return
    data = tmp_path_factory.mktemp("mongo")
    async with EmbeddedServers(data, kafka=False, mongo_engine=request.param) as addresses:
        assert addresses.mongo_url is not None
        yield addresses.mongo_url


@pytest.fixture(params=list(Driver))
async def database(
    request: pytest.FixtureRequest, engine_url: str, database_name: str
) -> AsyncIterator[tuple[MongoStorage, MongoReader]]:
    driver = Driver(request.param)
    async with open_database(engine_url, database_name, driver) as database:
        await database.storage.prepare()
        yield database.storage, database.reader


def at(day: int) -> datetime:
    return datetime(2026, 7, day, 8, tzinfo=UTC)


def blocker(code: BlockerCode, sku: str | None, **fields: Any) -> Blocker:
    told = {"seller_sku": sku, "asin": None, "order_item_ids": ("1",), "required": 1}
    return Blocker(
        **{"available": None, "remedy": REMEDIES[code], **told, **fields}, code=code, sku=sku
    )


def blocked(number: int, *blockers: Blocker, tried: int = 1, **fields: Any) -> OrderRecord:
    store_id = fields.pop("store_id", "us")
    details = {
        "amazon_order_id": f"902-{number}",
        "purchase_date": at(number),
        "latest_ship_date": at(20 - number),
        "total": Money(amount=Decimal("0.10"), currency="USD"),
    }
    return a_record(
        store_id=store_id,
        order=an_order(**details | {"store_id": store_id} | fields),
        outcome=Blocked(blockers, since=at(number + 1), tried=tried),
    )


async def stored(storage: MongoStorage, *records: OrderRecord) -> None:
    changes = ChangeSet(orders=[OrderWrite(one, (), is_new=True, details=True) for one in records])

    async def work(transaction: Any) -> None:
        await transaction.lock()
        await transaction.write(changes)

    await storage.transact(work)


OUT, OFF, GONE = BlockerCode.OUT_OF_STOCK, BlockerCode.DISABLED, BlockerCode.NOT_IN_CATALOG


async def test_rule_7_a_group_names_the_sku_that_the_catalog_has_as_soon_as_one_order_does(
    database: tuple[MongoStorage, MongoReader],
) -> None:
    storage, reader = database
    await stored(
        storage,
        blocked(1, blocker(GONE, "A ")),
        blocked(2, blocker(GONE, "A ", similar_sku="A")),
        blocked(3, blocker(GONE, "B")),
    )
    groups = await reader.blocked_groups(None, 10)
    assert {one.sku: one.similar_sku for one in groups} == {"A ": "A", "B": None}


async def test_orders_are_grouped_by_cause_and_product_and_the_most_urgent_is_first(
    database: tuple[MongoStorage, MongoReader],
) -> None:
    storage, reader = database
    await stored(
        storage,
        blocked(1, blocker(OUT, "MUG", seller_sku="MUG-US", asin="B1"), tried=3),
        blocked(
            2,
            blocker(OUT, "MUG", seller_sku="MUG-DE", asin="B2"),
            blocker(OFF, "MUG", seller_sku="MUG-DE"),
            total=Money(amount=Decimal("12345678901234567890.20"), currency="EUR"),
        ),
        blocked(3, blocker(OUT, "MUG", seller_sku="MUG-US", asin="B1"), blocker(GONE, "LAMP")),
        blocked(4, blocker(OUT, "MUG"), total=None, latest_ship_date=None),
        a_record(
            store_id="us",
            order=an_order(store_id="us", amazon_order_id="902-9"),
            outcome=Skipped(SkipReason.CANCELED),
        ),
    )
    groups = await reader.blocked_groups(None, 10)
    assert [(one.code, one.sku, one.orders) for one in groups] == [
        (OUT, "MUG", 4),
        (GONE, "LAMP", 1),
        (OFF, "MUG", 1),
    ]
    mugs = groups[0]
    assert mugs.value == (
        Money(amount=Decimal("12345678901234567890.20"), currency="EUR"),
        Money(amount=Decimal("0.20"), currency="USD"),
    )
    assert mugs.seller_skus == ("MUG", "MUG-DE", "MUG-US")
    assert mugs.asins == ("B1", "B2")
    assert (mugs.oldest_purchase_date, mugs.earliest_ship_date) == (at(1), at(17))
    assert (mugs.blocked_since, mugs.tried) == (at(2), 3)
    assert mugs.remedy == REMEDIES[OUT]
    assert (groups[1].earliest_ship_date, groups[2].earliest_ship_date) == (at(17), at(18))
    assert [one.code for one in await reader.blocked_groups(None, 1)] == [OUT]


async def test_groups_of_one_store_and_without_dates_totals_or_skus(
    database: tuple[MongoStorage, MongoReader],
) -> None:
    storage, reader = database
    nothing: dict[str, Any] = {"total": None, "latest_ship_date": None, "purchase_date": None}
    await stored(
        storage,
        blocked(1, blocker(GONE, None, asin="B7"), **nothing),
        blocked(2, blocker(GONE, None, asin="B8")),
        blocked(3, blocker(GONE, None, asin="B7"), store_id="de"),
        blocked(4, blocker(OFF, "MUG"), store_id="fr", **nothing),
    )
    assert [(one.sku, one.asins, one.orders) for one in await reader.blocked_groups(None, 9)] == [
        (None, ("B7",), 2),
        (None, ("B8",), 1),
        ("MUG", (), 1),
    ]
    (lonely,) = await reader.blocked_groups("fr", 9)
    assert (lonely.value, lonely.earliest_ship_date, lonely.oldest_purchase_date) == (
        (),
        None,
        None,
    )
    assert [one.orders for one in await reader.blocked_groups("de", 9)] == [1]
    assert await reader.blocked_groups("nowhere", 9) == []


@pytest.mark.parametrize("driver", list(Driver))
async def test_the_command_tells_causes_with_their_remedy_until_they_are_mended(
    system: System, driver: Driver
) -> None:
    commands = Commands(system, ORDER_IMPORT_MONGO_DRIVER=driver.value)
    await system.publish(TopicName.STORES, store(), store("de", name="Nordlicht"))
    await system.publish(TopicName.PRODUCTS, product(enabled=False, salable_quantity=1))
    one = order(1, items=[item(quantity=2)], latest_ship_date="2026-11-05T00:00:00Z")
    two = order(2, items=[item("SHADE")], latest_ship_date="2026-11-04T00:00:00Z")
    assert await commands.json("blocked") == {"system_message": None, "groups": []}
    assert "No blocked orders." in await commands.text("blocked")
    async with system.worker():
        await system.publish(TopicName.ORDERS, one, two)
        await system.becomes(key(one), "blocked")
        await system.becomes(key(two), "blocked")
        told = await commands.json("blocked")
        assert told["system_message"] == (
            "Your Amazon store(s) has orders that cannot be imported into Commerce. "
            "See Recent Orders in the store dashboard(s): Store us"
        )
        assert [(group["code"], group["sku"]) for group in told["groups"]] == [
            ("not-in-catalog", "SHADE"),
            ("disabled", "LAMP"),
            ("out-of-stock", "LAMP"),
        ]
        assert told["groups"][0]["value"] == [{"amount": "10.00", "currency": "USD"}]
        assert told["groups"][0]["earliest_ship_date"] == "2026-11-04T00:00:00Z"
        assert [
            group["code"] for group in (await commands.json("blocked", "--limit", "1"))["groups"]
        ] == ["not-in-catalog"]
        assert (await commands.json("blocked", "--store", "de"))["groups"] == []
        text = await commands.text("blocked")
        assert text.startswith("Your Amazon store(s) has orders that cannot be imported")
        assert REMEDIES[OUT] in text
        assert "Marker" not in text
        await system.publish(TopicName.PRODUCTS, product(as_of="2026-11-03T00:00:00Z"))
        await system.publish(TopicName.PRODUCTS, product("SHADE"))
        await system.becomes(key(one), "created")
        await system.becomes(key(two), "created")
        assert await commands.json("blocked") == {"system_message": None, "groups": []}
