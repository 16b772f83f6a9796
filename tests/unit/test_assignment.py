"""The processors: which partitions may be read, so that a full one holds up no other."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace

import pytest

from handlers.handler import Handler
from handlers.unit_of_work import UnitOfWork
from models.checkpoint import Checkpoint, OffsetReset
from models.errors import Fenced
from models.messages import Incoming, TopicPartition
from storage.port import Transaction
from streams.assignment import LogBounds, PartitionAssignment
from streams.batch import Batch
from streams.processor import MAX_WEIGHT
from tests.builders import NOW, a_message
from tests.fakes.memory import MemoryStorage
from tests.waiting import PATIENCE

SLOW, QUICK = TopicPartition("slow", 0), TopicPartition("quick", 0)
BOUNDS = {SLOW: LogBounds(0, 9), QUICK: LogBounds(0, 9)}


async def bounds_of(sources: Collection[TopicPartition]) -> dict[TopicPartition, LogBounds]:
    return {source: BOUNDS[source] for source in sources}


class Gated(Handler[Incoming]):
    """A stage that decides while its gate is open."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()

    def parse(self, messages: Sequence[Incoming]) -> Sequence[Incoming]:
        return messages

    async def handle(
        self, parsed: Sequence[Incoming], unit_of_work: UnitOfWork, transaction: Transaction
    ) -> None:
        del parsed, unit_of_work, transaction
        await self.gate.wait()


class Kit:
    """Two partitions, one of which is held up."""

    def __init__(self) -> None:
        self.storage = MemoryStorage()
        self.slow, self.quick = Gated(), Gated()
        self.quick.gate.set()
        self.failures: list[BaseException] = []
        self.partition_assignment = PartitionAssignment(
            {SLOW.topic: self.slow, QUICK.topic: self.quick},
            self.storage,
            publisher=None,  # type: ignore[arg-type]  # nothing is published
            now=lambda: NOW,
            on_failure=self.failures.append,
        )

    @property
    def resets(self) -> Sequence[OffsetReset]:
        return list(self.storage.contents.offset_resets.values())

    async def fill(self, source: TopicPartition, batches: int) -> None:
        for start in range(0, batches * MAX_WEIGHT, MAX_WEIGHT):
            offsets = range(start, start + MAX_WEIGHT)
            messages = [a_message(b"", offset=at) for at in offsets]
            self.partition_assignment.dispatch(source, Batch(start, messages, start + MAX_WEIGHT))
            await asyncio.sleep(0)


async def test_a_partition_whose_lane_is_full_is_not_read() -> None:
    kit = Kit()
    await kit.partition_assignment.assign(BOUNDS, bounds_of)
    await kit.fill(SLOW, 2)
    assert await kit.partition_assignment.wait_for_room(BOUNDS.keys(), 1) == {QUICK}
    kit.slow.gate.set()
    await kit.partition_assignment.drain()
    assert not kit.failures


async def test_reading_goes_on_as_soon_as_a_lane_has_room() -> None:
    kit = Kit()
    await kit.partition_assignment.assign(BOUNDS, bounds_of)
    await kit.fill(SLOW, 2)
    waiting = asyncio.create_task(kit.partition_assignment.wait_for_room({SLOW}, 60))
    await asyncio.sleep(0)
    assert not waiting.done()
    kit.slow.gate.set()
    assert await asyncio.wait_for(waiting, PATIENCE) == {SLOW}
    await kit.partition_assignment.drain()


async def test_nothing_is_read_when_no_lane_has_room_in_time() -> None:
    kit = Kit()
    await kit.partition_assignment.assign(BOUNDS, bounds_of)
    await kit.fill(SLOW, 2)
    assert await kit.partition_assignment.wait_for_room({SLOW}, 0.01) == set()
    kit.slow.gate.set()
    await kit.partition_assignment.drain()


async def test_a_hand_over_lets_the_reader_go_on() -> None:
    """It would stop the hand-over itself, were it to wait for a processor that is gone."""
    kit = Kit()
    await kit.partition_assignment.assign(BOUNDS, bounds_of)
    await kit.fill(SLOW, 2)
    waiting = asyncio.create_task(kit.partition_assignment.wait_for_room({SLOW}, 60))
    await asyncio.sleep(0)
    draining = asyncio.create_task(kit.partition_assignment.drain())
    assert await asyncio.wait_for(waiting, PATIENCE) == {SLOW}
    kit.slow.gate.set()
    await draining


async def test_a_batch_is_read_while_the_one_before_is_decided() -> None:
    kit = Kit()
    await kit.partition_assignment.assign(BOUNDS, bounds_of)
    await kit.fill(SLOW, 2)
    assert (await kit.storage.checkpoint(SLOW)) == Checkpoint(SLOW, 0, epoch=1)
    kit.slow.gate.set()
    await kit.partition_assignment.drain()
    assert (await kit.storage.checkpoint(SLOW)).committed_offset >= 1


async def test_one_that_slept_between_its_looks_does_not_set_a_position_back() -> None:
    """The log's end is asked for after the checkpoint: it cannot be older."""
    kit = Kit()
    kit.quick.gate.set()

    async def grown(sources: Collection[TopicPartition]) -> dict[TopicPartition, LogBounds]:
        assert kit.storage.contents.checkpoints[QUICK].epoch == 1
        return {source: LogBounds(0, 500) for source in sources}

    kit.storage.contents.checkpoints[QUICK] = Checkpoint(QUICK, 412)
    assert await kit.partition_assignment.assign([QUICK], grown) == {QUICK: 412}
    await kit.partition_assignment.drain()


async def test_a_position_that_another_took_up_meanwhile_is_not_set_anew() -> None:
    kit = Kit()

    async def slow(sources: Collection[TopicPartition]) -> dict[TopicPartition, LogBounds]:
        await kit.storage.claim([QUICK])
        return {source: LogBounds(0, 3) for source in sources}

    kit.storage.contents.checkpoints[QUICK] = Checkpoint(QUICK, 412)
    with pytest.raises(Fenced):
        await kit.partition_assignment.assign([QUICK], slow)
    assert (await kit.storage.checkpoint(QUICK)).committed_offset == 412


HERE, ELSEWHERE = "a" * 32, "b" * 32


def at(offset: int, topic_id: str | None = HERE, epoch: int = 1) -> Checkpoint:
    return Checkpoint(SLOW, offset, epoch=epoch, topic_id=topic_id)


@pytest.mark.parametrize(
    ("checkpoint", "bounds", "goes_on_at", "reset"),
    [
        pytest.param(at(3), LogBounds(0, 9, HERE), 3, None, id="within its log"),
        pytest.param(at(9), LogBounds(0, 9, HERE), 9, None, id="at its end"),
        pytest.param(at(3), LogBounds(3, 9, HERE), 3, None, id="at its start"),
        pytest.param(at(3), LogBounds(0, 9), 3, None, id="Kafka did not tell the id"),
        pytest.param(at(3), LogBounds(7, 9, HERE), 7, (3, 7, 4), id="what was next is deleted"),
        pytest.param(at(0, epoch=2), LogBounds(7, 9, HERE), 7, (0, 7, 7), id="the very first too"),
        pytest.param(at(0), LogBounds(7, 9, HERE), 7, None, id="never read before"),
        pytest.param(at(40), LogBounds(0, 9, HERE), 0, (40, 0, None), id="beyond its end"),
        pytest.param(at(3), LogBounds(0, 9, ELSEWHERE), 0, (3, 0, None), id="another topic"),
        pytest.param(at(0), LogBounds(0, 9, ELSEWHERE), 0, None, id="another, nothing was read"),
        pytest.param(at(3, None), LogBounds(0, 9, HERE), 3, None, id="the id was not noted"),
    ],
)
async def test_a_position_is_taken_up_within_the_log_of_its_topic(
    checkpoint: Checkpoint,
    bounds: LogBounds,
    goes_on_at: int,
    reset: tuple[int, int, int | None] | None,
) -> None:
    kit = Kit()
    kit.storage.contents.checkpoints[SLOW] = replace(checkpoint, epoch=checkpoint.epoch - 1)

    async def bounds_of(_: object) -> dict[TopicPartition, LogBounds]:
        return {SLOW: bounds}

    assert await kit.partition_assignment.assign([SLOW], bounds_of) == {SLOW: goes_on_at}
    stored = kit.storage.contents.checkpoints[SLOW]
    assert (stored.committed_offset, stored.topic_id) == (goes_on_at, bounds.topic_id or HERE)
    told = [(one.expected, one.found, one.lost) for one in kit.resets]
    assert told == ([] if reset is None else [reset])
    # Once: whoever takes it up next finds it where it is.
    await kit.partition_assignment.assign([SLOW], bounds_of)
    assert len(kit.resets) == len(told)
    await kit.partition_assignment.drain()


async def test_a_partition_that_there_is_not_is_not_taken_up() -> None:
    kit = Kit()

    async def of_quick(_: object) -> dict[TopicPartition, LogBounds]:
        return {QUICK: LogBounds(0, 9)}

    assert await kit.partition_assignment.assign([QUICK, SLOW], of_quick) == {QUICK: 0}
    assert kit.partition_assignment.published() == {QUICK: 0}
    await kit.partition_assignment.drain()
