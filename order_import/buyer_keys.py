"""The file of the keys that encrypt buyer data: read, created, and given a new first key.

It is JSON: `keys` has the wrapping keys, the newest first, and `search` the key that hashes words;
each is 32 bytes in base64.
"""

import base64
import json
import os
import secrets
from pathlib import Path

from order_import.settings import PREFIX, Settings, SettingsError
from storage.encryption import KEY_BYTES, BuyerKeys

SETTING = f"{PREFIX}BUYER_KEY_FILE"


def read_buyer_keys(settings: Settings) -> BuyerKeys:
    """Return the keys of the file that the settings name.

    Raises:
        SettingsError: No file is named, it cannot be read, or it is not such a file.
    """
    path = buyer_key_path(settings)
    try:
        return _parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(
            f"{SETTING}: {path} does not exist; order-import init creates it"
        ) from None
    except OSError as error:
        raise SettingsError(f"{SETTING}: cannot read {path}: {error.strerror}") from None
    except (ValueError, TypeError, KeyError):
        raise SettingsError(
            f"{SETTING}: {path} is not a file of keys as order-import init creates it"
        ) from None


def find_buyer_keys(settings: Settings) -> BuyerKeys | None:
    """Return the keys, None if no file is named or it does not exist.

    Raises:
        SettingsError: The file cannot be read, or it is not such a file.
    """
    path = settings.buyer_key_file
    return read_buyer_keys(settings) if path is not None and path.exists() else None


def buyer_key_path(settings: Settings) -> Path:
    """Return the path of the file.

    Raises:
        SettingsError: No file is named.
    """
    if settings.buyer_key_file is None:
        raise SettingsError(
            f"{SETTING}: expected the file of the keys that encrypt buyer data; "
            "order-import init creates it"
        )
    return settings.buyer_key_file


def create_key_file(path: Path) -> None:
    """Create a file with new keys, which its owner alone can read.

    Raises:
        FileExistsError: It exists.
        OSError: It cannot be written.
    """
    _write(path, [_new_key()], _new_key(), os.O_EXCL)


def add_key(path: Path, keys: BuyerKeys) -> BuyerKeys:
    """Write a new first key into the file, and return all keys.

    Raises:
        OSError: It cannot be written.
    """
    added = BuyerKeys([_new_key(), *keys.keys.values()], keys.search_key)
    _replace(path, added)
    return added


def remove_old_keys(path: Path, keys: BuyerKeys) -> int:
    """Leave the first key alone in the file; return how many were removed.

    Raises:
        OSError: It cannot be written.
    """
    first = keys.keys[keys.current]
    _replace(path, BuyerKeys([first], keys.search_key))
    return len(keys.keys) - 1


def _replace(path: Path, keys: BuyerKeys) -> None:
    """Replace the file as a whole: a crash leaves the old one or the new one."""
    written = path.with_name(path.name + ".new")
    _write(written, [*keys.keys.values()], keys.search_key, os.O_TRUNC)
    written.replace(path)


def _parse(text: str) -> BuyerKeys:
    content = json.loads(text)
    keys = [base64.b64decode(key, validate=True) for key in content["keys"]]
    search = base64.b64decode(content["search"], validate=True)
    if not keys or any(len(key) != KEY_BYTES for key in (*keys, search)):
        raise ValueError("a key has another length")
    return BuyerKeys(keys, search)


def _new_key() -> bytes:
    return secrets.token_bytes(KEY_BYTES)


def _write(path: Path, keys: list[bytes], search: bytes, flag: int) -> None:
    content = {
        "keys": [base64.b64encode(key).decode() for key in keys],
        "search": base64.b64encode(search).decode(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | flag, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - it is a descriptor
        file.write(json.dumps(content, indent=2) + "\n")
        file.flush()
        os.fsync(descriptor)
