"""The runner of a replay: paced, bounded, leased, canceled; and never two on one store."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from models.commands import Replay as ReplayCommand
from models.errors import BrokerUnavailable
from models.ledger import Changes, CommandMessage
from models.outcomes import Skipped, SkipReason
from models.replays import Replay, ReplayState, Selection
from order_import.replay import lease, runner
from order_import.replay.lease import LEASE, ReplayInTheWay, Tally, begin, end, keep
from order_import.replay.plan import select_keys
from order_import.replay.runner import LeaseLost, Ran, Request, Runner, Signals
from storage.memory import MemoryStorage
from storage.port import Transaction
from streams.topics import TopicName
from tests.builders import KEY, NOW, a_document, a_product, a_store
from tests.unit.kit import World

ORDERS = 30


class Worker:
    """Carries commands out over memory: at once, or so many at each look."""

    def __init__(self, world: World, at_a_look: int = 1000) -> None:
        self.world = world
        self.at_a_look = at_a_look
        self.waiting: list[CommandMessage] = []
        self.most_waiting = 0
        self.sent = 0
        self.done = 0
        self.on_look: Any = lambda: None
        self.broken = False

    async def send(self, commands: Sequence[CommandMessage]) -> None:
        if self.broken:
            raise BrokerUnavailable("cannot connect")
        self.waiting += commands
        self.sent += len(commands)
        self.most_waiting = max(self.most_waiting, len(self.waiting))

    async def carried_out(self) -> int:
        batch, self.waiting = self.waiting[: self.at_a_look], self.waiting[self.at_a_look :]
        if batch:
            told = [one.command.model_dump() for one in batch]
            await self.world.tell(TopicName.COMMANDS, *told)
        self.done += len(batch)
        self.on_look()
        return self.done


async def a_world() -> World:
    """Orders that were skipped while import was off, and import is on again."""
    world = World()
    await world.tell(TopicName.STORES, a_store(import_amazon_orders=False).model_dump(mode="json"))
    await world.tell(TopicName.PRODUCTS, a_product(salable_quantity=20).model_dump(mode="json"))
    orders = [a_document(amazon_order_id=f"{n:03d}") for n in range(ORDERS)]
    await world.tell(TopicName.ORDERS, *orders)
    assert {one.outcome for one in world.storage.contents.orders.values()} == {
        Skipped(SkipReason.IMPORT_DISABLED)
    }
    await world.tell(TopicName.STORES, a_store().model_dump(mode="json"))
    return world


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "_LOOK_EVERY", 0.001)


async def run(
    worker: Worker, signals: Signals | None = None, rate: float | None = None, **wanted: Any
) -> Ran:
    storage = worker.world.storage
    request = Request(Selection(**wanted), "me@here", "a test", rate)
    keys = await select_keys(storage, request.wanted)
    return await Runner(storage, worker, lambda: NOW).run(request, keys, signals or Signals())


async def test_all_are_sent_and_summed_up() -> None:
    worker = Worker(await a_world())
    ran = await run(worker)
    assert ran.summary.counts == {"created": 20, "blocked": 10, "refused": 0}
    assert (ran.replay.state, ran.unanswered) == (ReplayState.DONE, 0)
    stored = worker.world.storage.contents.kept_replays.replays[ran.replay.replay_id]
    assert stored == ran.replay
    assert (stored.sent, stored.done, stored.selected) == (ORDERS, ORDERS, ORDERS)
    assert stored.results == ran.summary.counts
    assert stored.reason_text == "a test"


async def test_no_more_is_under_way_than_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "IN_FLIGHT", 7)
    worker = Worker(await a_world(), at_a_look=2)
    assert (await run(worker)).replay.done == ORDERS
    assert worker.most_waiting == 7


async def test_a_rate_is_kept() -> None:
    worker = Worker(await a_world())
    clock = asyncio.get_running_loop().time
    start = clock()
    await run(worker, rate=100)
    assert clock() - start >= (ORDERS - 11) / 100


async def test_canceled_it_sends_no_more_and_waits_for_what_it_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runner, "IN_FLIGHT", 6)
    worker, signals = Worker(await a_world(), at_a_look=1), Signals()
    worker.on_look = lambda: signals.cancel.set() if worker.done == 3 else None
    ran = await run(worker, signals)
    assert ran.replay.state is ReplayState.CANCELED
    assert worker.sent == worker.done == ran.replay.sent == ran.summary.answered == 8
    assert ran.unanswered == 0


async def test_told_to_give_up_it_does_not_wait_either() -> None:
    worker, signals = Worker(await a_world(), at_a_look=4), Signals()
    worker.on_look = signals.give_up.set
    ran = await run(worker, signals)
    assert (ran.replay.state, ran.unanswered) == (ReplayState.CANCELED, ORDERS - 4)


async def test_broken_on_the_way_it_says_so() -> None:
    worker = Worker(await a_world(), at_a_look=4)
    worker.broken = True
    with pytest.raises(BrokerUnavailable):
        await run(worker)
    (replay,) = worker.world.storage.contents.kept_replays.replays.values()
    assert replay.state is ReplayState.BROKEN


async def test_without_its_lease_it_sends_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "LEASE", timedelta(milliseconds=5))
    monkeypatch.setattr(runner, "IN_FLIGHT", 2)
    worker = Worker(await a_world(), at_a_look=0)
    storage = worker.world.storage

    async def give_up_for_lost() -> None:
        await begin(storage, a_replay("other"), NOW + LEASE * 2)

    worker.on_look = lambda: tasks.append(asyncio.create_task(give_up_for_lost()))
    tasks: list[asyncio.Task[None]] = []
    with pytest.raises(LeaseLost):
        await run(worker)
    assert worker.sent == 2
    await asyncio.gather(*tasks, return_exceptions=True)


def a_replay(replay_id: str = "r", scope: str = "all", **fields: Any) -> Replay:
    return Replay(
        replay_id=replay_id,
        scope=scope,
        state=ReplayState.RUNNING,
        who="me@here",
        reason_text="a test",
        asked={},
        selected=1,
        started_at=NOW,
        **{"lease_until": NOW + LEASE, **fields},
    )


@pytest.mark.parametrize(
    ("running", "new", "together"),
    [
        ("all", "all", False),
        ("all", "us", False),
        ("us", "all", False),
        ("us", "us", False),
        ("us", "eu", True),
    ],
)
async def test_one_replay_at_a_time_may_touch_a_store(
    running: str, new: str, together: bool
) -> None:
    storage = MemoryStorage()
    await begin(storage, a_replay("first", running), NOW)
    if together:
        await begin(storage, a_replay("second", new), NOW)
        return
    with pytest.raises(ReplayInTheWay) as caught:
        await begin(storage, a_replay("second", new), NOW)
    assert caught.value.other.replay_id == "first"
    await end(storage, "first", ReplayState.DONE, NOW, Tally(1, 1), {"created": 1})
    await begin(storage, a_replay("second", new), NOW)


async def test_a_lease_is_kept_lost_and_not_found_again() -> None:
    storage = MemoryStorage()
    await begin(storage, a_replay("first"), NOW)
    almost = NOW + lease.LEASE - timedelta(milliseconds=1)
    assert await keep(storage, "first", almost, Tally(3, 2))
    with pytest.raises(ReplayInTheWay):
        await begin(storage, a_replay("second"), NOW + LEASE)
    after = almost + LEASE
    await begin(storage, a_replay("second", lease_until=after + LEASE), after)
    assert storage.contents.kept_replays.replays["first"].state is ReplayState.BROKEN
    assert not await keep(storage, "first", after, Tally(4, 4))
    assert not await end(storage, "first", ReplayState.DONE, after, Tally(4, 4), {})
    assert storage.contents.kept_replays.replays["first"].sent == 3


async def test_a_command_that_comes_again_does_not_change_its_answer() -> None:
    world = await a_world()
    key = "store-1/000"
    command = ReplayCommand(replay_id="r", key=key).model_dump()
    await world.tell(TopicName.COMMANDS, command, command)
    await world.tell(TopicName.COMMANDS, command)
    assert world.events.count("CommerceOrderCreated") == 1
    (recorded,) = world.storage.contents.kept_replays.answers.values()
    assert (recorded.answer.key, recorded.answer.result.value) == (key, "created")


async def test_replays_that_follow_each_other_are_one_transaction() -> None:
    world = await a_world()
    replays = [ReplayCommand(replay_id="r", key=key) for key in world.storage.contents.orders]
    sync = {"command": "sync", "requested_at": NOW.isoformat()}
    before = world.steps[TopicName.COMMANDS]
    told = [one.model_dump() for one in replays]
    await world.tell(TopicName.COMMANDS, *told[:10], sync, *told[10:])
    assert world.steps[TopicName.COMMANDS] - before == 3
    assert world.events.count("CommerceOrderCreated") == 20
    assert world.held() == 20


async def test_rule_13_a_replay_tells_a_block_again_only_when_it_is_another() -> None:
    world = World()
    await world.tell(TopicName.STORES, a_store().model_dump(mode="json"))
    await world.tell(TopicName.ORDERS, a_document())
    assert world.events == ["OrderImportBlocked"]
    again = ReplayCommand(replay_id="r", key=KEY).model_dump()
    await world.tell(TopicName.COMMANDS, again)
    assert world.events == ["OrderImportBlocked"]

    async def told_without_a_wake_up(transaction: Transaction) -> None:
        await transaction.write(Changes(products=[a_product(enabled=False)]))

    await world.storage.transact(told_without_a_wake_up)
    for replay_id in ("r2", "r3"):
        command = ReplayCommand(replay_id=replay_id, key=KEY).model_dump()
        await world.tell(TopicName.COMMANDS, command)
    assert world.events == ["OrderImportBlocked"] * 2
    story = world.storage.contents.stories[KEY]
    told = [(entry.what, entry.facts.get("replay_id")) for entry in story[-3:]]
    assert told == [("still-blocked", "r"), ("blocked", "r2"), ("still-blocked", "r3")]
