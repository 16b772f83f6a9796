"""Rule 27 by its bytes: buyers in all of an installation's files until their time is over.

A life of orders, with dead letters, a replay, exports, the console and a kill, on servers of its
own. Then the clocks are moved beyond the end, and every byte is searched: the databases' files,
Kafka's, logs, exports, and a dump from before, restored without the keys. `make proofs` does it
with 10,000 orders.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import bson
import httpx
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from pymongo import AsyncMongoClient

from models.topics import TOPICS, TopicName
from order_import.buyer_keys import create_key_file, read_buyer_keys
from order_import.devtools.embedded import EmbeddedServers
from order_import.devtools.embedded.servers import Addresses
from storage.mongo.buyer_data import KEYS_SUFFIX
from streams.clock import now
from tests.forks import Command
from tests.integration.canaries import (
    FIELDS,
    FORMS,
    Canaries,
    Document,
    broken,
    contains,
    decrypted,
    in_files,
    opened,
    remaining_keys,
)
from tests.integration.commands import Commands
from tests.integration.kit import System, environment, open_system
from tests.integration.test_cold_start import free_port, lines
from tests.integration.wire import is_caught_up, orders_of, product, store
from tests.kafkas import ConfiguredKafka

ORDERS = int(os.environ.get("CANARY_ORDERS", "48"))
DAYS = 200
"""After so many days, even the buyer of an order that is never shipped has expired."""
LATER = """
import sys
from datetime import timedelta
from order_import.__main__ import main
from order_import import worker
from streams import clock
real = clock.now
def later():
    return real() + timedelta(days={days})
for module in [*sys.modules.values()]:
    if getattr(module, "now", None) is real:
        module.now = later
{more}
sys.argv = ["order-import", *{arguments!r}]
main()
"""
"""A program whose clock is ahead."""
NEVER_ERASES = """
import asyncio
async def never(*_):
    await asyncio.Event().wait()
worker._erase_expired = never
"""
LOGS_A_BODY = """
from handlers.import_policy import ImportPolicyHandler
import structlog
parse = ImportPolicyHandler.parse
def logging(self, messages):
    for message in messages:
        structlog.get_logger().info("seen", body=message.value[:400].decode())
    return parse(self, messages)
ImportPolicyHandler.parse = logging
"""


@asynccontextmanager
async def servers(directory: Path) -> AsyncIterator[Addresses]:
    """Servers whose files are searched: Kafka deletes expired segments at once."""
    kafka = ConfiguredKafka(
        directory / "kafka",
        {
            "log.retention.check.interval.ms": "500",
            "log.initial.task.delay.ms": "100",
            "log.segment.delete.delay.ms": "0",
        },
    )
    lock = os.open(directory / "kafka.lock", os.O_CREAT | os.O_RDWR)
    async with EmbeddedServers(directory / "database", kafka=False) as addresses:
        try:
            yield Addresses(await kafka.start(lock, lambda _: None), addresses.mongo_url)
        finally:
            await kafka.process.stop()
            os.close(lock)


@pytest.fixture
async def living(tmp_path: Path) -> AsyncIterator["Life"]:
    # A file of its own: its keys are replaced.
    keys = tmp_path / "buyer-keys.json"
    create_key_file(keys)
    async with (
        servers(tmp_path) as addresses,
        open_system(addresses, tmp_path, "canaries", buyer_key_file=keys) as system,
    ):
        yield Life(system)


class Life:
    """An installation, the canaries in it, and what was copied from it before the end."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.orders = {f"111-{n:07d}-0000001": Canaries(f"order {n}") for n in range(ORDERS)}
        self.broken = {f"222-{n:07d}-0000002": Canaries(f"broken {n}") for n in range(ORDERS // 8)}
        self.key_file = read_buyer_keys(system.settings)
        self.files = [system.directory]
        self.dump: list[Document] = []
        self.old_keys: dict[str, Document] = {}

    @property
    def all(self) -> set[str]:
        """Every canary."""
        every = [*self.orders.values(), *self.broken.values()]
        return set().union(*(canaries.all for canaries in every))

    @property
    def stored(self) -> set[str]:
        """Every canary that the database has: of a valid order what is read, else all."""
        kept = (canaries.kept for canaries in self.orders.values())
        return set().union(*kept, *(canaries.all for canaries in self.broken.values()))

    async def readable(self) -> set[str]:
        """Return every canary that somebody can read who has all files, the dump, and all keys."""
        keys = await self.data_keys()
        contents = [*self.dump, *[doc async for doc in self.system.db.buyer_data.find({})]]
        found = decrypted(contents, keys, self.key_file)
        return (await asyncio.to_thread(in_files, self.files)).union(*found.values())

    async def in_database(self) -> set[str]:
        """Return every canary that the database has, decrypted."""
        contents = [doc async for doc in self.system.db.buyer_data.find({})]
        return set().union(*decrypted(contents, await self.data_keys(), self.key_file).values())

    async def readable_with_remains(self) -> set[str]:
        """Return every canary of the dump whose deleted key is in the database's files."""
        directory = self.system.directory / "database"
        keys = await asyncio.to_thread(remaining_keys, directory, self.key_file)
        return set().union(*opened(self.dump, keys).values())

    async def data_keys(self) -> dict[str, Document]:
        """Return the data keys there are."""
        keys = self.keys_database.buyer_keys.find({})
        return {document["_id"]: document async for document in keys}

    @property
    def keys_database(self) -> Any:
        """The second database."""
        client: AsyncMongoClient[Document] = self.system.client
        return client[self.system.settings.mongo_database + KEYS_SUFFIX]

    async def publish(self, ids: list[str], status: str = "Unshipped") -> None:
        at = now().isoformat()
        for number, order_id in enumerate(ids):
            # An unknown SKU blocks the order; the replay then finds it.
            sku = "NOWHERE" if number % 6 == 0 else "LAMP"
            form = FORMS[number % len(FORMS)]
            document = form(order_id, at, status, sku, self.orders[order_id])
            await self.system.publish(TopicName.ORDERS, document, key=order_id, store="us")

    async def publish_broken(self) -> None:
        for number, (order_id, canaries) in enumerate(self.broken.items()):
            form = FORMS[number % len(FORMS)]
            document = form(order_id, now().isoformat(), "Unshipped", "LAMP", canaries)
            await self.system.publish(TopicName.ORDERS, broken(document), key=order_id)

    async def all_is_decided(self) -> None:
        topic = orders_of(self.system)
        await self.system.eventually(lambda: is_caught_up(self.system, topic), "all is decided")

    async def use_console(self) -> None:
        """Export all orders, look at lists and at a buyer, and keep the exports."""
        port = free_port()
        console = await self.system.start_worker("-m", "order_import", "console", console_port=port)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:

            async def answers() -> bool:
                try:
                    return (await client.get("/healthz")).status_code == 200
                except httpx.TransportError:
                    return False

            await self.system.eventually(answers, "the console answers")
            for name in ("orders.csv", "orders.jsonl"):
                answer = await client.get(f"/{name}")
                assert answer.status_code == 200
                (self.system.directory / name).write_bytes(answer.content)
            order_id, canaries = next(iter(self.orders.items()))
            for page in ("/", "/orders", "/blocked", "/dead-letters", "/health"):
                assert (await client.get(page)).status_code == 200
            found = await client.get("/orders", params={"buyer": canaries["buyer"]})
            assert order_id in found.text
            shown = await client.post(f"/orders/us/{order_id}/buyer", follow_redirects=True)
            assert canaries["phone"] in shown.text
        assert await console.stop() == 0

    async def dump_database(self) -> None:
        """Copy the database, and the keys apart from it."""
        with (self.system.directory / "dump.bson").open("wb") as file:
            for name in await self.system.db.list_collection_names():
                async for document in self.system.db[name].find({}):
                    file.write(bson.encode(document))
        self.dump = [document async for document in self.system.db.buyer_data.find({})]
        self.old_keys = await self.data_keys()

    async def set_retention(self, **config: str) -> None:
        """Set what is different from the topics with buyer data as they are created."""
        bootstrap = self.system.settings.kafka_bootstrap_servers
        prefix = self.system.settings.topic_prefix
        resources = [
            ConfigResource(ConfigResourceType.TOPIC, prefix + topic.name, topic.config | config)
            for topic in TOPICS
            if topic.is_personal
        ]
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        await admin.alter_configs(resources)
        await admin.close()

    async def end_kafka(self) -> None:
        """Let the 14 days of the topics with buyer data pass, and wait until they are empty."""
        await self.set_retention(**{"retention.ms": "1"})

        async def is_empty() -> bool:
            return not await self.system.read(TopicName.ORDERS, TopicName.DEAD_LETTER)

        await self.system.eventually(is_empty, "Kafka has deleted its segments")

    async def run_later(self, *, more: str = "", until: str) -> None:
        """Run a worker whose clock is ahead until it logs an event, and stop it."""
        program = LATER.format(days=DAYS, more=more, arguments=["worker"])
        worker = await self.system.start_worker("-c", program)

        async def has_logged() -> bool:
            return bool(lines(worker, until))

        await self.system.eventually(has_logged, until)
        assert await worker.stop() == 0, worker.log.read_text()

    async def overdue_later(self) -> int:
        """Return how much buyer data `status` says is overdue, at a moment after the end."""
        program = LATER.format(days=DAYS, more="", arguments=["status", "--json"])
        command = Command(("-c", program), environment(self.system.settings))
        output, _ = await command.ended(0)
        overdue: int = json.loads(output)["buyer_data"]["overdue"]
        return overdue


async def live(living: Life) -> None:
    """Have orders received, blocked, shipped, replayed, redriven, looked at and exported."""
    system, commands = living.system, Commands(living.system)
    await system.publish(TopicName.STORES, store())
    await system.publish(TopicName.PRODUCTS, product())
    ids = [*living.orders]
    await living.publish(ids[: ORDERS // 2])
    worker = await system.start_worker(batch_size=20)

    async def has_begun() -> bool:
        return bool(await system.db.amazon_orders.count_documents({}) > ORDERS // 8)

    await system.eventually(has_begun, "it is in the middle of its work")
    await worker.kill()
    async with system.worker():
        await living.publish(ids[ORDERS // 2 :])
        await living.publish_broken()
        await living.all_is_decided()
        await living.publish(ids[:: len(FORMS) * 3], "Shipped")
        await commands.text("dead-letters", "redrive", "--all", "--execute", status=1)
        reason = ("--reason-text", "the test")
        await commands.text("replay", "--store", "us", "--execute", *reason)
        await living.all_is_decided()
        for asked in (("orders",), ("blocked",), ("explain", f"us/{ids[0]}"), ("status",)):
            output = await commands.text(*asked)
            (system.directory / f"{asked[0]}.txt").write_text(output)
        await living.use_console()


async def test_rule_27_of_all_canaries_none_can_be_read_after_the_end(living: Life) -> None:
    system = living.system
    await live(living)
    await living.dump_database()

    # Before the end, everything that was sent is there, and the database has all that it keeps.
    assert len(living.all) == len(FIELDS) * (ORDERS + ORDERS // 8)
    assert await living.readable() == living.all
    assert await living.in_database() == living.stored
    assert contains([system.directory / "database"], next(iter(living.orders)))  # it is searchable
    # Nothing but Kafka's topics with buyer data has any of it in plain.
    topics = {system.settings.topic_prefix + topic.name for topic in TOPICS if topic.is_personal}
    partitions = [*(system.directory / "kafka" / "logs").iterdir()]
    personal = {path for path in partitions if path.name.rpartition("-")[0] in topics}
    assert in_files(personal) == living.all
    assert in_files({*partitions} - personal) == set()
    await living.end_kafka()
    assert in_files(living.files) == set()

    # Control: if nothing erases, the search finds it, and the status says so.
    await living.run_later(more=NEVER_ERASES, until="partitions-assigned")
    assert await living.readable() == living.stored
    assert await living.overdue_later() > 0

    await living.run_later(until="buyer-data-erased")
    assert await living.readable() == set()
    assert await living.overdue_later() == 0
    assert await system.db.amazon_orders.count_documents({}) == ORDERS

    # Control: a single key that was kept opens its buyer in the old dump.
    kept, document = next((name, key) for name, key in living.old_keys.items() if "//" not in name)
    await living.keys_database.buyer_keys.insert_one(document)
    assert await living.readable() == living.orders[kept.partition("/")[2]].kept
    await living.keys_database.buyer_keys.delete_one({"_id": kept})
    assert await living.readable() == set()

    # Control: one body in the log is found.
    await living.set_retention()
    logged = "111-9999999-0000001"
    living.orders[logged] = Canaries("logged")
    logging = LATER.format(days=0, more=LOGS_A_BODY, arguments=["worker"])
    worker = await system.start_worker("-c", logging)
    await living.publish([logged])
    await system.becomes(f"us/{logged}", "blocked")
    assert await worker.stop() == 0
    await living.end_kafka()
    assert living.orders[logged]["buyer"] in in_files(living.files)

    # A server keeps what was deleted for a while, in its journal and its oplog: a deleted key there
    # opens its buyer in the old dump, for whoever has the key file too.
    remains = await living.readable_with_remains()
    assert remains
    assert remains <= living.stored
    # A replaced key ends that, and what is kept stays readable.
    commands = Commands(system)
    await commands.text("buyer-keys", "new")
    await commands.text("buyer-keys", "rewrap")
    living.key_file = read_buyer_keys(system.settings)
    assert await living.readable_with_remains() == set()
    assert await living.in_database() == living.orders[logged].kept
