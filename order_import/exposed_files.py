"""Files with secrets that others on this machine can read: told, not refused.

A container platform mounts secrets as it likes, often readable by all, into a container where
nobody else is. What others may write is another matter: see `console_address`.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import structlog
from pydantic import SecretStr

from order_import.settings import PREFIX, Settings

log = structlog.get_logger(__name__)

_SECRET_FILES = (
    "console_users_file",
    "kafka_sasl_token_file",
    "kafka_ssl_key_file",
    "mongo_tls_cert_key_file",
)


class ExposedFile(NamedTuple):
    """A file that others can read, and the setting that names it."""

    setting: str
    path: Path

    def __str__(self) -> str:
        return f"{self.setting}: others on this machine can read {self.path}; chmod 600"


def exposed_files(settings: Settings) -> list[ExposedFile]:
    """Return the files with secrets that others can read. One that is not there is none."""
    return [one for one in _named(settings) if _has_mode(one.path, stat.S_IROTH)]


def is_writable_by_others(path: Path) -> bool:
    """Return whether others may write a file; the users file would then let in whom they like."""
    return _has_mode(path, stat.S_IWOTH)


def warn_of_exposed_files(settings: Settings) -> None:
    """Log each of them, once at the start."""
    for one in exposed_files(settings):
        log.warning("secret-file-exposed", setting=one.setting, file=str(one.path), do="chmod 600")


def _named(settings: Settings) -> Iterator[ExposedFile]:
    for name in _SECRET_FILES:
        path: Path | None = getattr(settings, name)
        if path is not None:
            yield ExposedFile(PREFIX + name.upper(), path)
    for name, field in Settings.model_fields.items():
        variable = f"{PREFIX}{name}_FILE".upper()
        is_secret = field.annotation in (SecretStr, SecretStr | None)
        if is_secret and (named := os.environ.get(variable)):
            yield ExposedFile(variable, Path(named))


def _has_mode(path: Path, mode: int) -> bool:
    try:
        return bool(path.stat().st_mode & mode)
    except OSError:
        return False
