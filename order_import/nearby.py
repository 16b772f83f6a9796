"""Nearby: how commands in a second terminal find the servers of an `up` that is running.

`up` writes its addresses to a small file in its data directory, which a shell can source too, and
removes it when it ends. After a kill -9 the file is left behind, and the process it names is gone.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from order_import.settings import PREFIX

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
