"""What comes over a process at each of its steps: strikes at given steps, or a storm by seed."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from hashlib import sha256
from random import Random

from aiokafka.errors import KafkaConnectionError

from models.errors import StorageBusy, StorageUnavailable
from tests.simulation.power import Power

CRASH, FAIL = "crash", "error"
MOST_STEPS = 30_000
"""A world takes a few hundred steps, one in trouble a few thousand."""


class Strikes:
    """Weather that strikes at the given steps, counted over all processes."""

    def __init__(self, at: Mapping[int, str]) -> None:
        self.steps = 0
        self.struck: list[str] = []
        self._at = at

    async def __call__(self, power: Power, what: str) -> None:
        self.steps += 1
        strike = self._at.get(self.steps)
        await asyncio.sleep(0)
        if strike is None:
            return
        self.struck.append(what)
        if strike == CRASH:
            power.cut()
        else:
            raise _no_answer(what)


class Storm:
    """Weather at random, as violent as the seed has it, until it is calm."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.calm = False
        self.met: Counter[str] = Counter()
        self.digest = sha256()
        """Of every step."""
        self._crash, self._fail, self._delay = (
            chance.choice((0, high / 4, high)) for high in (0.01, 0.04, 0.3)
        )

    async def __call__(self, power: Power, what: str) -> None:
        now = asyncio.get_running_loop().time()
        self.met["step"] += 1
        self.digest.update(f"{now:.6f} {power.name} {what}\n".encode())
        pause = 0.0
        if not self.calm and self.chance.random() < self._delay:
            pause += self.chance.expovariate(5) if self.chance.random() < 0.98 else 25.0
        await asyncio.sleep(pause)
        if self.met["step"] > MOST_STEPS:
            power.cut()  # it goes round in circles, and will not come to rest
        if self.calm:
            return
        draw = self.chance.random()
        if draw < self._crash:
            self.met["crash"] += 1
            power.cut()
        elif draw < self._crash + self._fail:
            self.met["failure"] += 1
            if what == "storage.commit" and self.chance.random() < 0.5:
                raise StorageBusy("in the way")
            raise _no_answer(what)


def _no_answer(what: str) -> Exception:
    is_kafka = what.startswith("kafka")
    return KafkaConnectionError() if is_kafka else StorageUnavailable("no answer")
