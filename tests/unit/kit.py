"""A small world for the handlers: a worker decides what is told, and reads what it says itself."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from typing_extensions import override

from handlers import blocker_check
from models import keys
from models.change_set import ChangeSet
from models.checkpoint import Outgoing
from models.commerce_order import CommerceOrder
from models.dead_letters import DeadLetter
from models.decision import Decision
from models.events import Event
from models.keys import DEFAULT_STOCK
from models.messages import CommandMessage, TopicPartition
from models.order_record import OrderRecord
from models.replay import ReplayPart
from models.topics import TopicName
from storage.port import Transaction
from streams.messages import encode
from streams.processor import MAX_WEIGHT
from streams.publisher import Publisher
from tests.builders import KEY, NOW, SOURCE, Message, a_message, a_replay
from tests.fakes.memory import MemoryStorage
from tests.simulation import world as simulation
from tests.simulation.database import ProcessStorage
from tests.simulation.power import Power
from tests.simulation.process import Process


def event_types(decision: Decision | None) -> list[str]:
    return [] if decision is None else [event.event_type for event in decision.events]


class Recorder(Publisher):
    """Keeps what is published, in place of Kafka."""

    def __init__(self) -> None:
        self.out: list[Outgoing] = []
        self.unread: list[CommandMessage] = []
        """What the program has said to itself."""

    @override
    async def publish(self, outgoing: Sequence[Outgoing], *, resumed: bool = False) -> None:
        self.out += outgoing
        self.unread += [one for one in outgoing if isinstance(one, CommandMessage)]


class World:
    """A worker, each topic with one partition. `out` is all that was ever published.

    What it has said to itself it reads at once, or if it is not `attentive`, when it is told to.
    It is `judged` by the invariants, unless a test stores what could not have come about.
    """

    def __init__(self, *, attentive: bool = True, judged: bool = True) -> None:
        self.now = NOW
        self.simulated = simulation.World(partitions={}, now=lambda: self.now)
        self.storage = ProcessStorage(self.simulated.database, Power())
        self._attentive = attentive
        self._judged = judged
        self._published = Recorder()
        self._worker = Process(self.simulated, max_weight=MAX_WEIGHT, publisher=self._published)

    async def tell(self, topic: str, *values: Any) -> list[Outgoing]:
        """Tell a batch, and let everything happen that follows; give what was published."""
        before = len(self.out)
        await self._decide(topic, *values)
        if self._attentive:
            await self.read_own()
        return self.out[before:]

    async def read_own(self) -> None:
        """Read what this program has said to itself, each message in a batch of its own."""
        while self._published.unread:
            message = encode(self._published.unread.pop(0), SOURCE)
            await self._decide(message.topic, a_message(message.value, key=message.key))

    async def _decide(self, topic: str, *values: Any) -> None:
        source = TopicPartition(topic, 0)
        for one in values:
            self.simulated.log.append(topic, one if isinstance(one, Message) else a_message(one))
        await self._worker.assign([source])
        self._worker.deliver(source)
        while not self._worker.has_finished(source):
            if self._worker.failure is not None:
                raise self._worker.failure
            await asyncio.sleep(0)
        await self._worker.drain()
        assert not (self._judged and self.simulated.violations), self.simulated.violations

    def transactions(self, topic: str) -> int:
        """How many transactions the messages of a topic took."""
        return self.storage.contents.checkpoints[TopicPartition(topic, 0)].version

    async def replay(self, *orders: str, replay_id: str | None = None) -> list[Outgoing]:
        """Begin a replay of these `store/order`, and let it happen; give what was published."""
        replay_id = replay_id or f"r-{len(self.storage.contents.kept_replays.replays)}"
        parts = [
            ReplayPart(replay_id, step, orders[start : start + blocker_check.STEP])
            for step, start in enumerate(range(0, len(orders), blocker_check.STEP))
        ]
        replay = a_replay(replay_id=replay_id, selected=len(orders))
        self.storage.contents.kept_replays.write(ChangeSet(replays=[replay], replay_parts=parts))
        message = encode(blocker_check.step_command(replay_id, 0), SOURCE)
        return await self.tell(TopicName.COMMANDS, a_message(message.value, key=message.key))

    def order(self, key: str = KEY) -> OrderRecord:
        return self.storage.contents.orders[key]

    def commerce_order(self, key: str = KEY) -> CommerceOrder:
        return self.storage.contents.commerce_orders[keys.commerce_order_id(key)]

    def reserved(self, sku: str = "SKU-1", stock_id: str = DEFAULT_STOCK) -> int:
        return self.storage.contents.stocked(sku, stock_id).reserved

    @property
    def out(self) -> list[Outgoing]:
        return self._published.out

    @property
    def events(self) -> list[str]:
        return [one.event_type for one in self.out if isinstance(one, Event)]

    @property
    def dead_letters(self) -> list[DeadLetter]:
        return [one for one in self.out if isinstance(one, DeadLetter)]


class FailingStorage(MemoryStorage):
    """Fails the first transactions with these errors."""

    def __init__(self, *errors: Exception) -> None:
        super().__init__()
        self.errors = [*errors]

    @override
    async def transact(
        self, work: Callable[[Transaction], Awaitable[Any]], source: TopicPartition | None = None
    ) -> Any:
        if self.errors:
            raise self.errors.pop(0)
        return await super().transact(work, source)
