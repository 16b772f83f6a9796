"""What stays when processes go: a log and a database; what comes in, and how it ends."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime

from models.checkpoint import Checkpoint
from models.messages import TopicPartition
from models.topics import READ_TOPICS
from tests.builders import Message
from tests.model.end import End
from tests.model.messages import AnyMessage, ReplayAsked, begun, wire
from tests.simulation import clock, judge
from tests.simulation.database import Broken, Database
from tests.simulation.log import PARTITIONS, Log


class World:
    """A log and a database that any number of processes share.

    `broken` is what the program does wrong in it; `violations` is what was found wrong.
    """

    def __init__(
        self,
        broken: frozenset[Broken] = frozenset(),
        partitions: Mapping[str, int] = PARTITIONS,
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        self.clock = now
        self.database = Database(broken=broken)
        self.log = Log(partitions, now)
        self.sources = [one for one in self.log.partitions if one.topic in set(READ_TOPICS)]
        self.violations: list[str] = self.database.violations
        self._told: list[AnyMessage] = []

    def tell(self, told: AnyMessage) -> None:
        """Have a message come in."""
        if isinstance(told, ReplayAsked):
            self.database.contents.kept_replays.write(begun(told))
        topic, key, value, store = wire(told)
        body = None if value is None else json.dumps(value).encode()
        headers = (("store-id", store.encode()),) if store else ()
        self.log.append(topic, Message(0, body, key.encode(), headers))
        self._told.append(told)

    def is_done(self, source: TopicPartition) -> bool:
        """Say whether all of a partition is decided, and marked as published."""
        stored = self.database.contents.checkpoints.get(source, Checkpoint(source, 0))
        return stored.committed_offset == len(self.log.partitions[source]) and not stored.outbox

    def judge(self) -> End | None:
        """Judge the world at rest; give how it ended, if it can be told."""
        try:
            return judge.end_of(self.database.contents, self.log, self._told)
        except AssertionError as wrong:
            self.violations.append(str(wrong))
            return None
