"""The publisher: send messages to Kafka in order, and resend them until the broker has them.

Before it resends, it looks which of the messages have reached their topics already.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import IntEnum
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import (
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

from models.checkpoint import Outgoing
from models.dead_letters import DeadLetter
from models.events import Event
from models.messages import Header
from models.topics import MAX_PUBLISHED_BYTES
from storage.retry import retry_outages
from streams.consumer import read_between
from streams.messages import encode, topic_of
from streams.tracing import UNTRACED, Tracing

log = structlog.get_logger(__name__)

_TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)
_PERMANENT = (*_TOO_LARGE, TopicAuthorizationFailedError, UnknownTopicOrPartitionError)
"""Errors that persist until somebody changes the topic or its permissions."""
_BYTES_LEFT_OUT = (
    "; its bytes are in the database only, because they are too large for the dead-letter topic"
)
_SEARCH_MARGIN = timedelta(seconds=30)
"""How much earlier than the first message's time the topics are searched: clocks differ."""
_YIELD_AFTER = 16
"""After how many messages other tasks may run."""
_ORIGIN = tuple(f"__connect.errors.{part}" for part in ("topic", "partition", "offset"))


class SendMode(IntEnum):
    """How messages are sent; each mode is for topics that reject messages in the one before."""

    TOGETHER = 0
    ONE_BY_ONE = 1
    WITHOUT_BYTES = 2
    """One by one, and dead letters only with their origin and error."""


@dataclass(eq=False, slots=True)
class _Lent:
    """A producer, and how many publications use it now."""

    producer: Any
    users: int = 0
    has_failed: bool = False


class Publisher:
    """One idempotent producer, replaced by a new one after a failure."""

    def __init__(
        self,
        new_producer: Callable[[], AIOKafkaProducer],
        new_consumer: Callable[[Sequence[str]], AIOKafkaConsumer],
        topic_prefix: str,
        source: bytes,
        tracing: Tracing = UNTRACED,
    ) -> None:
        self._new_producer = new_producer
        self._new_consumer = new_consumer
        self._prefix = topic_prefix
        self._source = source
        self._tracing = tracing
        self._current: _Lent | None = None
        self._renewing = asyncio.Lock()

    async def start(self) -> None:
        """Connect."""
        self._current = _Lent(await self._started())

    async def stop(self) -> None:
        """Send what is buffered, and close."""
        current, self._current = self._current, None
        if current is not None:
            await current.producer.stop()

    async def publish(self, outgoing: Sequence[Outgoing], *, resumed: bool = False) -> None:
        """Send messages and return when the broker has all of them.

        A failed attempt is repeated for as long as it takes. Before a repetition, and if the work
        of an earlier owner is `resumed`, messages that have reached Kafka are dropped. A message
        that was in flight at that moment can still arrive twice, with the same id.
        """
        if not outgoing:
            return
        with self._tracing.send(self._prefix, outgoing) as contexts:
            await self._deliver(outgoing, contexts, resumed=resumed)

    async def _deliver(
        self,
        outgoing: Sequence[Outgoing],
        contexts: Mapping[int, Sequence[Header]],
        *,
        resumed: bool,
    ) -> None:
        mode = SendMode.TOGETHER
        attempts = 0

        async def send() -> None:
            nonlocal outgoing, mode, attempts
            attempts += 1
            try:
                async with self._lent() as producer:
                    if resumed or attempts > 1:
                        outgoing = await drop_already_published(
                            outgoing, self._new_consumer, self._prefix
                        )
                    await self._send(producer, outgoing, contexts, mode)
            except _UndeliveredError as failed:
                _log(failed, attempts)
                if isinstance(failed.error, _TOO_LARGE):
                    mode = SendMode(min(mode + 1, SendMode.WITHOUT_BYTES))
                raise failed.error from None
            except (KafkaError, ConnectionError) as error:
                _log(_UndeliveredError(error, None), attempts)
                raise

        await retry_outages(send, KafkaError, ConnectionError)

    async def _send(
        self,
        producer: AIOKafkaProducer,
        outgoing: Sequence[Outgoing],
        contexts: Mapping[int, Sequence[Header]],
        mode: SendMode,
    ) -> None:
        sent: list[tuple[str, asyncio.Future[Any]]] = []
        try:
            for number, message in enumerate(outgoing):
                if number % _YIELD_AFTER == 0:
                    await asyncio.sleep(0)  # The next batch's answers must not wait for all.
                if mode is SendMode.WITHOUT_BYTES:
                    message = _without_bytes(message)  # noqa: PLW2901
                out = encode(message, self._source)
                out.headers.extend(contexts.get(id(message), ()))
                topic = self._prefix + out.topic
                try:
                    delivery = await producer.send(
                        topic, key=out.key, value=out.value, headers=out.headers
                    )
                    if mode is not SendMode.TOGETHER:
                        await asyncio.wait([delivery])
                        delivery.result()
                except (KafkaError, ConnectionError) as error:
                    raise _UndeliveredError(error, topic) from None
                sent.append((topic, delivery))
        finally:
            deliveries = (delivery for _, delivery in sent)
            results = await asyncio.gather(*deliveries, return_exceptions=True)
        for (topic, _), result in zip(sent, results, strict=True):
            if isinstance(result, KafkaError | ConnectionError):
                raise _UndeliveredError(result, topic)
            if isinstance(result, BaseException):
                raise result

    @asynccontextmanager
    async def _lent(self) -> AsyncIterator[AIOKafkaProducer]:
        """Lend the producer. After a failure it is lent no more: its sequence numbers have a gap.

        The last publication that uses it then closes it. Closed earlier, it would leave one that
        waits for the metadata of a topic waiting forever.
        """
        async with self._renewing:
            lent = self._current = self._current or _Lent(await self._started())
            lent.users += 1
        try:
            yield lent.producer
        except (_UndeliveredError, KafkaError, ConnectionError):
            lent.has_failed = True
            if self._current is lent:
                self._current = None
            raise
        finally:
            lent.users -= 1
            if lent.has_failed and not lent.users:
                await self._close(lent.producer)

    async def _close(self, producer: AIOKafkaProducer) -> None:
        try:
            await asyncio.wait_for(producer.stop(), timeout=5)
        except (KafkaError, TimeoutError, ConnectionError) as error:
            log.warning("producer-close-failed", error=type(error).__name__)

    async def _started(self) -> AIOKafkaProducer:
        producer: Any = self._new_producer()
        try:
            await producer.start()
        except BaseException:
            await producer.stop()
            raise
        return producer


class _UndeliveredError(Exception):
    """A message was not delivered: the error, and the topic if it is known."""

    def __init__(self, error: KafkaError | ConnectionError, topic: str | None) -> None:
        super().__init__(type(error).__name__)
        self.error = error
        self.topic = topic


async def drop_already_published(
    outgoing: Sequence[Outgoing],
    new_consumer: Callable[[Sequence[str]], AIOKafkaConsumer],
    topic_prefix: str,
) -> list[Outgoing]:
    """Return the messages of an interrupted publication that have not reached Kafka.

    The topics are read from shortly before the time of the oldest message to their ends. Internal
    commands are not looked for: a duplicate of them is harmless.

    Raises:
        KafkaError: The broker does not answer.
    """
    public = [message for message in outgoing if isinstance(message, Event | DeadLetter)]
    if not public:
        return list(outgoing)
    topics = {topic_prefix + topic_of(message) for message in public}
    decided_at = (m.occurred_at if isinstance(m, Event) else m.at for m in public)
    since = min(decided_at) - _SEARCH_MARGIN
    consumer = new_consumer(sorted(topics))
    await consumer.start()
    try:
        published = {
            _published_identity(record.headers) async for record in read_between(consumer, since)
        }
    finally:
        await consumer.stop()
    return [
        message
        for message in outgoing
        if not isinstance(message, Event | DeadLetter) or _identity(message) not in published
    ]


def _identity(message: Event | DeadLetter) -> tuple[bytes, ...]:
    """Return what identifies a message: its event id, or the origin of a dead letter."""
    if isinstance(message, Event):
        return (message.event_id.encode(),)
    return tuple(str(part).encode() for part in (message.topic, message.partition, message.offset))


def _published_identity(headers: Sequence[Header]) -> tuple[bytes, ...]:
    values = dict(headers)
    if _ORIGIN[-1] in values:
        return tuple(values.get(name) or b"" for name in _ORIGIN)
    return (values.get("ce_id") or b"",)


def _without_bytes(message: Outgoing) -> Outgoing:
    if not isinstance(message, DeadLetter):
        return message
    text = message.message + _BYTES_LEFT_OUT
    return replace(message, key=None, value=None, headers=(), message=text)


def _log(failed: _UndeliveredError, attempt: int) -> None:
    """Log a failed delivery: the attempts 1, 2, 4, 8 and so on."""
    if attempt & (attempt - 1):
        return
    fields: dict[str, object] = {"error": type(failed.error).__name__, "topic": failed.topic}
    if not isinstance(failed.error, _PERMANENT):
        log.warning("publish-failed", attempt=attempt, **fields)
        return
    remedy = "allow the worker's Kafka user to write to the topic, or run: order-import init"
    if isinstance(failed.error, _TOO_LARGE):
        remedy = f"set max.message.bytes={MAX_PUBLISHED_BYTES} on the topic"
    log.error("publish-failed", attempt=attempt, remedy=remedy, **fields)
