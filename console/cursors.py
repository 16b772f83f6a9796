"""Places in a list as pieces of an address."""

import base64
import binascii
import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from storage.console_query import Cursor

_AMOUNT = re.compile(r"-?\d{1,24}(\.\d{1,9})?", re.ASCII)

_LAST = 7_258_118_400_000
"""The year 2200, in milliseconds."""


def write_cursor(cursor: Cursor) -> str:
    """Give a place in the list as a piece of an address."""
    at: object = cursor.at
    if isinstance(at, datetime):
        at = int(at.timestamp() * 1000)
    elif isinstance(at, Decimal):
        at = f"{at:f}"
    text = json.dumps([at, cursor.key], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(text: str) -> Cursor | None:
    """Give the place that a piece of an address names; None where it is none of ours."""
    try:
        padded = text + "=" * (-len(text) % 4)
        at, key = json.loads(base64.urlsafe_b64decode(padded.encode()))
        place = None if at is None else _place_of(at)
    except (ValueError, TypeError, OverflowError, RecursionError, binascii.Error):
        return None
    return Cursor(place, key) if isinstance(key, str) else None


def _place_of(at: object) -> datetime | Decimal:
    match at:
        case int() if 0 <= at < _LAST:
            return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=at)
        case str() if _AMOUNT.fullmatch(at):
            return Decimal(at)
        case _:
            raise ValueError
