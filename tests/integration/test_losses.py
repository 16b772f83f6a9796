"""On a broker: stock Faust goes on behind messages that were never worked on; ours does not.

Each loss is provoked with the same messages for both, by programs of their own: what a message does
to the work on it is in `losses`, the programs are in `stock_faust`. They are told to end while
some of it hangs, and then go on as if nothing had been, with one more message in each topic.

L1 is an exception in the plain iteration; L2 a cancellation there, which a shutdown brings if Faust
is told not to wait for work that hangs; L3 and L4 an exception in `take` and `noack_take`; L5 to L7
commits past what is not done, for which two agents on one partition give the occasion.

L8, events of an old generation, is shown with Faust's classes alone, in the unit tests. A rebalance
empties the queues of Faust 0.15.3, and drops what waits to get into them, before the generation
changes; on a broker an old event slips through only if it falls between two steps of the loop.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError

from models.topics import TopicName
from order_import.devtools.embedded.servers import Addresses
from tests.integration.kit import System, Worker, open_system
from tests.integration.losses import END, LOSSES, noted


@dataclass
class Program:
    """Stock Faust or ours, and what became of its messages."""

    system: System
    admin: AIOKafkaAdminClient
    which: str
    """Also the group it reads in."""
    at_work: dict[str, int] = field(default_factory=dict)
    """What it had committed of each loss when some of it was stuck."""
    ended: dict[str, int] = field(default_factory=dict)
    """The same, after its end."""
    at_last: dict[str, int] = field(default_factory=dict)
    """The same, after it had been started again."""

    @property
    def diary(self) -> Path:
        """Where it writes what it has begun and done."""
        return self.system.directory / self.which

    async def start(self, harm: str) -> Worker:
        """Start it, and go on at once."""
        program = ("-m", "tests.integration.stock_faust", self.which)
        return await self.system.start_other(*program, str(self.diary), harm)

    async def is_stuck(self) -> None:
        """Wait until of each loss it has begun what it never does."""

        async def holds() -> bool:
            begun = noted(self.diary, "begun")
            return all(
                any((name, offset) in begun for offset in loss.never_done)
                for name, loss in LOSSES.items()
            )

        await self.system.eventually(holds, f"{self.which} is stuck in each of its topics")

    async def is_through(self) -> None:
        """Wait until it has done each topic's last message."""

        async def holds() -> bool:
            return {(name, END) for name in LOSSES} <= noted(self.diary, "done")

        await self.system.eventually(holds, f"{self.which} is through")

    async def committed(self) -> dict[str, int]:
        """Give how far it has committed each loss's partition."""
        try:
            found = await self.admin.list_consumer_group_offsets(self.which)
        except GroupCoordinatorNotAvailableError:
            found = {}
        prefix = self.system.settings.topic_prefix
        partitions = {name: TopicPartition(prefix + loss.topic, 0) for name, loss in LOSSES.items()}
        return {
            name: int(found[one].offset) if one in found else 0 for name, one in partitions.items()
        }

    async def has_lost(self) -> None:
        """Wait until it has committed past what it has not done, or fail with what it has."""

        async def holds() -> bool:
            self.at_work = await self.committed()
            return all(
                self.at_work[name] > min(loss.never_done)
                for name, loss in LOSSES.items()
                if name not in IN_THE_END
            )

        await self.system.eventually(holds, f"{self.which} has committed too much")

    def missing(self, name: str) -> set[int]:
        """Give a loss's messages that it has never done."""
        done = noted(self.diary, "done")
        return {one for one in LOSSES[name].offsets if (name, one) not in done}


IN_THE_END = {"L2 cancellation"}
"""What is lost by the shutdown only."""
Programs = Mapping[str, Program]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def programs(
    addresses: Addresses, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Programs]:
    directory = tmp_path_factory.mktemp("losses")
    async with AsyncExitStack() as stack:
        system = await stack.enter_async_context(open_system(addresses, directory, "losses"))
        admin = AIOKafkaAdminClient(bootstrap_servers=system.settings.kafka_bootstrap_servers)
        await admin.start()
        stack.push_async_callback(admin.close)
        await _send(system)
        stock, ours = Program(system, admin, "stock"), Program(system, admin, "ours")
        both = (stock, ours)
        workers = [await one.start("harmed") for one in both]
        for one in both:
            await one.is_stuck()
        await stock.has_lost()
        await asyncio.gather(*(one.stop() for one in workers))
        for one in both:
            one.ended = await one.committed()
        for loss in LOSSES.values():
            await _send_one(system.producer, system, loss.topic, END)
        workers = [await one.start("unharmed") for one in both]
        for one in both:
            await one.is_through()
        await asyncio.gather(*(one.stop() for one in workers))
        for one in both:
            one.at_last = await one.committed()
        yield {"stock": stock, "ours": ours}


async def _send(system: System) -> None:
    for loss in LOSSES.values():
        if loss.offsets == tuple(range(len(loss.offsets))):
            for offset in loss.offsets:
                assert await _send_one(system.producer, system, loss.topic, offset) == offset
    gap = LOSSES["L7 gap"]
    async with AIOKafkaProducer(
        bootstrap_servers=system.settings.kafka_bootstrap_servers, transactional_id="losses"
    ) as producer:
        for offsets in (gap.offsets[:2], gap.offsets[2:]):
            async with producer.transaction():
                for offset in offsets:
                    assert await _send_one(producer, system, gap.topic, offset) == offset


async def _send_one(
    producer: AIOKafkaProducer, system: System, topic: TopicName, value: int
) -> int:
    name, told = system.settings.topic_prefix + topic, b"%d" % value
    sent = await producer.send_and_wait(name, value=told, key=told, partition=0)
    return int(sent.offset)


@pytest.mark.parametrize("name", LOSSES)
def test_stock_faust_commits_past_what_it_never_does(programs: Programs, name: str) -> None:
    program, lost = programs["stock"], LOSSES[name].never_done
    committed = program.ended if name in IN_THE_END else program.at_work
    # How many go in one batch of `take` depends on when they come.
    assert committed[name] > min(lost)
    assert set() < program.missing(name) <= lost


@pytest.mark.parametrize("name", LOSSES)
def test_ours_commits_only_what_is_done_and_does_the_rest_when_it_is_started_again(
    programs: Programs, name: str
) -> None:
    program, loss = programs["ours"], LOSSES[name]
    assert not program.missing(name)
    assert program.ended[name] <= min(loss.never_done)
    assert program.at_last[name] > max(loss.offsets) + 1
