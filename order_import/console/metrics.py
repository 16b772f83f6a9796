"""The installation's metrics, from the same numbers as the console's pages."""

from contextlib import suppress

from prometheus_client import CollectorRegistry

from models.errors import OrderImportError
from order_import.console.context import ConsoleContext
from order_import.metrics.exposition import new_registry
from order_import.metrics.installation import Counts, InstallationMetrics
from order_import.operations.health import BUYER_DATA_LATE

_FRESH = 10.0
"""Seconds for which an answer is used again; of a slow database, the cache decides."""


async def read_metrics(context: ConsoleContext) -> CollectorRegistry:
    """Return the metrics of the whole installation, some seconds old at most."""
    health = await context.cache.get("metrics health", _FRESH, context.check_health)
    counts: Counts | None = None
    if health.mongo.answers:
        # It may not answer any more: the metrics of the servers are returned all the same.
        with suppress(OrderImportError):
            counts = await context.cache.get("metrics counts", _FRESH, lambda: _count(context))
    registry = new_registry()
    registry.register(InstallationMetrics(health, counts, context.settings.topic_prefix))
    return registry


async def _count(context: ConsoleContext) -> Counts:
    at = context.now()
    buyer_data = await context.reader.buyer_data_counts(at - BUYER_DATA_LATE, at)
    return Counts(
        states=await context.counts(),
        blockers=await context.reader.blocker_counts(),
        blocked=await context.reader.blocked_summary(context.now()),
        overdue=await context.overdue_counts(),
        open_dead_letters=await context.dead_letters.counts(only_open=True),
        buyer_data_overdue=buyer_data.overdue,
    )
