"""One Prometheus for all cases, each a namespace, with hours behind it in which all was well."""

import asyncio
import json
import subprocess
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import httpx

from order_import.devtools.embedded.process import HOST, remembered_port
from tests.deploy.needs import debian
from tests.faults.nursery import ROOT
from tests.waiting import until

RATE = 5.0
"""Messages a second of every case."""
EVERY = 5
"""Seconds between two scrapes, and between two evaluations, as `make observe` has them."""
_RULES = ROOT / "deploy" / "observability" / "alerts.yml"
_HISTORY_SECONDS = 7 * 3600
_HISTORY_STEP = 30


class Ports(NamedTuple):
    """Where the workers and the console of one case are asked for metrics, and the pages are."""

    console: int
    page: int
    workers: tuple[int, ...]


class Alert(NamedTuple):
    """An alert that is pending or firing."""

    name: str
    severity: str
    state: str


@dataclass(frozen=True)
class Prometheus:
    """A Prometheus that runs."""

    base: str

    async def alerts(self, namespace: str) -> set[Alert]:
        """Return the alerts of one case."""
        async with httpx.AsyncClient(timeout=60) as client:
            answer = await client.get(f"{self.base}/api/v1/alerts")
        return {
            Alert(labels["alertname"], labels["severity"], alert["state"])
            for alert in answer.raise_for_status().json()["data"]["alerts"]
            if (labels := alert["labels"]).get("namespace") == namespace
        }

    async def value(self, expression: str) -> float:
        """Return the value of an expression that has one; 0 without."""
        async with httpx.AsyncClient(timeout=60) as client:
            answer = await client.get(f"{self.base}/api/v1/query", params={"query": expression})
        found = answer.raise_for_status().json()["data"]["result"]
        return float(found[0]["value"][1]) if found else 0.0

    async def is_ready(self) -> bool:
        try:
            async with httpx.AsyncClient(timeout=10) as client:
                return (await client.get(f"{self.base}/-/ready")).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False


@asynccontextmanager
async def prometheus(directory: Path, targets: Mapping[str, Ports]) -> AsyncIterator[Prometheus]:
    """Run one, with the rules of this project, on these ports per namespace."""
    _write_history(directory, targets)
    config = {
        "global": {"scrape_interval": f"{EVERY}s", "evaluation_interval": f"{EVERY}s"},
        "rule_files": [str(_RULES)],
        "scrape_configs": [
            {
                "job_name": job,
                "static_configs": [
                    {
                        "targets": [f"{HOST}:{port}" for port in of_job(ports)],
                        "labels": {"namespace": namespace},
                    }
                    for namespace, ports in targets.items()
                ],
            }
            for job, of_job in (
                ("worker", lambda ports: ports.workers),
                ("console", lambda ports: (ports.console,)),
            )
        ],
    }
    file = directory / "prometheus.yml"
    file.write_text(json.dumps(config), encoding="utf-8")  # YAML is a superset of JSON
    address = f"{HOST}:{remembered_port(directory / 'port')}"
    with (directory / "prometheus.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(debian("prometheus"), f"--config.file={file}"),
            f"--storage.tsdb.path={directory / 'tsdb'}",
            f"--web.listen-address={address}",
            stdout=log,
            stderr=log,
        )
    try:
        running = Prometheus(f"http://{address}")
        await until(running.is_ready)
        yield running
    finally:
        process.terminate()
        await process.wait()


def _write_history(directory: Path, namespaces: Mapping[str, Ports]) -> None:
    """Write hours without a late order: without them, one late order is a share of all."""
    name, now = "order_import_event_delay_seconds", int(time.time())
    moments = range(now - _HISTORY_SECONDS, now - EVERY, _HISTORY_STEP)
    lines = [f"# TYPE {name} histogram"]
    for namespace in namespaces:
        labels = f'topic="amazon.orders",namespace="{namespace}",instance="before"'
        for series in (f'{name}_bucket{{{labels},le="5.0"}}', f"{name}_count{{{labels}}}"):
            lines += [f"{series} {RATE * (at - moments.start)} {at}" for at in moments]
    file = directory / "history.txt"
    file.write_text("\n".join([*lines, "# EOF", ""]))
    subprocess.run(
        [
            *(debian("promtool"), "tsdb", "create-blocks-from", "openmetrics"),
            *(str(file), str(directory / "tsdb")),
        ],
        check=True,
        capture_output=True,
    )
