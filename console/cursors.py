"""Places in a list as pieces of an address."""

import base64
import binascii
import json
from datetime import UTC, datetime, timedelta

from storage.console_reader import Cursor


def write_cursor(cursor: Cursor) -> str:
    """Give a place in the list as a piece of an address."""
    at = None if cursor.at is None else int(cursor.at.timestamp() * 1000)
    text = json.dumps([at, cursor.key], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(text: str) -> Cursor | None:
    """Give the place that a piece of an address names; None where it is none of ours."""
    try:
        padded = text + "=" * (-len(text) % 4)
        at, key = json.loads(base64.urlsafe_b64decode(padded.encode()))
        moment = None if at is None else datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=at)
    except (ValueError, TypeError, OverflowError, RecursionError, binascii.Error):
        return None
    return Cursor(moment, key) if isinstance(key, str) else None
