"""Every alert fires when it should, and stays silent when it should; promtool evaluates them."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.deploy.needs import debian
from tests.unit.test_observability import ALERTS, RULES


@dataclass(frozen=True)
class Case:
    """Series of one sample a minute, and how many alerts of a name fire at a time."""

    alert: str
    why: str
    at: str
    fires: int
    series: Mapping[str, str] = field(default_factory=dict)
    severity: str = ".+"

    def __str__(self) -> str:
        return f"{self.alert}: {self.why}"


def ready(*values: str) -> dict[str, str]:
    return {
        f'order_import_worker_ready{{job="w", instance="{at}"}}': value
        for at, value in enumerate(values)
    }


def up(kafka: str = "1x60", mongodb: str = "1x60") -> dict[str, str]:
    return {
        'order_import_server_up{instance="0", server="kafka"}': kafka,
        'order_import_server_up{instance="0", server="mongodb"}': mongodb,
        'order_import_server_up{instance="1", server="mongodb"}': mongodb,
    }


def backlog(lag: str, messages: str) -> dict[str, str]:
    return {
        'order_import_partition_lag{topic="amazon.orders", partition="0"}': lag,
        'order_import_partition_lag{topic="amazon.orders", partition="1"}': "0x60",
        'order_import_messages_total{topic="amazon.orders", result="decided"}': messages,
        'order_import_messages_total{topic="amazon.orders", result="refused"}': "0x60",
    }


def delays(late: float, minutes: int = 6000) -> dict[str, str]:
    """A thousand orders a minute, a share of them late."""
    name, topic = "order_import_event_delay_seconds", 'topic="amazon.orders"'
    return {
        f'{name}_bucket{{{topic}, le="5.0"}}': f"0+{1000 * (1 - late):g}x{minutes}",
        f"{name}_count{{{topic}}}": f"0+1000x{minutes}",
    }


def started(values: str, job: str = "w") -> dict[str, str]:
    return {f'process_start_time_seconds{{job="{job}", instance="0"}}': values} | ready("1x60")


RESET = 'order_import_checkpoint_reset_timestamp_seconds{topic="amazon.orders"}'
SHIP_BY = "order_import_blocked_next_ship_by_timestamp_seconds"
OVERDUE = "order_import_buyer_data_overdue"
OPEN = 'order_import_dead_letters_open{code="unknown-store"}'

CASES = (
    Case("OrderImportServerUnavailable", "nobody reaches it", "5m", 1, up(mongodb="0x60")),
    Case("OrderImportServerUnavailable", "both are away", "5m", 2, up("0x60", "0x60")),
    Case("OrderImportServerUnavailable", "all answer", "5m", 0, up()),
    Case(
        "OrderImportServerUnavailable",
        "one process does not reach it",
        "5m",
        0,
        up() | {'order_import_server_up{instance="2", server="kafka"}': "0x60"},
    ),
    Case("OrderImportServerUnavailable", "for a moment", "5m", 0, up("1x4 0 1x50")),
    Case("OrderImportNoWorker", "all wait", "5m", 1, ready("0x60", "0x60") | up()),
    Case("OrderImportNoWorker", "there is none", "5m", 1, up()),
    Case("OrderImportNoWorker", "there is nothing at all", "5m", 1),
    Case(
        "OrderImportNoWorker",
        "there is none in one of two namespaces",
        "5m",
        1,
        {
            'order_import_server_up{namespace="a", server="kafka"}': "1x60",
            'order_import_server_up{namespace="b", server="kafka"}': "1x60",
            'order_import_worker_ready{namespace="b"}': "1x60",
        },
    ),
    Case("OrderImportNoWorker", "one is ready", "5m", 0, ready("0x60", "1x60") | up()),
    Case("OrderImportNoWorker", "Kafka is away", "5m", 0, ready("0x60") | up(kafka="0x60")),
    Case("OrderImportNoProgress", "nothing is decided", "15m", 1, backlog("5x60", "9x60") | up()),
    Case("OrderImportNoProgress", "some are decided", "15m", 0, backlog("5x60", "9+1x60") | up()),
    Case(
        "OrderImportNoProgress", "a worker is gone", "3m", 0, backlog("5x60", "9x2 8x0 7x60") | up()
    ),
    Case("OrderImportNoProgress", "nothing waits", "15m", 0, backlog("0x60", "9x60") | up()),
    Case(
        "OrderImportNoProgress",
        "MongoDB is away",
        "15m",
        0,
        backlog("5x60", "9x60") | up(mongodb="0x60"),
    ),
    Case("OrderImportRestarting", "three times", "10m", 1, started("1x2 2x1 3x1 4x20")),
    Case("OrderImportRestarting", "once, for an upgrade", "10m", 0, started("1x2 2x60")),
    Case("OrderImportRestarting", "another program", "10m", 0, started("1x2 2x1 3x1 4x20", "x")),
    Case("OrderImportCheckpointOutsideLog", "an hour ago", "2h", 1, {RESET: "3600x200"}),
    Case("OrderImportCheckpointOutsideLog", "two days ago", "49h", 0, {RESET: "3600x3000"}),
    Case("OrderImportShipBySoon", "in five hours", "5h", 1, {SHIP_BY: "36000x700"}),
    Case("OrderImportShipBySoon", "is late", "11h", 1, {SHIP_BY: "36000x700"}),
    Case("OrderImportShipBySoon", "in nine hours", "1h", 0, {SHIP_BY: "36000x700"}),
    Case("OrderImportDeadLettersOpen", "for 20 minutes", "20m", 1, {OPEN: "2x60"}),
    Case("OrderImportDeadLettersOpen", "for 10 minutes", "10m", 0, {OPEN: "2x60"}),
    Case("OrderImportDeadLettersOpen", "redriven", "30m", 0, {OPEN: "2x20 0x20"}),
    Case("OrderImportBuyerDataOverdue", "for 15 minutes", "15m", 1, {OVERDUE: "3x60"}),
    Case("OrderImportBuyerDataOverdue", "for five minutes", "20m", 0, {OVERDUE: "0x14 3x4 0x40"}),
    Case("OrderImportFreshnessBurn", "2 % for hours", "100m", 1, delays(0.02), "page"),
    Case("OrderImportFreshnessBurn", "0.8 % for hours", "8h", 1, delays(0.008), "page"),
    Case("OrderImportFreshnessBurn", "0.4 % is no page", "30h", 0, delays(0.004), "page"),
    Case("OrderImportFreshnessBurn", "0.4 % for a day", "30h", 1, delays(0.004), "ticket"),
    Case("OrderImportFreshnessBurn", "0.2 % for days", "80h", 1, delays(0.002), "ticket"),
    Case("OrderImportFreshnessBurn", "0.05 % is in the budget", "80h", 0, delays(0.0005)),
    Case("OrderImportFreshnessBurn", "there are no orders", "80h", 0),
)


def test_every_alert_has_a_case_that_fires_and_one_that_does_not() -> None:
    alerts = {(alert["alert"], fires) for alert in ALERTS for fires in (True, False)}
    assert {(case.alert, bool(case.fires)) for case in CASES} == alerts


def test_the_rules_are_valid() -> None:
    done = _promtool("check", "rules", str(RULES))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["prometheus.yml", "prometheus-local.yml"])
def test_the_configurations_are_valid(name: str) -> None:
    done = _promtool("check", "config", str(RULES.parent / name))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_alert_fires_or_not(case: Case, tmp_path: Path) -> None:
    assert _run(case, case.fires, tmp_path) == ""


@pytest.mark.parametrize("case", CASES[:3:2], ids=str)
def test_a_wrong_number_would_be_seen(case: Case, tmp_path: Path) -> None:
    assert "got:" in _run(case, case.fires + 1, tmp_path)


def _run(case: Case, fires: int, directory: Path) -> str:
    selector = f'{{alertname="{case.alert}", alertstate="firing", severity=~"{case.severity}"}}'
    test = {
        "rule_files": [str(RULES)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    {"series": name, "values": values} for name, values in case.series.items()
                ],
                "promql_expr_test": [
                    {
                        "expr": f"count(ALERTS{selector}) or vector(0)",
                        "eval_time": case.at,
                        "exp_samples": [{"labels": "{}", "value": fires}],
                    }
                ],
            }
        ],
    }
    file = directory / "test.yml"
    file.write_text(json.dumps(test), encoding="utf-8")  # YAML is a superset of JSON
    done = _promtool("test", "rules", str(file))
    return "" if done.returncode == 0 else done.stdout + done.stderr


def _promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [debian("promtool"), *arguments], capture_output=True, text=True, check=False, timeout=300
    )
