"""The publisher: what is to go out arrives on Kafka, in its order, or is sent again."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError
from tenacity import AsyncRetrying, retry_if_exception_type, wait_exponential_jitter

from models.ledger import Outgoing
from streams.messages import encode
from streams.tail import not_yet_sent

log = structlog.get_logger(__name__)


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
                        outgoing = await not_yet_sent(outgoing, self._new_consumer, self._prefix)
                    await self._send(producer, outgoing)
                except (KafkaError, ConnectionError) as error:
                    log.warning("publish-failed", error=type(error).__name__)
                    await self._discard(producer)
                    raise

    async def _send(self, producer: AIOKafkaProducer, outgoing: Sequence[Outgoing]) -> None:
        sent: list[asyncio.Future[Any]] = []
        try:
            for message in map(encode, outgoing):
                delivery = await producer.send(
                    self._prefix + message.topic,
                    key=message.key,
                    value=message.value,
                    headers=message.headers,
                )
                sent.append(delivery)
        finally:
            results = await asyncio.gather(*sent, return_exceptions=True)
        for result in results:
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
                return  # another lane has seen to it
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
