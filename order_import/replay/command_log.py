"""The command log: commands sent, and how many of them the worker has carried out."""

import asyncio
from bisect import bisect_left
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaProducer

from models.ledger import CommandMessage, Source
from order_import.clients import new_producer
from order_import.lag import broker_errors
from order_import.sending import topic_exists
from order_import.settings import Settings
from storage.reader import Reader
from streams.messages import encode
from streams.topics import TopicName


class TopicMissing(Exception):  # noqa: N818 - a state of the world, not a mistake
    """The topic of the commands was not created yet. The message is its name."""


class CommandLog:
    """Sends commands, and knows by the ledger which of them are done."""

    def __init__(self, producer: AIOKafkaProducer, reader: Reader, prefix: str) -> None:
        self._producer = producer
        self._reader = reader
        self._prefix = prefix
        self._offsets: dict[Source, list[int]] = {}

    async def send(self, commands: Sequence[CommandMessage]) -> None:
        """Send commands in their order; returns when Kafka has all of them.

        Raises:
            BrokerUnavailable: Kafka does not answer; some may have arrived.
        """
        with broker_errors():
            sent = []
            for command in commands:
                message = encode(command)
                sent.append(
                    await self._producer.send(
                        self._prefix + message.topic,
                        key=message.key,
                        value=message.value,
                        headers=message.headers,
                    )
                )
            for told in await asyncio.gather(*sent):
                offsets = self._offsets.setdefault(Source(told.topic, told.partition), [])
                offsets.append(told.offset)

    async def carried_out(self) -> int:
        """Give how many of the sent commands are decided and stored.

        Raises:
            StorageUnavailable: The database does not answer.
        """
        standings = await self._reader.standings()
        return sum(
            bisect_left(offsets, standings[source].decided_to)
            for source, offsets in self._offsets.items()
            if source in standings
        )


@asynccontextmanager
async def open_command_log(settings: Settings, reader: Reader) -> AsyncIterator[CommandLog]:
    """Give a log of commands, closed at the end.

    Raises:
        BrokerUnavailable: Kafka does not answer.
        TopicMissing: It has no topic for commands.
    """
    if not await topic_exists(settings, TopicName.COMMANDS):
        raise TopicMissing(settings.topic_prefix + TopicName.COMMANDS)
    producer = new_producer(settings)
    try:
        with broker_errors():
            await producer.start()
        yield CommandLog(producer, reader, settings.topic_prefix)
    finally:
        await producer.stop()
