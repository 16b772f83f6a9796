"""The files of the embedded servers: jars that are the pinned ones, and data for us alone."""

import hashlib
import re
import stat
from pathlib import Path

import pytest

from order_import.devtools.embedded import jars
from order_import.devtools.embedded.directory import DataDirectory
from order_import.devtools.embedded.process import (
    EmbeddedServerError,
    remembered_port,
    remembered_ports,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with two jars, which are the pinned ones."""
    directory = tmp_path / "order-import" / f"kafka-{jars.KAFKA_VERSION}"
    directory.mkdir(parents=True)
    lines = []
    for name in ("a-1.jar", "b-2.jar"):
        (directory / name).write_bytes(name.encode())
        lines.append(f"{hashlib.sha256(name.encode()).hexdigest()}  {name}")
    pins = tmp_path / "pins"
    pins.write_text("\n".join([*lines, ""]))
    monkeypatch.setattr(jars, "_PINS", pins)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return directory


def test_the_class_path_is_the_pinned_jars_and_no_other(cached: Path) -> None:
    (cached / "c-3.jar").write_bytes(b"not ours")
    assert jars.kafka_jars(print) == [cached / "a-1.jar", cached / "b-2.jar"]


def test_a_jar_that_is_another_is_not_run(cached: Path) -> None:
    (cached / "b-2.jar").write_bytes(b"something else")
    with pytest.raises(EmbeddedServerError) as raised:
        jars.kafka_jars(print)
    assert str(raised.value) == (
        f"{cached / 'b-2.jar'} does not match its pinned SHA-256; "
        f"remove {cached} to have it fetched again"
    )


def test_a_jar_that_is_missing_is_named(cached: Path) -> None:
    (cached / "a-1.jar").unlink()
    with pytest.raises(EmbeddedServerError, match=r"a-1\.jar: No such file or directory; remove "):
        jars.kafka_jars(print)


def test_every_jar_of_this_version_is_pinned() -> None:
    names = list(jars._pinned())
    assert names == sorted(set(names), key=str)
    assert f"kafka_2.13-{jars.KAFKA_VERSION}.jar" in names
    assert all(re.fullmatch(r"[0-9a-f]{64}", pinned) for pinned in jars._pinned().values())


def test_images_are_named_by_exact_versions() -> None:
    """A tag like `8.0` is another image next month."""
    text = (ROOT / "Dockerfile").read_text() + (ROOT / "docker-compose.yml").read_text()
    named = re.findall(r"^(?:FROM|\s*image:) +(\S+)", text, re.MULTILINE)
    assert len(named) >= 4
    inexact = {one for one in named if not re.search(r":v?\d+\.\d+\.\d+(-|$)", one)}
    assert inexact == {"order-import"}  # which is built here


async def acquired(directory: Path) -> None:
    data = DataDirectory(directory)
    await data.acquire(print)
    data.release()


def mode(path: Path) -> str:
    return oct(stat.S_IMODE(path.stat().st_mode))


async def test_a_data_directory_that_was_there_is_made_private_with_what_is_in_it(
    tmp_path: Path,
) -> None:
    directory = tmp_path / "data"
    for inner in (directory, directory / "kafka", directory / "mongo"):
        inner.mkdir()
        inner.chmod(0o755)
    log = directory / "worker.log"
    log.touch()
    log.chmod(0o664)
    await acquired(directory)
    assert [mode(one) for one in (directory, directory / "kafka", directory / "mongo")] == [
        "0o700"
    ] * 3
    assert mode(log) == mode(directory / "lock") == "0o600"


async def test_what_is_not_ours_keeps_its_rights(tmp_path: Path) -> None:
    """The directory may be a project's own, and a link may lead anywhere."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    project = tmp_path / "project"
    project.mkdir()
    (project / "mongo").symlink_to(elsewhere)
    (project / "kafka").mkdir()
    (project / "notes.txt").touch()
    for one in (elsewhere, project, project / "kafka", project / "notes.txt"):
        one.chmod(0o755)
    await acquired(project)
    assert {mode(one) for one in (elsewhere, project, project / "notes.txt")} == {"0o755"}
    assert mode(project / "kafka") == "0o700"


def test_no_two_ports_of_a_server_are_the_same(tmp_path: Path) -> None:
    memories = tmp_path / "port", tmp_path / "controller-port"
    first = remembered_ports(*memories)
    assert remembered_ports(*memories) == first
    for memory in memories:
        memory.write_text(str(first[0]))
    port, other = remembered_ports(*memories)
    assert port == first[0]
    assert other != port
    assert [int(memory.read_text()) for memory in memories] == [port, other]


@pytest.mark.parametrize("remembered", ["", "none", "99999", "-1"])
def test_a_remembered_port_that_is_none_is_chosen_anew(tmp_path: Path, remembered: str) -> None:
    (tmp_path / "port").write_text(remembered)
    assert remembered_port(tmp_path / "port") in range(1, 65_536)
