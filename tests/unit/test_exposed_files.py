"""Files with secrets: what others can read is told, and users that others can write are refused."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from order_import.cli.status import health_as_json
from order_import.console.access import access_of, hash_password
from order_import.operations.health import Health, ServerHealth
from order_import.settings import SettingsError, exposed_files, load_settings, warn_of_exposed_files


@pytest.fixture
def users(tmp_path: Path) -> Path:
    file = tmp_path / "users"
    file.write_text(f"olga:operator:{hash_password('a good password')}\n")
    file.chmod(0o600)
    return file


@pytest.mark.parametrize(
    ("mode", "is_told"), [(0o600, False), (0o440, False), (0o644, True), (0o444, True)]
)
def test_a_users_file_that_others_can_read_is_told(users: Path, mode: int, is_told: bool) -> None:
    users.chmod(mode)
    settings = load_settings(console_users_file=users)
    assert access_of(settings).users is not None
    with capture_logs() as logged:
        warn_of_exposed_files(settings)
    setting = "ORDER_IMPORT_CONSOLE_USERS_FILE"
    assert [(one["setting"], one["do"]) for one in logged] == [(setting, "chmod 600")] * is_told
    server = ServerHealth("Kafka", "k:1")
    told = health_as_json(Health(server, server, exposed_files=exposed_files(settings)))
    line = f"{setting}: other users on this machine can read {users}; chmod 600"
    assert told["warnings"] == [line] * is_told


def test_users_that_others_can_write_are_refused(users: Path) -> None:
    """Whoever may write it lets in whom they like."""
    users.chmod(0o646)
    with pytest.raises(SettingsError) as raised:
        access_of(load_settings(console_users_file=users))
    line = f"ORDER_IMPORT_CONSOLE_USERS_FILE: others may write {users}; chmod 600"
    assert str(raised.value) == line


def test_other_secrets_are_looked_at_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret, link = tmp_path / "..data", tmp_path / "mongo"
    secret.write_text("mongodb://user:password@db/")
    secret.chmod(0o644)
    link.symlink_to(secret)  # as Kubernetes mounts them
    monkeypatch.setenv("ORDER_IMPORT_MONGO_URL_FILE", str(link))
    monkeypatch.setenv("ORDER_IMPORT_KAFKA_SASL_PASSWORD_FILE", str(tmp_path / "password"))
    (tmp_path / "password").write_text("secret")
    (tmp_path / "password").chmod(0o600)
    settings = load_settings(kafka_ssl_key_file=link, kafka_ssl_cert_file=tmp_path / "nowhere")
    assert [one.setting for one in exposed_files(settings)] == [
        "ORDER_IMPORT_KAFKA_SSL_KEY_FILE",
        "ORDER_IMPORT_MONGO_URL_FILE",
    ]


@pytest.mark.parametrize("content", [None, b"\xff"])
def test_a_secret_that_cannot_be_read_is_refused_by_name(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "mongo"
    if content is not None:
        secret.write_bytes(content)
    monkeypatch.setenv("ORDER_IMPORT_MONGO_URL_FILE", str(secret))
    line = f"^ORDER_IMPORT_MONGO_URL_FILE: cannot read {secret}: [^\n]+$"
    with pytest.raises(SettingsError, match=line):
        load_settings()
    monkeypatch.setenv("ORDER_IMPORT_MONGO_URL", "mongodb://db/")
    assert load_settings().mongo_url.get_secret_value() == "mongodb://db/"
