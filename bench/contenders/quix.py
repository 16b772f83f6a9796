"""Quix Streams: a batching sink per handler, flushed and committed with each checkpoint.

Its loop is not asynchronous: the storage runs on an event loop of its own.
"""

from contextlib import ExitStack
from typing import Any

import uvloop
from quixstreams import Application
from quixstreams.sinks import BatchingSink, SinkBatch

from bench.contenders.batch_work import HANDLERS, as_incoming, decide
from bench.contenders.contender import GROUP
from handlers.handler import Handler
from order_import.bootstrap import connect_storage
from order_import.settings import Settings, load_settings
from storage.port import Storage

_CHECKPOINT = 5000
"""Messages per checkpoint. A sink gets one partition at a time: with so many messages over all
partitions of a topic, its batches become about as large as those of the others."""
_CHECKPOINT_SECONDS = 0.3


class HandlerSink(BatchingSink):  # type: ignore[misc]  # Quix is missing where types are checked
    """Decides the batches of one handler."""

    def __init__(
        self, handler: Handler[Any], storage: Storage, loop: Any, producer: Any, prefix: str
    ) -> None:
        super().__init__()
        self._handler = handler
        self._storage = storage
        self._loop = loop
        self._producer = producer
        self._prefix = prefix

    def write(self, batch: SinkBatch) -> None:
        """Decide and store a batch, and publish its messages."""
        place = batch.topic, batch.partition
        messages = [as_incoming(*place, item.offset, item.key, item.value) for item in batch]
        outgoing = self._loop.run_until_complete(
            decide(self._handler, self._storage, batch.topic, messages)
        )
        for message in outgoing:
            self._producer.produce(
                self._prefix + message.topic,
                key=message.key,
                value=message.value,
                headers=message.headers,
            )
        self._producer.flush()


def main(settings: Settings) -> None:
    """Run until a signal."""
    loop = uvloop.new_event_loop()
    app = Application(
        settings.kafka_bootstrap_servers,
        consumer_group=settings.topic_prefix + GROUP,
        auto_offset_reset="earliest",
        commit_every=_CHECKPOINT,
        commit_interval=_CHECKPOINT_SECONDS,
        consumer_poll_timeout=0.05,
        auto_create_topics=False,
        producer_extra_config={"enable.idempotence": True, "linger.ms": 0},
        loglevel="WARNING",
    )
    connected = connect_storage(settings)
    storage = loop.run_until_complete(connected.__aenter__())
    with ExitStack() as stack:
        stack.callback(lambda: loop.run_until_complete(connected.__aexit__(None, None, None)))
        producer = stack.enter_context(app.get_producer())
        for name, handler in HANDLERS.items():
            topic = app.topic(
                settings.topic_prefix + name, key_deserializer="bytes", value_deserializer="bytes"
            )
            sink = HandlerSink(handler, storage, loop, producer, settings.topic_prefix)
            app.dataframe(topic).sink(sink)
        app.run()


if __name__ == "__main__":
    main(load_settings())
