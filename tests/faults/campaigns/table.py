"""The table: every campaign by name, how large, and on which servers."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path

from tests.faults.campaigns import brokers, network, processes, replica_set, servers, topics
from tests.faults.installation import Installation
from tests.faults.replica_set import faults_of
from tests.faults.worker import STEPS


class Servers(Enum):
    """Which servers a campaign needs."""

    SHARED = "shared"
    OWN = "own"
    FULL = "own, on a small disk"
    REPLICATED = "own, with three Kafka brokers"


@dataclass(frozen=True)
class Campaign:
    """One campaign."""

    name: str
    run: Callable[[Installation], Awaitable[None]]
    servers: Servers = Servers.SHARED
    rate: float = 25
    """Messages a second."""


_WALKS = 4
"""How many campaigns share what a replica set may answer."""
_STEPS = list(STEPS)
_STOPS = [step for step in _STEPS if "rebalance" not in step and step != "after the mark"]


def table(mongo_ports: list[int], disk: Path, scale: float = 1) -> list[Campaign]:
    """Give all campaigns, the longest first; `scale` makes each smaller."""

    def some(count: int) -> int:
        return max(1, round(count * scale))

    steps, stops, down = some(16), some(16), 120 if scale == 1 else 15
    walks = max(1, round(_WALKS / scale))
    return [
        *(
            Campaign(
                f"mongo_answers_{n}",
                partial(
                    replica_set.answers, port=port, faults_of=faults_of, share=slice(n, None, walks)
                ),
            )
            for n, port in enumerate(mongo_ports[2:])
        ),
        *(
            Campaign(f"steps_{n}", partial(processes.stepped_kills, steps=_STEPS[n::4], each=steps))
            for n in range(4)
        ),
        *(
            Campaign(f"random_{n}", partial(processes.random_kills, count=some(70)))
            for n in range(3)
        ),
        *(
            Campaign(f"zombies_{n}", partial(processes.zombies, steps=_STOPS, count=stops))
            for n in range(2)
        ),
        *(
            Campaign(f"kafka_proxy_{n}", partial(network.kafka_faults, each=some(16), listener=n))
            for n in range(2)
        ),
        *(
            Campaign(f"mongo_proxy_{n}", partial(network.mongo_faults, each=some(16), port=port))
            for n, port in enumerate(mongo_ports[:2])
        ),
        Campaign("storms", partial(processes.storms, rounds=some(32))),
        Campaign("terminations", partial(processes.terminations, count=some(32))),
        Campaign("clocks", partial(processes.clock_jumps, seconds=max(10, some(60)))),
        Campaign("offsets", partial(topics.offsets_reset, count=some(6))),
        Campaign("gaps", partial(topics.offset_gaps, transactions=some(600))),
        Campaign("anew", topics.topic_made_anew, rate=60),
        Campaign("partitions", partial(brokers.partitions_added, count=some(6))),
        Campaign("kafka_kills", partial(servers.kafka_kills, count=some(32)), Servers.OWN),
        Campaign("mongo_kills", partial(servers.mongo_kills, count=some(32)), Servers.OWN),
        Campaign("kafka_down", partial(servers.kafka_down, count=2, seconds=down), Servers.OWN),
        Campaign("mongo_down", partial(servers.mongo_down, count=2, seconds=down), Servers.OWN),
        *(
            Campaign(name, run, Servers.REPLICATED)
            for name, run in {
                "brokers_rolling": partial(brokers.rolling_restarts, rounds=some(3)),
                "brokers_leaders": partial(brokers.leader_kills, count=some(10)),
                "brokers_shrink": partial(brokers.shrinks, count=2, messages=down * 25),
                "brokers_too_few": partial(brokers.too_few, count=some(4)),
                "brokers_partitions": partial(brokers.partitions_added, count=some(4)),
            }.items()
        ),
        Campaign("disk", partial(servers.disk_full, disk=disk, count=some(4)), Servers.FULL),
    ]
