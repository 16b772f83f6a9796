"""Check the health of an installation: servers, topics, lag, rate, and orders that need action."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

from aiokafka.admin import AIOKafkaAdminClient

from models.checkpoint import OffsetReset
from models.errors import BrokerUnavailable, OrderImportError
from models.messages import TopicPartition
from models.outcome import DETAILS_OVERDUE, ImportState
from models.reference_data import Store
from order_import.bootstrap import connect_admin, connect_database, group_of, why_unreachable
from order_import.operations.install import TopicProblem, retention_problems, topic_problems
from order_import.operations.lag import LagMeter, TopicLag, open_lag_meter
from order_import.settings import ExposedFile, Settings, exposed_files
from storage.mongo.orders import MongoReader
from storage.queries import BuyerDataCounts, Standing
from streams.clock import now

T = TypeVar("T")

_RESETS_SINCE, _MOST_RESETS = timedelta(days=30), 10
BUYER_DATA_LATE = timedelta(minutes=5)
"""After this time, buyer data that has expired and is still stored is overdue."""
_EXPIRES_SOON = timedelta(days=7)
_SYSTEM_MESSAGE = (
    "Your Amazon store(s) has orders that cannot be imported into Commerce. "
    "See Recent Orders in the store dashboard(s)"
)
"""Adobe's words (rule 19)."""
_RATE_OVER = 1.0
"""Seconds over which the rate is measured."""


@dataclass(frozen=True, slots=True)
class ServerHealth:
    """One server: its latency in milliseconds, or why it does not answer."""

    name: str
    address: str
    latency_ms: float | None = None
    error: str | None = None

    @property
    def answers(self) -> bool:
        """Whether it answered."""
        return self.error is None


def blocked_per_store(states: Mapping[str, Mapping[ImportState, int]]) -> Mapping[str, int]:
    """Return how many orders are blocked, per store id, of stores that have any."""
    counts = {store: of.get(ImportState.BLOCKED, 0) for store, of in states.items()}
    return {store: count for store, count in sorted(counts.items()) if count}


def system_message_of(
    stores: Mapping[str, Store], states: Mapping[str, Mapping[ImportState, int]]
) -> str | None:
    """Return rule 19's message for the orders there are; None if none is blocked."""
    blocked = blocked_per_store(states)
    names = ", ".join(stores[store].name if store in stores else store for store in blocked)
    return f"{_SYSTEM_MESSAGE}: {names}" if blocked else None


@dataclass(slots=True)
class Health:
    """Everything that `status` reports. Values of a server that does not answer are empty."""

    kafka: ServerHealth
    mongo: ServerHealth
    lag: Sequence[TopicLag] = ()
    topics: Sequence[TopicProblem] = ()
    """Topics that are missing, that do not accept messages as large as are written there, or that
    keep buyer data for too long."""
    rate: float | None = None
    """Messages decided per second, over all topics, in the last second."""
    decided: int | None = None
    """How many messages were decided ever, over all topics."""
    states: Mapping[str, Mapping[ImportState, int]] = field(default_factory=dict)
    stores: Mapping[str, Store] = field(default_factory=dict)
    blockers: Mapping[str, int] = field(default_factory=dict)
    overdue: Mapping[str, int] = field(default_factory=dict)
    """How many orders wait for details longer than an hour, per store id."""
    dead_letters: Mapping[str, int] = field(default_factory=dict)
    buyer_data: BuyerDataCounts | None = None
    """How much buyer data is overdue for erasure, and how much expires in the next seven days."""
    resets: Sequence[OffsetReset] = ()
    """Checkpoints that were outside their logs in the last 30 days, newest first."""
    exposed_files: Sequence[ExposedFile] = ()
    """Secret files that other users on this machine can read."""
    workers: Sequence[str] | None = None
    """The members of the consumer group; None if Kafka does not report them."""

    @property
    def oldest_undecided(self) -> datetime | None:
        """When the oldest undecided message was sent."""
        return min((topic.oldest for topic in self.lag if topic.oldest), default=None)


async def check_health(
    settings: Settings, *, counts_orders: bool = True, lists_workers: bool = False
) -> Health:
    """Check both servers, and collect what they report. A server's failure does not raise.

    Counting very many orders takes seconds; it can be left out.
    """
    async with AsyncExitStack() as stack:
        reader = (await stack.enter_async_context(connect_database(settings))).reader
        mongo = await _probe("MongoDB", _mongo_hosts(settings), reader.ping)
        meter: LagMeter | None = None

        async def ping_kafka() -> None:
            nonlocal meter
            if meter is None:
                meter = await stack.enter_async_context(open_lag_meter(settings))
            await meter.ping()

        kafka = await _probe("Kafka", settings.kafka_bootstrap_servers, ping_kafka)
        if not kafka.answers and (reason := await why_unreachable(settings)) is not None:
            kafka = replace(kafka, error=reason)
        health = Health(kafka, mongo, exposed_files=exposed_files(settings))
        if kafka.answers:
            health.topics = await _ask_admin(settings, _topic_problems, ())
            if lists_workers:
                health.workers = await _ask_admin(settings, _members, None)
        if mongo.answers:
            try:
                if counts_orders:
                    await _count(health, reader)
                await _gather(health, reader, meter if kafka.answers else None)
            except BrokerUnavailable as error:
                # It answered a moment ago: the values collected so far are still reported.
                health.kafka = ServerHealth("Kafka", kafka.address, None, str(error))
            except OrderImportError as error:
                health.mongo = ServerHealth("MongoDB", mongo.address, None, str(error))
        return health


async def _ask_admin(
    settings: Settings,
    ask: Callable[[Settings, AIOKafkaAdminClient], Awaitable[T]],
    default: T,
) -> T:
    try:
        async with connect_admin(settings) as admin:
            return await ask(settings, admin)
    except Exception:  # noqa: BLE001 - it answered a moment ago, but no longer does
        return default


async def _topic_problems(settings: Settings, admin: AIOKafkaAdminClient) -> Sequence[TopicProblem]:
    problems = await topic_problems(settings, admin)
    return [*problems, *await retention_problems(settings, admin)]


async def _members(settings: Settings, admin: AIOKafkaAdminClient) -> Sequence[str] | None:
    answers = await admin.describe_consumer_groups([group_of(settings)])
    members = [member for answer in answers for group in answer.groups for member in group[5]]
    return [str(member[1]) for member in members]


async def _count(health: Health, reader: MongoReader) -> None:
    health.stores = await reader.stores()
    health.states = await reader.state_counts()
    health.blockers = await reader.blocker_counts()
    health.overdue = await reader.overdue_counts(now() - DETAILS_OVERDUE)
    health.dead_letters = await reader.dead_letter_counts()
    at = now()
    health.buyer_data = await reader.buyer_data_counts(at - BUYER_DATA_LATE, at + _EXPIRES_SOON)


async def _gather(health: Health, reader: MongoReader, meter: LagMeter | None) -> None:
    health.resets = await reader.offset_resets(now() - _RESETS_SINCE, _MOST_RESETS)
    began, before = time.monotonic(), await reader.standings()
    if meter is not None:
        health.lag = await _measure(meter, await reader.standings())
    await asyncio.sleep(max(0.0, began + _RATE_OVER - time.monotonic()))
    after, took = await reader.standings(), time.monotonic() - began
    health.decided = sum(standing.committed_offset for standing in after.values())
    decided = health.decided - sum(
        standing.committed_offset for source, standing in before.items() if source in after
    )
    health.rate = max(decided, 0) / took


async def _measure(
    meter: LagMeter, standings: Mapping[TopicPartition, Standing]
) -> Sequence[TopicLag]:
    try:
        return await meter.measure(standings, ages=True)
    except OrderImportError:
        raise
    except Exception as error:  # any failure of Kafka's client is reported as Kafka's
        raise BrokerUnavailable(type(error).__name__) from error


async def _probe(name: str, address: str, ask: Callable[[], Awaitable[None]]) -> ServerHealth:
    """Call twice: the first call may have to connect, the second one measures the latency."""
    try:
        await ask()
        began = time.perf_counter()
        await ask()
    except OrderImportError as error:
        return ServerHealth(name, address, error=str(error))
    except Exception as error:  # noqa: BLE001 - a client's own failure also means no answer
        return ServerHealth(name, address, error=type(error).__name__)
    return ServerHealth(name, address, latency_ms=round((time.perf_counter() - began) * 1000, 1))


def _mongo_hosts(settings: Settings) -> str:
    """Return the hosts of the MongoDB URL, without user and password."""
    _, _, rest = settings.mongo_url.get_secret_value().partition("://")
    return rest.partition("/")[0].partition("?")[0].rpartition("@")[2]
