"""Stock Faust as its documentation has it, and our transport under the same mishap.

`python -m tests.integration.stock_faust stock|ours BROKER TOPIC DONE` reads a topic, writes what it
has done into a file, and fails at the second message.
"""

import asyncio
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import faust

from storage.memory import MemoryStorage
from storage.port import Transaction
from streams.agents import AppOptions, build_app
from streams.lanes import Lanes
from streams.messages import Incoming
from streams.page import Page
from streams.topics import READ_TOPICS, TopicName
from tests.builders import NOW


class Failing:
    """A stage that does one message at a time, and fails at the second."""

    def __init__(self, done: Path) -> None:
        self._done = done

    def read(self, messages: Sequence[Incoming]) -> Sequence[Incoming]:
        return messages

    async def decide(self, read: Sequence[Incoming], page: Page, transaction: Transaction) -> Any:
        del page, transaction
        _do(read[0].value, self._done)
        return read[1:] or None


def _do(value: bytes | None, done: Path) -> None:
    if value == b"1":
        raise RuntimeError("the second message cannot be worked on")
    with done.open("ab") as file:
        file.write((value or b"") + b"\n")


def stock(broker: str, topic: str, done: Path) -> faust.App:
    """Give the app that everybody writes first."""
    app = faust.App(
        f"stock-{topic}",
        broker=f"kafka://{broker}",
        store="memory://",
        value_serializer="raw",
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        broker_commit_interval=0.2,
        datadir=tempfile.mkdtemp(),
    )

    @app.agent(app.topic(topic))
    async def work(stream: Any) -> None:
        async for value in stream:
            _do(value, done)

    return app


def ours(broker: str, topic: str, done: Path) -> faust.App:
    """Give our app, with one topic and a stage that fails."""

    def fail(_: BaseException) -> None:
        os._exit(70)

    prefix = topic.removesuffix(TopicName.ORDERS)
    stages = {prefix + name: Failing(done) for name in READ_TOPICS}
    lanes = Lanes(stages, MemoryStorage(), None, lambda: NOW, fail)  # type: ignore[arg-type]
    return build_app(AppOptions(broker, prefix, f"ours-{topic}", 100, 6), lanes, tempfile.mkdtemp())


if __name__ == "__main__":
    which, *told, path = sys.argv[1:]
    app = {"stock": stock, "ours": ours}[which](told[0], told[1], Path(path))
    worker = faust.Worker(app, loglevel="error", loop=asyncio.new_event_loop())
    worker.execute_from_commandline()
