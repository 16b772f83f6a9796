"""Odd batches through a real broker to a real worker, which must answer for each and never end."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.structs import ConsumerRecord

from models.topics import TopicName
from tests.faults.wire.damage import IN_PLACE, damage_segment
from tests.faults.wire.fuzz import Batch, Journal, a_sound_batch, batches
from tests.faults.wire.judge import Left, Letter, judge, read_segments
from tests.faults.wire.producer import WireProducer
from tests.integration.kit import System, Worker
from tests.integration.wire import product, store
from tests.waiting import until

PARTITIONS = range(2)
_CONFIGS = {
    "retention.ms": "-1",
    "max.message.bytes": "2097152",
    "message.timestamp.before.max.ms": str(2**63 - 1),
    "message.timestamp.after.max.ms": str(2**63 - 1),
}
_LIVE = 0.7
"""The part of the records that is sent while a worker runs."""
_DAMAGED = 0.1
"""The part of the other batches that is damaged on the broker's disk."""


@dataclass
class Outcome:
    """What was sent, by kind, and what was wrong."""

    records: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)


class Campaign:
    """One run on an installation of its own.

    Args:
        system: The installation; no worker runs yet.
        logs: Where the broker keeps its segments.
        stopped: Stops the broker for as long as the context lasts.
    """

    def __init__(
        self,
        system: System,
        logs: Path,
        stopped: Callable[[], AbstractAsyncContextManager[None]] = nullcontext,
    ) -> None:
        self._system = system
        self._topic = system.settings.topic_prefix + TopicName.ORDERS
        self._logs = logs
        self._stopped = stopped
        self._journal: list[Journal] = []
        self._outcome = Outcome()

    async def run(self, seed: int, records: int) -> Outcome:
        """Send so many records, most of them to a running worker; damage some; judge."""
        chance = Random(seed)
        await self._system.publish(TopicName.STORES, store())
        await self._system.publish(TopicName.PRODUCTS, product())
        await self._configure()
        made = list(batches(chance, records))
        live = int(_LIVE * len(made))
        worker = await self._system.start_worker()
        await until(self._is_begun)
        await self._send(chance, made[:live])
        await self._end(worker)
        to_damage = len(self._journal)
        await self._send(chance, made[live:])
        for partition in PARTITIONS:
            await self._send(chance, [a_sound_batch(records + partition)], partition)
        segments = {one: read_segments(self._directory(one)) for one in PARTITIONS}
        async with self._stopped():
            self._damage(chance, self._journal[to_damage : -len(PARTITIONS)])
        worker = await self._system.start_worker()
        await until(self._is_decided)
        await self._end(worker)
        self._outcome.violations += judge(self._journal, await self._left(segments))
        self._outcome.records = sum(len(one.orders) for one in self._journal)
        return self._outcome

    async def _configure(self) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self._system.settings.kafka_bootstrap_servers)
        await admin.start()
        config = ConfigResource(ConfigResourceType.TOPIC, self._topic, configs=_CONFIGS)
        await admin.alter_configs([config])
        await admin.close()

    async def _send(
        self, chance: Random, made: Sequence[Batch], partition: int | None = None
    ) -> None:
        """Send batches as producers do that know nothing of each other, or as one."""
        bootstrap = self._system.settings.kafka_bootstrap_servers
        async with AsyncExitStack() as stack:
            plain = await stack.enter_async_context(WireProducer(bootstrap))
            idempotent = await stack.enter_async_context(
                WireProducer(bootstrap, enable_idempotence=True)
            )
            transactional = await stack.enter_async_context(
                WireProducer(bootstrap, transactional_id=f"{self._topic}-fuzz")
            )
            for batch in made:
                place = chance.choice(PARTITIONS) if partition is None else partition
                which = chance.choice(["plain", "plain", "idempotent", "transactional"])
                if partition is not None or which == "plain":
                    await self._one(plain, place, batch, "plain")
                elif which == "idempotent":
                    await self._one(idempotent, place, batch, which)
                else:
                    commits = chance.random() < 2 / 3
                    kind = "committed" if commits else "aborted"
                    async with transactional.transaction(
                        self._topic, place, commits=commits
                    ) as first:
                        empty = Journal(place, first, (None,), aborted=not commits)
                        self._journal.append(empty)
                        await self._one(transactional, place, batch, kind)

    async def _one(self, producer: WireProducer, partition: int, batch: Batch, kind: str) -> None:
        offset = await producer.send(self._topic, partition, batch.batch)
        self._journal.append(Journal(partition, offset, batch.orders, kind == "aborted"))
        self._outcome.kinds[kind] += 1
        self._outcome.kinds[batch.batch.codec.name.lower()] += 1

    def _damage(self, chance: Random, where: Sequence[Journal]) -> None:
        for one in where:
            if chance.random() < _DAMAGED:
                kind = chance.choice(list(IN_PLACE))
                damage_segment(self._directory(one.partition), one.offset, IN_PLACE[kind])
                one.damaged = kind
                self._outcome.kinds["damaged"] += 1

    def _has_ended(self) -> bool:
        """Say whether the worker has: it is a violation, and the rest of it will be told."""
        return self._system.workers[-1].process.returncode is not None

    def _directory(self, partition: int) -> Path:
        return self._logs / f"{self._topic}-{partition}"

    async def _end(self, worker: Worker) -> None:
        if worker.process.returncode is not None:
            self._outcome.violations.append(f"a worker ended with {worker.process.returncode}")
        elif (status := await worker.stop()) != 0:
            self._outcome.violations.append(f"a worker stopped with {status}")

    async def _is_begun(self) -> bool:
        return self._has_ended() or await self._decided_to() == dict.fromkeys(PARTITIONS, 0)

    async def _is_decided(self) -> bool:
        if self._has_ended():
            return True
        partitions = [TopicPartition(self._topic, one) for one in PARTITIONS]
        consumer = AIOKafkaConsumer(bootstrap_servers=self._system.settings.kafka_bootstrap_servers)
        async with consumer:
            ends = await consumer.end_offsets(partitions)
        return {one.partition: end for one, end in ends.items()} == await self._decided_to()

    async def _decided_to(self) -> dict[int, int]:
        checkpoints = {f"{self._topic}:{one}": one for one in PARTITIONS}
        found = self._system.db.checkpoints.find({"_id": {"$in": list(checkpoints)}})
        return {checkpoints[one["_id"]]: one["committed_offset"] async for one in found}

    async def _left(self, segments: dict[int, list[bytes]]) -> Left:
        letters = [
            Letter(one["partition"], one["offset"], one.get("last_offset", one["offset"]))
            async for one in self._system.db.dead_letters.find({"topic": self._topic})
        ]
        orders = self._system.db.amazon_orders.find({}, {"_id": 1})
        return Left(
            segments,
            letters,
            await self._published(),
            frozenset([one["_id"] async for one in orders]),
            await self._decided_to(),
        )

    async def _published(self) -> list[Letter]:
        """Read the topic of dead letters with a client that is none of ours."""
        topic = self._system.settings.topic_prefix + TopicName.DEAD_LETTER
        partition = TopicPartition(topic, 0)
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._system.settings.kafka_bootstrap_servers,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
        )
        found: list[Letter] = []
        async with consumer:
            consumer.assign([partition])
            (end,) = (await consumer.end_offsets([partition])).values()
            while await consumer.position(partition) < end:
                read = await consumer.getmany(partition, timeout_ms=1000)
                found += map(_letter_in, read.get(partition, ()))
        return found


def _letter_in(record: ConsumerRecord[bytes, bytes]) -> Letter:
    told = dict(record.headers[-7:])  # before them are the headers of the message itself
    partition, offset = (int(told[f"__connect.errors.{name}"]) for name in ("partition", "offset"))
    return Letter(partition, offset, int(told.get("last-offset", offset)))
