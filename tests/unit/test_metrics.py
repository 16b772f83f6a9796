"""The metrics: what a worker counts, and what an installation shows."""

import asyncio
import re
import tomllib
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from handlers.unit_of_work import UNWRITTEN
from models.checkpoint import Checkpoint, OffsetReset
from models.errors import DuplicateKey, StorageBusy, StorageUnavailable, TransactionTooLarge
from models.messages import DeadLetterCode, TopicPartition
from models.outcome import ImportState
from models.reasons import BlockerCode
from models.topics import TopicName
from order_import import __version__
from order_import.console.metrics import read_metrics
from order_import.metrics.exposition import expose, new_registry
from order_import.metrics.installation import MAX_STORES, Counts, InstallationMetrics
from order_import.metrics.worker import WorkerGauges, WorkerMetrics
from order_import.operations.health import Health, ServerHealth
from order_import.operations.lag import TopicLag
from storage.queries import BlockedSummary
from streams.app import HANDLERS
from streams.batch import Batch
from streams.processor import TopicProcessor
from tests.builders import NOW, ORDER, STORE, a_document, a_message, a_store, later, money
from tests.unit.console_kit import a_context
from tests.unit.kit import FailingStorage
from tests.unit.readers import FakeReader

PREFIX = "eu."
SOURCE = TopicPartition(PREFIX + TopicName.ORDERS, 0)
NOW_MS = int(NOW.timestamp() * 1000)
OPEN_METRICS = "application/openmetrics-text; version=1.0.0"


class Publisher:
    """Publishes when `open` is set."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()

    async def publish(self, outgoing: object, *, resumed: bool = False) -> None:
        del outgoing, resumed
        await self.open.wait()


class Worker:
    """A processor of orders whose metrics are read. `at` is the time."""

    def __init__(self, *errors: Exception) -> None:
        self.at = NOW
        self.registry = CollectorRegistry()
        self.metrics = WorkerMetrics(self.registry, PREFIX, lambda: self.at)
        self.publisher = Publisher()
        publisher: Any = self.publisher
        self.processor = TopicProcessor(
            [Checkpoint(SOURCE, 0)],
            HANDLERS[TopicName.ORDERS],
            FailingStorage(*errors),
            publisher,
            lambda: self.at,
            observer=self.metrics,
        )
        self.offset = 0

    def enqueue(self, *values: Any, sent_ago: float = 0) -> None:
        timestamp = NOW_MS - int(sent_ago * 1000)
        messages = [
            a_message(value, offset=self.offset + at, timestamp=timestamp)
            for at, value in enumerate(values)
        ]
        start, self.offset = self.offset, self.offset + len(values)
        self.processor.enqueue(SOURCE, Batch(start, messages, self.offset))

    async def run(self) -> None:
        running = asyncio.create_task(self.processor.run())
        while self.processor.published_offset[SOURCE] < self.offset:  # noqa: ASYNC110 - no event
            await asyncio.sleep(0)
        self.processor.drain()
        await running

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"order_import_{name}", labels)


async def test_a_worker_counts_messages_decisions_and_dead_letters() -> None:
    worker = Worker()
    worker.enqueue(a_document(), b"no json", a_document(amazon_order_id="902-2"))
    await worker.run()
    assert worker.value("messages_total", topic="amazon.orders", result="decided") == 2
    assert worker.value("messages_total", topic="amazon.orders", result="refused") == 1
    assert worker.value("dead_letters_total", code="malformed-json") == 1
    assert worker.value("decisions_total", outcome="waiting", reason="store-unknown") == 2
    assert worker.value("transactions_total", result="committed") == 1
    assert worker.value("transaction_seconds_count", topic="amazon.orders") == 1


async def test_what_is_written_ahead_counts_too_and_an_order_once_a_transaction() -> None:
    worker = Worker()
    count = UNWRITTEN + 1
    orders = [a_document(amazon_order_id=f"902-{at}") for at in range(count)]
    again = a_document(amazon_order_id="902-0", last_update_date="2026-07-02T12:00:00Z")
    worker.enqueue(b"no json", *orders, again)
    await worker.run()
    assert worker.value("transactions_total", result="committed") == 1
    assert worker.value("decisions_total", outcome="waiting", reason="store-unknown") == count
    assert worker.value("messages_total", topic="amazon.orders", result="refused") == 1
    assert worker.value("dead_letters_total", code="malformed-json") == 1


async def test_delays_count_from_the_timestamp_in_kafka_to_the_commit_and_to_the_publication() -> (
    None
):
    worker = Worker()
    worker.publisher.open.clear()
    worker.enqueue(a_document(), b"no json", sent_ago=2)
    running = asyncio.create_task(worker.run())
    while not worker.value("decision_delay_seconds_count", topic="amazon.orders"):  # noqa: ASYNC110
        await asyncio.sleep(0)
    assert worker.value("event_delay_seconds_count", topic="amazon.orders") == 0
    worker.at = NOW + timedelta(seconds=40)
    worker.publisher.open.set()
    await running
    delays = "decision_delay_seconds", "event_delay_seconds"
    assert [worker.value(f"{name}_sum", topic="amazon.orders") for name in delays] == [4, 84]
    assert [
        [worker.value(f"{name}_bucket", topic="amazon.orders", le=le) for le in ("2.5", "60.0")]
        for name in delays
    ] == [[2, 2], [0, 2]]


async def test_a_message_without_a_time_has_no_delay() -> None:
    worker = Worker()
    worker.enqueue(a_document(), sent_ago=NOW.timestamp() + 1)
    await worker.run()
    assert worker.value("messages_total", topic="amazon.orders", result="decided") == 1
    assert worker.value("decision_delay_seconds_count", topic="amazon.orders") == 0


async def test_messages_of_released_partitions_are_forgotten() -> None:
    worker = Worker()
    worker.publisher.open.clear()
    worker.enqueue(a_document(), b"no json")
    running = asyncio.create_task(worker.run())
    while not worker.value("decision_delay_seconds_count", topic="amazon.orders"):  # noqa: ASYNC110
        await asyncio.sleep(0)
    worker.metrics.assigned(3)
    worker.publisher.open.set()
    await running
    assert worker.value("event_delay_seconds_count", topic="amazon.orders") == 0
    assert worker.value("rebalances_total") == 1


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (StorageBusy("busy"), "conflict"),
        (StorageUnavailable("no answer"), "unavailable"),
        (DuplicateKey("events", "1"), "duplicate-key"),
        (TransactionTooLarge("too large"), "too-large"),
    ],
)
async def test_a_transaction_that_is_tried_again_counts_by_its_cause(
    error: Exception, result: str
) -> None:
    worker = Worker(error)
    worker.enqueue(a_document(), a_document())
    await worker.run()
    assert worker.value("transactions_total", result=result) == 1
    assert worker.value("transactions_total", result="committed") in {1, 2}


async def test_no_label_is_of_an_order_and_none_appears_late() -> None:
    worker = Worker()
    before = _series(worker.registry)
    worker.enqueue(a_document(), b"no json")
    await worker.run()
    assert _series(worker.registry) == before
    text = expose(worker.registry, "")[0].decode()
    assert ORDER not in text
    assert STORE not in text


def _series(registry: CollectorRegistry) -> set[str]:
    text = expose(registry, "")[0].decode()
    return {line.rpartition(" ")[0] for line in text.splitlines() if line[0] != "#"}


def test_a_worker_shows_what_it_can_reach_and_its_lag() -> None:
    class Part:
        is_ready = True
        kafka = None
        mongodb = "no answer in time"

        @property
        def lag_by_partition(self) -> dict[TopicPartition, int]:
            return {SOURCE: 7}

    part: Any = Part()
    registry = CollectorRegistry()
    registry.register(WorkerGauges(part, part, PREFIX))
    assert registry.get_sample_value("order_import_worker_ready") == 1
    for server, up in (("kafka", 1), ("mongodb", 0)):
        assert registry.get_sample_value("order_import_server_up", {"server": server}) == up
    partition = {"topic": "amazon.orders", "partition": "0"}
    assert registry.get_sample_value("order_import_partition_lag", partition) == 7


A_HEALTH = Health(
    ServerHealth("Kafka", "here", 1.0),
    ServerHealth("MongoDB", "there", 1.0),
    lag=[TopicLag(SOURCE.topic, exists=True, undecided=5, unpublished=2, oldest=NOW)],
    workers=["one", "two"],
    resets=[OffsetReset(SOURCE, 9, 12, later(-1)), OffsetReset(SOURCE, 3, 4, later(-5))],
)
COUNTS = Counts(
    states={STORE: {ImportState.BLOCKED: 3}},
    blockers={BlockerCode.DISABLED: 2},
    blocked=BlockedSummary((money("10.50"), money("3", "EUR")), later(-3), later(4), 2, 7),
    overdue={STORE: 4},
    open_dead_letters={DeadLetterCode.TOO_LARGE: 6},
    buyer_data_overdue=7,
)


def test_an_installation_shows_its_state() -> None:
    registry = CollectorRegistry()
    registry.register(InstallationMetrics(A_HEALTH, COUNTS, PREFIX))
    topic = {"topic": "amazon.orders"}
    expected: list[tuple[str, dict[str, str], float]] = [
        ("server_up", {"server": "mongodb"}, 1),
        ("topic_problems", {}, 0),
        ("workers", {}, 2),
        ("lag", topic, 5),
        ("outbox_messages", topic, 2),
        ("oldest_undecided_timestamp_seconds", topic, NOW.timestamp()),
        ("checkpoint_reset_timestamp_seconds", topic, later(-1).timestamp()),
        ("orders", {"store": STORE, "state": "blocked"}, 3),
        ("orders", {"store": STORE, "state": "created"}, 0),
        ("overdue_orders", {"store": STORE}, 4),
        ("blocked_orders", {"reason": "disabled"}, 2),
        ("blocked_orders", {"reason": "out-of-stock"}, 0),
        ("blocked_amount", {"currency": "USD"}, 10.5),
        ("blocked_amount", {"currency": "EUR"}, 3),
        ("blocked_oldest_timestamp_seconds", {}, later(-3).timestamp()),
        ("blocked_next_ship_by_timestamp_seconds", {}, later(4).timestamp()),
        ("blocked_due_orders", {"due": "overdue"}, 2),
        ("blocked_due_orders", {"due": "at-risk"}, 7),
        ("dead_letters_open", {"code": "too-large"}, 6),
        ("buyer_data_overdue", {}, 7),
    ]
    for name, labels, value in expected:
        assert registry.get_sample_value(f"order_import_{name}", labels) == value, name


def test_without_mongodb_the_servers_are_shown_and_no_count_is_made_up() -> None:
    away = replace(A_HEALTH, mongo=ServerHealth("MongoDB", "there", error="no answer"), lag=())
    registry = CollectorRegistry()
    registry.register(InstallationMetrics(away, None, PREFIX))
    assert registry.get_sample_value("order_import_server_up", {"server": "mongodb"}) == 0
    assert "blocked" not in expose(registry, "")[0].decode()


def test_very_many_stores_have_few_labels() -> None:
    states = {f"store-{at}": {ImportState.CREATED: at} for at in range(MAX_STORES + 3)}
    registry = CollectorRegistry()
    registry.register(InstallationMetrics(A_HEALTH, replace(COUNTS, states=states), PREFIX))
    text = expose(registry, "")[0].decode()
    assert len(set(re.findall(r'orders\{.*store="([^"]*)"', text))) == MAX_STORES + 1
    others = {"store": "(others)", "state": "created"}
    assert registry.get_sample_value("order_import_orders", others) == 0 + 1 + 2


async def test_the_console_shows_the_numbers_of_its_pages() -> None:
    class Letters:
        async def counts(self, **options: object) -> dict[DeadLetterCode, int]:
            assert options == {"only_open": True}
            return {DeadLetterCode.UNKNOWN_STORE: 1}

    async def check_health() -> Health:
        return A_HEALTH

    reader = FakeReader(
        known_stores=[a_store()], blocked={STORE: 8}, overdue={STORE: 2}, summary=COUNTS.blocked
    )
    context = a_context(reader=reader, dead_letters=Letters(), check_health=check_health)
    registry = await read_metrics(context)
    blocked = {"store": STORE, "state": "blocked"}
    assert registry.get_sample_value("order_import_orders", blocked) == 8
    code = {"code": "unknown-store"}
    assert registry.get_sample_value("order_import_dead_letters_open", code) == 1
    assert registry.get_sample_value("order_import_overdue_orders", {"store": STORE}) == 2


@pytest.mark.parametrize("accept", ["", OPEN_METRICS])
def test_the_text_is_what_was_asked_for(accept: str) -> None:
    registry = new_registry()
    WorkerMetrics(registry, "", lambda: NOW)
    body, content_type = expose(registry, accept)
    is_open = content_type.startswith("application/openmetrics-text")
    assert is_open == bool(accept)
    if is_open:
        parse: Any = text_string_to_metric_families
        families = {family.name for family in parse(body.decode())}
        assert {"order_import_messages", "order_import_build", "python_info"} <= families
    assert "_created" not in body.decode()


def test_the_version_is_the_projects() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert __version__ == project["project"]["version"]
