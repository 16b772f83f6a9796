"""The lanes: which partitions may be read, so that a full one holds up no other."""

import asyncio
from collections.abc import Collection, Sequence

import pytest

from models.errors import PositionLost
from models.ledger import Position, Source
from storage.memory import MemoryStorage
from storage.port import Transaction
from streams.lane import MAX_WEIGHT, Batch
from streams.lanes import Lanes, LogBounds
from streams.messages import Incoming
from streams.page import Page
from streams.stage import Stage
from tests.builders import NOW, a_message
from tests.waiting import PATIENCE

SLOW, QUICK = Source("slow", 0), Source("quick", 0)
BOUNDS = {SLOW: LogBounds(0, 9), QUICK: LogBounds(0, 9)}


async def bounds_of(sources: Collection[Source]) -> dict[Source, LogBounds]:
    return {source: BOUNDS[source] for source in sources}


class Gated(Stage[Incoming]):
    """A stage that decides while its gate is open."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()

    def read(self, messages: Sequence[Incoming]) -> Sequence[Incoming]:
        return messages

    async def decide(self, read: Sequence[Incoming], page: Page, transaction: Transaction) -> None:
        del read, page, transaction
        await self.gate.wait()


class Kit:
    """Two partitions, one of which is held up."""

    def __init__(self) -> None:
        self.storage = MemoryStorage()
        self.slow, self.quick = Gated(), Gated()
        self.quick.gate.set()
        self.failures: list[BaseException] = []
        self.lanes = Lanes(
            {SLOW.topic: self.slow, QUICK.topic: self.quick},
            self.storage,
            publisher=None,  # type: ignore[arg-type]  # nothing is published
            now=lambda: NOW,
            on_failure=self.failures.append,
        )

    async def fill(self, source: Source, batches: int) -> None:
        for start in range(0, batches * MAX_WEIGHT, MAX_WEIGHT):
            offsets = range(start, start + MAX_WEIGHT)
            messages = [a_message(b"", offset=at) for at in offsets]
            self.lanes.deliver(source, Batch(start, messages, start + MAX_WEIGHT))
            await asyncio.sleep(0)


async def test_a_partition_whose_lane_is_full_is_not_read() -> None:
    kit = Kit()
    await kit.lanes.assign(BOUNDS, bounds_of)
    await kit.fill(SLOW, 2)
    assert await kit.lanes.with_room(BOUNDS.keys(), 1) == {QUICK}
    kit.slow.gate.set()
    await kit.lanes.drain()
    assert not kit.failures


async def test_reading_goes_on_as_soon_as_a_lane_has_room() -> None:
    kit = Kit()
    await kit.lanes.assign(BOUNDS, bounds_of)
    await kit.fill(SLOW, 2)
    waiting = asyncio.create_task(kit.lanes.with_room({SLOW}, 60))
    await asyncio.sleep(0)
    assert not waiting.done()
    kit.slow.gate.set()
    assert await asyncio.wait_for(waiting, PATIENCE) == {SLOW}
    await kit.lanes.drain()


async def test_nothing_is_read_when_no_lane_has_room_in_time() -> None:
    kit = Kit()
    await kit.lanes.assign(BOUNDS, bounds_of)
    await kit.fill(SLOW, 2)
    assert await kit.lanes.with_room({SLOW}, 0.01) == set()
    kit.slow.gate.set()
    await kit.lanes.drain()


async def test_a_hand_over_lets_the_reader_go_on() -> None:
    """It would stop the hand-over itself, were it to wait for a lane that is gone."""
    kit = Kit()
    await kit.lanes.assign(BOUNDS, bounds_of)
    await kit.fill(SLOW, 2)
    waiting = asyncio.create_task(kit.lanes.with_room({SLOW}, 60))
    await asyncio.sleep(0)
    draining = asyncio.create_task(kit.lanes.drain())
    assert await asyncio.wait_for(waiting, PATIENCE) == {SLOW}
    kit.slow.gate.set()
    await draining


async def test_a_batch_is_read_while_the_one_before_is_decided() -> None:
    kit = Kit()
    await kit.lanes.assign(BOUNDS, bounds_of)
    await kit.fill(SLOW, 2)
    assert (await kit.storage.position(SLOW)) == Position(SLOW, 0, epoch=1)
    kit.slow.gate.set()
    await kit.lanes.drain()
    assert (await kit.storage.position(SLOW)).decided_to >= 1


async def test_one_that_slept_between_its_looks_does_not_set_a_position_back() -> None:
    """The log's end is asked for after the position: it cannot be older."""
    kit = Kit()
    kit.quick.gate.set()

    async def grown(sources: Collection[Source]) -> dict[Source, LogBounds]:
        assert kit.storage.contents.positions[QUICK].epoch == 1
        return {source: LogBounds(0, 500) for source in sources}

    kit.storage.contents.positions[QUICK] = Position(QUICK, 412)
    assert await kit.lanes.assign([QUICK], grown) == {QUICK: 412}
    await kit.lanes.drain()


async def test_a_position_that_another_took_up_meanwhile_is_not_set_anew() -> None:
    kit = Kit()

    async def slow(sources: Collection[Source]) -> dict[Source, LogBounds]:
        await kit.storage.take_up([QUICK])
        return {source: LogBounds(0, 3) for source in sources}

    kit.storage.contents.positions[QUICK] = Position(QUICK, 412)
    with pytest.raises(PositionLost):
        await kit.lanes.assign([QUICK], slow)
    assert (await kit.storage.position(QUICK)).decided_to == 412
