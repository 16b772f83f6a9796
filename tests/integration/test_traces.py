"""The spans of a worker that runs, as a collector receives them over OTLP."""

import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span

from models.topics import TopicName
from order_import.devtools.embedded.process import HOST
from tests.builders import TRACE
from tests.integration.kit import System
from tests.integration.test_cold_start import free_port
from tests.integration.wire import key, order, product, store

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


class Collector:
    """What a collector has received."""

    def __init__(self) -> None:
        self.received: list[ResourceSpans] = []

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        if request.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.received += ExportTraceServiceRequest.FromString(body).resource_spans
        return web.Response()

    def spans(self, name: str) -> list[Span]:
        scopes = [scope for resource in self.received for scope in resource.scope_spans]
        return [span for scope in scopes for span in scope.spans if span.name == name]

    @property
    def services(self) -> set[str]:
        return {
            attribute.value.string_value
            for resource in self.received
            for attribute in resource.resource.attributes
            if attribute.key == "service.name"
        }


@asynccontextmanager
async def collecting(port: int) -> AsyncIterator[Collector]:
    collector = Collector()
    app = web.Application()
    app.add_routes([web.post("/v1/traces", collector.take)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, HOST, port).start()
    try:
        yield collector
    finally:
        await runner.cleanup()


async def publish_order(system: System) -> None:
    """Publish an order with a trace context, and wait until it is stored."""
    await system.publish(TopicName.STORES, store())
    await system.publish(TopicName.PRODUCTS, product())

    async def are_stored() -> bool:
        db = system.db
        return bool(await db.stores.count_documents({}) and await db.products.count_documents({}))

    await system.eventually(are_stored, "the store and the product are stored")
    await system.producer.send_and_wait(
        system.settings.topic_prefix + TopicName.ORDERS,
        key=key(order()).encode(),
        value=json.dumps(order()).encode(),
        headers=[("traceparent", TRACE.encode())],
    )

    async def is_created() -> bool:
        return bool(await system.db.commerce_orders.count_documents({}))

    await system.eventually(is_created, "the order is created")


async def test_a_worker_sends_its_spans_to_a_collector(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    monkeypatch.setenv(ENDPOINT, f"http://{HOST}:{port}")
    prefix = system.settings.topic_prefix
    async with collecting(port) as collector:
        async with system.worker():
            await publish_order(system)
        # It has sent what was left before it ended.
        (deciding,) = collector.spans(f"process {prefix}{TopicName.ORDERS}")
        (sending,) = collector.spans(f"send {prefix}{TopicName.COMMERCE_ORDERS}")
    _, trace_id, span_id, _ = TRACE.split("-")
    for span in (deciding, sending):
        assert [(link.trace_id.hex(), link.span_id.hex()) for link in span.links] == [
            (trace_id, span_id)
        ]
    assert sending.parent_span_id == deciding.span_id
    assert collector.services == {"order-import-worker"}


async def test_a_collector_that_does_not_answer_holds_nothing_up(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENDPOINT, f"http://{HOST}:{free_port()}")
    async with system.worker() as worker:
        await publish_order(system)
    assert "worker-broken" not in worker.log.read_text()
