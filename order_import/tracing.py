"""Traces go to a collector if one of OpenTelemetry's own variables names it."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog
from opentelemetry import trace
from opentelemetry.trace import TracerProvider

from order_import import __version__
from order_import.bootstrap import group_of
from order_import.settings import Settings, SettingsError
from streams.tracing import Tracing

log = structlog.get_logger(__name__)

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_EXTRA = "expected the extra `traces`: pip install 'amazon-order-import[traces]'"
_STOP_SECONDS = 5.0
"""Time limit for sending what is left."""


@asynccontextmanager
async def connect_tracing(settings: Settings) -> AsyncIterator[Tracing]:
    """Open the exporter, and send what is left at the end. Without a collector, trace nothing.

    If something else has installed a tracer provider in this process, that one gets the spans.

    Raises:
        SettingsError: A collector is named, but the SDK or its exporter is not installed.
    """
    variable = next((name for name in _ENDPOINTS if os.environ.get(name)), None)
    if variable is None:
        yield _new_tracing(trace.get_tracer_provider(), settings)
        return
    try:
        from order_import.otlp import open_exporter  # noqa: PLC0415 - it needs the extra
    except ImportError:
        raise SettingsError(f"{variable}: {_EXTRA}") from None
    provider = open_exporter()
    log.info("traces-exported", variable=variable)
    try:
        yield _new_tracing(provider, settings)
    finally:
        # In a thread and not for long, because the collector may not answer.
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.to_thread(provider.shutdown), _STOP_SECONDS)


def _new_tracing(provider: TracerProvider, settings: Settings) -> Tracing:
    host, _, port = settings.kafka_bootstrap_servers.split(",")[0].strip().rpartition(":")
    server: dict[str, str | int] = {"server.address": host.strip("[]"), "server.port": int(port)}
    tracer = provider.get_tracer("order_import", __version__)
    return Tracing(tracer, server, group_of(settings))
