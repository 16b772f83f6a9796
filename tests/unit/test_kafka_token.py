"""Tokens for Kafka: kept while they are good, asked for before they end, and never shown."""

import base64
import json
import sys
import time
from pathlib import Path

import pytest
from aiokafka.errors import KafkaConnectionError

from order_import.kafka_token import TokenSource, TokenUnavailable
from order_import.settings import SettingsError, load_settings

SECRET = "canary-of-a-token"  # noqa: S105 - of this test only


def a_token(**claims: object) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{body}.sig"


async def test_a_token_file_is_read_again_only_when_its_token_is_about_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, now = tmp_path / "token", time.time()
    source = TokenSource(file, None)
    first, second = a_token(iat=now, exp=now + 100), a_token(iat=now, exp=now + 1000)
    file.write_text(first + "\n")
    assert await source.token() == first
    file.write_text(second)
    assert await source.token() == first
    monkeypatch.setattr(time, "time", lambda: now + 81)
    assert await source.token() == second


@pytest.mark.parametrize("token", ["opaque", "a.b.c", a_token(sub="x"), a_token(exp="soon"), "..."])
async def test_a_token_that_does_not_say_when_it_ends_is_asked_for_each_time(
    token: str, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    source = TokenSource(file, None)
    for text in (token, a_token(exp=1)):
        file.write_text(text)
        assert await source.token() == text


async def test_a_command_prints_a_token() -> None:
    token = a_token(exp=time.time() + 900)
    source = TokenSource(None, f"{sys.executable} -c 'print(\"{token}\")'")
    assert await source.token() == token


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("/nowhere/at-all", "the token command cannot be run: FileNotFoundError"),
        ("'", "the token command cannot be run: ValueError"),
        (f"{sys.executable} -c 'print(\"{SECRET}\"); exit(3)'", "ended with status 3"),
        (f"{sys.executable} -c 'print()'", "expected one token"),
        (f"{sys.executable} -c 'print(\"{SECRET}\\n{SECRET}\")'", "expected one token"),
    ],
)
async def test_why_there_is_no_token_is_one_line_without_it(
    command: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(TokenUnavailable, match=reason) as met:
        await TokenSource(None, command).token()
    assert isinstance(met.value, KafkaConnectionError), "a client tries again"
    assert SECRET not in str(met.value) + "".join(capsys.readouterr())


async def test_a_token_file_that_is_not_there_is_named_as_such(tmp_path: Path) -> None:
    with pytest.raises(TokenUnavailable, match="cannot be read: FileNotFoundError"):
        await TokenSource(tmp_path / "none", None).token()


@pytest.mark.parametrize("told", [{}, {"TOKEN_FILE": "/t", "TOKEN_COMMAND": "t"}])
def test_a_token_comes_from_a_file_or_from_a_command(
    told: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    base = {"SECURITY_PROTOCOL": "SASL_SSL", "SASL_MECHANISM": "OAUTHBEARER"}
    for name, value in (base | {f"SASL_{name}": value for name, value in told.items()}).items():
        monkeypatch.setenv(f"ORDER_IMPORT_KAFKA_{name}", value)
    with pytest.raises(SettingsError, match=r"KAFKA_SASL_TOKEN_FILE or .*KAFKA_SASL_TOKEN_COMMAND"):
        load_settings()
