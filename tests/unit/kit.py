"""A small world for the stages: they decide over memory, and what goes out to us comes back in."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from models import keys
from models.decision import Decision
from models.events import Event
from models.ledger import Admission, CommandMessage, DeadLetter, Outgoing, Position, Source
from models.records import CommerceOrder, OrderRecord
from storage.memory import MemoryStorage
from storage.port import Transaction
from streams.blocker_check import BlockerCheckStage
from streams.commands import CommandsStage
from streams.facts import ListingsStage, ProductsStage, StoresStage
from streams.import_policy import ImportPolicyStage
from streams.messages import encode
from streams.order_updates import OrderUpdatesStage
from streams.page import Page
from streams.stage import Stage
from streams.topics import TopicName
from tests.builders import KEY, NOW, Message, a_message

STAGES: dict[str, Stage[Any]] = {
    TopicName.ORDERS: ImportPolicyStage(),
    TopicName.ADMITTED: BlockerCheckStage(),
    TopicName.STORES: StoresStage(),
    TopicName.PRODUCTS: ProductsStage(),
    TopicName.LISTINGS: ListingsStage(),
    TopicName.ORDER_UPDATES: OrderUpdatesStage(),
    TopicName.COMMANDS: CommandsStage(),
}


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
        source = Source(topic, 0)
        messages = [one._replace(offset=self._offsets[topic] + n) for n, one in enumerate(told)]
        self._offsets[topic] += len(messages)
        stage = STAGES[topic]
        read: Any = stage.read(messages)
        while read is not None:
            self.steps[topic] += 1
            read = await self._step(stage, read, source)

    async def _step(self, stage: Stage[Any], read: Any, source: Source) -> Any:
        async def work(transaction: Transaction) -> tuple[Any, Sequence[Outgoing]]:
            page = Page(source.topic, self.now)
            rest = await stage.decide(read, page, transaction)
            before = self.storage.contents.positions.get(source, Position(source, 0))
            end = before.decided_to if rest is not None else self._offsets[source.topic]
            moves = [(before, before.moved(end, tuple(page.outgoing)))]
            await transaction.write(page.to_changes(), moves)
            return rest, page.outgoing

        rest, outgoing = await self.storage.transact(work)
        self.out += outgoing
        self._to_read += [one for one in outgoing if isinstance(one, Admission | CommandMessage)]
        return rest

    def order(self, key: str = KEY) -> OrderRecord:
        return self.storage.contents.orders[key]

    def commerce_order(self, key: str = KEY) -> CommerceOrder:
        return self.storage.contents.commerce_orders[keys.commerce_order_id(key)]

    def held(self, sku: str = "SKU-1") -> int:
        return self.storage.contents.products[sku].held

    @property
    def events(self) -> list[str]:
        return [one.event_type for one in self.out if isinstance(one, Event)]

    @property
    def dead_letters(self) -> list[DeadLetter]:
        return [one for one in self.out if isinstance(one, DeadLetter)]
