"""The log, the database and the processes over them; telling, settling and judging."""

import asyncio
import json

from models.checkpoint import Checkpoint
from models.messages import TopicPartition
from models.topics import READ_TOPICS
from tests.faults.inprocess import judge
from tests.faults.inprocess.database import Broken, Database
from tests.faults.inprocess.log import Log
from tests.faults.inprocess.process import EXPECTED, Process
from tests.model.end import End
from tests.model.messages import AnyMessage, ReplayAsked, begun, wire

PATIENCE = 900.0
"""Seconds of the world's own time within which it comes to rest, or never."""


class World:
    """What stays when processes go."""

    def __init__(self, broken: frozenset[Broken] = frozenset()) -> None:
        self.database = Database(broken=broken)
        self.log = Log()
        self.sources = [one for one in self.log.partitions if one.topic in set(READ_TOPICS)]
        self.violations: list[str] = self.database.violations
        self._told: list[AnyMessage] = []

    def tell(self, told: AnyMessage) -> None:
        """Have a message come in."""
        if isinstance(told, ReplayAsked):
            self.database.contents.kept_replays.write(begun(told))
        topic, key, value, store = wire(told)
        body = None if value is None else json.dumps(value).encode()
        headers = [("store-id", store.encode())] if store else []
        self.log.append(topic, key.encode(), body, headers)
        self._told.append(told)

    def is_done(self, source: TopicPartition) -> bool:
        """Say whether all of a partition is decided, and marked as published."""
        stored = self.database.contents.checkpoints.get(source, Checkpoint(source, 0))
        return stored.committed_offset == len(self.log.partitions[source]) and not stored.outbox

    async def bury(self, process: Process) -> None:
        """End a process, and see what it ended with."""
        process.power.cut()
        await process.power.ended()
        if process.failure is not None and not isinstance(process.failure, EXPECTED):
            self.violations.append(f"a worker ended with {process.failure!r}")
            process.failure = None

    def judge(self) -> End | None:
        """Judge the world at rest; give how it ended, if it can be told."""
        try:
            judge.check_heard(self.database.contents, self._told)
            return judge.end(self.database.contents, self.log)
        except AssertionError as wrong:
            self.violations.append(str(wrong))
            return None


async def soon() -> None:
    """Let everything happen that can happen now, and what follows a moment later."""
    await asyncio.sleep(0.2)
