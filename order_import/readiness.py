"""Readiness: what the worker needs of others, asked for from its first moment to its last.

A worker joins its group only when MongoDB and Kafka answer it and all topics are there: partitions
in the hands of one that cannot work are read by nobody. One that has lost MongoDB for long ends,
so that the others get its partitions; started again, it waits here without any.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from enum import StrEnum

import structlog
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from models.topics import TOPICS
from order_import.bootstrap import group_of, kafka_options, why_unreachable
from order_import.errors import describe
from order_import.liveness import Reminder
from order_import.operations.install import TopicProblem, topic_problems
from order_import.settings import Settings
from storage.queries import Reader

log = structlog.get_logger(__name__)

PATIENCE_SECONDS = 30.0
"""How long a worker that has joined its group keeps its partitions without MongoDB."""
_LOOK_EVERY = 5.0
_LOOK_SOON = 1.0
_TOPICS_EVERY = 60.0
_ANSWERS_WITHIN = 5.0
_NOT_ASKED = "not asked yet"


class StorageAway(Exception):  # noqa: N818 - a state of the world, not a mistake
    """MongoDB has not answered for long: whoever has it is to have the partitions."""


class WorkerState(StrEnum):
    """How far a worker is with its start."""

    WAITING = "waiting"
    """For a server or a topic; it has no partitions."""
    JOINING = "joining"
    """It joins its group, and takes partitions up."""
    WORKING = "working"


class Readiness:
    """Looks again and again at both servers and at the topics.

    `mongodb` and `kafka` say why a server is missing, None while it answers.
    """

    def __init__(self, settings: Settings, reader: Reader) -> None:
        self._settings = settings
        self._reader = reader
        self._admin: AIOKafkaAdminClient | None = None
        self._topics_due = 0.0
        self._reminders: dict[str, Reminder] = {}
        self.mongodb: str | None = _NOT_ASKED
        self.kafka: str | None = _NOT_ASKED
        self.topics: Sequence[TopicProblem] = ()
        self.complete = asyncio.Event()
        """Set when nothing was missing for the first time."""
        self.state = WorkerState.WAITING

    @property
    def is_ready(self) -> bool:
        """Whether the worker works, nothing is missing, and no topic is other than it must be."""
        return self.state is WorkerState.WORKING and self.answer and not self.topics

    @property
    def answer(self) -> bool:
        """Whether both servers answer."""
        return self.mongodb is None and self.kafka is None

    async def run(self) -> None:
        """Look until cancelled.

        Raises:
            StorageAway: The worker has joined its group, and has been without MongoDB for long.
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
                self._tell(missing)
                if not missing:
                    self.complete.set()
                await asyncio.sleep(_LOOK_SOON if missing else _LOOK_EVERY)
        finally:
            await self._drop_admin()

    def _missing(self) -> Mapping[str, str]:
        """Return what keeps the worker out, and why."""
        topics = [one.topic for one in self.topics if one.missing]
        found = {
            "mongodb": self.mongodb,
            "kafka": self.kafka,
            "topics": f"missing: {', '.join(topics)}" if topics else None,
        }
        return {name: why for name, why in found.items() if why is not None}

    def _tell(self, missing: Mapping[str, str]) -> None:
        """Log what is missing, and topics that take too little: once, and then less often."""
        lines: dict[str, dict[str, object]] = {
            f"waiting-for-{server}": {"why": missing[server]}
            for server in ("mongodb", "kafka")
            if server in missing
        }
        if absent := [one.topic for one in self.topics if one.missing]:
            lines["topics-missing"] = {"topics": absent, "remedy": "run: order-import init"}
        for one in self.topics:
            if not one.missing:
                lines[f"topic-takes-too-little {one.topic}"] = {
                    "topic": one.topic,
                    "problem": one.problem,
                    "remedy": one.remedy,
                }
        for name in self._reminders.keys() - lines.keys():
            log.info("no-longer", what=name, seconds=self._reminders.pop(name).seconds)
        for name, fields in lines.items():
            reminder = self._reminders.setdefault(name, Reminder())
            if reminder.is_due():
                say = log.warning if name.startswith("waiting") else log.error
                say(name.partition(" ")[0], seconds=reminder.seconds, **fields)

    async def _mongodb(self) -> str | None:
        try:
            async with asyncio.timeout(_ANSWERS_WITHIN):
                await self._reader.ping()
        except TimeoutError:
            return "no answer in time"
        except Exception as error:  # noqa: BLE001 - whatever it is, the worker waits and looks again
            return describe(error)
        return None

    async def _kafka(self) -> str | None:
        try:
            async with asyncio.timeout(_ANSWERS_WITHIN):
                if self._admin is None:
                    self._admin = await self._connected()
                now = time.monotonic()
                if self.topics or now >= self._topics_due:
                    self.topics = await topic_problems(self._settings, self._admin)
                    # Who may not is told so here; the one who joins is told nothing.
                    await self._admin.find_coordinator(group_of(self._settings))
                    self._topics_due = now + _TOPICS_EVERY
                else:
                    await self._admin.describe_topics([])
        except Exception as error:  # noqa: BLE001 - the same
            await self._drop_admin()
            return await why_unreachable(self._settings) or describe(error)
        if sum(one.missing for one in self.topics) < len(TOPICS):
            return None
        # To a client whose token is refused, a broker looks as if it had none.
        return await why_unreachable(self._settings)

    async def _connected(self) -> AIOKafkaAdminClient:
        admin = AIOKafkaAdminClient(**kafka_options(self._settings), client_id="order-import-check")
        try:
            await admin.start()
        except BaseException:
            await admin.close()
            raise
        return admin

    async def _drop_admin(self) -> None:
        admin, self._admin = self._admin, None
        if admin is not None:
            with suppress(KafkaError, OSError):
                await admin.close()
