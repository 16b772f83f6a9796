"""The text that Prometheus reads."""

from collections.abc import Iterable, Sequence

from prometheus_client import (
    CollectorRegistry,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from order_import import __version__

PREFIX = "order_import_"
"""The first part of the name of every metric of this program."""


class _Build(Collector):
    def collect(self) -> list[InfoMetricFamily]:
        """Return the version of this program."""
        help_text = "The version of this program"
        return [InfoMetricFamily(f"{PREFIX}build", help_text, {"version": __version__})]


def new_registry() -> CollectorRegistry:
    """Return a registry with the metrics of the process itself, and the program's version."""
    disable_created_metrics()  # type: ignore[no-untyped-call]  # the library's own
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    registry.register(_Build())
    return registry


def expose(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """Return the metrics in the format that an `Accept` header prefers, and its content type."""
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


Sample = tuple[tuple[str, ...], float]
"""The values of a gauge's labels, and its own."""


def gauge(name: str, text: str, labels: Sequence[str], samples: Iterable[Sample]) -> Metric:
    """Return a gauge of this program, with its samples."""
    family = GaugeMetricFamily(PREFIX + name, text, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family
