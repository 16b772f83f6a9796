"""Check continuously whether the worker has all it needs: MongoDB, Kafka and the topics.

A worker joins its group only when both servers answer and all topics exist: partitions assigned to
a worker that cannot work are read by nobody. A worker that has lost MongoDB for a while ends, so
that other workers get its partitions; after a restart it waits here without partitions.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from enum import StrEnum

import structlog
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from models.topics import TOPICS
from order_import.bootstrap import connect_admin, group_of, why_unreachable
from order_import.errors import describe
from order_import.operations.install import TopicProblem, topic_problems
from order_import.settings import Settings
from storage.mongo.orders import MongoReader

log = structlog.get_logger(__name__)

PATIENCE_SECONDS = 30.0
"""How long a worker that has joined its group keeps its partitions without MongoDB."""
_CHECK_SECONDS = 5.0
_CHECK_SECONDS_IF_MISSING = 1.0
_TOPICS_SECONDS = 60.0
_TIMEOUT = 5.0
_UNCHECKED = "not checked yet"
_FIRST_PAUSE = 10.0
_LONGEST_PAUSE = 300.0


class StorageAway(Exception):  # noqa: N818 - a state of the world, not a mistake
    """MongoDB has not answered for too long: a worker that reaches it should take over."""


class WorkerState(StrEnum):
    """The stages of a worker's start."""

    WAITING = "waiting"
    """Waiting for a server or a topic; it has no partitions."""
    JOINING = "joining"
    """Joining its group and claiming partitions."""
    WORKING = "working"


class Reminder:
    """Says when to log again that something is missing, less often over time."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._next = self._began
        self._pause = _FIRST_PAUSE

    @property
    def seconds(self) -> int:
        """How long it has been missing."""
        return round(time.monotonic() - self._began)

    def is_due(self) -> bool:
        """Return whether to log it now; if so, the next time is later."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        return True


class Readiness:
    """Checks both servers and the topics, again and again.

    `mongodb` and `kafka` say why a server is unavailable; None while it answers.
    """

    def __init__(self, settings: Settings, reader: MongoReader) -> None:
        self._settings = settings
        self._reader = reader
        self._admin: AIOKafkaAdminClient | None = None
        self._connection = AsyncExitStack()
        self._topics_due = 0.0
        self._reminders: dict[str, Reminder] = {}
        self.mongodb: str | None = _UNCHECKED
        self.kafka: str | None = _UNCHECKED
        self.topics: Sequence[TopicProblem] = ()
        self.complete = asyncio.Event()
        """Set when everything was available for the first time."""
        self.state = WorkerState.WAITING

    @property
    def is_ready(self) -> bool:
        """Whether the worker is working, both servers answer and no topic has a problem."""
        return self.state is WorkerState.WORKING and self.servers_answer and not self.topics

    @property
    def servers_answer(self) -> bool:
        """Whether both servers answer."""
        return self.mongodb is None and self.kafka is None

    async def run(self) -> None:
        """Check until canceled.

        Raises:
            StorageAway: The worker has joined its group, but lost MongoDB for too long.
        """
        answered_at = time.monotonic()
        try:
            while True:
                self.mongodb, self.kafka = await asyncio.gather(self._mongodb(), self._kafka())
                if self.mongodb is None or self.state is WorkerState.WAITING:
                    answered_at = time.monotonic()
                elif (silent := time.monotonic() - answered_at) > PATIENCE_SECONDS:
                    raise StorageAway(f"MongoDB does not answer for {silent:.0f} s: {self.mongodb}")
                missing = self._missing()
                self._log(missing)
                if not missing:
                    self.complete.set()
                await asyncio.sleep(_CHECK_SECONDS_IF_MISSING if missing else _CHECK_SECONDS)
        finally:
            await self._disconnect()

    def _missing(self) -> Mapping[str, str]:
        topics = [problem.topic for problem in self.topics if problem.missing]
        reasons = {
            "mongodb": self.mongodb,
            "kafka": self.kafka,
            "topics": f"missing: {', '.join(topics)}" if topics else None,
        }
        return {name: reason for name, reason in reasons.items() if reason is not None}

    def _log(self, missing: Mapping[str, str]) -> None:
        """Log what is missing, and topics with too small a limit: at first, then less often."""
        lines: dict[str, dict[str, object]] = {
            f"waiting-for-{server}": {"why": missing[server]}
            for server in ("mongodb", "kafka")
            if server in missing
        }
        if absent := [problem.topic for problem in self.topics if problem.missing]:
            lines["topics-missing"] = {"topics": absent, "remedy": "run: order-import init"}
        for problem in self.topics:
            if not problem.missing:
                lines[f"topic-takes-too-little {problem.topic}"] = {
                    "topic": problem.topic,
                    "problem": problem.problem,
                    "remedy": problem.remedy,
                }
        for name in self._reminders.keys() - lines.keys():
            log.info("no-longer", what=name, seconds=self._reminders.pop(name).seconds)
        for name, fields in lines.items():
            reminder = self._reminders.setdefault(name, Reminder())
            if reminder.is_due():
                write = log.warning if name.startswith("waiting") else log.error
                write(name.partition(" ")[0], seconds=reminder.seconds, **fields)

    async def _mongodb(self) -> str | None:
        try:
            async with asyncio.timeout(_TIMEOUT):
                await self._reader.ping()
        except TimeoutError:
            return "no answer in time"
        except Exception as error:  # noqa: BLE001 - whatever it is, the worker waits and retries
            return describe(error)
        return None

    async def _kafka(self) -> str | None:
        try:
            async with asyncio.timeout(_TIMEOUT):
                admin = self._admin or await self._connect()
                now = time.monotonic()
                if self.topics or now >= self._topics_due:
                    self.topics = await topic_problems(self._settings, admin)
                    # A missing permission on the group is an error here; on joining it is silent.
                    await admin.find_coordinator(group_of(self._settings))
                    self._topics_due = now + _TOPICS_SECONDS
                else:
                    await admin.describe_topics([])
        except Exception as error:  # noqa: BLE001 - the same
            await self._disconnect()
            return await why_unreachable(self._settings) or describe(error)
        if sum(problem.missing for problem in self.topics) < len(TOPICS):
            return None
        # A client whose token is rejected sees a broker without topics.
        return await why_unreachable(self._settings)

    async def _connect(self) -> AIOKafkaAdminClient:
        admin = connect_admin(self._settings)
        self._admin = await self._connection.enter_async_context(admin)
        return self._admin

    async def _disconnect(self) -> None:
        self._admin = None
        with suppress(KafkaError, OSError):
            await self._connection.aclose()
