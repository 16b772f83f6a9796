"""Messages to read: this repository's samples, Amazon's own where they are at hand, and edits."""

import json
from pathlib import Path
from typing import Any

from handlers.payloads import ParseResult, read_payload
from models.amazon_order import AmazonOrder, OrderItem
from models.messages import DeadLetterCode

ROOT = Path(__file__).parents[3]

SAMPLES = sorted((ROOT / "tests" / "samples").glob("*.json"))
"""Written for this repository from the schemas, with no real person in them."""

AMAZONS = sorted((ROOT.parent / "shared" / "samples").glob("*.json"))
"""Amazon's official examples; none where they were not put beside the repository."""


def sample(name: str) -> dict[str, Any]:
    """Give a fresh copy of a sample, to edit."""
    message: dict[str, Any] = json.loads((ROOT / "tests/samples" / f"{name}.json").read_bytes())
    return message


def as_bytes(message: object) -> bytes:
    return json.dumps(message).encode()


def read(message: object) -> ParseResult:
    return read_payload(as_bytes(message))


def order_of(message: object) -> AmazonOrder:
    """Read a message that has one order and nothing wrong."""
    reading = read(message)
    assert reading.refusal is None
    (order,) = reading.orders
    return order


def item_of(message: object) -> OrderItem:
    """Read a message of one order with one line."""
    (item,) = order_of(message).items
    return item


def refused(message: object) -> tuple[DeadLetterCode, str]:
    """Read a message of which nothing is understood."""
    reading = read(message)
    assert reading.orders == ()
    assert reading.refusal is not None
    return reading.refusal.code, reading.refusal.message
