"""What is waited for is said while it is waited for: servers at their start, and the demo."""

import asyncio
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from models.errors import BrokerUnavailable, StorageUnavailable
from models.messages import TopicPartition
from order_import.devtools.demo import show
from order_import.devtools.embedded import EmbeddedServers, servers
from order_import.operations.lag import TopicLag
from storage.queries import Standing

ORDERS = TopicPartition("amazon.orders", 0)


class Server:
    """A ledger and a log of one topic, with so many messages to go at each look."""

    def __init__(self, *to_go: int) -> None:
        self._to_go = iter(to_go)
        self._looks = 0

    async def standings(self) -> Mapping[TopicPartition, Standing]:
        self._looks += 1
        # The first two are before the worker has taken a partition.
        return {} if self._looks <= 2 else {ORDERS: Standing(9, 0)}

    async def measure(self, standings: Mapping[TopicPartition, Standing]) -> Sequence[TopicLag]:
        del standings
        return [TopicLag(ORDERS.topic, exists=True, undecided=next(self._to_go), unpublished=0)]


async def test_the_demo_says_where_nobody_sees_it_change_what_it_waits_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(show, "_PAUSE", 0)
    monkeypatch.setattr(show, "_PRINT_SECONDS", -1)
    server: Any = Server(7, 5, 0)
    said = io.StringIO()
    await show._View(Console(file=said), server, server).watch()
    assert said.getvalue().splitlines() == [
        "  7 messages wait for the worker to start",
        "  5 messages to go",
    ]


@pytest.mark.parametrize("error", [BrokerUnavailable, StorageUnavailable])
async def test_the_demo_asks_a_server_again_that_does_not_answer_in_time(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    monkeypatch.setattr(show, "_RETRY_SECONDS", 0)
    answers: Iterator[int | Exception] = iter([error("it is busy"), error("it is busy"), 3])

    async def ask() -> int:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    said = io.StringIO()
    assert await show._retry(Console(file=said), ask) == 3
    assert said.getvalue().splitlines() == ["retrying: it is busy"] * 2


async def test_a_server_that_takes_long_to_start_is_said_to_be_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "_REPORT_SECONDS", 0)
    said: list[str] = []
    heard = asyncio.Event()

    def hear(line: str) -> None:
        said.append(line)
        heard.set()

    async def start() -> str:
        await heard.wait()
        return "127.0.0.1:9092"

    starting = EmbeddedServers(tmp_path, report=hear)
    assert await starting._report_while("Kafka", start()) == "127.0.0.1:9092"
    assert set(said) == {"waiting for Kafka to answer"}


async def test_a_start_that_is_broken_off_ends(tmp_path: Path) -> None:
    ended = asyncio.Event()

    async def start() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    waiting = asyncio.create_task(EmbeddedServers(tmp_path)._report_while("Kafka", start()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert ended.is_set()
