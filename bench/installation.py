"""An installation for one measurement, with its own topics, database and reference data."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from pymongo import AsyncMongoClient

from bench.publishing import publish
from bench.revision import prepare
from bench.servers import Servers
from bench.workload import Record, products, stores
from models.change_set import ChangeSet
from models.reference_data import Product, StockItem, Store
from models.topics import TopicName
from order_import.bootstrap import connect_storage, kafka_options, new_consumer
from order_import.operations.install import create_topics
from order_import.settings import PREFIX, Settings
from storage.mongo.buyer_data import KEYS_SUFFIX
from storage.port import Transaction


@dataclass(frozen=True)
class Installation:
    """Its settings, its servers and its database."""

    settings: Settings
    servers: Servers
    database: Any

    @property
    def environment(self) -> dict[str, str]:
        """The environment that its programs run in."""
        variables = {
            "KAFKA_BOOTSTRAP_SERVERS": self.settings.kafka_bootstrap_servers,
            "MONGO_URL": self.settings.mongo_url.get_secret_value(),
            "MONGO_DATABASE": self.settings.mongo_database,
            "TOPIC_PREFIX": self.settings.topic_prefix,
            "TOPIC_PARTITIONS": str(self.settings.topic_partitions),
            "LOG_LEVEL": "warning",
            # A sync checks all blocked orders: a part that it interrupts would pay for it.
            "SYNC_INTERVAL": "86400",
        }
        return {**os.environ, **{PREFIX + name: value for name, value in variables.items()}}

    def topic(self, name: TopicName) -> str:
        """Return a topic's full name."""
        return self.settings.topic_prefix + name

    async def feed(self, records: Iterable[Record]) -> int:
        """Publish orders; return how many."""
        return await publish(self.settings, self.topic(TopicName.ORDERS), records)


@asynccontextmanager
async def installation(
    on: Servers,
    name: str,
    *,
    partitions: int = 4,
    facts: bool = True,
    revision: str | None = None,
) -> AsyncIterator[Installation]:
    """Create an installation, for an earlier revision if one is named, and delete it afterwards."""
    settings = Settings(
        kafka_bootstrap_servers=on.kafka,
        mongo_url=on.mongo,
        mongo_database=f"bench_{name}",
        topic_prefix=f"{name}.",
        topic_partitions=partitions,
    )
    await create_topics(settings)
    await _wait_for_leaders(settings)
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(on.mongo, tz_aware=True)
    try:
        here = Installation(settings, on, client[settings.mongo_database])
        if revision is not None:
            await asyncio.to_thread(prepare, revision, here.environment)
        else:
            async with connect_storage(settings) as storage:
                await storage.prepare()
            if facts:
                await store_facts(settings, stores(), products())
        yield here
    finally:
        await client.drop_database(settings.mongo_database)
        await client.drop_database(settings.mongo_database + KEYS_SUFFIX)
        await client.close()
        await _delete_topics(settings)


async def store_facts(
    settings: Settings,
    new_stores: Iterable[Record],
    new_products: Iterable[Record],
    new_stock_items: Iterable[Record] = (),
) -> None:
    """Store reference data as its handlers do, without Kafka."""
    changes = ChangeSet(stores=[Store.model_validate_json(one.value) for one in new_stores])
    to_store, to_count = iter(new_products), iter(new_stock_items)
    async with connect_storage(settings) as storage:
        while True:
            changes.products = [
                Product.model_validate_json(one.value) for one in islice(to_store, 1000)
            ]
            if not changes.products and not changes.stores:
                return
            changes.stock_items = [
                item for product in changes.products if (item := product.stock_item) is not None
            ] + [StockItem.model_validate_json(one.value) for one in islice(to_count, 1000)]
            part = changes

            async def write(transaction: Transaction, part: ChangeSet = part) -> None:
                await transaction.lock()
                await transaction.write(part)

            await storage.transact(write)
            changes = ChangeSet()


async def _wait_for_leaders(settings: Settings) -> None:
    """Wait until every partition has a leader: a new one has none for a moment."""
    admin = AIOKafkaAdminClient(**kafka_options(settings), client_id="order-import-bench")
    await admin.start()
    try:
        names = [settings.topic_prefix + name for name in TopicName]
        while True:
            topics = [topic["partitions"] for topic in await admin.describe_topics(names)]
            if all(topics) and all(one["leader"] >= 0 for topic in topics for one in topic):
                break
            await asyncio.sleep(0.1)
    finally:
        await admin.close()
    # The broker learns of its leaderships later than the controller: wait until it answers too.
    consumer = new_consumer(settings, names)
    await consumer.start()
    try:
        await consumer.end_offsets(consumer.assignment())
    finally:
        await consumer.stop()


async def _delete_topics(settings: Settings) -> None:
    admin = AIOKafkaAdminClient(**kafka_options(settings), client_id="order-import-bench")
    await admin.start()
    try:
        names = await admin.list_topics()
        await admin.delete_topics([one for one in names if one.startswith(settings.topic_prefix)])
    finally:
        await admin.close()
