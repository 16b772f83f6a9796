"""A world by seed: several workers, and all that can come over them, in a random order.

Workers crash, are slow, get errors instead of answers, hand their partitions over, and sleep while
another takes their place, to wake up as zombies. Messages are read twice and too early. A seed is
the whole of it: the same seed is the same world, step by step.
"""

import asyncio
from collections import Counter
from hashlib import sha256
from random import Random
from typing import NamedTuple

from aiokafka.errors import KafkaConnectionError

from models.errors import StorageBusy, StorageUnavailable
from tests.faults.inprocess.clock import play
from tests.faults.inprocess.database import Broken
from tests.faults.inprocess.power import Power
from tests.faults.inprocess.process import Process
from tests.faults.inprocess.world import PATIENCE, World, soon
from tests.model.histories import history

SESSION_SECONDS = 6.0
"""How long nobody notices that a worker is gone."""
MOST_STEPS = 30_000
"""A world takes a few hundred steps, one in trouble a few thousand."""


class Played(NamedTuple):
    """What became of a seed: what was met how often, a digest of every step, what was wrong."""

    met: Counter[str]
    digest: str
    violations: tuple[str, ...]


def simulate(seed: int, broken: frozenset[Broken] = frozenset()) -> Played:
    """Play one seed."""
    storm = Storm(Random(seed))
    violations = play(_play(storm, broken), seed)
    return Played(storm.met, storm.digest.hexdigest()[:16], tuple(violations))


class Storm:
    """Weather at random, as violent as the seed has it, until it is calm."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.calm = False
        self.met: Counter[str] = Counter()
        self.digest = sha256()
        self.asleep: dict[Power, float] = {}
        """Processes that are stopped, and until when."""
        self._crash, self._fail, self._delay = (
            chance.choice((0, high / 4, high)) for high in (0.01, 0.04, 0.3)
        )

    async def __call__(self, power: Power, what: str) -> None:
        now = asyncio.get_running_loop().time()
        self.met["step"] += 1
        self.digest.update(f"{now:.6f} {power.name} {what}\n".encode())
        pause = max(0.0, self.asleep.get(power, 0.0) - now)
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
            raise self._error(what)

    def _error(self, what: str) -> Exception:
        if what.startswith("kafka"):
            error: Exception = KafkaConnectionError()
            return error
        if what == "storage.commit" and self.chance.random() < 0.5:
            return StorageBusy("in the way")
        return StorageUnavailable("no answer")


class Group:
    """The workers of a consumer group, and who once was in it."""

    def __init__(self, world: World, storm: Storm) -> None:
        self.members: list[Process] = []
        self._past: list[Process] = []
        self._world = world
        self._storm = storm
        self._chance = storm.chance

    async def rebalance(self, size: int) -> None:
        """Have so many members share the partitions anew; who is there gives back what it has."""
        self._storm.met["hand-over"] += 1
        self._past += [one for one in self.members if one.power.is_cut]
        self.members = [one for one in self.members if not one.power.is_cut]
        if self.members:
            await asyncio.wait([one.begin(one.drain) for one in self.members], timeout=30)
        for leaving in self.members[size:]:
            leaving.power.cut()
        self._past += self.members[size:]
        self.members = self.members[:size]
        while len(self.members) < size:
            name = f"worker {len(self.members) + len(self._past)}"
            member = Process(self._world.database, self._world.log, self._storm, name, self._chance)
            member.start()
            self.members.append(member)
        shares = {one: list[int]() for one in range(size)}
        for number in range(len(self._world.sources)):
            shares[self._chance.randrange(size)].append(number)
        for one, share in shares.items():
            member = self.members[one]
            member.begin(member.assign, [self._world.sources[number] for number in share])

    def usurp(self) -> None:
        """Stop a member for a while: the group gives its place away, and it will not know."""
        self._storm.met["usurper"] += 1
        member = self.members.pop(self._chance.randrange(len(self.members)))
        now = asyncio.get_running_loop().time()
        if self._chance.random() < 0.7:
            self._storm.asleep[member.power] = now + self._chance.uniform(0, 60)
        self._past.append(member)

    def has_finished(self) -> bool:
        """Say whether all that is on the log is decided, published, and marked so."""
        return all(
            self._world.is_done(source) and any(one.has_finished(source) for one in self.members)
            for source in self._world.sources
        )

    def has_lost_one(self) -> bool:
        """Say whether a member is gone."""
        return any(one.power.is_cut for one in self.members)

    async def end(self) -> None:
        """End everybody, also who sleeps."""
        for one in (*self.members, *self._past):
            await self._world.bury(one)


async def _play(storm: Storm, broken: frozenset[Broken]) -> list[str]:
    world, chance = World(broken), storm.chance
    group = Group(world, storm)
    await group.rebalance(chance.randint(1, 3))
    for told in history(chance, (5, 40)):
        world.tell(told)
        if chance.random() < 0.3:
            await asyncio.sleep(chance.expovariate(1))
        if chance.random() < 0.1:
            group.usurp()
            await group.rebalance(chance.randint(1, 3))
        elif chance.random() < 0.1:
            await group.rebalance(chance.randint(1, 3))
        elif group.has_lost_one() and chance.random() < 0.5:
            await asyncio.sleep(SESSION_SECONDS)
            await group.rebalance(chance.randint(1, 3))
    storm.calm = True
    await _settle(world, group, chance)
    await group.end()
    world.judge()
    return world.violations


async def _settle(world: World, group: Group, chance: Random) -> None:
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while not group.has_finished():
        if group.has_lost_one() or not group.members:
            await asyncio.sleep(SESSION_SECONDS)
            await group.rebalance(chance.randint(1, 3))
        await soon()
        if asyncio.get_running_loop().time() > deadline:
            world.violations.append("does not come to rest")
            return
