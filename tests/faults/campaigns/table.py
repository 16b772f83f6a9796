"""The table: every campaign by name, how large, and on which servers."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path

from tests.faults.campaigns import network, processes, servers, topics
from tests.faults.installation import Installation
from tests.faults.worker import STEPS


class Servers(Enum):
    """Which servers a campaign needs."""

    SHARED = "shared"
    OWN = "own"
    FULL = "own, on a small disk"


@dataclass(frozen=True)
class Campaign:
    """One campaign."""

    name: str
    run: Callable[[Installation], Awaitable[None]]
    servers: Servers = Servers.SHARED
    rate: float = 25
    """Messages a second."""


_STEPS = list(STEPS)
_STOPS = [step for step in _STEPS if "rebalance" not in step and step != "after the mark"]


def table(mongo_ports: list[int], disk: Path) -> list[Campaign]:
    """Give all campaigns, the longest first."""
    return [
        *(
            Campaign(f"steps_{n}", partial(processes.stepped_kills, steps=_STEPS[n::4], each=16))
            for n in range(4)
        ),
        *(Campaign(f"random_{n}", partial(processes.random_kills, count=70)) for n in range(3)),
        *(
            Campaign(f"zombies_{n}", partial(processes.zombies, steps=_STOPS, count=16))
            for n in range(2)
        ),
        Campaign("kafka_proxy_0", partial(network.kafka_faults, each=16, listener=0)),
        Campaign("kafka_proxy_1", partial(network.kafka_faults, each=16, listener=1)),
        Campaign("mongo_proxy_0", partial(network.mongo_faults, each=16, port=mongo_ports[0])),
        Campaign("mongo_proxy_1", partial(network.mongo_faults, each=16, port=mongo_ports[1])),
        Campaign("storms", partial(processes.storms, rounds=32)),
        Campaign("terminations", partial(processes.terminations, count=32)),
        Campaign("clocks", partial(processes.clock_jumps, seconds=60)),
        Campaign("offsets", partial(topics.offsets_reset, count=6)),
        Campaign("gaps", partial(topics.offset_gaps, transactions=600)),
        Campaign("anew", topics.topic_made_anew, rate=60),
        Campaign("kafka_kills", partial(servers.kafka_kills, count=32), Servers.OWN),
        Campaign("kafka_down", partial(servers.kafka_down, count=2, seconds=120), Servers.OWN),
        Campaign("mongo_down", partial(servers.mongo_down, count=2, seconds=120), Servers.OWN),
        Campaign("mongo_kills", partial(servers.mongo_kills, count=32), Servers.OWN),
        Campaign("disk", partial(servers.disk_full, disk=disk, count=4), Servers.FULL),
    ]
