"""Exit statuses and the one line on standard error."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from order_import.__main__ import main
from order_import.cli.context import (
    DATA_DIR_VARIABLE,
    find_local_stack,
    remove_addresses,
    write_addresses,
)
from tests.unit.readers import BrokenReader, opened


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No `up` nearby, and ports where nothing answers."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(DATA_DIR_VARIABLE, raising=False)
    monkeypatch.setenv("ORDER_IMPORT_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv(
        "ORDER_IMPORT_MONGO_URL",
        "mongodb://someone:secret@127.0.0.1:1/",
    )


def leave(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert isinstance(left.value.code, int)
    return left.value.code


@pytest.mark.parametrize(
    "arguments",
    [
        ("dance",),
        ("send", "cars", "f.json"),
        ("send", "orders"),
        ("send", "orders", "--delete", "X"),
        ("send", "orders", "-", "-"),
        ("orders", "--state", "lost"),
        ("orders", "--reason", "bad-weather"),
        ("orders", "--since", "yesterday"),
        ("orders", "--limit", "0"),
        ("explain",),
        ("shadow",),
        ("shadow", "--since", "yesterday"),
        ("shadow", "--since", "24h", "--set", "product:A:enabled=true"),
        ("shadow", "--since", "24h", "--assume", "product:A:enabeld=true"),
        ("up", "--exit-when-done"),
    ],
)
def test_bad_usage_is_2(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert leave(*arguments) == 2
    shown = capsys.readouterr()
    assert shown.err
    assert not shown.out


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KAFKA_BOOTSTRAP_SERVERS", "kafka"),
        ("SYNC_INTERVAL", "soon"),
        ("MONGO_URL", "http://localhost"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(f"ORDER_IMPORT_{name}", value)
    assert leave("orders") == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(f"order-import: ORDER_IMPORT_{name}: ")


def test_a_database_that_does_not_answer_is_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        "order_import.cli.context.connect_database", lambda _: opened(reader=BrokenReader())
    )
    assert leave("orders") == 1
    assert capsys.readouterr().err == "order-import: MongoDB does not answer: no server found\n"


def test_status_tells_of_both_servers_and_no_secret(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        "order_import.operations.health.connect_database", lambda _: opened(reader=BrokenReader())
    )
    assert leave("status") == 1
    shown = capsys.readouterr().out
    assert "Kafka at 127.0.0.1:1 does not answer: nothing listens there" in shown
    assert "MongoDB at 127.0.0.1:1 does not answer: no server found" in shown
    assert "secret" not in shown


def test_nothing_is_sent_of_a_file_that_is_half_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.jsonl"
    good.write_text('{"sku": "A"}')
    bad.write_text('{"sku": "B"}\n{"sku": }\n')
    assert leave("send", "products", str(good), str(bad)) == 1
    # Kafka was not even asked: the complaint is about the file.
    assert capsys.readouterr().err.startswith(f"order-import: {bad}:2: expected JSON")


def test_a_broker_that_does_not_answer_is_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "p.json"
    file.write_text('{"sku": "A"}')
    assert leave("send", "products", str(file)) == 1
    assert "Kafka does not answer" in capsys.readouterr().err


def test_addresses_of_a_running_up_are_found_until_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DATA_DIR_VARIABLE, str(tmp_path))
    assert find_local_stack() == {}
    told = {"kafka_bootstrap_servers": "127.0.0.1:9", "mongo_url": "mongodb://127.0.0.1:8/?a=b"}
    file = write_addresses(tmp_path, told)
    assert find_local_stack() == told
    assert file.stat().st_mode & 0o077 == 0
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    file.write_text(re.sub(r"process \d+", f"process {gone.pid}", file.read_text()))  # a kill -9
    assert find_local_stack() == {}
    remove_addresses(tmp_path)
    assert not file.exists()
