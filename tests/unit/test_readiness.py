"""What a worker says of what it waits for: at once, and then less and less often."""

import asyncio
from typing import Any

import pytest
import structlog

from models.errors import StorageUnavailable
from order_import import readiness as module
from order_import.operations.install import TopicProblem
from order_import.readiness import Readiness, Reminder, StorageAway, WorkerState
from order_import.settings import Settings

HOUR = 3600


class Clock:
    """A clock that is set by the test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr("order_import.liveness.time.monotonic", lambda: self.now)


def test_a_reminder_comes_at_once_and_then_less_and_less_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch)
    one, said = Reminder(), []
    for clock.now in range(HOUR):
        if one.is_due():
            said.append(clock.now)
    assert said[:6] == [0, 10, 30, 70, 150, 310]
    assert len(said) == 6 + (HOUR - 1 - 310) // 300
    assert one.seconds == HOUR - 1


class Reader:
    """A database that is away until it is told otherwise."""

    def __init__(self) -> None:
        self.away = True

    async def ping(self) -> None:
        if self.away:
            raise StorageUnavailable("ServerSelectionTimeoutError")


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> Readiness:
    """A readiness that looks again and again without a pause, at a Kafka that answers."""

    async def kafka(self: Readiness) -> None:
        del self

    monkeypatch.setattr(Readiness, "_kafka", kafka)
    monkeypatch.setattr(module, "_CHECK_SECONDS_IF_MISSING", 0)
    monkeypatch.setattr(module, "_CHECK_SECONDS", 0)
    reader: Any = Reader()
    return Readiness(Settings(), reader)


async def looks(found: Readiness, times: int = 20) -> asyncio.Task[None]:
    running = asyncio.create_task(found.run())
    for _ in range(times):
        await asyncio.sleep(0)
    return running


async def test_it_is_complete_only_when_nothing_is_missing(looked: Readiness) -> None:
    with structlog.testing.capture_logs() as logs:
        running = await looks(looked)
        assert looked.mongodb == "ServerSelectionTimeoutError"
        assert looked.kafka is None
        assert not looked.complete.is_set()
        looked._reader.away = False  # type: ignore[attr-defined]  # the test's own
        await asyncio.wait_for(looked.complete.wait(), 10)
        running.cancel()
    assert [(line["event"], line.get("why")) for line in logs] == [
        ("waiting-for-mongodb", "ServerSelectionTimeoutError"),
        ("no-longer", None),
    ]
    assert not looked.is_ready  # it has not joined its group yet


@pytest.mark.parametrize("state", WorkerState)
async def test_without_mongodb_for_long_only_who_may_have_partitions_ends(
    state: WorkerState, looked: Readiness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", -1.0)
    looked.state = state
    running = await looks(looked)
    if state is WorkerState.WAITING:
        assert not running.done()
        running.cancel()
    else:
        with pytest.raises(StorageAway, match="ServerSelectionTimeoutError"):
            await running


async def test_a_topic_that_takes_too_little_keeps_nobody_out_and_is_said_once(
    looked: Readiness,
) -> None:
    looked._reader.away = False  # type: ignore[attr-defined]  # the test's own
    looked.topics = [TopicProblem("t", "max.message.bytes is 1", "set max.message.bytes=2")]
    looked.state = WorkerState.WORKING
    with structlog.testing.capture_logs() as logs:
        running = await looks(looked)
        running.cancel()
    assert looked.complete.is_set()
    assert not looked.is_ready
    (line,) = logs
    assert (line["event"], line["topic"], line["log_level"]) == (
        "topic-takes-too-little",
        "t",
        "error",
    )


async def test_missing_topics_are_waited_for_with_their_remedy(looked: Readiness) -> None:
    looked._reader.away = False  # type: ignore[attr-defined]  # the test's own
    looked.topics = [TopicProblem("t", "missing", "run: order-import init", missing=True)]
    with structlog.testing.capture_logs() as logs:
        running = await looks(looked)
        assert not looked.complete.is_set()
        looked.topics = []
        await asyncio.wait_for(looked.complete.wait(), 10)
        running.cancel()
    assert [line["event"] for line in logs] == ["topics-missing", "no-longer"]
    assert (logs[0]["topics"], logs[0]["remedy"]) == (["t"], "run: order-import init")
