"""The commands against real servers: the examples are sent, decided, listed and explained."""

import stat
from pathlib import Path

import pytest

from models.topics import TopicName
from order_import.bootstrap import connect_database
from order_import.cli.send import cut_documents
from order_import.operations.lag import open_lag_meter
from tests.integration.commands import Commands
from tests.integration.kit import ROOT, System

EXAMPLES = ROOT / "examples"
BLOCKED_ORDER = "304-1111111-0000003"


class Cli(Commands):
    """The commands, and what their answers say."""

    async def send(self, kind: str, *files: str, store: str | None = None) -> int:
        paths = [str(EXAMPLES / file) for file in files]
        told = await self.json("send", kind, *paths, *(("--store", store) if store else ()))
        sent: int = told["sent"]
        return sent

    async def outcomes(self) -> dict[str, tuple[str, tuple[str, ...], str | None]]:
        return {
            order["amazon_order_id"]: (
                order["state"],
                tuple(sorted(order["reasons"])),
                order["commerce_status"],
            )
            for order in await self.json("orders")
        }

    async def decided(self) -> bool:
        settings = self.system.settings
        async with connect_database(settings) as database, open_lag_meter(settings) as meter:
            standings = await database.reader.standings()
            return not sum(one.total for one in await meter.measure(standings))


@pytest.fixture
def cli(system: System) -> Cli:
    return Cli(system)


async def tell_examples(cli: Cli) -> None:
    assert await cli.send("stores", "stores.json") == 2
    assert await cli.send("products", "products.jsonl") == 4
    assert await cli.send("listings", "listings.json") == 1


async def test_the_examples_go_the_whole_way(cli: Cli) -> None:
    await tell_examples(cli)
    async with cli.system.worker():
        await cli.system.eventually(cli.decided, "the facts are decided")
        orders = ("order-document.json", "order-2026.json", "order-change.json")
        assert await cli.send("orders", *orders) == 3
        v0 = ("order-v0.json", "order-v0-items.json")
        assert await cli.send("orders", *v0, store="harborside-us") == 2
        await cli.system.eventually(cli.decided, "the orders are decided")
        assert await cli.outcomes() == {
            "304-1111111-0000001": ("created", (), "processing"),
            "112-1111111-0000002": ("created", (), "complete"),
            BLOCKED_ORDER: ("blocked", ("disabled", "not-in-catalog", "out-of-stock"), None),
            "304-1111111-0000004": ("waiting", ("details-pending",), None),
        }

        status = await cli.json("status")
        assert status["system_message"] == (
            "Your Amazon store(s) has orders that cannot be imported into Commerce. "
            "See Recent Orders in the store dashboard(s): Fjordlight"
        )
        assert status["blockers"] == {"disabled": 1, "not-in-catalog": 1, "out-of-stock": 1}
        assert status["oldest_undecided_at"] is None
        assert "Fjordlight (fjordlight-de)" in await cli.text("status")

        await cli.send("products", "products-fixed.jsonl")
        await cli.system.eventually(cli.decided, "the fixed products are decided")
        assert (await cli.outcomes())[BLOCKED_ORDER] == ("created", (), "processing")
        assert (await cli.json("status"))["system_message"] is None

    history = await cli.json("explain", BLOCKED_ORDER)
    assert history["import"]["state"] == "created"
    assert history["commerce_order"]["status"] == "processing"
    events = [one["event_type"] for entry in history["history"] for one in entry["events"]]
    assert events[0] == "OrderImportBlocked"
    assert events[-2:] == ["CommerceOrderCreated", "OrderImportReleased"]
    first = history["history"][0]["cause"]
    assert first["topic"] == f"{cli.system.settings.topic_prefix}amazon.orders"
    assert "Ada" not in await cli.text("explain", "304-1111111-0000001")


async def test_orders_can_be_asked_for(cli: Cli) -> None:
    await tell_examples(cli)
    async with cli.system.worker():
        await cli.system.eventually(cli.decided, "the facts are decided")
        await cli.send("orders", "order-document.json", "order-2026.json", "order-change.json")
        await cli.system.eventually(cli.decided, "the orders are decided")

    async def found(*asked: str) -> list[str]:
        return [order["amazon_order_id"][-1] for order in await cli.json("orders", *asked)]

    assert await found() == ["4", "3", "1"]  # the newest purchase first
    assert await found("--limit", "1") == ["4"]
    assert await found("--store", "fjordlight-de", "--since", "2025-11-28T11:00Z") == ["4", "3"]
    assert await found("--store", "harborside-us") == []
    assert await found("--state", "created") == ["1"]
    assert await found("--reason", "out-of-stock") == ["3"]
    assert await found("--reason", "details-pending") == ["4"]
    assert await found("--reason", "disabled", "--state", "created") == []
    table = await cli.text("orders", "--state", "blocked")
    assert "The item in the catalog is disabled" in table
    assert "Waiting" not in table


async def test_lag_and_age_without_a_worker(cli: Cli) -> None:
    await cli.send("products", "products.jsonl")
    told = await cli.json("status")
    lag = {
        topic["topic"].removeprefix(cli.system.settings.topic_prefix): topic
        for topic in told["lag"]
    }
    assert lag["commerce.products"]["undecided"] == 4
    assert lag["amazon.orders"]["undecided"] == 0
    assert told["oldest_undecided_at"] == lag["commerce.products"]["oldest"] is not None


async def test_what_is_sent_is_what_is_read(cli: Cli) -> None:
    """Bytes, keys and headers on the topic are those of the file and of the contract."""
    odd = b'{"AmazonOrderId":"112-1111111-0000009",  "OrderTotal": {"Amount": 1.10}}'
    await cli.text("send", "orders", "-", "--store", "harborside-us", told=odd + b"\n\n" + odd)
    await cli.text("send", "products", "--delete", "GONE")
    orders = await cli.system.read(TopicName.ORDERS)
    assert [(one.key, one.value) for one in orders] == [(b"112-1111111-0000009", odd)] * 2
    assert all(one.headers == (("store-id", b"harborside-us"),) for one in orders)
    (product,) = await cli.system.read(TopicName.PRODUCTS)
    assert (product.key, product.value) == (b"GONE", None)


async def test_init_says_what_it_made(cli: Cli) -> None:
    cli.system.settings = cli.system.settings.model_copy(
        update={"topic_prefix": "init-test.", "mongo_database": "t_init_test"}
    )
    first = await cli.json("init")
    assert "init-test.amazon.orders" in first["topics"]
    assert len(first["topics"]) == 11
    assert any(name.startswith("amazon_orders.") for name in first["indexes"])
    assert await cli.json("init") == {"topics": [], "indexes": [], "key_file": None}
    assert "nothing to do" in await cli.text("init")


async def test_rule_27_init_creates_the_keys_of_buyer_data_once(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "keys" / "buyer-keys.json"
    cli.system.settings = cli.system.settings.model_copy(
        update={"topic_prefix": "init-keys.", "mongo_database": "t_init_keys"}
        | {"buyer_key_file": path}
    )
    assert (await cli.json("init"))["key_file"] == str(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    first = path.read_text()
    assert (await cli.json("init"))["key_file"] is None
    assert path.read_text() == first
    # Without the file, buyer data is lost: new keys would hide that.
    path.unlink()
    told = await cli.text("init", status=2)
    assert "is missing, and buyer data of this database was encrypted with it" in told
    path.write_text('{"keys": ["c2hvcnQ="], "search": "c2hvcnQ="}')
    assert "is not a file of keys" in await cli.text("init", status=2)


async def test_a_topic_that_is_not_there_is_refused(cli: Cli) -> None:
    cli.system.settings = cli.system.settings.model_copy(update={"topic_prefix": "nowhere."})
    told = await cli.text("send", "products", str(EXAMPLES / "products.jsonl"), status=1)
    assert "topic nowhere.commerce.products does not exist yet; run: order-import init" in told


def test_every_example_is_a_document() -> None:
    files = [file for file in EXAMPLES.iterdir() if file.suffix in {".json", ".jsonl"}]
    assert len(files) >= 9
    for file in files:
        assert list(cut_documents(file.name, file.read_bytes()))
