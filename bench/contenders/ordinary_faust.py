"""Ordinary Faust, as in its guide: `async for`, a transaction per event, `topic.send`."""

import asyncio
import tempfile
from typing import Any

import faust
import uvloop

from bench.contenders.batch_work import HANDLERS, as_incoming, decide
from bench.contenders.contender import GROUP
from bench.contenders.until_stopped import until_stopped
from models.topics import TopicName
from order_import.bootstrap import connect_storage
from order_import.settings import Settings, load_settings
from storage.port import Storage


def build_app(settings: Settings, storage: Storage, data_dir: str) -> faust.App:
    """Return an app with an agent for each handler."""
    app = faust.App(
        settings.topic_prefix + GROUP,
        broker=f"kafka://{settings.kafka_bootstrap_servers}",
        store="memory://",
        datadir=data_dir,
        consumer_auto_offset_reset="earliest",
        topic_disable_leader=True,
        topic_allow_declare=False,
        web_enabled=False,
    )

    def topic(name: str) -> Any:
        return app.topic(settings.topic_prefix + name, key_serializer="raw", value_serializer="raw")

    out = {name.value: topic(name) for name in TopicName}

    def add_agent(name: TopicName) -> None:
        handler = HANDLERS[name]

        async def agent(stream: Any) -> None:
            async for event in stream.events():
                message = event.message
                place = message.topic, message.partition, message.offset
                one = as_incoming(*place, message.key, message.value)
                for outgoing in await decide(handler, storage, message.topic, [one]):
                    await out[outgoing.topic].send(
                        key=outgoing.key, value=outgoing.value, headers=dict(outgoing.headers)
                    )

        app.agent(out[name], name=name.value)(agent)

    for name in HANDLERS:
        add_agent(name)
    return app


async def main() -> None:
    """Run until a signal."""
    settings = load_settings()
    with tempfile.TemporaryDirectory() as data_dir:
        async with connect_storage(settings) as storage:
            app = build_app(settings, storage, data_dir)
            await app.start()
            await until_stopped(app.wait_until_stopped())
            await asyncio.wait_for(app.stop(), 30)


if __name__ == "__main__":
    uvloop.run(main())
