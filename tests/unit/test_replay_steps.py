"""Replays step by step: begun, carried out by the worker, canceled, and taken up if forgotten."""

from datetime import timedelta
from typing import Any

import pytest

from handlers import blocker_check
from models.commands import ReplayStep
from models.errors import BrokerUnavailable
from models.messages import CommandMessage
from models.replay import Replay, ReplayState, Selection
from models.topics import TopicName
from order_import.operations import replay as operation
from order_import.operations.replay import Request, begin, cancel, follow, sum_up
from tests.builders import NOW, STORE, a_document, a_product, a_store, later
from tests.unit.kit import World

COMMANDS = TopicName.COMMANDS
REQUEST = Request(Selection(), "olga@here", "import was off", {"by": "test"})


class Outside:
    """What an operator's command is, beside a worker: it publishes when `is_up`."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.sent: list[CommandMessage] = []
        self.is_up = True

    async def send(self, command: CommandMessage) -> None:
        if not self.is_up:
            raise BrokerUnavailable("no answer")
        self.sent.append(command)

    async def begin(self, keys: list[str]) -> Replay:
        return await begin(self.world.storage, self.send, REQUEST, keys, NOW)

    async def take_step(self) -> list[CommandMessage]:
        """Have the worker take the step that was sent last; give what it sends itself."""
        body = self.sent[-1].command.model_dump(mode="json")
        out = await self.world.tell(COMMANDS, body)
        own = [one for one in out if isinstance(one, CommandMessage)]
        self.sent += own
        return own


async def a_world(orders: int) -> tuple[World, list[str]]:
    """Orders that were skipped while import was off, and import is on again."""
    world = World(attentive=False)
    off = a_store(import_amazon_orders=False)
    await world.tell(TopicName.STORES, off.model_dump(mode="json"))
    product = a_product(salable_quantity=1000)
    await world.tell(TopicName.PRODUCTS, product.model_dump(mode="json"))
    names = [f"{number:03}" for number in range(orders)]
    await world.tell(TopicName.ORDERS, *(a_document(amazon_order_id=one) for one in names))
    on = a_store(updated_at=later(-1))
    await world.tell(TopicName.STORES, on.model_dump(mode="json"))
    return world, [f"{STORE}/{one}" for one in names]


def stored(world: World, replay_id: str) -> Replay:
    return world.storage.contents.kept_replays.replays[replay_id]


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocker_check, "STEP", 4)
    monkeypatch.setattr(operation, "STEP", 4)


async def test_a_replay_is_a_chain_of_steps_each_in_a_transaction() -> None:
    world, keys = await a_world(10)
    outside = Outside(world)
    replay = await outside.begin(keys)
    assert (replay.state, replay.selected, replay.done) == (ReplayState.RUNNING, 10, 0)
    for done in (4, 8):
        (following,) = await outside.take_step()
        now = stored(world, replay.replay_id)
        assert (now.done, now.state, now.results) == (done, ReplayState.RUNNING, {"created": done})
        assert following.command == ReplayStep(replay_id=replay.replay_id, step=now.step)
    assert await outside.take_step() == []
    over = stored(world, replay.replay_id)
    assert (over.state, over.done, over.finished_at) == (ReplayState.DONE, 10, NOW)
    summary = await sum_up(world.storage, replay.replay_id)
    assert summary.orders == {"created": 10}


async def test_a_step_that_comes_twice_is_taken_once() -> None:
    world, keys = await a_world(6)
    outside = Outside(world)
    replay = await outside.begin(keys)
    first = outside.sent[0]
    await outside.take_step()
    outside.sent.append(first)
    assert await outside.take_step() == []
    assert stored(world, replay.replay_id).done == 4


async def test_a_replay_is_canceled_from_anywhere_after_the_step_it_is_in() -> None:
    world, keys = await a_world(10)
    outside = Outside(world)
    replay = await outside.begin(keys)
    await outside.take_step()
    assert await cancel(world.storage, replay.replay_id, later(1))
    assert await outside.take_step() == []
    over = stored(world, replay.replay_id)
    assert (over.state, over.done, over.finished_at) == (ReplayState.CANCELED, 4, later(1))
    assert len(world.storage.contents.commerce_orders) == 4
    assert not await cancel(world.storage, replay.replay_id, later(2))
    assert not await cancel(world.storage, "of nobody", later(2))


async def test_a_replay_whose_command_did_not_reach_kafka_is_canceled() -> None:
    world, keys = await a_world(2)
    outside = Outside(world)
    outside.is_up = False
    with pytest.raises(BrokerUnavailable):
        await outside.begin(keys)
    (replay,) = world.storage.contents.kept_replays.replays.values()
    assert replay.state is ReplayState.CANCELED


async def test_a_replay_that_stands_still_goes_on_at_the_next_sync() -> None:
    """Whoever began it may have ended between the database and Kafka."""
    world, keys = await a_world(10)
    outside = Outside(world)
    replay = await outside.begin(keys)
    await outside.take_step()
    sync: dict[str, Any] = {"command": "sync", "requested_at": "2026-07-01T12:00:00Z"}
    assert not await world.tell(COMMANDS, sync)
    world.now = NOW + blocker_check.STALLED + timedelta(seconds=1)
    (again,) = await world.tell(COMMANDS, sync)
    assert again == blocker_check.step_command(replay.replay_id, 1)
    assert not await world.tell(COMMANDS, {**sync, "store_id": STORE})


async def test_a_sync_is_a_chain_and_says_when_it_is_through() -> None:
    world, _ = await a_world(0)
    names = [f"{number:03}" for number in range(9)]
    lacking = a_product(salable_quantity=0, as_of=later(0))
    await world.tell(TopicName.PRODUCTS, lacking.model_dump(mode="json"))
    await world.tell(TopicName.ORDERS, *(a_document(amazon_order_id=one) for one in names))
    await world.read_own()
    outside = Outside(world)
    sync = {"command": "sync", "requested_at": "2026-07-01T12:00:00Z"}
    out = await world.tell(COMMANDS, sync)
    outside.sent += [one for one in out if isinstance(one, CommandMessage)]
    assert world.storage.contents.kept_replays.synced == {}
    assert len(await outside.take_step()) == 1
    assert await outside.take_step() == []
    assert world.storage.contents.kept_replays.synced == {"all": NOW}
    tried = [one.outcome for one in world.storage.contents.orders.values()]
    assert {getattr(one, "tried", 0) for one in tried} == {2}


async def test_a_replay_is_followed_until_it_is_over() -> None:
    world, keys = await a_world(6)
    outside = Outside(world)
    replay = await outside.begin(keys)
    seen = []
    async for state in follow(world.storage, replay.replay_id):
        seen.append(state.done)
        await outside.take_step()
    assert seen == [0, 4, 6]
    assert [one async for one in follow(world.storage, "of nobody")] == []
