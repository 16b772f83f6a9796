"""What is committed to Kafka, for its tools to show: all that is decided and published, no more."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from faust.types import TP

from handlers.handler import Handler
from handlers.unit_of_work import UnitOfWork
from models.checkpoint import Checkpoint, Outgoing
from models.messages import Incoming, TopicPartition
from storage.port import Transaction
from streams.app import build_app
from streams.assignment import LogBounds, PartitionAssignment
from streams.batch import Batch
from tests.builders import NOW, a_command, a_message
from tests.fakes.memory import MemoryStorage
from tests.waiting import PATIENCE

ORDERS = TP("amazon.orders", 0)
SOURCE = TopicPartition(*ORDERS)


class OneEach(Handler[Incoming]):
    """A stage that publishes a message for each one it is given."""

    def parse(self, messages: Sequence[Incoming]) -> Sequence[Incoming]:
        return messages

    async def handle(self, read: Any, unit_of_work: UnitOfWork, transaction: Transaction) -> None:
        del transaction
        unit_of_work.outgoing += [a_command(str(message.offset)) for message in read]


class Gated:
    """A publisher that waits for its gate to be opened."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()

    async def publish(self, outgoing: Sequence[Outgoing], *, resumed: bool = False) -> None:
        del outgoing, resumed
        await self.gate.wait()


class AssignedThread:
    """What Faust's consumer asks its thread, of one partition. A commit can be made to wait."""

    def __init__(self) -> None:
        self.committed: list[int] = []
        self.slow: asyncio.Event | None = None

    def assignment(self) -> set[TP]:
        return {ORDERS}

    async def log_bounds(self, partitions: Collection[TP]) -> dict[TopicPartition, LogBounds]:
        return {TopicPartition(*one): LogBounds(0, 9) for one in partitions}

    async def seek_wait(self, partitions: dict[TP, int]) -> None:
        del partitions

    async def commit(self, offsets: dict[TP, int]) -> bool:
        slow, self.slow = self.slow, None
        if slow is not None:
            await slow.wait()
        self.committed.append(offsets[ORDERS])
        return True


class Kit:
    """A consumer of one partition, which stands at an offset, perhaps with an outbox."""

    def __init__(self, directory: Path, committed_offset: int, *outbox: Outgoing) -> None:
        self.storage = MemoryStorage()
        self.storage.contents.checkpoints[SOURCE] = Checkpoint(SOURCE, committed_offset, outbox)
        publisher: Any = Gated()
        self.gate: asyncio.Event = publisher.gate
        self.partition_assignment = PartitionAssignment(
            {ORDERS.topic: OneEach()}, self.storage, publisher, lambda: NOW, print
        )
        self.thread = AssignedThread()
        consumer: Any = build_app(
            self.partition_assignment, str(directory), "127.0.0.1:1", "", "g", 10, 6
        ).consumer
        consumer._thread = self.thread
        self.consumer = consumer

    async def decide(self, start: int, end: int) -> None:
        """Have messages decided, up to an offset."""
        batch = Batch(start, [a_message(b"", offset=at) for at in range(start, end)], end)
        self.partition_assignment.dispatch(SOURCE, batch)
        await until(lambda: self.storage.contents.checkpoints[SOURCE].committed_offset == end)


async def until(happened: Callable[[], bool]) -> None:
    """Let others work until something has happened."""
    async with asyncio.timeout(PATIENCE):
        while not happened():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0)


async def test_what_the_last_batches_publish_is_committed_when_partitions_are_given_up(
    tmp_path: Path,
) -> None:
    kit = Kit(tmp_path, 1)
    await kit.consumer.perform_seek()
    await kit.decide(1, 4)
    giving_up = asyncio.create_task(kit.consumer.wait_empty())
    await until(lambda: not kit.partition_assignment.published())
    assert not kit.thread.committed
    kit.gate.set()
    await giving_up
    assert kit.thread.committed == [4]


async def test_a_commit_that_is_under_way_is_not_the_last_when_partitions_are_given_up(
    tmp_path: Path,
) -> None:
    kit = Kit(tmp_path, 1)
    await kit.consumer.perform_seek()
    answers = kit.thread.slow = asyncio.Event()
    early = asyncio.create_task(kit.consumer.commit())
    await until(lambda: kit.thread.slow is None)
    await kit.decide(1, 4)
    kit.gate.set()
    giving_up = asyncio.create_task(kit.consumer.wait_empty())
    for _ in range(200):
        await asyncio.sleep(0)
    assert not kit.thread.committed
    answers.set()
    await asyncio.gather(early, giving_up)
    assert kit.thread.committed == [1, 4]


async def test_an_owner_commits_what_an_earlier_one_decided_and_ended_without_committing(
    tmp_path: Path,
) -> None:
    kit = Kit(tmp_path, 7)
    await kit.consumer.perform_seek()
    await kit.consumer.commit()
    assert kit.thread.committed == [7]
    await kit.consumer.wait_empty()


async def test_nothing_is_committed_of_a_partition_whose_earlier_events_are_still_to_go_out(
    tmp_path: Path,
) -> None:
    kit = Kit(tmp_path, 7, a_command("1"))
    await kit.consumer.perform_seek()
    await kit.consumer.commit()
    assert not kit.thread.committed
    kit.gate.set()
    await kit.consumer.wait_empty()
    assert kit.thread.committed == [7]


async def test_nothing_is_committed_of_a_partition_of_which_nothing_was_read(
    tmp_path: Path,
) -> None:
    kit = Kit(tmp_path, 0)
    await kit.consumer.perform_seek()
    await kit.consumer.commit()
    await kit.consumer.wait_empty()
    assert not kit.thread.committed
