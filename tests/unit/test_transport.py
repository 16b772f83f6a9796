"""The transport against Faust's own classes: what stock Faust would commit, and what ours does.

Eight losses: L1 and L2 an exception or a cancellation in the plain iteration, L3 and L4 the same in
`take`, L5 to L7 commits past what is not done, L8 events of an old generation. And L9, which loses
nothing and does nothing: partitions that take long to be taken up are never read.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import faust
import pytest
from aiokafka import TopicPartition as KafkaPartition
from aiokafka.errors import KafkaTimeoutError
from aiokafka.structs import OffsetAndMetadata
from faust.streams import Stream
from faust.tables.recovery import ServiceStopped
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from models.checkpoint import Checkpoint
from models.messages import Incoming, TopicPartition
from streams.app import HANDLERS, build_app
from streams.assignment import LogBounds, PartitionAssignment
from streams.transport import LedgerConsumer, LedgerConsumerThread
from tests.builders import NOW
from tests.fakes.memory import MemoryStorage
from tests.waiting import PATIENCE

ORDERS = TP("amazon.orders", 0)
Program = Callable[[Stream[Any]], Any]


class Stock:
    """Faust as it comes, without a broker: a topic, and messages on their way to a stream."""

    def __init__(self) -> None:
        self.app = faust.App(
            "stock",
            broker="kafka://127.0.0.1:1",
            store="memory://",
            key_serializer="raw",
            value_serializer="raw",
            topic_allow_declare=False,
            topic_disable_leader=True,
            web_enabled=False,
        )
        self.topic = self.app.topic(ORDERS.topic)
        self.consumer: Any = self.app.consumer
        conductor: Any = self.app.topics
        conductor._acking_topics.add(ORDERS.topic)
        self.app.flow_control.resume()

    async def give(self, stream: Stream[Any], offsets: range, generation: int = 0) -> None:
        for offset in offsets:
            message = ConsumerMessage(
                *ORDERS, offset, 0.0, 0, [], None, b"%d" % offset, None, generation_id=generation
            )
            message.incref()
            channel: Any = stream.channel
            event = await channel.decode(message)
            await channel.put(event)

    async def run(self, program: Program, offsets: range) -> int | None:
        """Let a program work on messages until it breaks; give what is committed at last."""
        stream: Any = self.topic.stream()
        await self.give(stream, offsets)
        await asyncio.gather(asyncio.create_task(program(stream)), return_exceptions=True)
        # What `take` reads ahead in a task of its own is acknowledged a little later.
        for _ in range(200):
            await asyncio.sleep(0)
        return self.commits()

    def commits(self) -> int | None:
        committed: int | None = self.consumer._new_offset(ORDERS)
        return committed


class Broken(Exception):  # noqa: N818 - a state of the world, not a mistake
    pass


async def plain(stream: Stream[Any]) -> None:
    async for value in stream:
        if value == b"1":
            raise Broken


async def canceled(stream: Stream[Any]) -> None:
    async for value in stream:
        if value == b"1":
            raise asyncio.CancelledError


async def taking(stream: Stream[Any]) -> None:
    async for _ in stream.take(3, within=5):
        raise Broken


async def taking_without_acks(stream: Stream[Any]) -> None:
    async for _ in stream.noack_take(3, within=5):
        raise Broken


@pytest.mark.parametrize(
    ("program", "messages", "lost"),
    [
        pytest.param(plain, 2, {1}, id="L1 exception"),
        pytest.param(canceled, 2, {1}, id="L2 cancellation"),
        pytest.param(taking, 5, {0, 1, 2, 3, 4}, id="L3 take"),
        pytest.param(taking_without_acks, 5, {0, 1, 2, 3, 4}, id="L4 noack_take"),
    ],
)
async def test_stock_faust_commits_what_its_program_never_did(
    program: Program, messages: int, lost: set[int]
) -> None:
    committed = await Stock().run(program, range(messages))
    assert lost <= set(range(committed or 0))


@pytest.mark.parametrize("end", [Broken, asyncio.CancelledError])
async def test_the_iteration_of_our_agents_acknowledges_nothing(end: type[BaseException]) -> None:
    async def ours(stream: Stream[Any]) -> None:
        async for event in stream.noack().events():
            if event.value == b"1":
                raise end

    assert await Stock().run(ours, range(3)) is None


@pytest.mark.parametrize(
    ("committed", "gap", "acked", "commits", "lost"),
    [
        pytest.param(10, None, [11], 12, 10, id="L5 the head of a partition is not done"),
        pytest.param(None, None, [5, 6], 7, 4, id="L6 a fresh group"),
        pytest.param(10, (11, 13), [10, 14], 15, 13, id="L7 a gap of a transaction"),
    ],
)
async def test_stock_faust_commits_past_what_is_not_done(
    committed: int | None, gap: tuple[int, int] | None, acked: list[int], commits: int, lost: int
) -> None:
    stock = Stock()
    stock.consumer._committed_offset[ORDERS] = committed
    if gap is not None:
        await stock.consumer._add_gap(ORDERS, *gap)
    stock.consumer._acked[ORDERS] = acked
    assert lost not in acked
    assert stock.commits() == commits > lost


async def test_stock_faust_in_python_acknowledges_what_it_skips_of_an_old_generation() -> None:
    """L8. It needs an installation without Faust's compiled iterator, so no broker shows it."""
    stock = Stock()
    stream: Any = stock.topic.stream()
    await stock.give(stream, range(2), generation=-7)
    seen: list[Any] = []

    async def program() -> None:
        seen.extend([value async for value in stream._py_aiter()])

    task = asyncio.create_task(program())
    async with asyncio.timeout(PATIENCE):
        while stock.commits() != 2:  # noqa: ASYNC110 - Faust tells nobody
            await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert not seen


async def test_what_ours_commits_is_what_the_ledger_has_as_decided_and_published(
    tmp_path: Path,
) -> None:
    """Whatever Faust was told is done: L1 to L8 end here."""
    storage, source = MemoryStorage(), TopicPartition(*ORDERS)
    storage.contents.checkpoints[source] = Checkpoint(source, 3)
    failures: list[BaseException] = []
    publisher: Any = None
    partition_assignment = PartitionAssignment(
        HANDLERS, storage, publisher, lambda: NOW, failures.append
    )
    consumer: Any = build_app(
        partition_assignment, str(tmp_path), "127.0.0.1:1", "", "g", 10, 6
    ).consumer
    consumer._committed_offset[ORDERS] = 0
    consumer._acked[ORDERS] = [5, 6]
    await consumer._add_gap(ORDERS, 7, 9)
    assert consumer._new_offset(ORDERS) is None

    async def bounds_of(_: object) -> dict[TopicPartition, LogBounds]:
        return {source: LogBounds(0, 9)}

    assert await partition_assignment.assign([source], bounds_of) == {source: 3}
    assert consumer._new_offset(ORDERS) == 3
    assert list(consumer._filter_tps_with_pending_acks()) == [ORDERS]
    await partition_assignment.drain()
    assert consumer._new_offset(ORDERS) is None
    assert not failures


async def test_stock_faust_ends_its_recovery_when_partitions_take_long_to_be_taken_up() -> None:
    """L9: the worker would stay in the group and read nothing."""
    tables: Any = Stock().app.tables
    with pytest.raises(ServiceStopped):
        await tables.recovery._wait(asyncio.sleep(60), timeout=0.01)


async def test_ours_takes_up_partitions_however_long_the_ledger_is_away(tmp_path: Path) -> None:
    """L9 ends here."""
    partition_assignment = PartitionAssignment(HANDLERS, MemoryStorage(), None, lambda: NOW, print)  # type: ignore[arg-type]
    tables: Any = build_app(
        partition_assignment, str(tmp_path), "127.0.0.1:1", "", "g", 10, 6
    ).tables
    answered = asyncio.Event()
    waiting = asyncio.create_task(tables.recovery._wait(answered.wait(), timeout=0.01))
    assert await asyncio.wait({waiting}, timeout=0.2) == (set(), {waiting})
    answered.set()
    await asyncio.wait_for(waiting, PATIENCE)


class AssignedThread:
    """What Faust's consumer asks its thread, of partitions with logs of these bounds."""

    def __init__(self, logs: dict[TP, LogBounds]) -> None:
        self._logs = logs
        self.sought: dict[TP, int] = {}

    def assignment(self) -> set[TP]:
        return set(self._logs)

    async def log_bounds(self, partitions: Collection[TP]) -> dict[TopicPartition, LogBounds]:
        return {TopicPartition(*one): self._logs[one] for one in partitions if one in self._logs}

    async def seek_wait(self, partitions: dict[TP, int]) -> None:
        self.sought |= partitions


async def test_assigned_partitions_are_taken_up_where_the_ledger_says(tmp_path: Path) -> None:
    known, new, cut, anew = (TP("amazon.orders", number) for number in range(4))
    storage = MemoryStorage()
    for tp, committed_offset in ((known, 3), (cut, 3), (anew, 40)):
        source = TopicPartition(*tp)
        storage.contents.checkpoints[source] = Checkpoint(source, committed_offset)
    partition_assignment = PartitionAssignment(HANDLERS, storage, None, lambda: NOW, print)  # type: ignore[arg-type]
    consumer: Any = build_app(
        partition_assignment, str(tmp_path), "127.0.0.1:1", "", "g", 10, 6
    ).consumer
    logs = {known: (0, 9), new: (0, 9), cut: (5, 9), anew: (0, 9)}
    thread = AssignedThread({tp: LogBounds(*bounds) for tp, bounds in logs.items()})
    consumer._thread = thread
    await consumer.perform_seek()
    expected = {known: 3, new: 0, cut: 5, anew: 0}
    assert thread.sought == expected
    assert {one: consumer._read_offset[one] for one in logs} == expected
    assert {TP(*source): to for source, to in partition_assignment.published().items()} == expected
    await partition_assignment.drain()


async def test_a_batch_begins_where_the_one_before_ended_also_after_a_gap(tmp_path: Path) -> None:
    thread = a_thread(tmp_path)
    thread._read_to[ORDERS] = 4
    first, second = thread._batch(ORDERS, records(4, 5), 6), thread._batch(ORDERS, records(9), 13)
    assert first is not None
    assert (first.value.start, first.value.end, first.offset) == (4, 6, 5)
    assert second is not None
    assert (second.value.start, second.value.end, second.offset) == (6, 13, 12)
    assert thread._batch(ORDERS, (), 13) is None


async def test_a_batch_may_hold_nothing_but_the_end_of_a_transaction(tmp_path: Path) -> None:
    thread = a_thread(tmp_path)
    thread._read_to[ORDERS] = 4
    marks = thread._batch(ORDERS, (), 6)
    assert marks is not None
    assert (marks.value.start, marks.value.messages, marks.value.end) == (4, (), 6)


class ParseResult:
    """What the thread asks its consumer for."""

    def __init__(self, next_offset: int, reset: tuple[int, int] | None = None) -> None:
        self.offset = next_offset
        self.reset = reset
        self.rejoined = 0
        self.ids = {ORDERS.topic: "a"}
        self.known = {ORDERS}
        self.committed: list[int] = []

    def next_offset(self, _: TP) -> int:
        return self.offset

    def take_reset(self, _: TP) -> tuple[int, int] | None:
        reset, self.reset = self.reset, None
        return reset

    def rejoin(self) -> None:
        self.rejoined += 1

    async def topic_ids(self, topics: Collection[str]) -> dict[str, str]:
        return {one: self.ids[one] for one in topics if one in self.ids}

    async def refresh(self) -> None:
        self.known = {TP(topic, 0) for topic in self.ids}

    def has(self, partition: TP) -> bool:
        return partition in self.known

    async def beginning_offsets(self, partitions: Sequence[TP]) -> dict[TP, int]:
        assert self.known.issuperset(partitions), "aiokafka would wait until there are"
        return dict.fromkeys(partitions, 3)

    async def end_offsets(self, partitions: Sequence[TP]) -> dict[TP, int]:
        return dict.fromkeys(partitions, 9)

    async def commit(self, offsets: dict[KafkaPartition, OffsetAndMetadata]) -> None:
        assert self.known.issuperset(offsets), "aiokafka would try until there are"
        self.committed += [one.offset for one in offsets.values()]


@pytest.fixture
async def reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LedgerConsumerThread:
    """A thread that reads nothing but is asked for it."""

    async def nothing(*_: object, **__: object) -> dict[TP, list[Any]]:
        return {}

    monkeypatch.setattr(AIOKafkaConsumerThread, "_fetch_records", nothing)
    thread = a_thread(tmp_path)
    thread._ids_due = float("inf")
    return thread


async def test_what_kafka_deleted_unread_is_in_the_batch_that_passes_it(
    reading: LedgerConsumerThread,
) -> None:
    reading._read_to[ORDERS] = 4
    consumer: Any = ParseResult(9, reset=(4, 9))
    ((batch,),) = (await reading._fetch_records(consumer, {ORDERS})).values()
    assert (batch.value.start, batch.value.end, batch.value.deleted_to) == (4, 9, 9)
    assert not await reading._fetch_records(consumer, {ORDERS})
    assert not consumer.rejoined


async def test_a_log_that_ends_before_what_was_read_has_its_partitions_taken_up_anew(
    reading: LedgerConsumerThread,
) -> None:
    """Its messages are none that may be decided as if they came after those of the other."""
    reading._read_to[ORDERS] = 40
    consumer: Any = ParseResult(45, reset=(40, 0))
    assert not await reading._fetch_records(consumer, {ORDERS})
    assert consumer.rejoined == 1


async def test_a_topic_made_anew_is_noticed_though_its_log_is_as_long(
    reading: LedgerConsumerThread,
) -> None:
    reading._topic_ids, reading._ids_due = {ORDERS.topic: "a", "deleted": "c"}, 0.0
    consumer: Any = ParseResult(4)
    await reading._fetch_records(consumer, {ORDERS})
    assert not consumer.rejoined
    consumer.ids[ORDERS.topic], reading._ids_due = "b", 0.0
    await reading._fetch_records(consumer, {ORDERS})
    assert consumer.rejoined == 1
    await reading._fetch_records(consumer, {ORDERS})
    assert consumer.rejoined == 1, "asked for again before it is due"


async def test_partitions_of_a_deleted_topic_are_not_waited_for(
    reading: LedgerConsumerThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the partitions of all other topics would wait with them, for half a minute."""
    deleted, consumer = TP("deleted", 0), ParseResult(4)
    reading._consumer = consumer
    consumer.known.add(deleted)
    bounds = await reading._log_bounds([ORDERS, deleted])
    assert bounds == {TopicPartition(*ORDERS): LogBounds(3, 9, "a")}
    monkeypatch.setattr(reading, "assignment", lambda: {ORDERS, deleted})
    assert await reading._commit({ORDERS: 5, deleted: 7})
    assert await reading._commit({deleted: 7})
    assert consumer.committed == [5]


def a_thread(directory: Path) -> LedgerConsumerThread:
    partition_assignment = PartitionAssignment(HANDLERS, MemoryStorage(), None, lambda: NOW, print)  # type: ignore[arg-type]
    app = build_app(partition_assignment, str(directory), "127.0.0.1:1", "", "g", 10, 6)
    consumer: Any = app.consumer
    return LedgerConsumerThread(consumer, loop=asyncio.get_running_loop(), beacon=app.beacon)


def records(*offsets: int) -> list[Incoming]:
    return [Incoming(*ORDERS, offset, 0, None, b"", (), 1, offset) for offset in offsets]


async def test_brokers_that_are_away_for_long_are_asked_again_how_far_their_logs_are() -> None:
    found = {TopicPartition(*ORDERS): LogBounds(3, 9)}
    answers: list[Any] = [KafkaTimeoutError(), found]

    class Thread:
        async def log_bounds(self, partitions: list[TP]) -> Any:
            assert partitions == [ORDERS]
            answer = answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

    consumer: Any = object.__new__(LedgerConsumer)
    consumer._thread = Thread()
    assert await consumer._read_bounds([TopicPartition(*ORDERS)]) == found
