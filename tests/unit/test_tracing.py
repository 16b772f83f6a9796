"""The spans of a worker, as an SDK records them."""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import NoOpTracer, SpanKind, StatusCode, TraceFlags, Tracer

from models.checkpoint import Checkpoint
from models.errors import DuplicateKey, Fenced, StorageUnavailable
from models.messages import Header, TopicPartition
from models.topics import TopicName
from order_import.settings import Settings, SettingsError
from order_import.tracing import connect_tracing
from streams.app import HANDLERS
from streams.batch import Batch
from streams.processor import TopicProcessor
from streams.publisher import Publisher
from streams.tracing import MAX_LINKS, Tracing
from tests.builders import NOW, STATE, STORE, TRACE, a_document, a_message, a_store
from tests.unit.kit import FailingStorage

PREFIX = "eu."
ORDERS = PREFIX + TopicName.ORDERS
SOURCES = (TopicPartition(ORDERS, 0), TopicPartition(ORDERS, 1))
TRACE_ID, SPAN_ID = (int(part, 16) for part in TRACE.split("-")[1:3])


class Producer:
    """Keeps the headers of what is sent, by topic."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, bytes | None]]] = []

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass

    async def send(
        self, topic: str, *, key: object, value: object, headers: Sequence[Header]
    ) -> "asyncio.Future[None]":
        del key, value
        self.sent.append((topic.removeprefix(PREFIX), dict(headers)))
        done = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done


class Worker:
    """A processor of orders, and the spans that it ends."""

    def __init__(self, *errors: Exception, tracer: Tracer | None = None) -> None:
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider(span_limits=SpanLimits(max_links=MAX_LINKS))
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        tracer = provider.get_tracer("test") if tracer is None else tracer
        tracing = Tracing(tracer, {"server.address": "kafka"}, "eu.order-import")
        self.producer = Producer()
        self.storage = FailingStorage(*errors)
        new_producer: Any = lambda: self.producer  # noqa: E731 - it has no name of its own
        no_consumer: Any = None
        self.processor = TopicProcessor(
            [Checkpoint(source, 0) for source in SOURCES],
            HANDLERS[TopicName.ORDERS],
            self.storage,
            Publisher(new_producer, no_consumer, PREFIX, b"/test", tracing),
            lambda: NOW,
            tracing=tracing,
        )

    async def run(self, *values: Any, headers: Sequence[Sequence[Header]] = ()) -> None:
        """Decide these messages of one partition, and publish."""
        messages = [
            a_message(value, offset=at, headers=tuple(headers[at]) if headers else ())
            for at, value in enumerate(values)
        ]
        self.processor.enqueue(SOURCES[0], Batch(0, messages, len(messages)))
        running = asyncio.create_task(self.processor.run())
        while not running.done() and self.processor.published_offset[SOURCES[0]] < len(values):  # noqa: ASYNC110 - no event
            await asyncio.sleep(0)
        self.processor.drain()
        await running

    def spans(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.exporter.get_finished_spans() if span.name == name]

    def span(self, name: str) -> ReadableSpan:
        (span,) = self.spans(name)
        return span


def orders(count: int) -> list[dict[str, Any]]:
    return [a_document(amazon_order_id=f"902-{at}") for at in range(count)]


def trace_of(number: int, *, sampled: bool = True) -> list[Header]:
    parent = f"00-{number + 1:032x}-{number + 1:016x}-{'01' if sampled else '00'}"
    return [("traceparent", parent.encode())]


PROCESS, REJECTED = f"process {ORDERS}", f"send {PREFIX}{TopicName.DEAD_LETTER}"
COMMON = {"messaging.system": "kafka", "server.address": "kafka"}


async def test_a_transaction_is_one_span() -> None:
    worker = Worker()
    await worker.run(*orders(3))
    span = worker.span(PROCESS)
    assert span.kind is SpanKind.CONSUMER
    assert span.attributes == COMMON | {
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": ORDERS,
        "messaging.destination.partition.id": "0",
        "messaging.consumer.group.name": "eu.order-import",
        "messaging.batch.message_count": 3,
    }
    assert (span.parent, span.links, span.status.status_code) == (None, (), StatusCode.UNSET)


async def test_a_span_of_one_message_names_its_offset_and_no_count() -> None:
    worker = Worker()
    await worker.run(a_document())
    attributes = worker.span(PROCESS).attributes or {}
    assert attributes["messaging.kafka.offset"] == 0
    assert "messaging.batch.message_count" not in attributes


async def test_a_span_links_to_each_sampled_context_once() -> None:
    worker = Worker()
    upstream: list[Header] = [("traceparent", TRACE.encode()), ("tracestate", STATE.encode())]
    headers: list[list[Header]] = [
        upstream,
        upstream,
        trace_of(7, sampled=False),
        [("traceparent", b"00-0-0-01")],
    ]
    await worker.run(*orders(4), headers=headers)
    (link,) = worker.span(PROCESS).links
    assert (link.context.trace_id, link.context.span_id) == (TRACE_ID, SPAN_ID)
    assert link.context.trace_state.to_header() == STATE


async def test_a_span_says_how_many_links_do_not_fit() -> None:
    worker = Worker()
    count = MAX_LINKS + 5
    await worker.run(*orders(count), headers=[trace_of(at) for at in range(count)])
    span = worker.span(PROCESS)
    assert [link.context.span_id for link in span.links] == list(range(1, MAX_LINKS + 1))
    assert (span.attributes or {})["order_import.links_left_out"] == 5
    assert span.dropped_links == 0


async def test_a_transaction_that_is_tried_again_is_one_span_with_its_retries() -> None:
    worker = Worker(StorageUnavailable("db.example answered: secret"))
    await worker.run(a_document())
    span = worker.span(PROCESS)
    assert [(event.name, event.attributes) for event in span.events] == [
        ("retry", {"error.type": "StorageUnavailable"})
    ]
    assert span.status.status_code is StatusCode.UNSET
    assert "secret" not in span.to_json()


async def test_a_transaction_that_fails_says_the_type_of_its_error() -> None:
    worker = Worker(Fenced("secret"))
    with pytest.raises(Fenced):
        await worker.run(a_document())
    span = worker.span(PROCESS)
    assert (span.attributes or {})["error.type"] == "Fenced"
    assert span.status.status_code is StatusCode.ERROR
    assert "secret" not in span.to_json()


async def test_a_batch_that_is_decided_again_in_parts_has_a_span_for_each_try() -> None:
    worker = Worker(DuplicateKey("events", "k"))
    await worker.run(*orders(2))
    first, again = worker.spans(PROCESS)
    assert ((first.attributes or {})["error.type"], first.status.status_code) == (
        "DuplicateKey",
        StatusCode.ERROR,
    )
    assert again.status.status_code is StatusCode.UNSET


async def test_a_publication_is_a_span_per_topic_below_its_transaction() -> None:
    worker = Worker()
    await worker.run(b"no json", b"{", headers=[trace_of(1), []])
    sending, deciding = worker.span(REJECTED), worker.span(PROCESS)
    assert sending.kind is SpanKind.CLIENT
    assert sending.attributes == COMMON | {
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.destination.name": PREFIX + TopicName.DEAD_LETTER,
        "messaging.batch.message_count": 2,
    }
    assert sending.parent is not None
    assert sending.parent.span_id == deciding.context.span_id
    assert [link.context.span_id for link in sending.links] == [2]


NOT_IMPORTED = PREFIX + TopicName.NOT_IMPORTED


async def published(worker: Worker, *headers: Header) -> Mapping[str, bytes | None]:
    """The headers of the event about an order that is not imported."""
    worker.storage.contents.stores[STORE] = a_store()
    await worker.run(a_document(status="Canceled"), headers=[headers])
    ((topic, sent),) = worker.producer.sent
    assert topic == TopicName.NOT_IMPORTED
    return sent


async def test_a_context_from_upstream_is_passed_on_as_it_is() -> None:
    worker = Worker()
    sent = await published(worker, ("traceparent", TRACE.encode()), ("tracestate", STATE.encode()))
    assert (sent["traceparent"], sent["tracestate"]) == (TRACE.encode(), STATE.encode())
    assert worker.spans(f"create {NOT_IMPORTED}") == []
    assert [link.context.span_id for link in worker.span(f"send {NOT_IMPORTED}").links] == [SPAN_ID]


async def test_without_one_a_message_gets_a_context_of_its_own() -> None:
    worker = Worker()
    sent = await published(worker)
    created = worker.span(f"create {NOT_IMPORTED}")
    assert created.kind is SpanKind.PRODUCER
    assert created.context.trace_id == worker.span(PROCESS).context.trace_id
    ids, flags = created.context, created.context.trace_flags
    context = f"00-{ids.trace_id:032x}-{ids.span_id:016x}-{flags:02x}"
    assert sent["traceparent"] == context.encode()
    assert flags & TraceFlags.SAMPLED
    (link,) = worker.span(f"send {NOT_IMPORTED}").links
    assert link.context.span_id == created.context.span_id


async def test_a_dead_letter_keeps_its_headers() -> None:
    worker = Worker()
    await worker.run(b"{", headers=[trace_of(3)])
    ((_, sent),) = worker.producer.sent
    assert sent["traceparent"] == trace_of(3)[0][1]
    worker = Worker()
    await worker.run(b"{")
    ((_, sent),) = worker.producer.sent
    assert "traceparent" not in sent


@pytest.mark.parametrize(
    "tracer", [NoOpTracer(), TracerProvider(sampler=ALWAYS_OFF).get_tracer("off")]
)
async def test_without_a_recording_sdk_events_are_as_they_were(tracer: Tracer) -> None:
    worker = Worker(tracer=tracer)
    assert "traceparent" not in await published(worker)


VARIABLE = "OTEL_EXPORTER_OTLP_ENDPOINT"


async def test_without_an_endpoint_nothing_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    async with connect_tracing(Settings()) as tracing:
        with tracing.process(ORDERS, 1, []) as span:
            assert not span.is_recording()


async def test_an_endpoint_without_the_sdk_is_a_clear_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(VARIABLE, "http://127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "order_import.otlp", None)
    with pytest.raises(SettingsError, match=rf"^{VARIABLE}: expected the extra `traces`"):
        async with connect_tracing(Settings()):
            pass
