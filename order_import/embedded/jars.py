"""Kafka's jars: fetched once by Maven coordinates, then read from the cache."""

import importlib
import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from order_import.embedded.cache import cache_dir, locked_cache
from order_import.embedded.errors import EmbeddedServerError

KAFKA_VERSION = "4.1.1"
_COORDINATES = (
    f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}",
    "org.slf4j:slf4j-simple:1.7.36",  # Kafka's own dependencies name no log backend
)


def kafka_jars(report: Callable[[str], None]) -> list[Path]:
    """Gives Kafka's class path, downloading it at the first call on a machine.

    Args:
        report: Told when a download starts.

    Raises:
        EmbeddedServerError: The download failed, or the `embedded` extra is missing.
    """
    name = f"kafka-{KAFKA_VERSION}"
    jars = cache_dir() / name
    if not jars.is_dir():
        with locked_cache() as cache:
            if not jars.is_dir():
                report(f"downloading Apache Kafka {KAFKA_VERSION} (45 MB, once)")
                _download(cache, jars)
    return sorted(jars.glob("*.jar"))


def _download(cache: Path, jars: Path) -> None:
    """Resolves into a scratch directory and renames: a killed download leaves nothing half done."""
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
            found = builder.from_endpoint("+".join(_COORDINATES)).all_jars
        except Exception as error:  # jgo raises whatever its resolver meets
            raise EmbeddedServerError(f"cannot download Apache Kafka: {error}") from error
        complete = Path(scratch, "complete")
        complete.mkdir()
        for jar in found:
            jar.rename(complete / jar.name)
        complete.rename(jars)
