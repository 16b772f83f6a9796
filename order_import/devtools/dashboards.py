"""Write Grafana's dashboards: `python -m order_import.devtools.dashboards`.

Each is one JSON file, to import into Grafana or to provision. The data source is chosen there.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

DIRECTORY = Path(__file__).parents[2] / "deploy" / "observability" / "dashboards"

_ORDERS = '{topic="amazon.orders", namespace=~"$namespace"}'
_HERE = '{namespace=~"$namespace"}'
_WIDTH, _HEIGHT = 8, 7
_COLUMNS = 24
_SCHEMA_VERSION = 39


class Panel(NamedTuple):
    """A chart. Each query has its legend; `unit` is one of Grafana's."""

    title: str
    queries: Mapping[str, str]
    unit: str = "short"
    kind: str = "timeseries"
    text: str = ""


def _quantiles(metric: str, selector: str, by: str = "") -> Mapping[str, str]:
    group = f"le, {by}" if by else "le"
    label = f"{{{{{by}}}}} " if by else ""
    return {
        f"{label}{name}": f"histogram_quantile({quantile}, "
        f"sum by ({group}) (rate({metric}_bucket{selector}[$__rate_interval])))"
        for name, quantile in (("median", 0.5), ("95 %", 0.95), ("99.9 %", 0.999))
    }


def _rate(metric: str, by: str, selector: str = _HERE) -> Mapping[str, str]:
    legend = " ".join(f"{{{{{label}}}}}" for label in by.split(", "))
    return {legend: f"sum by ({by}) (rate({metric}{selector}[$__rate_interval]))"}


def _newest(metric: str, by: str) -> Mapping[str, str]:
    """Return the query of a gauge that every console shows: one of them counts."""
    return {f"{{{{{by}}}}}": f"max by ({by}) ({metric}{_HERE})"}


_WITHIN_5_S = (
    'sum(rate(order_import_event_delay_seconds_bucket{topic="amazon.orders", '
    'namespace=~"$namespace", le="5.0"}[1h])) / '
    f"sum(rate(order_import_event_delay_seconds_count{_ORDERS}[1h]))"
)
_OLDEST = f"min(order_import_oldest_undecided_timestamp_seconds{_HERE})"

ORDERS = (
    Panel(
        "Orders by state",
        {"{{state}}": f"sum by (state) (max by (store, state) (order_import_orders{_HERE}))"},
    ),
    Panel("Decisions per second", _rate("order_import_decisions_total", "outcome")),
    Panel(
        "Blocked orders by blocker",
        _newest("order_import_blocked_orders", "reason"),
        text="An order counts once for each of its blockers.",
    ),
    Panel(
        "Blocked orders by ship-by date",
        _newest("order_import_blocked_due_orders", "due"),
        text="overdue, or at risk: within 24 hours.",
    ),
    Panel("Value of the blocked orders", _newest("order_import_blocked_amount", "currency")),
    Panel(
        "Time left to ship the most urgent blocked order",
        {
            "time left": "min(order_import_blocked_next_ship_by_timestamp_seconds"
            f"{_HERE}) - time()",
        },
        "s",
        "stat",
    ),
    Panel(
        "Longest blocked",
        {"age": f"time() - min(order_import_blocked_oldest_timestamp_seconds{_HERE})"},
        "s",
        "stat",
    ),
    Panel("Open dead letters", _newest("order_import_dead_letters_open", "code")),
    Panel("Dead letters per second", _rate("order_import_dead_letters_total", "code")),
    Panel(
        "Orders waiting for details for over an hour",
        _newest("order_import_overdue_orders", "store"),
    ),
)

WORKERS = (
    Panel(
        "Orders published within 5 s",
        {"last hour": _WITHIN_5_S},
        "percentunit",
        "stat",
        "The objective is 99.9 % over 30 days.",
    ),
    Panel(
        "From Kafka to published",
        _quantiles("order_import_event_delay_seconds", _ORDERS),
        "s",
        text="From an order's timestamp in Kafka until all that it decided is published.",
    ),
    Panel("From Kafka to decided", _quantiles("order_import_decision_delay_seconds", _ORDERS), "s"),
    Panel("Messages per second", _rate("order_import_messages_total", "topic, result")),
    Panel(
        "Undecided messages",
        {"{{topic}}": f"sum by (topic) (order_import_partition_lag{_HERE})"},
        text="Of the partitions that a worker has.",
    ),
    Panel(
        "Age of the oldest undecided message",
        {"age": f"time() - {_OLDEST} or vector(0)"},
        "s",
    ),
    Panel("Messages to publish", _newest("order_import_outbox_messages", "topic")),
    Panel("Transactions per second", _rate("order_import_transactions_total", "result")),
    Panel(
        "Transaction time",
        _quantiles("order_import_transaction_seconds", _HERE, "topic"),
        "s",
    ),
    Panel(
        "Ready workers",
        {
            "ready": f"sum(order_import_worker_ready{_HERE})",
            "in the group": f"max(order_import_workers{_HERE})",
        },
    ),
    Panel(
        "Servers that answer", {"{{server}}": f"min by (server) (order_import_server_up{_HERE})"}
    ),
    Panel("Rebalances", {"{{instance}}": f"increase(order_import_rebalances_total{_HERE}[5m])"}),
    Panel(
        "Processor time",
        {
            "{{instance}}": f"rate(process_cpu_seconds_total{_HERE}[$__rate_interval]) "
            f"and on (job, instance) order_import_build_info{_HERE}"
        },
        "percentunit",
        text="1 is a whole core.",
    ),
    Panel(
        "Memory",
        {
            "{{instance}}": f"process_resident_memory_bytes{_HERE} "
            f"and on (job, instance) order_import_build_info{_HERE}"
        },
        "bytes",
    ),
    Panel("Replayed orders per second", _rate("order_import_replay_orders_total", "result")),
)

DASHBOARDS: Mapping[str, tuple[str, Sequence[Panel]]] = {
    "orders": ("Order import: orders", ORDERS),
    "workers": ("Order import: workers", WORKERS),
}
"""The title and the panels of each dashboard, by the name of its file."""


def dashboard_files() -> dict[str, str]:
    """Return the text of each file, by its name."""
    return {
        f"{name}.json": json.dumps(_dashboard(name, title, panels), indent=2) + "\n"
        for name, (title, panels) in DASHBOARDS.items()
    }


def _dashboard(name: str, title: str, panels: Sequence[Panel]) -> dict[str, Any]:
    source = {"type": "prometheus", "uid": "${datasource}"}
    return {
        "uid": f"order-import-{name}",
        "title": title,
        "tags": ["order-import"],
        "timezone": "browser",
        "refresh": "30s",
        "schemaVersion": _SCHEMA_VERSION,
        "time": {"from": "now-1h", "to": "now"},
        "templating": {
            "list": [
                {"name": "datasource", "type": "datasource", "query": "prometheus"},
                {
                    "name": "namespace",
                    "type": "query",
                    "datasource": source,
                    "query": "label_values(order_import_build_info, namespace)",
                    "includeAll": True,
                    # Without Kubernetes, the label is missing.
                    "allValue": ".*",
                    "current": {"text": "All", "value": "$__all"},
                    "refresh": 2,
                },
            ]
        },
        "panels": [_panel(at, panel, source) for at, panel in enumerate(panels)],
    }


def _panel(at: int, panel: Panel, source: Mapping[str, str]) -> dict[str, Any]:
    row, column = divmod(at * _WIDTH, _COLUMNS)
    return {
        "id": at + 1,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.text,
        "datasource": source,
        "gridPos": {"h": _HEIGHT, "w": _WIDTH, "x": column, "y": row * _HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + number), "expr": expr, "legendFormat": legend}
            for number, (legend, expr) in enumerate(panel.queries.items())
        ],
    }


if __name__ == "__main__":
    for file, content in dashboard_files().items():
        (DIRECTORY / file).write_text(content, encoding="utf-8")
