"""A worker's process: the real processors, stages and publisher, and a reader in Faust's place."""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterable
from random import Random
from typing import Any

from handlers import unit_of_work
from models.messages import TopicPartition
from streams.app import HANDLERS
from streams.assignment import LogBounds, PartitionAssignment
from streams.batch import Batch
from streams.publisher import Publisher
from tests.builders import SOURCE
from tests.simulation import clock
from tests.simulation.database import ProcessStorage
from tests.simulation.log import connect
from tests.simulation.power import Power, Weather, calm
from tests.simulation.world import World

# The worlds are small: write ahead after a few orders.
unit_of_work.UNWRITTEN = 2


class Process:
    """Wired as the worker wires it. `chance` makes it read messages twice and too early.

    A small `max_weight` has it meet what several partitions and transactions do together.
    """

    def __init__(
        self,
        world: World,
        weather: Weather = calm,
        name: str = "worker",
        chance: Random | None = None,
        max_weight: int = 4,
        publisher: Publisher | None = None,
    ) -> None:
        self.power = Power(weather, name)
        self.failure: BaseException | None = None
        self._database = world.database
        self._log = world.log
        self._chance = chance
        self._read_to: dict[TopicPartition, int] = {}
        publisher = publisher or Publisher(*connect(world.log, self.power), "", SOURCE)
        storage = ProcessStorage(world.database, self.power, publisher.publish)
        stages = {str(name): stage for name, stage in HANDLERS.items()}
        self.partition_assignment = PartitionAssignment(
            stages,
            storage,
            publisher,
            world.clock,
            self._fail,
            max_weight=max_weight,
        )

    def start(self) -> None:
        """Begin to read what is assigned."""
        self.begin(self._read)

    def begin(
        self, work: Callable[..., Coroutine[Any, Any, None]], *told: Any
    ) -> asyncio.Task[None]:
        """Have the process do something of its own."""

        async def doing() -> None:
            try:
                await work(*told)
            except Exception as error:  # noqa: BLE001 - the world judges it
                self._fail(error)

        before = clock.OWNER.set(self.power)
        try:
            return asyncio.create_task(doing())
        finally:
            clock.OWNER.reset(before)

    async def assign(self, sources: Iterable[TopicPartition]) -> None:
        """Give back what was assigned before, and take these up."""
        self._read_to = {}
        self._read_to = dict(await self.partition_assignment.assign(sources, self._bounds_of))
        self._log.wake()

    async def _bounds_of(
        self, sources: Collection[TopicPartition]
    ) -> dict[TopicPartition, LogBounds]:
        await self.power.step("kafka.bounds")
        return {one: LogBounds(0, len(self._log.partitions[one])) for one in sources}

    async def drain(self) -> None:
        """Give everything back."""
        self._read_to = {}
        await self.partition_assignment.drain()

    def has_finished(self, source: TopicPartition) -> bool:
        """Say whether all of a partition's log is decided and published."""
        return self.partition_assignment.published().get(source) == len(
            self._log.partitions[source]
        )

    async def _read(self) -> None:
        while True:
            unread = {
                one for one, at in self._read_to.items() if at < len(self._log.partitions[one])
            }
            if not unread:
                await self._log.news()
                continue
            for source in sorted(await self.partition_assignment.wait_for_room(unread, 0.5)):
                if source in self._read_to:
                    self.deliver(source)
            await asyncio.sleep(0)

    def deliver(self, source: TopicPartition) -> None:
        """Read some of what is new of a partition, all of it but for `chance`."""
        log, at = self._log.partitions[source], self._read_to[source]
        start, end = at, len(log)
        if self._chance is not None:
            if self._chance.random() < 0.05 and at + 1 < end:
                # Read before a seek: it comes too early, and will come again.
                self.partition_assignment.dispatch(source, Batch(at + 1, log[at + 1 : end], end))
            end = self._chance.randint(at + 1, end)
            start = self._chance.randint(max(0, at - 2), at)
        self._read_to[source] = end
        self._database.read_to[source] = max(end, self._database.read_to.get(source, 0))
        self.partition_assignment.dispatch(source, Batch(start, log[start:end], end))

    def _fail(self, error: BaseException) -> None:
        if not self.power.is_cut:
            self.failure = error
            self.power.cut()
