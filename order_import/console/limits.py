"""Limits on requests: their size, their duration, and how many are served at once."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl

from starlette.datastructures import FormData
from starlette.requests import ClientDisconnect
from starlette.types import Receive

MOST_BYTES = 256 * 1024
"""The maximum size of a form."""


MOST_FIELDS = 2_000
"""The maximum number of fields in a form."""


MOST_HEAD_BYTES = 16 * 1024
"""The maximum size of all header lines of a request together."""


MOST_QUERY_BYTES = 4_096
"""The maximum size of a path, and of a query string: pages repeat both in their links."""


_AT_ONCE = {
    "/live": 200,
    "/orders.csv": 4,
    "/orders.jsonl": 4,
    "/replays/new": 2,
    "/blocked/what-if": 2,
}
"""How many requests of a kind are served at once: of those that last or load the database."""


_OTHERS_AT_ONCE = 200


_LASTING = frozenset({"/live", "/orders.csv", "/orders.jsonl"})


_ANSWERED_WITHIN = 300.0


class RequestTooLarge(Exception):  # noqa: N818 - a rejection, nothing is broken
    """The request is larger than the console accepts."""


async def read_body(receive: Receive) -> bytes:
    """Return a request's body, limited by the bytes received and not by its `Content-Length`.

    Raises:
        RequestTooLarge: The body is larger than a form may be; the rest is not read.
        ClientDisconnect: The client disconnected before the end of the body.
    """
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if len(body) > MOST_BYTES:
            raise RequestTooLarge
        if not message.get("more_body", False):
            return bytes(body)


def parse_form(body: bytes) -> FormData:
    """Return the fields of a form in the encoding of browsers.

    Raises:
        RequestTooLarge: The form has too many fields.
    """
    try:
        fields: list[tuple[str, Any]] = parse_qsl(
            body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS
        )
    except ValueError:
        raise RequestTooLarge from None
    return FormData(fields)


def seconds_for(path: str) -> float | None:
    """Return the time limit of a page in seconds; None for a streamed one."""
    return None if path in _LASTING else _ANSWERED_WITHIN


class Places:
    """Limits concurrent requests by kind, so that long ones cannot block the other pages."""

    def __init__(self) -> None:
        self._taken: Counter[str] = Counter()

    @contextmanager
    def take(self, path: str) -> Iterator[bool]:
        """Reserve a place for a request until the block ends; yield False if none is free."""
        kind = path if path in _AT_ONCE else ""
        if self._taken[kind] >= _AT_ONCE.get(kind, _OTHERS_AT_ONCE):
            yield False
            return
        self._taken[kind] += 1
        try:
            yield True
        finally:
            self._taken[kind] -= 1
