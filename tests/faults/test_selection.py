"""A few faults of each kind: `make faults` in a minute or two."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from order_import.devtools.embedded.process import remembered_port
from tests.faults.campaign import Result, run_campaign
from tests.faults.campaigns import network, processes, replica_set, servers
from tests.faults.campaigns.table import Campaign
from tests.faults.cluster import Cluster
from tests.faults.installation import Installation
from tests.faults.nursery import Nursery
from tests.faults.replica_set import COMMITS, Answer, Command, Fault, When
from tests.servers import CORES

STEPS = (
    "in the transaction, before commit",
    "after commit, before publish",
    "after publish, before the mark",
)
MADE = {
    "steps": {f"kill: {step}" for step in STEPS},
    "random": {"random kill"},
    "zombie": {"zombie: at random"},
    "storm": {"rebalance storm"},
    "mongo_proxy": {"MongoDB: cut between commit and its answer"},
    "kafka_proxy": {"Kafka: cut between produce and its answer"},
    "mongo_answers": {
        "MongoDB, answered: commitTransaction: no answer",
        "MongoDB, answered: commitTransaction: 189",
        "MongoDB, answered: commitTransaction: 64w",
        "MongoDB, answered: bulkWrite in a transaction: 112",
        "MongoDB, answered: bulkWrite in a transaction: 388",
        "MongoDB, answered: update: 10107",
        "MongoDB, answered: find: 91",
    },
    "servers": {"Kafka killed", "MongoDB killed"},
}
"""The faults that must have been made, by campaign; more were."""
_RATE = 4.0
"""Messages a second: enough to meet every fault, on any machine."""
_AT_ONCE = 4 * CORES
"""More workers than a core can start in time would lose their sessions, again and again."""


async def _both_servers(field: Installation) -> None:
    await servers.kafka_kills(field, 1)
    await field.quiet()
    await servers.mongo_kills(field, 1)


async def _mongo_faults(field: Installation) -> None:
    await network.mongo_faults(field, 1, _port(field))


async def _mongo_answers(field: Installation) -> None:
    await replica_set.answers(field, _port(field), faults_of=_trouble)


def _port(field: Installation) -> int:
    """Return a port that is free when the campaign begins."""
    return remembered_port(field.directory / "port")


def _trouble(command: Command) -> Sequence[Fault]:
    """A few answers at each kind of command, some before and some after it is done."""
    match command.kind:
        case "commitTransaction":
            return [
                (Answer(When.BEFORE),),
                (Answer(When.AFTER, 64, in_write_concern=True),),
                *COMMITS[:5],
            ]
        case "bulkWrite in a transaction":
            return [(Answer(When.AFTER, 112),), (Answer(When.BEFORE, 388),)]
        case "update":
            return [(Answer(When.AFTER, 10107),) * 3]
        case "find":
            return [(Answer(When.BEFORE, 91),) * 3]
        case _:
            return [(Answer(When.BEFORE, 189),) * 2]


async def _run(directory: Path) -> dict[str, Result]:
    """Run several side by side: they mostly wait for a session to end."""
    places = asyncio.Semaphore(_AT_ONCE)

    async def one(campaign: Campaign, cluster: Cluster) -> Result:
        home = directory / campaign.name
        home.mkdir()
        async with places:
            return await run_campaign(replace(campaign, rate=_RATE), cluster, nursery, home, 1)

    shared_campaigns = [
        Campaign("steps", partial(processes.stepped_kills, steps=STEPS, each=1)),
        Campaign("random", partial(processes.random_kills, count=3)),
        Campaign("zombie", partial(processes.zombies, steps=STEPS, count=1)),
        Campaign("storm", partial(processes.storms, rounds=2)),
        Campaign("mongo_proxy", _mongo_faults),
        Campaign("mongo_answers", _mongo_answers),
        Campaign("kafka_proxy", partial(network.kafka_faults, each=1, listener=0)),
    ]
    async with (
        Cluster(directory / "shared", proxies=1) as shared,
        Cluster(directory / "own") as own,
        Nursery() as nursery,
    ):
        results = await asyncio.gather(
            one(Campaign("servers", _both_servers), own),
            *(one(campaign, shared) for campaign in shared_campaigns),
        )
    return {result.name: result for result in results}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    return asyncio.run(_run(tmp_path_factory.mktemp("selection")))


@pytest.mark.parametrize("name", MADE)
def test_nothing_is_lost_and_nothing_happens_twice(name: str, results: dict[str, Result]) -> None:
    result = results[name]
    assert result.holds, (result.errors, result.verdict)
    assert MADE[name] <= {kind for kind, count in result.faults.items() if count}
    assert result.verdict["sizes"]["commerce_orders"]
