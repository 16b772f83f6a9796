"""The preflight: what it makes of what it reads. Real servers are in tests/integration."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from order_import.__main__ import main
from order_import.buyer_keys import create_key_file
from order_import.operations import preflight
from order_import.operations.permissions import Broker, Operation, _operations
from order_import.operations.preflight import Finding, Level, check_installation
from order_import.settings import Settings
from storage.mongo.inspection import (
    IndexProblem,
    IndexState,
    MongoInspection,
    ServerInfo,
    _compare,
)
from storage.mongo.storage import LAYOUT
from streams.clock import now
from tests.unit.readers import opened

ACTIONS = ["find", "insert", "update", "remove", "createIndex", "createCollection"]


class Inspection:
    """A database in order, but for what a test changes."""

    def __init__(self, **changed: Any) -> None:
        self.answers: dict[str, Any] = {
            "server": ServerInfo("8.0.13", "rs0", now()),
            "layout": LAYOUT,
            "index_problems": [],
            "missing_permissions": [],
        } | changed

    def __getattr__(self, name: str) -> Any:
        async def ask() -> Any:
            return self.answers[name]

        return ask


async def findings(monkeypatch: pytest.MonkeyPatch, **changed: Any) -> dict[str, Finding]:
    """What is found of a database, by subject, without Kafka."""
    inspection: Any = Inspection(**changed)
    monkeypatch.setattr(preflight, "connect_database", lambda _: opened(inspection=inspection))
    return {finding.subject: finding async for finding in preflight._check_mongodb(Settings())}


async def test_a_database_in_order_has_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    found = await findings(monkeypatch)
    assert {finding.level for finding in found.values()} == {Level.OK}
    assert len(found) == 6


@pytest.mark.parametrize(
    ("changed", "subject", "level", "text"),
    [
        ({"server": ServerInfo("7.0.2", "rs0", now())}, "MongoDB's version", "fault", "7.0.2"),
        ({"server": ServerInfo("8.0.2", None, now())}, "MongoDB", "fault", "no replica set"),
        (
            {"server": ServerInfo("8.0.2", "rs0", now() + timedelta(seconds=90))},
            "clock",
            "fault",
            "differs from MongoDB's by ",
        ),
        ({"layout": None}, "database", "fault", "is empty"),
        ({"layout": 2}, "database", "fault", "has layout 2"),
        ({"missing_permissions": None}, "MongoDB's permissions", "warning", "anybody"),
        ({"missing_permissions": ["insert"]}, "MongoDB's permissions", "fault", "may not insert"),
        ({"index_problems": [IndexProblem("a.b", IndexState.MISSING)]}, "index a.b", "fault", "is"),
        (
            {"index_problems": [IndexProblem("a.b", IndexState.DIFFERENT)]},
            "index a.b",
            "fault",
            "has other options",
        ),
        (
            {"index_problems": [IndexProblem("a.b", IndexState.UNKNOWN)]},
            "index a.b",
            "warning",
            "is not one of",
        ),
    ],
)
async def test_what_is_wrong_with_a_database_is_found(
    changed: dict[str, Any],
    subject: str,
    level: str,
    text: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    finding = (await findings(monkeypatch, **changed))[subject]
    assert (finding.level, bool(finding.remedy)) == (level, True)
    assert text in finding.text


@pytest.mark.parametrize(
    ("existing", "problems"),
    [
        ({"at_-1": {}}, []),
        ({}, [IndexProblem("offset_resets.at_-1", IndexState.MISSING)]),
        (
            {"at_-1": {"unique": True}},
            [IndexProblem("offset_resets.at_-1", IndexState.DIFFERENT)],
        ),
        (
            {"at_-1": {"partialFilterExpression": {"at": 1}}},
            [IndexProblem("offset_resets.at_-1", IndexState.DIFFERENT)],
        ),
        (
            {"at_-1": {}, "mine": {}, "_id_": {}},
            [IndexProblem("offset_resets.mine", IndexState.UNKNOWN)],
        ),
    ],
)
def test_indexes_are_compared(existing: dict[str, Any], problems: list[IndexProblem]) -> None:
    assert _compare("offset_resets", existing) == problems


@pytest.mark.parametrize(
    ("resource", "actions", "missing"),
    [
        ({"db": "orders", "collection": ""}, ACTIONS, []),
        ({"db": "", "collection": ""}, ACTIONS, []),
        ({"anyResource": True}, ["anyAction"], []),
        ({"db": "orders", "collection": ""}, ACTIONS[:3], sorted(ACTIONS[3:])),
        ({"db": "another", "collection": ""}, ACTIONS, sorted(ACTIONS)),
        ({"db": "orders", "collection": "one"}, ACTIONS, sorted(ACTIONS)),
    ],
)
async def test_the_permissions_of_a_user_are_those_on_its_database(
    resource: dict[str, Any], actions: list[str], missing: list[str]
) -> None:
    inspection = MongoInspection(_client(["olga"], resource, actions), "orders")
    assert await inspection.missing_permissions() == missing


async def test_without_access_control_nobody_lacks_a_permission() -> None:
    inspection = MongoInspection(_client([], {}, []), "orders")
    assert await inspection.missing_permissions() is None


def _client(users: list[str], resource: dict[str, Any], actions: list[str]) -> Any:
    class Database:
        name = "orders"

        async def command(self, name: str, **options: object) -> dict[str, Any]:
            assert (name, options) == ("connectionStatus", {"showPrivileges": True})
            privileges = [{"resource": resource, "actions": actions}] if users else []
            return {
                "authInfo": {
                    "authenticatedUsers": users,
                    "authenticatedUserPrivileges": privileges,
                }
            }

    class Client:
        admin = Database()

        def __getitem__(self, _: str) -> Database:
            return Database()

    return Client()


def test_the_bits_of_kafka_are_its_operations() -> None:
    assert _operations(0) == frozenset()
    assert _operations(1 << 3 | 1 << 8 | 1 << 11) == {Operation.READ, Operation.DESCRIBE}


async def test_an_old_broker_that_does_not_tell_permissions_is_a_warning() -> None:
    class Connection:
        async def send(self, request: Any) -> None:
            request.prepare({3: (0, 11)})  # as Kafka 3.0 has it

    nobody: Any = None
    [finding] = await preflight._check_permissions(Settings(), Broker(Connection()), nobody)
    assert (finding.level, finding.subject) == (Level.WARNING, "Kafka's permissions")
    assert "older than 3.1" in finding.text


async def test_a_key_that_cannot_be_read_and_a_users_file_that_others_can_write_are_faults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = tmp_path / "users"
    users.touch()
    users.chmod(0o666)
    settings = Settings(
        kafka_security_protocol="SSL",
        kafka_ssl_ca_file=tmp_path / "none.pem",
        console_users_file=users,
    )

    inspection: Any = Inspection()
    monkeypatch.setattr(preflight, "connect_database", lambda _: opened(inspection=inspection))
    faults = {
        finding.subject: finding.text
        for finding in await check_installation(settings)
        if finding.level is Level.FAULT
    }
    assert faults == {
        "ORDER_IMPORT_KAFKA_SSL_CA_FILE": f"cannot read {tmp_path / 'none.pem'}: "
        "No such file or directory",
        "ORDER_IMPORT_CONSOLE_USERS_FILE": f"other users on this machine can change {users}",
        "Kafka": "keys and certificates: FileNotFoundError: No such file or directory",
    }


@pytest.mark.parametrize(("level", "status"), [(Level.WARNING, 0), (Level.FAULT, 1)])
def test_each_finding_is_a_line_and_a_fault_is_status_1(
    level: Level, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [Finding(Level.OK, "Kafka", "answers"), Finding(level, "clock", "is late", "wind it")]

    async def check(_: Settings) -> list[Finding]:
        return found

    monkeypatch.setattr("order_import.cli.check.check_installation", check)
    for arguments in (["check"], ["check", "--json"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == status
    lines, _, document = capsys.readouterr().out.partition("{")
    assert lines.splitlines() == ["ok       Kafka: answers", f"{level:7}  clock: is late; wind it"]
    assert json.loads("{" + document)["findings"][1]["remedy"] == "wind it"


def test_the_settings_of_notify_are_checked_and_its_secrets_are_not_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def check(settings: Settings) -> list[Finding]:
        return [*preflight._check_files(settings)]

    secret = tmp_path / "webhook"
    secret.write_text("hooks.example/s3cret")
    secret.chmod(0o644)
    monkeypatch.setenv("ORDER_IMPORT_NOTIFY_WEBHOOK_URL_FILE", str(secret))
    keys = tmp_path / "keys"
    create_key_file(keys)
    monkeypatch.setenv("ORDER_IMPORT_BUYER_KEY_FILE", str(keys))
    monkeypatch.setattr("order_import.cli.check.check_installation", check)
    with pytest.raises(SystemExit) as ended:
        main(["check"])
    assert ended.value.code == 1
    exposed = f"other users on this machine can read {secret}; chmod 600"
    assert capsys.readouterr().out.splitlines() == [
        f"warning  ORDER_IMPORT_NOTIFY_WEBHOOK_URL_FILE: {exposed}",
        "fault    ORDER_IMPORT_NOTIFY_WEBHOOK_URL: expected https://host/…",
    ]
