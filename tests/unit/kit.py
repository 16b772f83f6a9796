"""A small world for the stages: they decide over memory, and what goes out to us comes back in."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from handlers import blocker_check
from handlers.handler import Handler
from handlers.unit_of_work import UnitOfWork
from models import keys
from models.change_set import ChangeSet
from models.checkpoint import Checkpoint, Outgoing
from models.commerce_order import CommerceOrder
from models.dead_letters import DeadLetter
from models.decision import Decision
from models.events import Event
from models.messages import CommandMessage, TopicPartition
from models.order_record import OrderRecord
from models.replay import ReplayPart
from models.topics import TopicName
from storage.port import Transaction
from streams.app import HANDLERS
from streams.messages import encode
from streams.processor import MAX_WEIGHT
from tests.builders import KEY, NOW, Message, a_message, a_replay
from tests.fakes.memory import MemoryStorage


def event_types(decision: Decision | None) -> list[str]:
    return [] if decision is None else [event.event_type for event in decision.events]


class World:
    """Every stage, each topic with one partition. `out` is all that was ever published."""

    def __init__(self, *, attentive: bool = True) -> None:
        self.storage = MemoryStorage()
        self.out: list[Outgoing] = []
        self.steps = Counter[str]()
        self.now = NOW
        self._attentive = attentive
        self._offsets = Counter[str]()
        self._to_read: list[Outgoing] = []

    async def tell(self, topic: str, *values: Any) -> list[Outgoing]:
        """Tell a batch, and let everything happen that follows; give what was published."""
        told = [one if isinstance(one, Message) else a_message(one) for one in values]
        before = len(self.out)
        await self._batch(topic, told)
        if self._attentive:
            await self.read_own()
        return self.out[before:]

    async def read_own(self) -> None:
        """Read what this program has said to itself, each message in a batch of its own."""
        while self._to_read:
            message = encode(self._to_read.pop(0))
            await self._batch(message.topic, [a_message(message.value, key=message.key)])

    async def _batch(self, topic: str, told: Sequence[Message]) -> None:
        source = TopicPartition(topic, 0)
        messages = [one._replace(offset=self._offsets[topic] + n) for n, one in enumerate(told)]
        self._offsets[topic] += len(messages)
        handler = HANDLERS[TopicName(topic)]
        read = list(handler.parse(messages))
        alone = [one for one in read if handler.weight(one) > MAX_WEIGHT]
        for together in [[one] for one in alone] or [read]:
            self.steps[topic] += 1
            await self._step(handler, together, source)

    async def _step(self, handler: Handler[Any], read: Any, source: TopicPartition) -> None:
        async def work(transaction: Transaction) -> Sequence[Outgoing]:
            unit_of_work = UnitOfWork(source.topic, self.now)
            await handler.handle(read, unit_of_work, transaction)
            before = self.storage.contents.checkpoints.get(source, Checkpoint(source, 0))
            moves = [
                (before, before.moved(self._offsets[source.topic], tuple(unit_of_work.outgoing)))
            ]
            await transaction.write(unit_of_work.take_changes(), moves)
            return unit_of_work.outgoing

        outgoing = await self.storage.transact(work)
        self.out += outgoing
        self._to_read += [one for one in outgoing if isinstance(one, CommandMessage)]

    async def replay(self, *orders: str, replay_id: str | None = None) -> list[Outgoing]:
        """Begin a replay of these `store/order`, and let it happen; give what was published."""
        replay_id = replay_id or f"r-{len(self.storage.contents.kept_replays.replays)}"
        parts = [
            ReplayPart(replay_id, step, orders[start : start + blocker_check.STEP])
            for step, start in enumerate(range(0, len(orders), blocker_check.STEP))
        ]
        replay = a_replay(replay_id=replay_id, selected=len(orders))
        self.storage.contents.kept_replays.write(ChangeSet(replays=[replay], replay_parts=parts))
        message = encode(blocker_check.step_command(replay_id, 0))
        return await self.tell(TopicName.COMMANDS, a_message(message.value, key=message.key))

    def order(self, key: str = KEY) -> OrderRecord:
        return self.storage.contents.orders[key]

    def commerce_order(self, key: str = KEY) -> CommerceOrder:
        return self.storage.contents.commerce_orders[keys.commerce_order_id(key)]

    def reserved(self, sku: str = "SKU-1") -> int:
        return self.storage.contents.products[sku].reserved

    @property
    def events(self) -> list[str]:
        return [one.event_type for one in self.out if isinstance(one, Event)]

    @property
    def dead_letters(self) -> list[DeadLetter]:
        return [one for one in self.out if isinstance(one, DeadLetter)]
