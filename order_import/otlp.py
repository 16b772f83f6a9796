"""OpenTelemetry's SDK and its exporter over OTLP. They are an extra, so nothing imports this early.

The SDK reads its own variables: `OTEL_TRACES_SAMPLER`, `OTEL_RESOURCE_ATTRIBUTES` and so on.
"""

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from order_import import __version__
from streams.tracing import MAX_LINKS

_SERVICE = "order-import-worker"


def open_exporter() -> TracerProvider:
    """Return a provider whose spans go to the collector; `shutdown` sends what is left."""
    service = Resource({"service.name": _SERVICE, "service.version": __version__})
    provider = TracerProvider(
        resource=Resource.create().merge(service).merge(OTELResourceDetector().detect()),
        span_limits=SpanLimits(max_links=MAX_LINKS),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider
