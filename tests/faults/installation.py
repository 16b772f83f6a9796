"""One installation under fault: its topics, database, load, workers, and what is measured."""

import asyncio
import contextlib
import json
import signal
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

from models.replay import Replay, ReplayPart, ReplayState
from order_import.bootstrap import connect_storage
from order_import.operations.install import create_topics
from order_import.settings import Settings
from storage.documents.replay import replay_to_document
from tests.faults.cluster import Cluster
from tests.faults.evidence import READ
from tests.faults.load import HOT, Load
from tests.faults.nursery import Nursery, Worker
from tests.waiting import until

SESSION = 6.0
LIMIT = SESSION + 15
"""Within so many seconds all that was sent before a fault is decided and published."""
_PACE = 0.2


class Installation:
    """See the module. `faults` and `recovery` are the campaign's result."""

    def __init__(
        self, cluster: Cluster, nursery: Nursery, directory: Path, name: str, seed: int
    ) -> None:
        self.cluster, self.nursery, self.directory, self.name = cluster, nursery, directory, name
        self.random = Random(seed)
        self.rate = 25.0
        """Messages a second."""
        self.faults: Counter[str] = Counter()
        self.recovery: dict[str, list[float]] = defaultdict(list)
        self.restarts: Counter[int] = Counter()
        self.workers: list[Worker] = []
        self.load = Load(seed, f"{name}.", directory / "sent.jsonl")
        self.bootstrap, self.mongo_url = cluster.bootstrap, cluster.mongo_url
        """What the workers are told: a proxy's address, if there is one."""
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def db(self) -> Any:
        return self._mongo[f"f_{self.name}"]

    async def open(self) -> None:
        settings = Settings(
            kafka_bootstrap_servers=self.cluster.bootstrap,
            mongo_url=self.cluster.mongo_url,
            mongo_database=f"f_{self.name}",
            topic_prefix=f"{self.name}.",
            topic_partitions=2,
            topic_replication_factor=self.cluster.replication,
        )
        await create_topics(settings)
        async with connect_storage(settings) as storage:
            await storage.prepare()
        self._mongo: AsyncMongoClient[Any] = AsyncMongoClient(
            self.cluster.mongo_url, tz_aware=True, serverSelectionTimeoutMS=2000
        )
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self.cluster.bootstrap, acks="all", request_timeout_ms=15_000
        )
        await self._producer.start()
        self._admin = AIOKafkaAdminClient(bootstrap_servers=self.cluster.bootstrap)
        await self._admin.start()
        await self.load.send(self._producer, self.load.facts(), self.begin_replay)

    async def close(self) -> None:
        await self.quiet()
        for worker in self.workers:
            if worker.alive:
                await worker.end(signal.SIGKILL)
        await self._producer.stop()
        await self._admin.close()
        await self._mongo.close()

    # ------------------------------------------------------------ workers

    async def start(
        self,
        step: str = "",
        hit: int = 1,
        *,
        number: str = "KILL",
        later: bool = False,
        clock: int = 0,
        more: Mapping[str, str] = MappingProxyType({}),
    ) -> Worker:
        """Start a worker, with a trap at a step if one is named, and `more` in its environment."""
        env = {
            "ORDER_IMPORT_KAFKA_BOOTSTRAP_SERVERS": self.bootstrap,
            "ORDER_IMPORT_MONGO_URL": self.mongo_url,
            "ORDER_IMPORT_MONGO_DATABASE": f"f_{self.name}",
            "ORDER_IMPORT_TOPIC_PREFIX": f"{self.name}.",
            # No sync: it would mend what a lost waking-up left.
            "ORDER_IMPORT_SYNC_INTERVAL": "86400",
            "FAULT_STEP": step,
            "FAULT_HIT": str(hit),
            "FAULT_SIGNAL": number,
            "FAULT_ARMED": "later" if later else "",
            "FAULT_CLOCK": str(clock) if clock else "",
            **more,
        }
        worker = await self.nursery.start(self.directory / "workers.log", env)
        self.workers = [*[one for one in self.workers if one.alive], worker]
        return worker

    @asynccontextmanager
    async def supervised(self, count: int, **options: Any) -> AsyncIterator[list[Worker]]:
        """Have so many workers, started again whenever one ends."""
        workers = [await self.start(**options) for _ in range(count)]

        async def keep(at: int) -> None:
            while True:
                status = await asyncio.shield(workers[at].ended)
                self.restarts[status] += 1
                await asyncio.sleep(0.3)
                workers[at] = await self.start(**options)

        keepers = [asyncio.create_task(keep(at)) for at in range(count)]
        try:
            yield workers
        finally:
            await _cancel(keepers)
            for worker in workers:
                if worker.alive:
                    await worker.end(signal.SIGKILL)

    # ------------------------------------------------------------ load and measuring

    async def send(self, count: int, *, without: str = "") -> None:
        """Send so many messages at once, but those of one topic."""
        messages = [one for one in self.load.take(count) if one.topic != without]
        await self.load.send(self._producer, messages, self.begin_replay)

    def busy(self) -> None:
        """Begin to feed and to sample."""
        self._tasks += [asyncio.create_task(self._feed()), asyncio.create_task(self._sample())]

    async def quiet(self) -> None:
        """End both."""
        tasks, self._tasks = self._tasks, []
        await _cancel(tasks)

    async def learn_partitions(self) -> None:
        """Have the load know of partitions that were added."""
        await self._producer.client.force_metadata_update()

    async def _feed(self) -> None:
        owed = 0.0
        while True:
            owed += self.rate * _PACE
            count, owed = int(owed), owed - int(owed)
            with contextlib.suppress(KafkaError, ConnectionError):
                messages = self.load.take(count)
                await self.load.send(self._producer, messages, self.begin_replay)
            await asyncio.sleep(_PACE)

    async def begin_replay(self, replay_id: str, key: str) -> bool:
        """Store a replay of one order, if the database answers."""
        at = datetime.now(UTC)  # noqa: TID251 - a program of its own
        replay = Replay(replay_id, ReplayState.RUNNING, "load", "load", {}, 1, at, at)
        part = ReplayPart(replay_id, 0, (key,))
        try:
            async with asyncio.timeout(2):
                keys = {"$setOnInsert": {"keys": [key]}}
                await self.db.replay_parts.update_one({"_id": part.part_id}, keys, upsert=True)
                fields = {"$setOnInsert": replay_to_document(replay)}
                await self.db.replays.update_one({"_id": replay_id}, fields, upsert=True)
        except (PyMongoError, TimeoutError):
            return False
        return True

    async def _sample(self) -> None:
        with (self.directory / "samples.jsonl").open("a", buffering=1) as out:
            while True:
                with contextlib.suppress(KafkaError, ConnectionError, PyMongoError, TimeoutError):
                    out.write(json.dumps(await asyncio.wait_for(self._sampled(), 5)) + "\n")
                await asyncio.sleep(2)

    async def _sampled(self) -> dict[str, Any]:
        # First what Kafka was told, then the ledger: that one may only be further.
        told = await self._committed()
        stock = await self.db.stock_items.find({"sku": {"$in": HOT}}).to_list(None)
        checkpoints = await self.checkpoints()
        return {
            "at": time.time(),
            "committed": told,
            "checkpoints": {place: one["committed_offset"] for place, one in checkpoints.items()},
            "stock": {
                one["sku"]: [one["salable_quantity"], one.get("reserved", 0)] for one in stock
            },
        }

    async def _committed(self) -> dict[str, int]:
        """What is committed to Kafka, by place."""
        found = await self._admin.list_consumer_group_offsets(f"{self.name}.order-import")
        return {
            f"{tp.topic.removeprefix(self.name + '.')}:{tp.partition}": one.offset
            for tp, one in found.items()
        }

    async def committed(self) -> None:
        """Wait until Kafka has as committed all that was sent by now."""
        target = dict(self.load.reached)

        async def is_so() -> bool:
            found = await self._committed()
            return all(found.get(place, 0) >= offset for place, offset in target.items())

        await until(is_so)

    async def checkpoints(self) -> dict[str, Any]:
        """The ledger's checkpoints by place, without the prefix."""
        found = await self.db.checkpoints.find({}).to_list(None)
        return {one["_id"].removeprefix(f"{self.name}."): one for one in found}

    async def wait_for_backlog(self, target: dict[str, int]) -> None:
        """Wait until everything before these offsets is decided.

        Raises:
            TimeoutError: It hangs.
        """

        async def is_so() -> bool:
            with contextlib.suppress(PyMongoError):
                checkpoints = await self.checkpoints()
                return all(
                    checkpoints.get(place, {"committed_offset": 0})["committed_offset"] >= offset
                    for place, offset in target.items()
                )
            return False

        await until(is_so)

    async def recovers(self, kind: str, since: float, target: dict[str, int] | None = None) -> None:
        """Wait until what was sent by now, and a little more, is decided; note how long it took."""
        try:
            if target is None:
                await self._more()
                target = dict(self.load.reached)
            await self.wait_for_backlog(target)
        finally:
            self.recovery[kind].append(time.monotonic() - since)

    async def _more(self) -> None:
        """Wait until the broker has taken some more of the load."""
        count = self.load.count

        async def more() -> bool:
            return self.load.count > count

        await until(more, 0.02)

    # ------------------------------------------------------------ the end

    async def settle(self) -> None:
        """End the load and wait until all is decided and published, by one clean worker."""
        await self.quiet()
        async with self.supervised(1) as workers:
            with contextlib.suppress(TimeoutError):  # the checker says what is missing
                await until(self.at_rest, 0.3)
            await workers[0].end(signal.SIGTERM)

    async def at_rest(self) -> bool:
        """Say whether all that was sent, and what followed from it, is decided and published."""
        ends = await self._ends()
        checkpoints = await self.checkpoints()
        done = all(
            place in checkpoints
            and checkpoints[place]["committed_offset"] >= end
            and not checkpoints[place]["outbox"]
            for place, end in ends.items()
            if end
        )
        return done and ends == await self._ends()

    async def _ends(self) -> dict[str, int]:
        names = [f"{self.name}.{topic}" for topic in READ]
        consumer = AIOKafkaConsumer(*names, bootstrap_servers=self.cluster.bootstrap)
        await consumer.start()
        try:
            partitions = consumer.assignment()
            ends = await consumer.end_offsets(partitions)
        finally:
            await consumer.stop()
        return {
            f"{tp.topic.removeprefix(self.name + '.')}:{tp.partition}": end
            for tp, end in ends.items()
        }


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError):
            await task
