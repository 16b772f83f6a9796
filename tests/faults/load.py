"""The load: valid orders, duplicates, news out of order, poison, a hot product, facts that flip.

Seeded: the same seed makes the same messages. What the broker acknowledged is written down.
"""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

Document = dict[str, Any]
START = datetime(2026, 11, 1, tzinfo=UTC)
PLAIN = [f"PLAIN-{n}" for n in range(4)]
HOT = [f"HOT-{n}" for n in range(2)]
FLIP = [f"FLIP-{n}" for n in range(3)]
POISON = (b'{"amazon_order_id": "1', b"\xff\xfe\x00", b'{"hello": 1}', b"[]", b"null")


class Step(NamedTuple):
    """News of an order: units of its first line that are canceled, and if the buyer asks to."""

    status: str
    canceled: int = 0
    asks: bool | None = None


LIVES = (
    [Step("Unshipped")],
    [Step("Unshipped")],
    [Step("Pending"), Step("Unshipped")],
    [Step("Pending")],
    [Step("Unshipped"), Step("Shipped")],
    [Step("Unshipped"), Step("Canceled")],
    [Step("Pending"), Step("Canceled")],
    [Step("Unshipped"), Step("Unshipped", 1)],
    [Step("Unshipped"), Step("Unshipped", 1), Step("Canceled", 1)],
    [Step("Unshipped"), Step("Shipped", 1)],
    [Step("Unshipped"), Step("Unshipped", asks=True)],
    [Step("Unshipped"), Step("Unshipped", asks=True), Step("Unshipped", 2, asks=False)],
)
"""What is told of an order, one after the other."""
LATER = 40
"""How many amendments wait: most come when their orders have been created."""


class Planned(NamedTuple):
    """A message to be sent."""

    topic: str
    key: str
    value: bytes
    kind: str
    poison: bool = False
    replays: str = ""
    """The `store/order` that a replay with the message's key is of, begun before it is sent."""


class Load:
    """Makes and sends messages; `reached` is the end, per partition, of what is acknowledged."""

    def __init__(self, seed: int, prefix: str, log: Path) -> None:
        self._random = Random(seed)
        self._prefix = prefix
        self._log = log.open("a", buffering=1)
        self._minute = 0
        self._orders = 0
        self._stock = dict.fromkeys(HOT, 10)
        self._plan = self._planned()
        self._sent: list[Planned] = []
        self._old: list[str] = []
        self._later: list[Planned] = []
        self.poisonous = True
        self.count = 0
        self.reached: dict[str, int] = {}

    def facts(self) -> list[Planned]:
        """The stores and products there are to begin with."""
        stores = [self._store("us", imports=True), self._store("off", imports=False)]
        products = [self._product(sku, 1_000_000) for sku in (*PLAIN, *FLIP)]
        return [*stores, *products, *(self._product(sku, self._stock[sku]) for sku in HOT)]

    def take(self, count: int) -> list[Planned]:
        """Give the next messages."""
        return [next(self._plan) for _ in range(count)]

    async def send(
        self,
        producer: AIOKafkaProducer,
        planned: list[Planned],
        begin: Callable[[str, str], Awaitable[bool]],
    ) -> None:
        """Send; what the broker does not take in time was not sent, as far as anyone knows.

        `begin` stores a replay, by its id and its order, and says whether it could.
        """
        messages = [one for one in planned if not one.replays or await begin(one.key, one.replays)]
        futures = [
            await producer.send(
                self._prefix + message.topic, key=message.key.encode(), value=message.value
            )
            for message in messages
        ]
        results = await asyncio.gather(*futures, return_exceptions=True)
        for message, result in zip(messages, results, strict=True):
            if isinstance(result, KafkaError):
                continue
            if isinstance(result, BaseException):
                raise result
            self._acknowledged(message, result.partition, result.offset)

    def forget(self, topic: str) -> None:
        """A topic is made anew: its partitions begin at 0."""
        self.reached = {p: end for p, end in self.reached.items() if not p.startswith(topic + ":")}

    def _acknowledged(self, message: Planned, partition: int, offset: int) -> None:
        line = {
            "topic": message.topic,
            "partition": partition,
            "offset": offset,
            "key": message.key,
            "sha256": hashlib.sha256(message.value).hexdigest(),
            "kind": message.kind,
            "poison": message.poison,
        }
        self._log.write(json.dumps(line) + "\n")
        place = f"{message.topic}:{partition}"
        self.reached[place] = max(self.reached.get(place, 0), offset + 1)
        self.count += 1
        if message.kind == "order":
            self._old = [*self._old[-500:], message.key]

    def _planned(self) -> Iterator[Planned]:
        """Endlessly: about 30 % duplicates, 5 % poison, 10 % facts and updates, else orders."""
        waiting: list[Planned] = []
        while True:
            chance = self._random.random()
            if chance < 0.30 and self._sent:
                yield self._random.choice(self._sent)._replace(kind="duplicate")
                continue
            if chance < 0.35 and self.poisonous:
                yield self._poison()
                continue
            if chance < 0.45:
                fact = self._fact()
                self._sent = [*self._sent[-200:], fact]
                yield fact
                continue
            if not waiting:
                waiting = [one for _ in range(4) for one in self._order()]
                self._mix(waiting)
            message = (self._later if len(self._later) > LATER else waiting).pop(0)
            self._sent = [*self._sent[-200:], message]
            yield message

    def _mix(self, messages: list[Planned]) -> None:
        """Orders interleave; of one in five, news come in the wrong order."""
        keys = {message.key for message in messages}
        wrong = {key for key in sorted(keys) if self._random.random() < 0.20}
        shuffled = messages[:]
        self._random.shuffle(shuffled)
        by_key = {key: [m for m in messages if m.key == key] for key in keys}
        messages[:] = [m if m.key in wrong else by_key[m.key].pop(0) for m in shuffled]

    def _order(self) -> list[Planned]:
        """Plan all news of a new order, oldest first; what amends it comes later."""
        self._orders += 1
        number = f"111-{self._orders:07d}-0000000"
        store, sku = "us", self._random.choice(PLAIN)
        kind = self._random.random()
        if kind < 0.15:
            sku = self._random.choice(HOT)
        elif kind < 0.30:
            sku = self._random.choice(FLIP)
        elif kind < 0.38:
            sku = "NOWHERE"
        elif kind < 0.45:
            store = "off"
        steps = self._random.choice(LIVES)
        # Something is always left: an order without units would not be imported.
        lines = [(sku, self._random.randint(1, 3) + max(step.canceled for step in steps))]
        if self._random.random() < 0.2:
            lines.append((self._random.choice(PLAIN), 1))
        name = "hot-order" if sku in HOT else "order"
        news = [
            Planned("amazon.orders", number, self._document(store, number, step, lines), name)
            for step in steps
        ]
        amends = next((n for n, step in enumerate(steps) if step.canceled or step.asks), len(steps))
        self._later += news[amends:]
        return news[:amends]

    def _document(self, store: str, number: str, step: Step, lines: list[tuple[str, int]]) -> bytes:
        canceled = [step.canceled, *(0 for _ in lines[1:])]
        return _json(
            store_id=store,
            amazon_order_id=number,
            status=step.status,
            fulfillment_channel="MFN",
            purchase_date="2026-11-02T10:00:00Z",
            last_update_date=self._tick(),
            total={"amount": f"{10 - step.canceled}.00", "currency": "USD"},
            buyer={"name": "Jane Marker-Doe"},
            buyer_requested_cancel=step.asks,
            items=[
                {
                    "order_item_id": f"{number}-{at}",
                    "seller_sku": sku,
                    "quantity": quantity - canceled[at],
                    "price": {"amount": "10.00", "currency": "USD"},
                }
                for at, (sku, quantity) in enumerate(lines)
            ],
        )

    def _fact(self) -> Planned:
        match self._random.randrange(5):
            case 0:
                sku = self._random.choice(HOT)
                self._stock[sku] += self._random.randint(0, 4)
                return self._product(sku, self._stock[sku])
            case 1 | 2:
                return self._product(
                    self._random.choice(FLIP), 1_000_000, enabled=self._random.random() < 0.5
                )
            case 3 if self._old:
                number = self._random.choice(self._old)
                body = {"store_id": "us", "amazon_order_id": number, "at": self._tick()}
                value = _json(**body, status=self._random.choice(["processing", "shipped"]))
                return Planned("commerce.order-updates", number, value, "update")
            case 4 if self._old:
                order, replay = f"us/{self._random.choice(self._old)}", f"r{self._minute}"
                value = _json(command="replay", replay_id=replay, step=0)
                return Planned("order-import.commands", replay, value, "replay", replays=order)
            case _:
                pass
        return self._product(self._random.choice(PLAIN), 1_000_000)

    def _poison(self) -> Planned:
        topic = self._random.choice(["amazon.orders"] * 3 + ["commerce.products"])
        value = self._random.choice(POISON)
        return Planned(topic, f"poison-{self._random.randrange(50)}", value, "poison", poison=True)

    def _product(self, sku: str, quantity: int, *, enabled: bool = True) -> Planned:
        # Some facts are older than the one before and change nothing.
        as_of = self._tick() if self._random.random() < 0.8 else _minutes(self._minute // 2)
        value = _json(sku=sku, enabled=enabled, salable_quantity=quantity, as_of=as_of)
        return Planned("commerce.products", sku, value, "product")

    def _store(self, store_id: str, *, imports: bool) -> Planned:
        value = _json(
            store_id=store_id,
            name=f"Store {store_id}",
            marketplace_id=f"MARKET-{store_id}",
            integrated_at="2026-01-01T00:00:00Z",
            import_amazon_orders=imports,
            updated_at="2026-01-01T00:00:00Z",
        )
        return Planned("commerce.stores", store_id, value, "store")

    def _tick(self) -> str:
        self._minute += 1
        return _minutes(self._minute)


def _minutes(count: int) -> str:
    # Seconds: a long load must not reach the day on which Commerce counts.
    return (START + timedelta(seconds=count)).isoformat()


def _json(**fields: Any) -> bytes:
    return json.dumps(fields).encode()
