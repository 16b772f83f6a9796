"""How a command ends that did not do what was asked: one line, and the exit status."""

import asyncio
import logging
import os
import re
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any, TypeVar

from order_import.settings import PREFIX, Settings, load_settings

REFUSED = 1
"""Refused, or found wanting."""
BAD_USAGE = 2
"""A wrong option, argument or setting."""
BROKEN = 70
"""Something broke that nobody foresaw (EX_SOFTWARE)."""


class CommandRefused(Exception):  # noqa: N818 - an answer, not a mistake of the program
    """The command was refused or found wanting. The message is the line people read."""


DATA_DIR_VARIABLE = f"{PREFIX}DATA_DIR"
"""Environment variable for another data directory than the default."""

_DEFAULT = Path(".data", "up")
_FILE = "addresses.env"
_LINE = re.compile(rf"^export {PREFIX}([A-Z_]+)='([^']*)'$", re.MULTILINE)
_OWNER = re.compile(r"^# order-import up, process (\d+)$", re.MULTILINE)


def default_data_dir() -> Path:
    """Give where `up` keeps its data unless told otherwise: below the current directory."""
    return Path(os.environ.get(DATA_DIR_VARIABLE) or _DEFAULT)


def write_addresses(data_dir: Path, addresses: Mapping[str, str]) -> Path:
    """Write down where the servers of this process answer; give the file.

    Args:
        data_dir: The data directory, which this process owns.
        addresses: Settings by field name, for example `mongo_url`.
    """
    lines = [f"# order-import up, process {os.getpid()}"]
    lines += [f"export {PREFIX}{name.upper()}='{value}'" for name, value in addresses.items()]
    file = data_dir / _FILE
    file.touch(mode=0o600)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def remove_addresses(data_dir: Path) -> None:
    """Remove the file; harmless to repeat."""
    (data_dir / _FILE).unlink(missing_ok=True)


def find_nearby() -> dict[str, str]:
    """Give the settings of the `up` that runs on the default data directory; empty if none does."""
    try:
        text = (default_data_dir() / _FILE).read_text(encoding="utf-8")
    except OSError:
        return {}
    owner = _OWNER.search(text)
    if owner is None or not _alive(int(owner[1])):
        return {}
    return {name.lower(): value for name, value in _LINE.findall(text)}


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


T = TypeVar("T")

_SERVERS = {"kafka_bootstrap_servers", "mongo_url"}
_LIBRARIES = ("aiokafka", "pymongo", "motor")


def read_settings() -> Settings:
    """Read the settings; where they name no server, a running `up` is used.

    Raises:
        SettingsError: One is wrong.
    """
    settings = load_settings()
    if settings.model_fields_set & _SERVERS:
        return settings
    nearby = find_nearby()
    return load_settings(**nearby) if nearby else settings


def whereabouts() -> str:
    """Give a hint for people who asked for servers that nothing names; empty for all others."""
    if load_settings().model_fields_set & _SERVERS or find_nearby():
        return ""
    return " (no setting names a server, and no `order-import up` runs in this directory)"


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a short command. The clients' own log lines are left out: errors are told in words."""
    for name in _LIBRARIES:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return asyncio.run(work)
