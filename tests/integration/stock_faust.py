"""Stock Faust as its documentation has it, and our transport, with the same messages and mishaps.

`python -m tests.integration.stock_faust stock|ours DIARY harmed|unharmed` works on the topics that
the settings name, until SIGTERM.
"""

import asyncio
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import faust

from handlers.handler import Handler
from handlers.unit_of_work import UnitOfWork
from models.messages import Incoming
from models.topics import READ_TOPICS, TopicName
from order_import.bootstrap import connect_storage
from order_import.settings import Settings
from storage.port import Transaction
from streams import app as agents
from streams import assignment as our_assignment
from streams.app import build_app
from streams.assignment import PartitionAssignment
from tests.builders import NOW
from tests.integration.losses import LOSSES, Work

SEVERAL = {TopicName.LISTINGS, TopicName.ORDER_UPDATES, TopicName.COMMANDS}
"""Where stock Faust has two work on one partition: so one is done while the other hangs."""


def stock(work: Work, settings: Settings, data_dir: str) -> faust.App:
    """Give the app that everybody writes first, with an agent for each topic."""
    app = faust.App(
        "stock",
        broker=f"kafka://{settings.kafka_bootstrap_servers}",
        store="memory://",
        key_serializer="raw",
        value_serializer="raw",
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
        broker_commit_interval=0.2,
        broker_session_timeout=6.0,
        broker_heartbeat_interval=0.5,
        # With the default a shutdown waits for ever for work that hangs, and cancels none.
        stream_wait_empty=False,
        datadir=data_dir,
    )
    for loss in LOSSES.values():
        _add_agent(app, settings.topic_prefix, loss.topic, work)
    return app


def _add_agent(app: faust.App, prefix: str, name: TopicName, work: Work) -> None:
    async def one_by_one(stream: Any) -> None:
        async for value in stream:
            await work.do(name, int(value))

    async def taking(stream: Any) -> None:
        async for values in stream.take(3, within=1):
            for value in values:
                await work.do(name, int(value))

    async def taking_without_acks(stream: Any) -> None:
        async for events in stream.noack_take(3, within=1):
            for event in events:
                await work.do(name, int(event.value))

    programs = {TopicName.STORES: taking, TopicName.PRODUCTS: taking_without_acks}
    agent = app.agent(app.topic(prefix + name), name=name, concurrency=2 if name in SEVERAL else 1)
    agent(programs.get(name, one_by_one))


class Harmed(Handler[Incoming]):
    """A stage that works on one message at a time."""

    def __init__(self, name: TopicName, work: Work) -> None:
        self._name, self._work = name, work

    def parse(self, messages: Sequence[Incoming]) -> Sequence[Incoming]:
        return messages

    async def handle(
        self, parsed: Sequence[Incoming], unit_of_work: UnitOfWork, transaction: Transaction
    ) -> None:
        del unit_of_work
        for message in parsed:
            await self._work.do(self._name, int(message.value or b""))
        # As every stage does; afterwards, for what hangs here is to hold up no other topic.
        await transaction.lock()


async def ours(work: Work, settings: Settings, data_dir: str, stack: AsyncExitStack) -> faust.App:
    """Give our app. Where a worker would end, it goes on, so that Faust may commit if it can."""
    storage = await stack.enter_async_context(connect_storage(settings))
    our_assignment.DRAIN_SECONDS = 1.0
    topics = {*READ_TOPICS, *(loss.topic for loss in LOSSES.values())}
    handlers = {settings.topic_prefix + name: Harmed(name, work) for name in topics}
    # One message at a time, as stock Faust has them.
    publisher: Any = None
    partition_assignment = PartitionAssignment(
        handlers, storage, publisher, lambda: NOW, print, max_weight=1
    )
    servers, prefix = settings.kafka_bootstrap_servers, settings.topic_prefix
    app = build_app(partition_assignment, data_dir, servers, prefix, "ours", 100, 6)
    for name in topics - set(READ_TOPICS):
        agents._add_agent(app, prefix + name, name, partition_assignment)
    return app


async def _run(which: str, diary: str, harm: str) -> None:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    settings, work = Settings(), Work(Path(diary), unharmed=harm == "unharmed")
    async with AsyncExitStack() as stack:
        data_dir = stack.enter_context(tempfile.TemporaryDirectory())
        if which == "stock":
            app = stock(work, settings, data_dir)
        else:
            app = await ours(work, settings, data_dir, stack)
        await app.start()
        await ended.wait()
        await app.stop()


if __name__ == "__main__":
    asyncio.run(_run(*sys.argv[1:]))
