"""Keys of buyer data for tests: one set for storages, one file for programs."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from order_import.buyer_keys import SETTING, create_key_file
from storage.encryption import KEY_BYTES, BuyerKeys

KEYS = BuyerKeys([bytes(KEY_BYTES)], bytes(KEY_BYTES))
"""Keys that everybody knows."""


@contextmanager
def buyer_keys_in_use() -> Iterator[None]:
    """Name a key file in the environment, for this process and those it starts."""
    with tempfile.TemporaryDirectory(prefix="order-import-keys-") as directory:
        path = Path(directory, "buyer-keys.json")
        create_key_file(path)
        before = os.environ.get(SETTING)
        os.environ[SETTING] = str(path)
        try:
            yield
        finally:
            if before is None:
                del os.environ[SETTING]
            else:
                os.environ[SETTING] = before
