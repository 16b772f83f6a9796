"""Kafka's jars: downloaded once into the machine's cache, and checked before every use."""

import fcntl
import hashlib
import importlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from order_import.devtools.embedded.process import EmbeddedServerError


def cache_dir() -> Path:
    """Return the cache directory, in `XDG_CACHE_HOME` or `~/.cache`."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "order-import"


@contextmanager
def locked_cache() -> Iterator[Path]:
    """Lock the cache for one writer, so that two first starts do not interfere.

    Yields:
        The cache directory, created if missing.

    Raises:
        EmbeddedServerError: The directory is not writable.
    """
    cache = cache_dir()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        lock = os.open(cache / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise EmbeddedServerError(f"cannot write the cache {cache}: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield cache
    finally:
        os.close(lock)


KAFKA_VERSION = "4.1.1"
_COORDINATES = (
    f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}",
    "org.slf4j:slf4j-simple:1.7.36",  # Kafka's own dependencies have no log backend
)
_PINS = Path(__file__).with_name("kafka-jars.sha256")


def kafka_jars(report: Callable[[str], None]) -> list[Path]:
    """Return Kafka's class path with checked files; the first call on a machine downloads them.

    `report` is called when a download starts.

    Raises:
        EmbeddedServerError: The download failed, a file does not match its pin, or the `embedded`
            extra is missing.
    """
    name = f"kafka-{KAFKA_VERSION}"
    jars = cache_dir() / name
    if not jars.is_dir():
        with locked_cache() as cache:
            if not jars.is_dir():
                report(f"downloading Apache Kafka {KAFKA_VERSION} (45 MB, once)")
                _download(cache, jars)
    return check_jars(jars, f"remove {jars} to have it fetched again")


def check_jars(directory: Path, advice: str) -> list[Path]:
    """Check all files against their pins, and return the class path.

    Raises:
        EmbeddedServerError: A file is missing or differs; the message ends with the advice.
    """
    jars = {directory / name: pinned for name, pinned in _pinned().items()}
    for jar, pinned in jars.items():
        try:
            with jar.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise EmbeddedServerError(f"{jar}: {error.strerror}; {advice}") from None
        if digest != pinned:
            raise EmbeddedServerError(f"{jar} does not match its pinned SHA-256; {advice}")
    return list(jars)


def _pinned() -> dict[str, str]:
    """Return the SHA-256 of each jar by name, from a file in the format of `sha256sum`."""
    lines = _PINS.read_text(encoding="ascii").splitlines()
    return {name: pinned for pinned, name in (line.split() for line in lines)}


def _download(cache: Path, jars: Path) -> None:
    """Download into a scratch directory, then rename: an interrupted download leaves no trace."""
    try:
        maven = importlib.import_module("jgo.maven")
        env = importlib.import_module("jgo.env")
    except ImportError:
        raise EmbeddedServerError(
            "the embedded servers need this program's 'embedded' extra (jgo is missing)"
        ) from None
    for abandoned in cache.glob("download-*"):
        shutil.rmtree(abandoned)
    with TemporaryDirectory(dir=cache, prefix="download-") as scratch:
        builder = env.EnvironmentBuilder(
            context=maven.MavenContext(repo_cache=Path(scratch, "maven")),
            cache_dir=Path(scratch, "jgo"),
        )
        try:
            downloaded = builder.from_endpoint("+".join(_COORDINATES)).all_jars
        except Exception as error:  # jgo raises any error of its resolver
            raise EmbeddedServerError(f"cannot download Apache Kafka: {error}") from error
        complete = Path(scratch, "complete")
        complete.mkdir()
        for jar in downloaded:
            jar.rename(complete / jar.name)
        check_jars(complete, "the download is discarded")
        complete.rename(jars)
