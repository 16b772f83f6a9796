"""The workers of a group: they crash, hand over, and sleep while another takes their place."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from random import Random

from aiokafka.errors import KafkaError

from models.errors import Fenced
from models.messages import TopicPartition
from streams.assignment import DrainTimeout
from tests.simulation.power import Weather, calm
from tests.simulation.process import Process
from tests.simulation.world import World

PATIENCE = 900.0
"""Seconds of the world's own time within which it comes to rest, or never."""
SESSION_SECONDS = 6.0
"""How long nobody notices that a worker is gone."""
EXPECTED = (Fenced, DrainTimeout, KafkaError)
"""What a worker may end with: another has its place, or its reader has no answer."""


class Workers:
    """One worker, or with `chance` one to three that share the partitions at random."""

    def __init__(
        self,
        world: World,
        weather: Weather = calm,
        chance: Random | None = None,
        max_weight: int = 4,
    ) -> None:
        self.met: Counter[str] = Counter()
        self._members: list[Process] = []
        self._past: list[Process] = []
        self._world = world
        self._weather = weather
        self._chance = chance
        self._max_weight = max_weight

    async def rebalance(self) -> None:
        """Have members share the partitions anew; who is there gives back what it has."""
        self.met["hand-over"] += 1
        size = self._chance.randint(1, 3) if self._chance else 1
        self._leave([one for one in self._members if one.power.is_cut])
        if self._members:
            await asyncio.wait([one.begin(one.drain) for one in self._members], timeout=30)
        for leaving in self._members[size:]:
            leaving.power.cut()
        self._leave(self._members[size:])
        while len(self._members) < size:
            name = f"worker {len(self._members) + len(self._past)}"
            member = Process(self._world, self._weather, name, self._chance, self._max_weight)
            member.start()
            self._members.append(member)
        shares = [list[TopicPartition]() for _ in self._members]
        for source in self._world.sources:
            shares[self._chance.randrange(size) if self._chance else 0].append(source)
        for member, share in zip(self._members, shares, strict=True):
            member.begin(member.assign, share)

    async def trouble(self) -> None:
        """Have several share anew now and then, or one sleep while others take its place."""
        chance = self._chance
        if chance is None:
            return
        if chance.random() < 0.1:
            self._usurp(chance)
            await self.rebalance()
        elif chance.random() < 0.1:
            await self.rebalance()
        elif self._has_lost_one and chance.random() < 0.5:
            await self._replace()

    async def settle(self) -> None:
        """Let everything happen that follows, and replace workers that are gone."""
        waited, pause = 0.0, 0.2
        while not self._has_finished:
            if self._has_lost_one:
                await self._replace()
            await asyncio.sleep(pause)
            waited, pause = waited + pause, min(2 * pause, 5.0)
            if waited > PATIENCE:
                self._world.violations.append("does not come to rest")
                return

    async def end(self) -> None:
        """End everybody, also who sleeps, and see what each ended with."""
        for one in (*self._members, *self._past):
            one.power.cut()
            await one.power.ended()
            if isinstance(one.failure, Fenced):
                self.met["fenced off"] += 1
            if one.failure is not None and not isinstance(one.failure, EXPECTED):
                self._world.violations.append(f"a worker ended with {one.failure!r}")

    def _usurp(self, chance: Random) -> None:
        """Stop a member for a while: the group gives its place away, and it will not know."""
        self.met["usurper"] += 1
        member = chance.choice(self._members)
        if chance.random() < 0.7:
            now = asyncio.get_running_loop().time()
            member.power.asleep_until = now + chance.uniform(0, 60)
        self._leave([member])

    async def _replace(self) -> None:
        await asyncio.sleep(SESSION_SECONDS)
        await self.rebalance()

    def _leave(self, leaving: Sequence[Process]) -> None:
        self._past += leaving
        self._members = [one for one in self._members if one not in leaving]

    @property
    def _has_finished(self) -> bool:
        """Whether all that is on the log is decided, published, and marked so."""
        return all(
            self._world.is_done(source) and any(one.has_finished(source) for one in self._members)
            for source in self._world.sources
        )

    @property
    def _has_lost_one(self) -> bool:
        return not self._members or any(one.power.is_cut for one in self._members)
