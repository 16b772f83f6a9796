"""The Helm chart: what it renders is valid, and what was looked at; `make chart` runs these.

With `GOLDEN=write`, the rendered manifests become the golden ones: look at the difference.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from order_import.settings import PREFIX, Settings
from tests.deploy.needs import custom_kinds, go_tool, schemas

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CHART = ROOT / "deploy" / "helm"
CASES = sorted(path.stem for path in (HERE / "values").glob("*.yaml"))
KUBERNETES = ("1.27.0", "1.34.0")
"""The oldest version that the chart allows, and a current one."""
CUSTOM = {"PodMonitor", "PrometheusRule", "ScaledObject"}


def helm(*arguments: str) -> str:
    done = subprocess.run(
        [go_tool("helm"), *arguments], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def render(case: str, version: str = KUBERNETES[-1]) -> str:
    values = str(HERE / "values" / f"{case}.yaml")
    return helm(
        *("template", "order-import", str(CHART), "--namespace", "orders"),
        *("--kube-version", version, "--values", values),
    )


def manifests(case: str) -> list[dict[str, Any]]:
    return [manifest for manifest in yaml.safe_load_all(render(case)) if manifest]


def containers(case: str) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Every container, with its pod and its component."""
    return [
        (pod["metadata"]["labels"]["app.kubernetes.io/component"], pod["spec"], container)
        for manifest in manifests(case)
        if (pod := manifest.get("spec", {}).get("template"))
        for container in (*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"])
    ]


@pytest.mark.parametrize("case", CASES)
def test_the_chart_has_no_lint(case: str) -> None:
    values = str(HERE / "values" / f"{case}.yaml")
    helm("lint", "--strict", "--kube-version", KUBERNETES[-1], "--values", values, str(CHART))


@pytest.mark.parametrize("case", CASES)
def test_the_manifests_are_the_golden_ones(case: str) -> None:
    golden = HERE / "golden" / f"{case}.yaml"
    rendered = render(case)
    if os.environ.get("GOLDEN") == "write":
        golden.write_text(rendered, encoding="utf-8")
    assert rendered == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("case", CASES)
def test_the_manifests_are_valid(case: str, version: str) -> None:
    done = subprocess.run(
        [
            *(go_tool("kubeconform"), "-strict", "-summary", "-kubernetes-version", version),
            *("-skip", ",".join(CUSTOM)),
            *(
                "-schema-location",
                f"{schemas(version)}/{{{{ .ResourceKind }}}}{{{{ .KindSuffix }}}}.json",
            ),
        ],
        input=render(case, version),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Invalid: 0, Errors: 0" in done.stdout


def test_the_manifests_of_the_operators_kinds_are_valid() -> None:
    custom = [manifest for manifest in manifests("everything") if manifest["kind"] in CUSTOM]
    assert {manifest["kind"] for manifest in custom} == CUSTOM
    assert _check_custom(custom) == ""
    broken = custom[0] | {"spec": {"selector": "all"}}
    assert broken["kind"] in _check_custom([broken])


def _check_custom(custom: list[dict[str, Any]]) -> str:
    done = subprocess.run(
        ["node", "custom-kinds.mjs"],
        cwd=custom_kinds(),
        input=json.dumps(custom),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return done.stderr


@pytest.mark.parametrize("case", CASES)
def test_no_container_may_more_than_it_needs(case: str) -> None:
    every = containers(case)
    notify = {"notify"} if case == "everything" else set()
    assert {component for component, *_ in every} == {"worker", "console", "init"} | notify
    for _, pod, container in every:
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == 10001
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


@pytest.mark.parametrize("case", CASES)
def test_every_setting_there_is_one_of_the_programs(case: str) -> None:
    for _, _, container in containers(case):
        for variable in container["env"]:
            if variable["name"].startswith("OTEL_"):
                continue  # OpenTelemetry's own
            name = variable["name"].removeprefix(PREFIX).lower()
            assert name.removesuffix("_file") in Settings.model_fields or (
                name in Settings.model_fields
            )


def settings_of(container: dict[str, Any]) -> dict[str, str]:
    return {one["name"].removeprefix(PREFIX): one["value"] for one in container["env"]}


def test_notify_is_one_and_has_no_secrets_but_its_own_and_the_database() -> None:
    [deployment] = (
        one
        for one in manifests("everything")
        if (one["kind"], one["metadata"]["name"]) == ("Deployment", "order-import-notify")
    )
    assert deployment["spec"]["replicas"] == 1
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}
    pod = deployment["spec"]["template"]["spec"]
    [mounted] = (one["secret"]["items"] for one in pod["volumes"] if "secret" in one)
    keys = {"mongo-url", "notify-smtp-password", "notify-webhook-url"}
    assert {item["key"] for item in mounted} == keys
    settings = settings_of(pod["containers"][0])
    assert {Path(value).name for name, value in settings.items() if "_FILE" in name} == keys
    assert not any(name.startswith("KAFKA_") for name in settings)
    assert settings["CONSOLE_PUBLIC_URL"] == "https://orders.example"


def test_notify_without_any_secret_gets_none() -> None:
    """A volume of a Secret without a list of its keys has all of them: those of buyer data, too."""
    files = (
        "secret.files.MONGO_URL_FILE",
        "notify.files.NOTIFY_WEBHOOK_URL_FILE",
        "notify.files.NOTIFY_SMTP_PASSWORD_FILE",
    )
    rendered = helm(
        *("template", "order-import", str(CHART), "--kube-version", KUBERNETES[-1]),
        *("--values", str(HERE / "values" / "everything.yaml")),
        *("--set", ",".join(f"{name}=null" for name in files)),
        *("--show-only", "templates/notify.yaml"),
    )
    volumes = yaml.safe_load(rendered)["spec"]["template"]["spec"]["volumes"]
    assert [one for one in volumes if "secret" in one] == []


def test_the_check_has_the_settings_of_notify_and_the_worker_has_not() -> None:
    of_notify = {
        str(container["args"]): [name for name in settings_of(container) if "NOTIFY" in name]
        for _, _, container in containers("everything")
    }
    assert of_notify.pop("['check']") == of_notify.pop("['notify']")
    assert set(map(len, of_notify.values())) == {0}


def test_notify_without_the_address_of_its_links_is_refused() -> None:
    command = [go_tool("helm"), "template", str(CHART), "--kube-version", KUBERNETES[-1]]
    done = subprocess.run(
        [*command, "--set", "notify.enabled=true"],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode != 0
    assert "notify.enabled needs console.publicUrl" in done.stderr


def test_only_notify_and_the_check_reach_other_servers() -> None:
    [policy] = (
        one["spec"]
        for one in manifests("everything")
        if one["kind"] == "NetworkPolicy" and one["metadata"]["name"].endswith("-notify")
    )
    [selected] = policy["podSelector"]["matchExpressions"]
    assert selected["values"] == ["notify", "init"]
    to_mail = [{"ipBlock": {"cidr": "10.1.0.0/16"}}]
    assert policy["egress"] == [
        {"ports": [{"port": 443}]},
        {"ports": [{"port": 587}], "to": to_mail},
    ]


def test_the_init_job_checks_what_it_has_made() -> None:
    steps = [container["args"] for name, _, container in containers("default") if name == "init"]
    assert steps == [["init"], ["check"]]


def test_the_rules_are_those_that_are_tested_with_links_of_the_site() -> None:
    (rule,) = (one for one in manifests("everything") if one["kind"] == "PrometheusRule")
    text = (ROOT / "deploy" / "observability" / "alerts.yml").read_text(encoding="utf-8")
    linked = text.replace("docs/operations.md", "https://docs.example/operations/")
    assert rule["spec"] == yaml.safe_load(linked)


def test_the_scaler_leaves_the_number_of_workers_alone() -> None:
    workers = {
        case: next(
            one
            for one in manifests(case)
            if one["kind"] == "Deployment" and one["metadata"]["name"].endswith("-worker")
        )["spec"].get("replicas")
        for case in ("default", "everything")
    }
    assert workers == {"default": 2, "everything": None}
