"""Places in a list as parts of an address."""

import base64
import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from models.order_query import Cursor

_AMOUNT = re.compile(r"-?\d{1,24}(\.\d{1,9})?", re.ASCII)

_EPOCH = datetime.fromtimestamp(0, UTC)
_MILLISECOND = timedelta(milliseconds=1)


def write_cursor(cursor: Cursor) -> str:
    """Give a place in the list as a part of an address."""
    at: object = cursor.at
    if isinstance(at, datetime):
        at = (at - _EPOCH) // _MILLISECOND
    elif isinstance(at, Decimal):
        at = f"{at:f}"
    text = json.dumps([at, cursor.key], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(text: str) -> Cursor | None:
    """Return the place that a part of an address names; None if it is none of ours."""
    padded = text + "=" * (-len(text) % 4)
    try:
        match json.loads(base64.b64decode(padded, b"-_", validate=True)):
            case [at, str(key)]:
                key.encode()  # JSON can name half a character, which no database takes
                return Cursor(_place_of(at), key)
            case _:
                return None
    except (ValueError, OverflowError, RecursionError):
        return None


def _place_of(at: object) -> datetime | Decimal | None:
    match at:
        case None:
            return None
        case int() if not isinstance(at, bool):
            return _EPOCH + at * _MILLISECOND
        case str() if _AMOUNT.fullmatch(at):
            return Decimal(at)
        case _:
            raise ValueError
