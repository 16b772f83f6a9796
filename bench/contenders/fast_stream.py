"""FastStream: a batch subscriber per handler, which commits a batch's offsets when it returns."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import uvloop
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.annotations import KafkaMessage

from bench.contenders.batch_work import HANDLERS, decide
from bench.contenders.contender import GROUP
from bench.contenders.until_stopped import until_stopped
from handlers.handler import Handler
from models.messages import Incoming
from order_import.bootstrap import connect_storage
from order_import.settings import Settings, load_settings
from storage.port import Storage


async def _undecoded(message: Any) -> Any:
    return message.body


def build_broker(settings: Settings, storage: Storage) -> Any:
    """Return a broker with a subscriber for each handler."""
    broker = KafkaBroker(
        settings.kafka_bootstrap_servers,
        enable_idempotence=True,
        acks="all",
        linger_ms=0,
        logger=None,
        decoder=_undecoded,
    )

    def subscriber(topic: str, handler: Handler[Any]) -> Callable[[Any], Awaitable[None]]:
        async def handle(message: KafkaMessage) -> None:
            records: Sequence[Incoming] = message.raw_message
            # A batch has one key and one set of headers, so each message is published by itself.
            sent = [
                await broker.publish(
                    outgoing.value,
                    topic=settings.topic_prefix + outgoing.topic,
                    key=outgoing.key,
                    headers={name: (value or b"").decode() for name, value in outgoing.headers},
                    no_confirm=True,
                )
                for outgoing in await decide(handler, storage, topic, records)
            ]
            await asyncio.gather(*sent)

        return handle

    for name, handler in HANDLERS.items():
        broker.subscriber(
            settings.topic_prefix + name,
            group_id=settings.topic_prefix + GROUP,
            batch=True,
            max_records=settings.batch_size,
            batch_timeout_ms=50,
            auto_offset_reset="earliest",
            ack_policy=AckPolicy.NACK_ON_ERROR,
        )(subscriber(settings.topic_prefix + name, handler))
    return broker


async def main() -> None:
    """Run until a signal."""
    settings = load_settings()
    async with connect_storage(settings) as storage:
        broker = build_broker(settings, storage)
        await broker.start()
        await until_stopped()
        await broker.stop()


if __name__ == "__main__":
    uvloop.run(main())
