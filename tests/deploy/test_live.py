"""Debian's Prometheus beside a worker and a console that run: every query has an answer."""

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from order_import.devtools.dashboards import DASHBOARDS
from tests.browser.demo_site import HANG, demo_site, free_port, get, wait_until
from tests.deploy.needs import debian
from tests.unit.test_observability import ALERTS, ROOT

CONFIG = ROOT / "deploy" / "observability" / "prometheus-local.yml"
QUERIES = sorted(
    {
        query
        for _, panels in DASHBOARDS.values()
        for panel in panels
        for query in panel.queries.values()
    }
)


@dataclass(frozen=True)
class Prometheus:
    """A Prometheus that runs."""

    base: str

    def query(self, expression: str) -> list[Any]:
        filled = expression.replace("$namespace", ".*").replace("$__rate_interval", "1m")
        answer = httpx.get(
            f"{self.base}/api/v1/query", params={"query": filled}, timeout=HANG
        ).json()
        assert answer["status"] == "success", answer
        result: list[Any] = answer["data"]["result"]
        return result


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    directory = tmp_path_factory.mktemp("observe")
    of_worker, of_console, port = free_port(), free_port(), free_port()
    settings = {"WORKER_HEALTH_PORT": of_worker, "CONSOLE_METRICS_PORT": of_console}
    with demo_site(directory, **settings):
        config = _on_ports(CONFIG.read_text(encoding="utf-8"), [of_worker, of_console])
        file = directory / "prometheus.yml"
        file.write_text(config, encoding="utf-8")
        with (directory / "prometheus.log").open("wb") as log:
            process = subprocess.Popen(
                [
                    *(debian("prometheus"), f"--config.file={file}"),
                    f"--storage.tsdb.path={directory / 'tsdb'}",
                    f"--web.listen-address=127.0.0.1:{port}",
                ],
                stdout=log,
                stderr=log,
            )
        try:
            base = f"http://127.0.0.1:{port}"
            wait_until(lambda: _is_ready(base) or process.poll() is not None, "no Prometheus")
            assert process.poll() is None, (directory / "prometheus.log").read_text()
            yield Prometheus(base)
        finally:
            process.terminate()
            process.wait(HANG)


def _on_ports(config: str, ports: list[int]) -> str:
    """The configuration with these ports, a scrape each second, and the rules where they are."""
    for target, port in zip(re.findall(r"127\.0\.0\.1:\d+", config), ports, strict=True):
        config = config.replace(target, f"127.0.0.1:{port}")
    rules = json.dumps(str(CONFIG.parent / "alerts.yml"))
    return config.replace("alerts.yml", rules).replace("5s", "1s")


def _is_ready(base: str) -> bool:
    try:
        return get(f"{base}/-/ready").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("query", QUERIES)
def test_every_query_of_a_dashboard_has_a_series(prometheus: Prometheus, query: str) -> None:
    wait_until(lambda: bool(prometheus.query(query)), f"no series: {query}")


def test_both_are_scraped(prometheus: Prometheus) -> None:
    wait_until(
        lambda: {result["value"][1] for result in prometheus.query("up")} == {"1"}, "not scraped"
    )
    assert len(prometheus.query("up")) == 2


def test_what_the_demo_has_done_is_counted(prometheus: Prometheus) -> None:
    def decided() -> float:
        expression = 'sum(order_import_messages_total{topic="amazon.orders", result="decided"})'
        return sum(float(result["value"][1]) for result in prometheus.query(expression))

    wait_until(lambda: decided() > 400, "the demo's orders are not counted")
    states = prometheus.query("sum by (state) (order_import_orders) > 0")
    assert {"waiting", "skipped", "blocked", "created", "withdrawn"} == {
        result["metric"]["state"] for result in states
    }


def test_every_rule_is_evaluated(prometheus: Prometheus) -> None:
    def health() -> set[tuple[str, str]]:
        groups = get(f"{prometheus.base}/api/v1/rules").json()["data"]["groups"]
        return {(rule["name"], rule["health"]) for group in groups for rule in group["rules"]}

    wait_until(lambda: all(state != "unknown" for _, state in health()), "not evaluated")
    assert {state for _, state in health()} == {"ok"}
    assert {alert["alert"] for alert in ALERTS} <= {name for name, _ in health()}
    quiet = ("OrderImportServerUnavailable", "OrderImportNoWorker", "OrderImportNoProgress")
    for name in quiet:
        assert prometheus.query(f'ALERTS{{alertname="{name}"}}') == []
