"""From the bytes of a message to a `ParseResult`: size, JSON, envelopes, kind, each order."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from handlers.payloads import document, notifications, orders_2026, orders_v0
from handlers.payloads.json_text import BLANK, parse_json
from handlers.payloads.result import SHOWN, ParseResult, describe_problems, join_problems
from handlers.payloads.wire import (
    Object,
    by_letters,
    find_misspelled,
    spelling_expected,
    with_currency,
)
from models.amazon_order import AmazonOrder
from models.messages import DeadLetterCode, Rejection

MAX_BYTES = 1_000_000
"""The maximum length of a message that is read."""

_ACCEPTED = (
    "an order document, an Orders API v0 order, page or detail body, "
    "an Orders API 2026-01-01 order or page, or an ORDER_CHANGE notification"
)


class _Form(NamedTuple):
    """How one form of an order is read."""

    read: Callable[[Object], AmazonOrder]
    why_not: Callable[[Object], str | None] = lambda _: None
    """Returns why a body has no known form, though it has a name of this one."""
    currency: str = ""
    """The name of an amount's currency field."""


class _Api(NamedTuple):
    """How to find the bodies of one of Amazon's APIs."""

    wrapper: str
    list_name: str
    """The name of the list in a page of orders."""
    marks: frozenset[str]
    """A body with any of these names is meant to be an order."""
    form: _Form


class _Body(NamedTuple):
    """An order that is not read yet, with its path in the message."""

    at: str
    body: Any
    form: _Form


class _Problem(NamedTuple):
    """Why a part of a message cannot be read."""

    code: DeadLetterCode
    texts: list[str]


_DOCUMENT: Final = _Form(document.read_document, document.why_no_document, "currency")
_APIS: Final = (
    _Api(
        wrapper="payload",
        list_name="Orders",
        marks=orders_v0.MARKS,
        form=_Form(orders_v0.read_v0, orders_v0.why_no_v0, "CurrencyCode"),
    ),
    _Api(
        wrapper="order",
        list_name="orders",
        marks=orders_2026.MARKS,
        form=_Form(orders_2026.read_2026, orders_2026.why_no_2026, "currencyCode"),
    ),
)
_MARKS: Final = by_letters({"Orders", "NotificationType"}, *(api.marks for api in _APIS))
"""The names that show that a message is meant to be one of Amazon's."""

_CONTENTS: Final = ("detail", "Message", "body", "Body", "Sns")
"""The keys of the content of AWS envelopes: EventBridge, SNS, an SQS record as passed by Lambda and
as received, and an SNS record."""

_DEEPEST: Final = 6
"""How many envelopes may be nested. The longest known chain has four: the Lambda event of an SQS
record of an SNS message of an EventBridge event."""

_AMAZON_ORDER_ID: Final = re.compile(r"[A-Z0-9]{1,3}-[0-9]{7}-[0-9]{7}")


def read_payload(value: bytes | None) -> ParseResult:
    """Return the orders of a message of `amazon.orders`, and the refusal of what cannot be read.

    Never raise; the same bytes give the same result. `value` is None for a tombstone.
    """
    if value is None:
        return _refused(DeadLetterCode.MALFORMED_JSON, "expected JSON, got no value at all")
    if len(value) > MAX_BYTES:
        return _refused(DeadLetterCode.TOO_LARGE, f"expected at most {MAX_BYTES} bytes")
    try:
        message = parse_json(value)
    except ValueError as error:
        return _refused(DeadLetterCode.MALFORMED_JSON, str(error))
    return _read(_find(message, "", _DEEPEST))


def _find(message: object, at: str, envelopes: int) -> Iterator[_Body | _Problem]:
    """Find the orders of a message by their names, without validating them.

    Args:
        message: The message, or the content of an envelope: an object, or its JSON as text.
        at: The path to it.
        envelopes: How many more envelopes may be opened.
    """
    # Queues encode a notification once or twice more: each time, it gets at least two bytes longer.
    while isinstance(message, str) and message.lstrip(BLANK).startswith(("{", '"')):
        try:
            message = parse_json(message)
        except ValueError as error:
            yield _Problem(DeadLetterCode.MALFORMED_JSON, [_placed(at, str(error))])
            return
    if not isinstance(message, dict):
        yield _unknown(at, f"expected {_ACCEPTED}")
        return
    bodies = _find_orders(message, at)
    contents = _open_envelope(message) if bodies is None else []
    if bodies is not None:
        yield from bodies
    elif not contents:
        yield _unknown(at, _why_unknown(message))
    elif envelopes == 0:
        yield _unknown(at, f"expected at most {_DEEPEST} envelopes, one in the other")
    for name, content in contents if envelopes else ():
        yield from _find(content, f"{at}.{name}".removeprefix("."), envelopes - 1)


def _open_envelope(message: Object) -> list[tuple[str, object]]:
    """Return the contents of an envelope, each with its path; nothing if it is not an envelope.

    Only a Lambda event has several: its `Records` are read one by one.
    """
    records = message.get("Records")
    if isinstance(records, list):
        return [(f"Records[{index}]", record) for index, record in enumerate(records)]
    for name in _CONTENTS:
        if isinstance(message.get(name), dict | str):
            return [(name, message[name])]
    return []


def _find_orders(message: Object, at: str) -> Sequence[_Body | _Problem] | None:
    """Find the orders of a message without an envelope; None if it has no name of any form."""
    if "notificationType" in message:
        message = notifications.capitalized(message)
    if "NotificationType" in message:
        return [_find_notification(message, at)]
    if not document.MARKS.isdisjoint(message):
        return [_Body(at, message, _DOCUMENT)]
    for api in _APIS:
        body, place = message, at
        if isinstance(message.get(api.wrapper), dict):
            body, place = message[api.wrapper], f"{at}.{api.wrapper}".removeprefix(".")
            if "store_id" in message:
                body = {"store_id": message["store_id"]} | body
        if api.list_name in body:
            return _find_page(
                api.form, body[api.list_name], f"{place}.{api.list_name}".removeprefix(".")
            )
        if not api.marks.isdisjoint(body):
            return [_Body(place, body, api.form)]
    return None


def _find_notification(message: Object, at: str) -> _Body | _Problem:
    kind = message["NotificationType"]
    read = notifications.NOTIFICATIONS.get(kind) if isinstance(kind, str) else None
    if read is not None:
        return _Body(at, message, _Form(read))
    accepted = " or ".join(notifications.NOTIFICATIONS)
    return _unknown(f"{at}.NotificationType".removeprefix("."), f"expected {accepted}")


def _find_page(form: _Form, orders: object, at: str) -> Sequence[_Body | _Problem]:
    if not isinstance(orders, list):
        return [_Problem(DeadLetterCode.INVALID_ORDER, [f"{at}: expected a list"])]
    return [_Body(f"{at}[{index}]", order, form) for index, order in enumerate(orders)]


def _read(bodies: Iterable[_Body | _Problem]) -> ParseResult:
    """Read each order separately, so that a bad one does not affect the others."""
    orders: list[AmazonOrder] = []
    texts: list[str] = []
    codes: list[DeadLetterCode] = []
    for body in bodies:
        # Only the first few are shown: describing all of a bad page would take seconds.
        in_full = len(texts) < SHOWN
        read = _read_order(body, in_full=in_full) if isinstance(body, _Body) else body
        if isinstance(read, AmazonOrder):
            orders.append(read)
        else:
            texts += read.texts if in_full else [""]
            codes.append(read.code)
    if not codes:
        return ParseResult(orders=tuple(orders))
    # Of several codes, use the one that says most about the problem.
    code = DeadLetterCode.INVALID_ORDER if DeadLetterCode.INVALID_ORDER in codes else codes[0]
    return ParseResult(
        orders=tuple(orders), refusal=Rejection(code=code, message=join_problems(texts))
    )


def _read_order(unread: _Body, *, in_full: bool) -> AmazonOrder | _Problem:
    at, body, form = unread
    if not isinstance(body, dict):
        return _Problem(DeadLetterCode.INVALID_ORDER, [f"{at}: expected an object"])
    if (why := form.why_not(body)) is not None:
        return _unknown(at, why)
    try:
        return form.read(body)
    except ValidationError as error:
        complete = with_currency(body, form.currency)
        if complete is not None:
            return _read_order(_Body(at, complete, form), in_full=in_full)
        whose = _whose(at, body)
        texts = [text + whose for text in describe_problems(error, at)] if in_full else []
        return _Problem(DeadLetterCode.INVALID_ORDER, texts)


def _whose(at: str, body: Object) -> str:
    """Return which order of a page it is, if its id looks like one of Amazon's."""
    order_id = body.get("AmazonOrderId", body.get("orderId"))
    is_amazons = isinstance(order_id, str) and _AMAZON_ORDER_ID.fullmatch(order_id)
    return f" (order {order_id})" if is_amazons and at.endswith("]") else ""


def _why_unknown(message: Object) -> str:
    parts = [message, *(message.get(api.wrapper) for api in _APIS)]
    names = [
        name
        for part in parts
        if isinstance(part, dict)
        for name in find_misspelled(part, _MARKS.keys(), _MARKS)
    ]
    if names:
        return f"{spelling_expected(names)}, or {_ACCEPTED}"
    got = ", not an error response of Amazon" if "errors" in message else ""
    return f"expected {_ACCEPTED}{got}"


def _unknown(at: str, why: str) -> _Problem:
    return _Problem(DeadLetterCode.UNKNOWN_PAYLOAD, [_placed(at, why)])


def _placed(at: str, text: str) -> str:
    return f"{at}: {text}" if at else text


def _refused(code: DeadLetterCode, message: str) -> ParseResult:
    return ParseResult(refusal=Rejection(code=code, message=message))
