"""A whole system for a test: real Kafka and the MongoDB protocol, topics and a database of its own,
and workers as processes that can be killed.
"""

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.structs import ConsumerRecord
from pydantic import SecretStr
from pymongo import AsyncMongoClient

from models.dead_letters import DeadLetter
from models.order_record import OrderRecord
from models.topics import TopicName
from order_import.bootstrap import connect_database, connect_storage, new_consumer, new_producer
from order_import.devtools.embedded.servers import Addresses
from order_import.operations.install import create_topics
from order_import.settings import Settings
from tests.forks import Fork
from tests.waiting import PATIENCE, until

ROOT = Path(__file__).parents[2]
OUT = (TopicName.COMMERCE_ORDERS, TopicName.BLOCKED, TopicName.NOT_IMPORTED)
Document = dict[str, Any]
LOOKING = """
import sys
from order_import.__main__ import main
from streams.watchdog import Watchdog
check = Watchdog.check
def checking(*args):
    print("looks whether work stands still", flush=True)
    return check(*args)
Watchdog.check = checking
sys.argv = ["order-import", "worker"]
main()
"""
"""A worker that says each time it looks whether its work stands still: see `Worker.is_patient`."""


@dataclass
class Worker:
    """A worker process."""

    process: Fork | asyncio.subprocess.Process
    log: Path

    async def kill(self) -> None:
        """End it as a power cut does."""
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> int:
        """End it as a supervisor does; give its exit status."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        return await self.ended()

    async def ended(self) -> int:
        """Wait until it ends; give its exit status."""
        return await asyncio.wait_for(self.process.wait(), PATIENCE)

    async def is_patient(self) -> None:
        """Wait until a `LOOKING` worker has stood for longer than it may; it is to live on.

        It looks five times in the seconds after which it would end.
        """
        before = self.log.read_text().count("looks whether")

        async def has_looked() -> bool:
            assert self.process.returncode is None, self.log.read_text()
            return self.log.read_text().count("looks whether") > before + 8

        await until(has_looked)


@dataclass
class System:
    """One installation: a prefix on the topics, and a database."""

    settings: Settings
    directory: Path
    client: AsyncMongoClient[Document]
    producer: AIOKafkaProducer
    workers: list[Worker] = field(default_factory=list)

    @property
    def db(self) -> Any:
        """Its database."""
        return self.client[self.settings.mongo_database]

    async def dead_letters(self) -> list[DeadLetter]:
        """Return all dead letters, with their bytes."""
        ids = [one["_id"] async for one in self.db.dead_letters.find({}).sort("offset")]
        async with connect_database(self.settings) as database:
            stored = await database.dead_letters.dead_letters(ids)
        return [stored[dead_letter_id].dead_letter for dead_letter_id in ids]

    async def stored_record(self, key: str) -> OrderRecord:
        """Return an order with its buyer."""
        async with connect_storage(self.settings) as storage:
            return (await storage.transact(lambda transaction: transaction.orders({key})))[key]

    async def start_worker(self, *program: str, **settings: object) -> Worker:
        """Start a worker, or a program in its place, and go on at once."""
        told = {f"ORDER_IMPORT_{name.upper()}": str(value) for name, value in settings.items()}
        log = self.directory / f"worker-{len(self.workers)}.log"
        with log.open("wb") as output:
            process = Fork(
                program or ("-m", "order_import", "worker"),
                environment(self.settings) | told,
                output,
                output,
            )
        worker = Worker(process, log)
        self.workers.append(worker)
        return worker

    async def start_other(self, *program: str) -> Worker:
        """Start a program that must not have imported the product, which is set up for ours."""
        log = self.directory / f"worker-{len(self.workers)}.log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *program,
                cwd=ROOT,
                env=environment(self.settings),
                stdout=output,
                stderr=output,
            )
        self.workers.append(Worker(process, log))
        return self.workers[-1]

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[Worker]:
        """Have a worker for a while, and stop it in good order."""
        worker = await self.start_worker()
        yield worker
        assert await worker.stop() == 0, worker.log.read_text()

    async def publish(
        self,
        topic: TopicName,
        *values: Mapping[str, Any] | bytes | None,
        key: str | None = None,
        store: str | None = None,
    ) -> None:
        """Publish messages; facts under their own key, as compacted topics want it."""
        headers = [("store-id", store.encode())] if store else []
        sent = [
            await self.producer.send(
                self.settings.topic_prefix + topic,
                key=(key or _own_key(value)).encode() or None,
                value=value if isinstance(value, bytes | None) else json.dumps(value).encode(),
                headers=headers,
            )
            for value in values
        ]
        await asyncio.gather(*sent)

    async def read(self, *topics: TopicName) -> list[ConsumerRecord[bytes, bytes]]:
        """Read topics from their beginning to their end as it is now."""
        consumer = new_consumer(
            self.settings, [self.settings.topic_prefix + topic for topic in topics]
        )
        await consumer.start()
        try:
            partitions = consumer.assignment()
            ends = await consumer.end_offsets(partitions)
            await consumer.seek_to_beginning()
            records: list[ConsumerRecord[bytes, bytes]] = []
            while any([await consumer.position(one) < ends[one] for one in partitions]):
                for found in (await consumer.getmany(timeout_ms=200)).values():
                    records += found
            return records
        finally:
            await consumer.stop()

    async def events(self) -> list[Document]:
        """Read the bodies of all events out."""
        return [json.loads(record.value) for record in await self.read(*OUT)]

    async def states(self) -> Counter[str]:
        """Count orders by what became of them."""
        counted: Counter[str] = Counter()
        async for order in self.db.amazon_orders.find({}, {"import": 1}):
            counted[order["import"]["state"]] += 1
        return counted

    async def order(self, key: str) -> Document:
        """Give an order's document, an empty one where there is none."""
        return await self.db.amazon_orders.find_one({"_id": key}) or {}

    async def state_of(self, key: str) -> str:
        """Give what became of an order."""
        found = (await self.order(key)).get("import")
        return "unknown" if found is None else found["state"]

    async def becomes(self, key: str, state: str) -> None:
        """Wait until an order is in a state."""

        async def is_so() -> bool:
            return await self.state_of(key) == state

        await self.eventually(is_so, f"{key} is {state}")

    async def eventually(self, holds: Callable[[], Awaitable[bool]], what: str) -> None:
        """Wait until something holds, or fail with what the workers logged."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE
        while not await holds():
            if loop.time() > deadline:
                logs = "\n".join(worker.log.read_text()[-2000:] for worker in self.workers)
                raise AssertionError(
                    f"not within {PATIENCE} s: {what}\n{await self.states()}\n{logs}"
                )
            await asyncio.sleep(0.05)


def environment(settings: Settings) -> dict[str, str]:
    """Give the environment a program of this installation runs in."""
    chosen = {name: getattr(settings, name) for name in settings.model_fields_set}
    return {
        **os.environ,
        **{
            f"ORDER_IMPORT_{name.upper()}": (
                value.get_secret_value() if isinstance(value, SecretStr) else str(value)
            )
            for name, value in chosen.items()
            if value is not None
        },
    }


@asynccontextmanager
async def open_system(
    addresses: Addresses, directory: Path, name: str, **overrides: Any
) -> AsyncIterator[System]:
    """Give an installation of its own on the shared servers; its workers end with it."""
    settings = Settings(
        kafka_bootstrap_servers=addresses.kafka_bootstrap or "",
        mongo_url=addresses.mongo_url,
        mongo_database=f"t_{name}",
        topic_prefix=f"{name}.",
        topic_partitions=2,
        **overrides,
    )
    await create_topics(settings)
    async with connect_storage(settings) as storage:
        await storage.prepare()
    producer = new_producer(settings)
    await producer.start()
    client: AsyncMongoClient[Document] = AsyncMongoClient(
        settings.mongo_url.get_secret_value(), tz_aware=True
    )
    system = System(settings, directory, client, producer)
    try:
        yield system
    finally:
        for worker in system.workers:
            if worker.process.returncode is None:
                await worker.kill()
        await producer.stop()
        await client.close()


def _own_key(value: Mapping[str, Any] | bytes | None) -> str:
    match value:
        case {"store_id": store_id, "seller_sku": seller_sku}:
            return f"{store_id}/{seller_sku}"
        case {"amazon_order_id": name} | {"sku": name} | {"store_id": name}:
            return str(name)
        case _:
            return ""


def only(records: Sequence[Document], **wanted: object) -> list[Document]:
    """Give the documents that have these fields."""
    return [
        record
        for record in records
        if all(record.get(name) == value for name, value in wanted.items())
    ]
