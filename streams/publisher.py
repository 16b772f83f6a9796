"""The publisher: what is to go out arrives on Kafka, in its order, or is sent again."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
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
from tenacity import AsyncRetrying, retry_if_exception_type, wait_exponential_jitter

from models.checkpoint import Outgoing
from models.dead_letters import DeadLetter
from models.topics import MAX_PUBLISHED_BYTES
from streams.messages import encode
from streams.tail import drop_already_published

log = structlog.get_logger(__name__)

_TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)
_LASTING = (*_TOO_LARGE, TopicAuthorizationFailedError, UnknownTopicOrPartitionError)
"""What does not pass by itself: somebody has to change the topic, or who may write it."""
_BYTES_LEFT_OUT = "; its bytes are in the database alone: the dead-letter topic does not take them"


class Thrift(IntEnum):
    """How much is sent at once to a topic that does not take what it should."""

    NONE = 0
    ONE_BY_ONE = 1
    WITHOUT_BYTES = 2
    """One by one, and of dead letters only where each came from, and why it was not taken."""


class Publisher:
    """One idempotent producer, made anew when the broker no longer believes it."""

    def __init__(
        self,
        new_producer: Callable[[], AIOKafkaProducer],
        new_consumer: Callable[[Sequence[str]], AIOKafkaConsumer],
        topic_prefix: str,
    ) -> None:
        self._new_producer = new_producer
        self._new_consumer = new_consumer
        self._prefix = topic_prefix
        self._producer: AIOKafkaProducer | None = None
        self._renewing = asyncio.Lock()

    async def start(self) -> None:
        """Connect."""
        self._producer = await self._started()

    async def stop(self) -> None:
        """Send what is buffered, and close."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    async def publish(self, outgoing: Sequence[Outgoing], *, resumed: bool = False) -> None:
        """Send messages and return when the broker has all of them.

        A failed try is repeated for as long as it takes. Before that, and when the work of an
        earlier owner is `resumed`, what has arrived after all is left out. A copy can still come
        of a message that was under way just then: it carries the same id.
        """
        if not outgoing:
            return
        thrift = Thrift.NONE
        again = AsyncRetrying(
            retry=retry_if_exception_type((KafkaError, ConnectionError)),
            wait=wait_exponential_jitter(multiplier=0.1, max=5, jitter=0.5),
            reraise=True,
        )
        async for attempt in again:
            with attempt:
                producer = await self._current()
                try:
                    if resumed or attempt.retry_state.attempt_number > 1:
                        outgoing = await drop_already_published(
                            outgoing, self._new_consumer, self._prefix
                        )
                    await self._send(producer, outgoing, thrift)
                except _UndeliveredError as failed:
                    _log(failed, attempt.retry_state.attempt_number)
                    await self._discard(producer)
                    if isinstance(failed.error, _TOO_LARGE):
                        thrift = Thrift(min(thrift + 1, Thrift.WITHOUT_BYTES))
                    raise failed.error from None
                except (KafkaError, ConnectionError) as error:
                    _log(_UndeliveredError(error, None), attempt.retry_state.attempt_number)
                    await self._discard(producer)
                    raise

    async def _send(
        self, producer: AIOKafkaProducer, outgoing: Sequence[Outgoing], thrift: "Thrift"
    ) -> None:
        sent: list[tuple[str, asyncio.Future[Any]]] = []
        try:
            for message in outgoing:
                out = encode(_bare(message) if thrift is Thrift.WITHOUT_BYTES else message)
                topic = self._prefix + out.topic
                try:
                    delivery = await producer.send(
                        topic, key=out.key, value=out.value, headers=out.headers
                    )
                    if thrift:
                        await asyncio.wait([delivery])
                        delivery.result()
                except (KafkaError, ConnectionError) as error:
                    raise _UndeliveredError(error, topic) from None
                sent.append((topic, delivery))
        finally:
            results = await asyncio.gather(*(one for _, one in sent), return_exceptions=True)
        for (topic, _), result in zip(sent, results, strict=True):
            if isinstance(result, KafkaError | ConnectionError):
                raise _UndeliveredError(result, topic)
            if isinstance(result, BaseException):
                raise result

    async def _current(self) -> AIOKafkaProducer:
        async with self._renewing:
            if self._producer is None:
                self._producer = await self._started()
            return self._producer

    async def _discard(self, producer: Any) -> None:
        """Close a producer that failed: after broker trouble its numbering may be refused."""
        async with self._renewing:
            current: Any = self._producer
            if current is not producer:
                return  # another processor has seen to it
            self._producer = None
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
    """A message did not arrive: why, and on which topic, where that is known."""

    def __init__(self, error: KafkaError | ConnectionError, topic: str | None) -> None:
        super().__init__(type(error).__name__)
        self.error = error
        self.topic = topic


def _bare(message: Outgoing) -> Outgoing:
    if not isinstance(message, DeadLetter):
        return message
    words = message.message + _BYTES_LEFT_OUT
    return replace(message, key=None, value=None, headers=(), message=words)


def _log(failed: _UndeliveredError, attempt: int) -> None:
    """Log what did not arrive where: the first tries, and then fewer and fewer."""
    if attempt & (attempt - 1):
        return
    fields: dict[str, object] = {"error": type(failed.error).__name__, "topic": failed.topic}
    if not isinstance(failed.error, _LASTING):
        log.warning("publish-failed", attempt=attempt, **fields)
        return
    remedy = "let the worker's Kafka user write the topic, or run: order-import init"
    if isinstance(failed.error, _TOO_LARGE):
        remedy = f"set max.message.bytes={MAX_PUBLISHED_BYTES} on the topic"
    log.error("publish-failed", attempt=attempt, remedy=remedy, **fields)
