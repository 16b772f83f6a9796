"""From the bytes of a message to a `Reading`: size, JSON, kind, and each order in turn."""

from collections.abc import Callable
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import from_json

from handlers.payloads import document, notifications, orders_2026, orders_v0
from handlers.payloads.problems import SHOWN, joined, problems_of
from handlers.payloads.reading import Reading
from handlers.payloads.wire import Object
from models.amazon_order import AmazonOrder
from models.refusals import DeadLetterCode, Refusal

MAX_BYTES = 1_000_000
"""The longest message that is read."""

_ACCEPTED = (
    "an order document, an Orders API v0 order, page or detail body, "
    "an Orders API 2026-01-01 order or page, or an ORDER_CHANGE notification"
)


class _Found(NamedTuple):
    """Where the orders of a message are, and how each is read."""

    read: Callable[[Object], AmazonOrder]
    bodies: list[tuple[str, Any]]
    """Each order not yet validated, with its path."""


def read_payload(value: bytes | None) -> Reading:
    """Read a message of `amazon.orders`. Never raises; the same bytes give the same reading.

    Args:
        value: the value of the Kafka message, `None` for a tombstone.

    Returns:
        The orders understood, and the refusal of what was not.
    """
    if value is None:
        return _refused(DeadLetterCode.MALFORMED_JSON, "expected JSON, got no value at all")
    if len(value) > MAX_BYTES:
        return _refused(DeadLetterCode.TOO_LARGE, f"expected at most {MAX_BYTES} bytes")
    try:
        message = from_json(value, allow_inf_nan=False, cache_strings="keys")
        if isinstance(message, str) and message.lstrip().startswith("{"):
            # A notification whose queue encoded it once more.
            message = from_json(message, allow_inf_nan=False, cache_strings="keys")
    except ValueError as error:
        return _refused(DeadLetterCode.MALFORMED_JSON, f"expected JSON: {error}")
    if not isinstance(message, dict):
        return _refused(DeadLetterCode.UNKNOWN_PAYLOAD, f"expected {_ACCEPTED}")
    found = _find(message)
    return Reading(refusal=found) if isinstance(found, Refusal) else _read(found)


def _find(message: Object) -> _Found | Refusal:
    """Find the orders of a message by the names it has; none of them is validated yet."""
    if "notificationType" in message:
        message = notifications.capitalised(message)
    if "NotificationType" in message:
        return _find_notification(message)
    if not document.MARKS.isdisjoint(message):
        return _Found(document.read_document, [("", message)])
    for wrapper, page, marks, read in _APIS:
        body, at = message, ""
        if wrapper in message and isinstance(message[wrapper], dict):
            body, at = message[wrapper], wrapper
            if "store_id" in message:
                body = {"store_id": message["store_id"]} | body
        if page in body:
            return _find_page(read, body[page], f"{at}.{page}".removeprefix("."))
        if not marks.isdisjoint(body):
            return _Found(read, [(at, body)])
    got = ", not an error response of Amazon" if "errors" in message else ""
    return Refusal(code=DeadLetterCode.UNKNOWN_PAYLOAD, message=f"expected {_ACCEPTED}{got}")


_APIS = (
    ("payload", "Orders", orders_v0.MARKS, orders_v0.read_v0),
    ("order", "orders", orders_2026.MARKS, orders_2026.read_2026),
)
"""Of each API: the wrapper of a body, the list in a page, what marks an order, its reader."""


def _find_notification(message: Object) -> _Found | Refusal:
    kind = message["NotificationType"]
    read = notifications.NOTIFICATIONS.get(kind) if isinstance(kind, str) else None
    if read is not None:
        return _Found(read, [("", message)])
    accepted = " or ".join(notifications.NOTIFICATIONS)
    return Refusal(
        code=DeadLetterCode.UNKNOWN_PAYLOAD, message=f"NotificationType: expected {accepted}"
    )


def _find_page(read: Callable[[Object], AmazonOrder], orders: object, at: str) -> _Found | Refusal:
    if not isinstance(orders, list):
        return Refusal(code=DeadLetterCode.INVALID_ORDER, message=f"{at}: expected a list")
    return _Found(read, [(f"{at}[{index}]", order) for index, order in enumerate(orders)])


def _read(found: _Found) -> Reading:
    """Read each order by itself, so that a bad one costs no other."""
    orders: list[AmazonOrder] = []
    problems: list[str] = []
    for at, body in found.bodies:
        if not isinstance(body, dict):
            problems.append(f"{at}: expected an object")
            continue
        try:
            orders.append(found.read(body))
        except ValidationError as error:
            # Only the first few are shown; telling all of a hopeless page would take seconds.
            problems += problems_of(error, at) if len(problems) < SHOWN else [at]
    if not problems:
        return Reading(orders=tuple(orders))
    refusal = Refusal(code=DeadLetterCode.INVALID_ORDER, message=joined(problems))
    return Reading(orders=tuple(orders), refusal=refusal)


def _refused(code: DeadLetterCode, message: str) -> Reading:
    return Reading(refusal=Refusal(code=code, message=message))
