"""What every command starts with: the settings, and an `up` that may run nearby."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

from order_import.nearby import find_nearby
from order_import.settings import Settings, load_settings

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
