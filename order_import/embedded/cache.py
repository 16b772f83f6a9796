"""The machine's cache: what is downloaded once and used by every data directory."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from order_import.embedded.errors import EmbeddedServerError


def cache_dir() -> Path:
    """Gives the cache directory: below `XDG_CACHE_HOME`, else below `~/.cache`."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "order-import"


@contextmanager
def locked_cache() -> Iterator[Path]:
    """Holds the cache for one writer, so that two first starts at once do not spoil it.

    Yields:
        The cache directory, made if it was missing.

    Raises:
        EmbeddedServerError: The directory cannot be written.
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
