"""The settings and servers that commands use, their exit statuses, and how they run."""

import asyncio
import logging
import os
import re
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, TypeVar

from order_import.bootstrap import connect_database
from order_import.settings import PREFIX, Settings, load_settings
from storage.mongo.database import MongoDatabase

REFUSED = 1
"""The command was refused, or found problems."""
BAD_USAGE = 2
"""An option, an argument or a setting is invalid."""
BROKEN = 70
"""An unexpected error (EX_SOFTWARE)."""

DATA_DIR_VARIABLE = f"{PREFIX}DATA_DIR"
"""The environment variable that names another data directory for `up`."""

T = TypeVar("T")

_SERVERS = {"kafka_bootstrap_servers", "mongo_url"}
_LIBRARIES = ("aiokafka", "pymongo", "motor")
_DEFAULT_DATA_DIR = Path(".data", "up")
_FILE = "addresses.env"
_LINE = re.compile(rf"^export {PREFIX}([A-Z_]+)='([^']*)'$", re.MULTILINE)
_OWNER = re.compile(r"^# order-import up, process (\d+)$", re.MULTILINE)


class CommandRefused(Exception):  # noqa: N818 - an answer, not a mistake of the program
    """The command was refused, or found problems. The message is the line that is printed."""


def read_settings() -> Settings:
    """Read the settings. If they name no server, use the servers of a running `up`.

    Raises:
        SettingsError: A setting is invalid.
    """
    settings = load_settings()
    if settings.model_fields_set & _SERVERS:
        return settings
    local = find_local_stack()
    return load_settings(**local) if local else settings


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a short command without the clients' log lines: it reports errors itself."""
    for name in _LIBRARIES:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return asyncio.run(work)


def query_database(ask: Callable[[MongoDatabase], Awaitable[T]]) -> T:
    """Run a short command on the database of the settings, and return its answer."""
    settings = read_settings()

    async def work() -> T:
        async with connect_database(settings) as database:
            return await ask(database)

    return run(work())


def connection_hint() -> str:
    """Return a hint if neither a setting nor a running `up` names a server; otherwise empty."""
    if load_settings().model_fields_set & _SERVERS or find_local_stack():
        return ""
    return " (no setting names a server, and no `order-import up` runs in this directory)"


def default_data_dir() -> Path:
    """Return the default data directory of `up`: below the current directory."""
    return Path(os.environ.get(DATA_DIR_VARIABLE) or _DEFAULT_DATA_DIR)


def find_local_stack() -> dict[str, str]:
    """Return the settings of the `up` that runs on the default data directory, if any."""
    try:
        text = (default_data_dir() / _FILE).read_text(encoding="utf-8")
    except OSError:
        return {}
    owner = _OWNER.search(text)
    if owner is None or not is_alive(int(owner[1])):
        return {}
    return {name.lower(): value for name, value in _LINE.findall(text)}


def write_addresses(data_dir: Path, addresses: Mapping[str, str]) -> Path:
    """Write a file with the addresses of this process's servers, and return its path.

    `addresses` are settings by field name, for example `mongo_url`.
    """
    lines = [f"# order-import up, process {os.getpid()}"]
    lines += [f"export {PREFIX}{name.upper()}='{value}'" for name, value in addresses.items()]
    file = data_dir / _FILE
    file.touch(mode=0o600)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def remove_addresses(data_dir: Path) -> None:
    """Remove the file of addresses. Harmless to repeat."""
    (data_dir / _FILE).unlink(missing_ok=True)


def is_alive(process: int) -> bool:
    """Return whether a process runs."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
