"""Negative controls: the worker with one thing broken is caught, and unbroken it passes."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from order_import.devtools.embedded.process import remembered_port
from order_import.worker import BROKEN
from tests.faults.campaign import Result, run_campaign, seed_of
from tests.faults.campaigns.processes import has_stopped
from tests.faults.campaigns.table import Campaign
from tests.faults.cluster import Cluster
from tests.faults.command_proxy import Choose, CommandProxy
from tests.faults.installation import Installation
from tests.faults.nursery import Nursery
from tests.faults.replica_set import Answer, Command, Fault, When
from tests.faults.sabotage import ORDERS
from tests.waiting import PATIENCE, until

Scenario = Callable[[Installation, str], Awaitable[None]]


def _environment(
    broken: str, mishap: str = "", field: Installation | None = None
) -> dict[str, str]:
    return {
        "FAULT_BROKEN": broken,
        "FAULT_MISHAP": mishap,
        "FAULT_MARKER": "" if field is None else str(field.directory / "failed-once"),
        # Stock Faust counts messages: one at a time, as it would have them.
        "ORDER_IMPORT_BATCH_SIZE": "1" if broken in {"plain async for", "stock commits"} else "500",
    }


async def killed_when_slow(field: Installation, broken: str) -> None:
    """A worker is killed over its first orders, another one goes on."""
    await field.send(40)
    first = await field.start(more=_environment(broken, "killed when slow"))
    assert await asyncio.wait_for(first.ended, PATIENCE) == -signal.SIGKILL
    second = await field.start(more=_environment(broken))
    # What is lost is passed over only when more comes behind it.
    await field.send(40)
    await _orders_caught_up(field)
    await second.end(signal.SIGKILL)


async def _orders_caught_up(field: Installation) -> None:
    reached = field.load.reached.items()
    await field.wait_for_backlog(
        {place: end for place, end in reached if place.startswith(f"{ORDERS}:")}
    )


async def fails_once(field: Installation, broken: str) -> None:
    """A decision fails; then the worker is killed, and another one goes on."""
    await field.send(40)
    async with field.supervised(1, more=_environment(broken, "fails once", field)) as workers:
        await field.wait_for_backlog(dict(field.load.reached))
        await field.send(5)
        await field.committed()
        await workers[0].end(signal.SIGKILL)
        await field.send(20)
        await field.wait_for_backlog(dict(field.load.reached))


async def killed_before_commit(field: Installation, broken: str) -> None:
    """A worker is killed with an open transaction, another one does it again."""
    await field.send(60)
    first = await field.start(more=_environment(broken, "killed before commit"))
    assert await asyncio.wait_for(first.ended, PATIENCE) == -signal.SIGKILL
    second = await field.start(more=_environment(broken))
    await field.wait_for_backlog(dict(field.load.reached))
    await second.end(signal.SIGTERM)


async def stopped_before_transaction(field: Installation, broken: str) -> None:
    """A worker stops over orders it has read, another decides them, and the first goes on."""
    await field.send(60)
    zombie = await field.start(more=_environment(broken, "stopped before the transaction"))
    assert await has_stopped(zombie, PATIENCE)
    other = await field.start(more=_environment(broken))
    await field.wait_for_backlog(dict(field.load.reached))
    epochs = await _epochs(field)
    zombie.send(signal.SIGCONT)

    async def has_woken() -> bool:
        return not zombie.alive or await _epochs(field) != epochs

    # It wakes into its transaction: unbroken, it finds the checkpoint lost and ends itself, or is
    # told first that its partitions are another's.
    await until(has_woken)
    assert broken or zombie.alive or zombie.ended.result() == BROKEN
    await zombie.end(signal.SIGKILL)
    await other.end(signal.SIGTERM)


async def _epochs(field: Installation) -> list[int]:
    """How many owners the partitions of orders have had, by the last one that decided there."""
    checkpoints = await field.checkpoints()
    return [checkpoints[f"{ORDERS}:{number}"]["epoch"] for number in range(2)]


async def more_orders_than_stock(field: Installation, broken: str) -> None:
    """More orders of scarce products than there are units."""
    await field.send(600, without="commerce.products")  # with them would come more units
    worker = await field.start(more=_environment(broken))
    await until(field.at_rest, 0.3)  # else the clean worker that follows judges the rest
    await worker.end(signal.SIGTERM)


async def commit_unknown(field: Installation, broken: str, *, fault: Fault) -> None:
    """Commits of orders are answered as by a replica set in trouble; more orders come behind."""
    proxy = CommandProxy(remembered_port(field.directory / "port"), field.cluster.mongo_port)
    await proxy.start()
    field.mongo_url = proxy.url
    try:
        async with field.supervised(1, more=_environment(broken)):
            await field.wait_for_backlog(dict(field.load.reached))
            for _ in range(3):
                begun = proxy.answer(_at_orders(fault))
                await field.send(40)
                await asyncio.wait_for(begun, PATIENCE)
            # What is lost is passed over only when more comes behind it.
            await field.send(40)
            await _orders_caught_up(field)
    finally:
        await proxy.stop()


def _at_orders(fault: Fault) -> Choose:
    """Choose a fault for the commit of a transaction that has asked for orders of messages."""
    asked: set[tuple[object, object]] = set()

    def choose(command: Command) -> Fault | None:
        transaction = command.session, command.body.get("txnNumber")
        is_of_messages = "amazon_order_id" in command.body.get("filter", ())
        if command.body.get("find") == "amazon_orders" and is_of_messages:
            asked.add(transaction)
        is_it = command.name == "commitTransaction" and transaction in asked
        return fault if is_it else None

    return choose


class Control(NamedTuple):
    """What is broken, what happens, and the count of the checker that must not be 0."""

    scenario: Scenario
    caught_as: str


CONTROLS = {
    "plain async for": Control(killed_when_slow, "lost"),
    "stock commits": Control(fails_once, "lost"),
    "publish before commit": Control(killed_before_commit, "invented"),
    "no compare-and-set": Control(stopped_before_transaction, "twice"),
    "unconditional stock": Control(more_orders_than_stock, "oversold"),
    # The server has ended the transaction, and says no more than that it took too long.
    "unknown commit is done": Control(
        partial(commit_unknown, fault=(Answer(When.ABORTED, 50),)), "lost"
    ),
    # Done; the next primary says that there is no such transaction.
    "unknown commit is not done": Control(
        partial(commit_unknown, fault=(Answer(When.AFTER, 189), Answer(When.BEFORE, 251))), "twice"
    ),
}


async def _run(directory: Path) -> dict[tuple[str, bool], Result]:
    """Run every scenario broken and unbroken, all side by side."""

    async def one(name: str, is_broken: bool) -> Result:
        label = name.replace(" ", "_") + ("_broken" if is_broken else "")
        scenario = CONTROLS[name].scenario
        campaign = Campaign(label, lambda field: scenario(field, name if is_broken else ""))
        (directory / label).mkdir()
        # The same load for both.
        seed = seed_of(1, name) - seed_of(0, label)
        return await run_campaign(campaign, cluster, nursery, directory / label, seed)

    async with Cluster(directory / "servers") as cluster, Nursery() as nursery:
        cases = [(name, is_broken) for name in CONTROLS for is_broken in (True, False)]
        results = await asyncio.gather(*(one(*case) for case in cases))
    return dict(zip(cases, results, strict=True))


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, bool], Result]:
    return asyncio.run(_run(tmp_path_factory.mktemp("controls")))


@pytest.mark.parametrize("name", CONTROLS)
def test_what_is_broken_is_caught(name: str, results: dict[tuple[str, bool], Result]) -> None:
    result = results[name, True]
    assert not result.errors
    assert result.verdict["counts"][CONTROLS[name].caught_as], result.verdict


@pytest.mark.parametrize("name", CONTROLS)
def test_unbroken_it_passes(name: str, results: dict[tuple[str, bool], Result]) -> None:
    result = results[name, False]
    assert result.holds, (result.errors, result.verdict)
    assert result.verdict["sizes"]["orders"]
