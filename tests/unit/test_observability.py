"""Alerts and dashboards: what they name exists. `make observe-test` evaluates them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from order_import import __version__
from order_import.devtools.dashboards import DASHBOARDS, DIRECTORY, dashboard_files
from order_import.metrics.exposition import new_registry
from order_import.metrics.installation import InstallationMetrics
from order_import.metrics.worker import WorkerGauges, WorkerMetrics
from order_import.settings import PREFIX, Settings
from tests.builders import NOW
from tests.unit.test_metrics import A_HEALTH, COUNTS

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "observability" / "alerts.yml"


class Part:
    """A worker that has just started."""

    is_ready = False
    kafka = mongodb = None
    lag_by_partition: dict[object, int] = {}  # noqa: RUF012 - nobody changes it


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


ALERTS = [rule for rule in rules() if "alert" in rule]


def registries() -> Iterator[CollectorRegistry]:
    part: Any = Part()
    worker, console = new_registry(), new_registry()
    WorkerMetrics(worker, "", lambda: NOW)
    worker.register(WorkerGauges(part, part, ""))
    console.register(InstallationMetrics(A_HEALTH, COUNTS, ""))
    yield from (worker, console)


def exposed() -> set[str]:
    """The names of all series that a worker and a console have."""
    names = set()
    for registry in registries():
        for family in registry.collect():
            names |= {sample.name for sample in family.samples} or {family.name}
    return names


def test_there_are_nine_alerts() -> None:
    assert len({alert["alert"] for alert in ALERTS}) == 9
    assert {alert["labels"]["severity"] for alert in ALERTS} == {"page", "ticket"}


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_every_alert_has_a_heading_in_the_runbook(alert: dict[str, Any]) -> None:
    path, _, anchor = alert["annotations"]["runbook_url"].partition("#")
    text = (ROOT / path).read_text(encoding="utf-8")
    sections = re.split(r"^#{2,3} ", text, flags=re.MULTILINE)[1:]
    of_anchor = {_anchor(section.splitlines()[0]): section for section in sections}
    assert f"`{alert['alert']}`" in of_anchor[anchor]


def _anchor(heading: str) -> str:
    """The link to a heading, as GitHub and MkDocs make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_alerts_and_dashboards_name_only_metrics_there_are() -> None:
    queries = [rule["expr"] for rule in rules()]
    queries += [
        query
        for _, panels in DASHBOARDS.values()
        for panel in panels
        for query in panel.queries.values()
    ]
    named = {
        name for query in queries for name in re.findall(r"\b(?:order_import|process)_\w+", query)
    }
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    used = {name for query in queries for name in re.findall(r"\bslo:\w+:\w+", query)}
    assert named - exposed() == set()
    assert used <= recorded


def test_the_runbook_lists_every_metric() -> None:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    section = text.partition("\n## Metrics\n")[2].partition("\n## ")[0]
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    listed = {name for cell in cells for name in re.findall(r"`(\w+)", cell)}
    ours = {
        re.sub(r"_(bucket|sum|count)$", "", name).removeprefix("order_import_")
        for name in exposed()
        if name.startswith("order_import_")
    }
    assert listed == ours


def test_the_chart_is_of_this_version() -> None:
    chart = yaml.safe_load((ROOT / "deploy" / "helm" / "Chart.yaml").read_text(encoding="utf-8"))
    assert chart["version"] == chart["appVersion"] == __version__


def test_what_compose_mounts_is_there() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    mounts = [
        mount.partition(":")[0]
        for service in compose["services"].values()
        for mount in service.get("volumes", ())
        if mount.startswith("./")
    ]
    assert len(mounts) == 5
    assert [mount for mount in mounts if not (ROOT / mount).exists()] == []


def test_notify_in_compose_has_no_keys_of_buyer_data_and_nothing_of_kafka() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    notify, worker = compose["services"]["notify"], compose["services"]["worker"]
    assert (notify["profiles"], notify["command"]) == (["notify"], ["notify"])
    assert "ORDER_IMPORT_BUYER_KEY_FILE" in worker["environment"]
    assert worker["volumes"]
    assert notify["volumes"] == []
    settings = {name.removeprefix(PREFIX).lower() for name in notify["environment"]}
    assert settings <= Settings.model_fields.keys()
    assert not {name for name in settings if name.startswith(("kafka", "buyer"))}


@pytest.mark.parametrize("name", dashboard_files())
def test_the_committed_dashboard_is_the_generated_one(name: str) -> None:
    """When this fails: make dashboards."""
    assert (DIRECTORY / name).read_text(encoding="utf-8") == dashboard_files()[name]
