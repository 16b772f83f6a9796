"""The reference: a plain aiokafka loop, written by hand, with all of this program's guarantees.

It polls, parses, runs one transaction that moves the ledger's checkpoints, publishes and commits,
one step after the other. All messages of a poll are one transaction.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka import TopicPartition as KafkaPartition
from aiokafka.abc import ConsumerRebalanceListener

from bench.contenders.batch_work import HANDLERS
from bench.contenders.until_stopped import until_stopped
from handlers.handler import Handler
from handlers.unit_of_work import UnitOfWork
from models.checkpoint import Checkpoint
from models.messages import TopicPartition
from order_import.bootstrap import (
    connect_storage,
    event_source,
    kafka_options,
    new_consumer,
    new_producer,
)
from order_import.settings import Settings, load_settings
from storage.mongo.storage import MongoStorage
from storage.port import Transaction
from streams.clock import now
from streams.messages import encode
from streams.publisher import drop_already_published

_IDLE_MS = 50


class Loop(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    """The loop."""

    def __init__(
        self, settings: Settings, storage: MongoStorage, producer: AIOKafkaProducer
    ) -> None:
        self._settings = settings
        self._handlers: dict[str, Handler[Any]] = {
            settings.topic_prefix + name: handler for name, handler in HANDLERS.items()
        }
        self._source = event_source(settings)
        self._storage = storage
        self._producer = producer
        self._checkpoints: dict[TopicPartition, Checkpoint] = {}
        self._consumer = AIOKafkaConsumer(
            **kafka_options(settings),
            group_id=f"{settings.topic_prefix}reference",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )

    async def on_partitions_assigned(self, assigned: Collection[KafkaPartition]) -> None:
        """Do nothing: they are claimed with their first records."""

    async def on_partitions_revoked(self, revoked: Collection[KafkaPartition]) -> None:
        """Forget partitions; the ledger fences off what is still in progress."""
        for partition in revoked:
            self._checkpoints.pop(TopicPartition(*partition), None)

    async def _claim(self, sources: Sequence[TopicPartition]) -> None:
        """Claim partitions, publish their outboxes, and seek to their checkpoints."""
        if not sources:
            return
        for checkpoint in await self._storage.claim(sources):
            unpublished = await drop_already_published(
                checkpoint.outbox,
                lambda topics: new_consumer(self._settings, topics),
                self._settings.topic_prefix,
            )
            await self._publish(unpublished)
            self._consumer.seek(KafkaPartition(*checkpoint.source), checkpoint.committed_offset)
            self._checkpoints[checkpoint.source] = checkpoint

    async def run(self) -> None:
        """Work forever."""
        self._consumer.subscribe(list(self._handlers), listener=self)
        await self._consumer.start()
        try:
            while True:
                batches = await self._consumer.getmany(
                    timeout_ms=_IDLE_MS, max_records=self._settings.batch_size
                )
                for topic in self._handlers:
                    await self._work(topic, {s: b for s, b in batches.items() if s.topic == topic})
                if not batches:
                    await self._mark()
        finally:
            await self._consumer.stop()

    async def _work(self, topic: str, polled: Mapping[KafkaPartition, Sequence[Any]]) -> None:
        """Decide the messages of one topic in one transaction."""
        batches = {TopicPartition(*partition): records for partition, records in polled.items()}
        await self._claim([source for source in batches if source not in self._checkpoints])
        previous = {source: self._checkpoints[source] for source in batches}
        new = {
            source: [one for one in records if one.offset >= previous[source].committed_offset]
            for source, records in batches.items()
            # Records that begin later were read before the seek, and are read again.
            if records[0].offset <= previous[source].committed_offset
        }
        new = {source: records for source, records in new.items() if records}
        if not new:
            return
        handler = self._handlers[topic]
        parsed = [one for records in new.values() for one in handler.parse(records)]
        keeper = next(iter(new))

        async def decide(transaction: Transaction) -> Sequence[Checkpoint]:
            unit_of_work = UnitOfWork(topic, now())
            await handler.handle(parsed, unit_of_work, transaction)
            moves = [
                (before := previous[source], before.moved(records[-1].offset + 1, outbox))
                for source, records in new.items()
                for outbox in [tuple(unit_of_work.outgoing) if source is keeper else ()]
            ]
            await transaction.write(unit_of_work.take_changes(), moves)
            return [after for _, after in moves]

        afters = await self._storage.transact(decide, keeper)
        await self._publish([one for after in afters for one in after.outbox])
        await self._consumer.commit(
            {KafkaPartition(*after.source): after.committed_offset for after in afters}
        )
        self._checkpoints |= {after.source: after for after in afters}

    async def _publish(self, outgoing: Sequence[Any]) -> None:
        encoded = [encode(message, self._source) for message in outgoing]
        sent = [
            await self._producer.send(
                self._settings.topic_prefix + message.topic,
                key=message.key,
                value=message.value,
                headers=message.headers,
            )
            for message in encoded
        ]
        await asyncio.gather(*sent)

    async def _mark(self) -> None:
        for source, checkpoint in list(self._checkpoints.items()):
            if checkpoint.outbox:
                await self._storage.trim_outbox(checkpoint)
                self._checkpoints[source] = replace(checkpoint, outbox=())


async def main() -> None:
    """Run the loop until a signal."""
    settings = load_settings()
    async with connect_storage(settings) as storage:
        producer = new_producer(settings)
        await producer.start()
        try:
            await until_stopped(Loop(settings, storage, producer).run())
        finally:
            await producer.stop()


if __name__ == "__main__":
    uvloop.run(main())
